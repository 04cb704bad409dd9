// The domain that the organization's e-mail is sent from: at most one.
//
// Source: Flireo protocol reference, 7.8, column sdk2; the camel era's shapes are not documented.

#include "daemon/simulator/rest_state.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

constexpr Field kDomain[] = {
    {"id"},     {"org_id"},  {"domain_name"}, {"resend_domain_id"}, {"status"},
    {"region"}, {"records"}, {"created_at"},  {"updated_at"},       {"verified_at"},
};

// What could be selected, at the sending service.
struct Available {
    std::string_view id, name, status;
};
constexpr Available kAvailable[] = {{"rd1", "mail.example.com", "verified"},
                                    {"rd2", "news.example.com", "not_started"}};
constexpr std::string_view kRegion = "eu-west-1";

std::string records_of(std::string_view domain, bool verified) {
    const std::string host(domain);
    return "[" +
           ObjectText()
               .text("record", "SPF")
               .text("name", "send." + host)
               .text("type", "TXT")
               .text("ttl", "Auto")
               .text("status", verified ? "verified" : "not_started")
               .text("value", "v=spf1 include:mail.example.net ~all")
               .finish() +
           "," +
           ObjectText()
               .text("record", "DKIM")
               .text("name", "local._domainkey." + host)
               .text("type", "TXT")
               .text("ttl", "Auto")
               .text("status", verified ? "verified" : "not_started")
               .text("value", "p=MIGfMA0GCSqGSIb3DQEB")
               .finish() +
           "]";
}

std::string domain_text(const RestState& state) {
    return state.domain ? shown(*state.domain, kDomain, state.settings.era) : "null";
}

RestDone as_domain(const RestState& state) {
    return {200, ObjectText().json("domain", domain_text(state)).finish()};
}

void make_domain(RestState& state, std::string_view name, std::string_view resend_id, std::string_view status,
                 Milliseconds now) {
    Object domain;
    domain.set_text("id", state.new_id());
    domain.set_text("org_id", state.organization_id);
    domain.set_text("domain_name", name);
    domain.set_text("resend_domain_id", resend_id);
    domain.set_text("status", status);
    domain.set_text("region", kRegion);
    domain.set("records", records_of(name, status == "verified"));
    domain.set_time("created_at", now);
    domain.set_time("updated_at", now);
    if (status == "verified") domain.set_time("verified_at", now);
    state.domain = std::move(domain);
}

bool is_host_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.';
    };
    return name.find('.') != std::string_view::npos && std::ranges::all_of(name, fits) &&
           !name.starts_with('.') && !name.ends_with('.');
}

RestOutcome get(RestState& state, const RestCall&) { return as_domain(state); }

RestOutcome create_domain(RestState& state, const RestCall& call) {
    TRY(const auto name, text_member(call, "domain_name"));
    if (!is_host_name(name)) return invalid("domain_name", "must be a host name such as mail.example.com");
    if (state.domain) return conflict("The organization already has a domain");
    make_domain(state, name, "rd-" + state.new_token(8), "not_started", call.now);
    return created(state, as_domain(state).body);
}

RestOutcome remove(RestState& state, const RestCall&) {
    if (!state.domain) return not_found("Domain");
    state.domain.reset();
    return deleted(state);
}

RestOutcome available(RestState& state, const RestCall&) {
    std::string items = "[";
    for (const Available& domain : kAvailable)
        (items += items.size() > 1 ? "," : "") += ObjectText()
                                                      .text("id", domain.id)
                                                      .text("name", domain.name)
                                                      .text("status", domain.status)
                                                      .text("region", kRegion)
                                                      .finish();
    const auto selected = state.domain ? state.domain->text("resend_domain_id") : std::nullopt;
    return RestDone{
        200, ObjectText().json("domains", items + ']').text_or_null("selected_domain_id", selected).finish()};
}

RestOutcome select(RestState& state, const RestCall& call) {
    TRY(const auto id, text_member(call, "resendDomainId"));
    const auto chosen = std::ranges::find(kAvailable, id, &Available::id);
    if (chosen == std::end(kAvailable)) return not_found("Domain");
    make_domain(state, chosen->name, chosen->id, chosen->status, call.now);
    return RestDone{200, ObjectText()
                             .json("domain", domain_text(state))
                             .text("message", "Domain selected successfully")
                             .finish()};
}

// Its records are there as soon as somebody asks: there is no name service to wait for.
RestOutcome verify(RestState& state, const RestCall& call) {
    if (!state.domain) return not_found("Domain");
    Object& domain = *state.domain;
    if (domain.text("status") != "verified") {
        domain.set_text("status", "verified");
        domain.set("records", records_of(domain.text("domain_name").value_or(""), true));
        domain.set_time("verified_at", call.now);
        domain.set_time("updated_at", call.now);
    }
    return as_domain(state);
}

RestOutcome refresh(RestState& state, const RestCall&) {
    if (!state.domain) return not_found("Domain");
    return as_domain(state);
}

}  // namespace

RestFunction domain_function(std::string_view resource, std::string_view verb) {
    if (resource != "domains") return nullptr;
    if (verb == "get") return get;
    if (verb == "create") return create_domain;
    if (verb == "delete") return remove;
    if (verb == "available") return available;
    if (verb == "select") return select;
    if (verb == "verify") return verify;
    return verb == "refresh" ? refresh : nullptr;
}

}  // namespace hookswitch::simulator
