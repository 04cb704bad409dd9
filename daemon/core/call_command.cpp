#include "daemon/core/call_command.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kLargest = std::size_t{16} << 10;
constexpr std::size_t kMostActions = 20;

enum class Kind { text, destination, flag };

struct Member {
    std::string_view name;
    Kind kind;
    bool required;
};

// Protocol section 4. A flag is always sent; the vendor's SDK sends false when it is left out.
struct Form {
    CallCommand::Type type;
    std::string_view name;
    std::array<Member, 2> members;
};

constexpr std::array kForms{
    Form{CallCommand::Type::end_call, "end-call", {{{"message", Kind::text, false}, {}}}},
    Form{CallCommand::Type::transfer,
         "transfer",
         {{{"destination", Kind::destination, true}, {"message", Kind::text, false}}}},
    Form{CallCommand::Type::inject_context,
         "inject-context",
         {{{"content", Kind::text, true}, {"trigger_response", Kind::flag, true}}}},
    Form{CallCommand::Type::say, "say", {{{"content", Kind::text, true}, {"end_after", Kind::flag, true}}}},
};

const Form& form_of(CallCommand::Type type) { return *std::ranges::find(kForms, type, &Form::type); }

Error wrong(const Json& at, std::string_view what) {
    return fail(Errc::malformed_body, at.path() + ": " + std::string(what));
}

Result<> append_text(std::string& body, const Json& value, Kind kind) {
    TRY(const auto text, value.string());
    if (text.empty()) return wrong(value, "is empty");
    if (kind == Kind::destination && !is_destination(text))
        return wrong(value,
                     "neither a number such as +31612345678 nor a SIP URI such as sip:desk@example.com");
    append_json_string(body, text);
    return {};
}

Result<> append_member(std::string& body, const Json& action, const Member& member) {
    TRY(const auto value, action.find(member.name));
    if (!value && member.kind != Kind::flag) {
        if (!member.required) return {};
        return wrong(action, std::string(member.name) + " is missing");
    }
    body.append(",\"").append(member.name).append("\":");
    if (member.kind != Kind::flag) return append_text(body, *value, member.kind);
    bool flag = false;
    if (value && value->value().get(flag)) return wrong(*value, "expected true or false");
    body += flag ? "true" : "false";
    return {};
}

Result<> check_members(const Json& action, const Form& form) {
    TRY(const auto object, action.object());
    for (const auto [key, value] : object) {
        const auto known = [key = key](const Member& member) { return member.name == key && !key.empty(); };
        if (key != "type" && std::ranges::none_of(form.members, known))
            return wrong(action, "'" + std::string(key) + "' is not a member of " + std::string(form.name));
    }
    return {};
}

bool is_sip_uri(std::string_view text) {
    const std::size_t scheme = text.starts_with("sip:") ? 4 : text.starts_with("sips:") ? 5 : 0;
    if (scheme == 0 || text.size() == scheme) return false;
    return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string_view name_of(CallCommand::Type type) { return form_of(type).name; }

std::optional<CallCommand::Type> command_named(std::string_view name) {
    const auto form = std::ranges::find(kForms, name, &Form::name);
    if (form == kForms.end()) return std::nullopt;
    return form->type;
}

bool is_e164(std::string_view text) {
    constexpr std::size_t kMostDigits = 15;  // E.164, 6.2.1
    if (!text.starts_with('+') || text.size() < 3 || text.size() > kMostDigits + 1 || text[1] == '0')
        return false;
    return std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_destination(std::string_view text) { return is_e164(text) || is_sip_uri(text); }

Result<CallCommand> parse_call_command(const Json& action) {
    TRY(const auto type_member, action.at("type"));
    TRY(const auto name, type_member.string());
    const auto type = command_named(name);
    if (!type) return wrong(type_member, "none of end-call, transfer, inject-context, say");
    const Form& form = form_of(*type);
    if (auto r = check_members(action, form); !r) return r.error();

    CallCommand command{*type, "{\"type\":" + json_string(form.name)};
    for (const Member& member : form.members) {
        if (member.name.empty()) continue;
        if (auto r = append_member(command.body, action, member); !r) return r.error();
    }
    command.body += '}';
    if (command.body.size() > kLargest) return wrong(action, "is larger than 16 KiB");
    return command;
}

Result<CallCommand> parse_call_command(std::string_view json) {
    TRY(const auto document, Document::parse(json));
    return parse_call_command(Json(document));
}

CallCommands parse_call_commands(const Json& actions) {
    CallCommands out;
    dom::array list;
    if (actions.value().get(list)) {
        out.mistakes.push_back(wrong(actions, "expected an array").what());
        return out;
    }
    std::size_t seen = 0;
    (void)actions.for_each([&](const Json& action) -> Result<> {
        if (++seen > kMostActions) return {};
        if (auto command = parse_call_command(action))
            out.commands.push_back(*std::move(command));
        else
            out.mistakes.push_back(command.error().what());
        return {};
    });
    if (seen > kMostActions)
        out.mistakes.push_back(wrong(actions, "has " + std::to_string(seen) + " elements; the first " +
                                                  std::to_string(kMostActions) + " are carried out")
                                   .what());
    return out;
}

CallCommand say(std::string_view content, bool end_after) {
    return {CallCommand::Type::say, R"({"type":"say","content":)" + json_string(content) +
                                        R"(,"end_after":)" + (end_after ? "true}" : "false}")};
}

CallCommand inject_context(std::string_view content, bool trigger_response) {
    return {CallCommand::Type::inject_context, R"({"type":"inject-context","content":)" +
                                                   json_string(content) + R"(,"trigger_response":)" +
                                                   (trigger_response ? "true}" : "false}")};
}

}  // namespace hookswitch
