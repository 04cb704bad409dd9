// Campaigns: lists of people, who are called one after another once a campaign is scheduled.
//
// Source: Flireo protocol reference, 7.11. The hours of its schedule are kept but not waited for: who tries
// the local platform at night wants to see calls.

#include "daemon/simulator/resource.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

constexpr Field kLead[] = {
    {"id", Kind::text, kGiven},
    {"campaign_id", Kind::text, kGiven},
    {"phone_number", Kind::phone, kRequired},
    {"variables", Kind::object, kNullable, "{}"},
    {"status", Kind::text, kGiven, "\"pending\""},
    {"call_id", Kind::text, kGiven},
    {"attempts", Kind::integer, kGiven, "0"},
    {"last_attempt_at", Kind::text, kGiven},
    {"created_at", Kind::text, kGiven},
};

std::int64_t count(const RestState& state, const std::string& campaign, std::string_view status) {
    const auto leads = state.leads.find(campaign);
    if (leads == state.leads.end()) return 0;
    if (status.empty()) return static_cast<std::int64_t>(leads->second.size());
    return std::ranges::count_if(leads->second,
                                 [&](const Object& lead) { return lead.text("status") == status; });
}

RestResult<Object> make_lead(RestState& state, const RestCall& call, std::string_view campaign,
                             dom::object body) {
    TRY(Object lead, make(state, call, kLead, body));
    lead.set_text("campaign_id", campaign);
    const auto variables = Document::parse(lead.json("variables"));
    dom::object members;
    if (variables && !variables->root().get(members))
        for (const auto& [name, value] : members)
            if (!value.is_string()) return invalid("variables", "must be an object of strings");
    return lead;
}

RestResult<std::vector<Object>> inline_leads(RestState& state, const RestCall& call, const Object& campaign) {
    std::vector<Object> leads;
    dom::element value;
    if (state.settings.era != Era::late || call.body.at_key("leads").get(value) || value.is_null())
        return leads;
    dom::array array;
    if (value.get(array)) return invalid("leads", "must be an array");
    for (const dom::element item : array) {
        dom::object body;
        if (item.get(body)) return invalid("leads", "must be an array of objects");
        TRY(Object lead, make_lead(state, call, campaign.id(), body));
        leads.push_back(std::move(lead));
    }
    return leads;
}

// "{{name}}" by what the lead has under that name; one that it does not have goes.
std::string filled_in(std::string_view form, const Object& lead) {
    const auto document = Document::parse(lead.json("variables"));
    std::string text;
    while (!form.empty()) {
        const auto open = std::min(form.find("{{"), form.size());
        text += form.substr(0, open);
        form.remove_prefix(open);
        const auto close = form.find("}}");
        if (form.empty() || close == std::string_view::npos) break;
        std::string_view value;
        if (document && !document->root()[form.substr(2, close - 2)].get(value)) text += value;
        form.remove_prefix(close + 2);
    }
    return text += form;
}

void dial_lead(RestState& state, const Object& campaign, const Object& assistant, Object& lead,
               Milliseconds now) {
    Dial dial = dial_with(state, assistant, lead.text("phone_number").value_or(""));
    if (const auto form = campaign.text("system_message_template")) dial.context = filled_in(*form, lead);
    lead.set_text("status", "calling");
    lead.set_number("attempts", lead.number("attempts") + 1);
    lead.set_time("last_attempt_at", now);
    const std::string call = state.switchboard->dial(std::move(dial));
    lead.set_text("call_id", call);
    state.lead_of_call[call] = {campaign.id(), lead.id()};
}

// Calls as many of a campaign's leads as may be called at a time, and ends it when there are no more.
void run(RestState& state, Object& campaign, Milliseconds now) {
    const auto leads = state.leads.find(campaign.id());
    const Object* assistant = state.assistants.find(campaign.text("agent_id").value_or(""));
    auto calling = static_cast<std::size_t>(count(state, campaign.id(), "calling"));
    if (leads == state.leads.end() || leads->second.size() == 0) return;  // scheduled before it has any
    for (Object& lead : leads->second) {
        if (calling >= state.settings.campaign_lines) return;
        if (lead.text("status") != "pending") continue;
        if (!assistant || !assistant->flag("is_active")) {
            lead.set_text("status", "failed");
            continue;
        }
        dial_lead(state, campaign, *assistant, lead, now);
        ++calling;
    }
    if (calling > 0) return;
    campaign.set_text("status", "completed");
    campaign.set_time("updated_at", now);
}

bool is_success(const CallRecord& call) { return call.status == "ended" || call.status == "transferred"; }

RestOutcome list(RestState& state, const RestCall& call) {
    if (!state.campaigns.find(call.ids.front())) return not_found("Campaign");
    std::string items = "[";
    for (const Object& lead : state.leads[call.ids.front()])
        (items += items.size() > 1 ? "," : "") += shown(lead, kLead, state.settings.era);
    return RestDone{200, in_envelope(state, call, items + ']')};
}

RestOutcome create_lead(RestState& state, const RestCall& call) {
    const Object* campaign = state.campaigns.find(call.ids.front());
    if (!campaign) return not_found("Campaign");
    if (campaign->text("status") == "completed")
        return conflict("A completed campaign can no longer be changed");
    TRY(Object lead, make_lead(state, call, call.ids.front(), call.body));
    const std::string text =
        shown(state.leads[call.ids.front()].add(std::move(lead)), kLead, state.settings.era);
    run_campaigns(state, call.now);
    return created(state, in_envelope(state, call, text));
}

RestOutcome delete_lead(RestState& state, const RestCall& call) {
    if (!state.campaigns.find(call.ids.front())) return not_found("Campaign");
    Collection& leads = state.leads[call.ids.front()];
    const Object* lead = leads.find(call.ids.back());
    if (!lead) return not_found("Lead");
    if (lead->text("status") == "calling") return conflict("A lead that is being called cannot be removed");
    leads.remove(call.ids.back());
    return deleted(state);
}

}  // namespace

RestResult<> check_campaign(RestState& state, const RestCall& call, Object& next, const Object* before) {
    if (before && before->text("status") == "completed")
        return conflict("A completed campaign can no longer be changed");
    if (!state.assistants.find(next.text("agent_id").value_or(""))) return not_found("Agent");
    if (before) return {};
    TRY(auto leads, inline_leads(state, call, next));
    for (Object& lead : leads) state.leads[next.id()].add(std::move(lead));
    return {};
}

std::string more_of_campaign(const RestState& state, const Object& campaign) {
    const std::string text = ObjectText()
                                 .number("total_leads", count(state, campaign.id(), ""))
                                 .number("completed_leads", count(state, campaign.id(), "completed"))
                                 .number("failed_leads", count(state, campaign.id(), "failed"))
                                 .finish();
    return text.substr(1, text.size() - 2);
}

void campaign_saved(RestState& state, const RestCall& call, Object&) { run_campaigns(state, call.now); }

void campaign_removed(RestState& state, const std::string& id) { state.leads.erase(id); }

void run_campaigns(RestState& state, Milliseconds now) {
    for (Object& campaign : state.campaigns)
        if (campaign.text("status") == "scheduled") run(state, campaign, now);
}

void campaign_call_ended(RestState& state, const CallRecord& call) {
    const auto found = state.lead_of_call.find(call.id);
    if (found == state.lead_of_call.end()) return;
    const auto leads = state.leads.find(found->second.first);
    Object* lead = leads == state.leads.end() ? nullptr : leads->second.find(found->second.second);
    if (lead) lead->set_text("status", is_success(call) ? "completed" : "failed");
    state.lead_of_call.erase(found);
    run_campaigns(state, call.updated_at);
}

RestFunction lead_function(std::string_view resource, std::string_view verb) {
    if (resource != "campaign-leads") return nullptr;
    if (verb == "list") return list;
    if (verb == "create") return create_lead;
    return verb == "delete" ? delete_lead : nullptr;
}

}  // namespace hookswitch::simulator
