#include "daemon/core/platform_operations.hpp"

#include "daemon/core/platform_table.hpp"
#include "daemon/core/query.hpp"

#include <algorithm>
#include <array>

namespace hookswitch {
namespace {

constexpr Era kEras[] = {Era::camel, Era::snake, Era::late};

constexpr PlatformResource kResources[] = {
    {"assistants", "Who speaks with callers; `agents` to the camel era",
     "assistants update 17a0cb75-fa09-4bdd-9a44-92a70d829c88 --first-message 'Good morning.' --null "
     "business_name"},
    {"agents", "The older name of assistants", "agents list"},
    {"tool-templates", "Tools to copy into assistants",
     "tool-templates create --data tool.json --name lookup"},
    {"analysis-templates", "What is found out after a call, to copy into assistants",
     "analysis-templates create --name mood --schema-file schema.json"},
    {"voices", "The platform's own voices", "voices list"},
    {"workflows", "Conversations as graphs", "workflows create --name intake --definition-file graph.json"},
    {"mcp-servers", "Servers that offer tools to assistants",
     "mcp-servers create --name crm --url https://crm.example.com/mcp --headers-file headers.json"},
    {"numbers", "Telephone numbers, and who answers them",
     "numbers update 4b1c6e0e-8d1f-4a34-9c5e-1f0a4f0e6f11 --assistant-id "
     "17a0cb75-fa09-4bdd-9a44-92a70d829c88"},
    {"sip-trunks", "Lines to other exchanges",
     "sip-trunks create --name office --host sip.example.com --username hook --password-file password"},
    {"calls", "Calls; see `hookswitch call` for steering one",
     "calls list --status ended --start-date 2026-01-01 --all --json"},
    {"usage", "What calls have used", "usage list --start-date 30d --all"},
    {"campaigns", "Lists of people to call",
     "campaigns update 7d1e5b52-52c8-4f8b-9d55-0d2a7f2f7a10 --status scheduled"},
    {"campaign-leads", "The people of a campaign",
     "campaign-leads create 7d1e5b52-52c8-4f8b-9d55-0d2a7f2f7a10 --phone-number +31612345678 "
     "--set variables='{\"name\":\"Jan\"}'"},
    {"byok", "Your own keys at the providers of speech and language",
     "byok set --provider deepgram --provider-key-file deepgram.key"},
    {"domains", "The domain that e-mail is sent from", "domains create --domain-name mail.example.com"},
    {"organizations", "The organization that the API key belongs to", "organizations get"},
    {"account", "The account", "account get"},
    {"health", "Whether the platform is well", "health get"},
    {"chats", "What they look like is not documented", "chats list --json"},
};

// The segments of a path, without the slash it begins with.
std::vector<std::string_view> segments(std::string_view path) {
    std::vector<std::string_view> out;
    if (path.starts_with('/')) path.remove_prefix(1);
    for (;;) {
        const auto end = path.find('/');
        out.push_back(path.substr(0, end));
        if (end == std::string_view::npos) return out;
        path.remove_prefix(end + 1);
    }
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

// The parameters of a path, if it is one of this template.
std::optional<std::vector<std::string>> fit(std::string_view path_template, std::string_view path) {
    // Most paths are of other resources; no template begins with a parameter.
    if (!path.starts_with(path_template.substr(0, path_template.find('/', 1)))) return std::nullopt;
    const auto wanted = segments(path_template), given = segments(path);
    if (wanted.size() != given.size() || !path.starts_with('/')) return std::nullopt;
    std::vector<std::string> parameters;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!is_parameter(wanted[i])) {
            if (wanted[i] != given[i]) return std::nullopt;
            continue;
        }
        auto value = percent_decode(given[i]);
        if (!value || value->empty()) return std::nullopt;
        parameters.push_back(*std::move(value));
    }
    return parameters;
}

bool exists(const PlatformOperation& operation, Era era) { return operation.in.at(era) != Presence::no; }

bool is_shaped(simdjson::dom::element value, PlatformAnswer::Shape shape) {
    if (shape == PlatformAnswer::Shape::list) return value.is_array();
    return value.is_object() || value.is_null();  // {"domain":null}: there is none
}

std::string_view other_name(std::string_view resource) {
    if (resource == "agents") return "assistants";
    return resource == "assistants" ? "agents" : "";
}

}  // namespace

Presence InEras::at(Era era) const {
    switch (era) {
        case Era::camel: return camel;
        case Era::snake: return snake;
        case Era::late: return late;
    }
    return Presence::no;
}

std::string PlatformField::option_name() const {
    std::string text(option.empty() ? name : option);
    std::ranges::replace(text, '_', '-');
    return text;
}

bool PlatformOperation::paged() const {
    return std::ranges::any_of(query, [](const PlatformField& field) { return field.name == "offset"; });
}

std::vector<std::string_view> PlatformOperation::parameters() const {
    std::vector<std::string_view> names;
    for (const auto segment : segments(path))
        if (is_parameter(segment)) names.push_back(segment.substr(1, segment.size() - 2));
    return names;
}

Result<std::string> PlatformOperation::path_with(std::span<const std::string> values) const {
    const std::size_t wanted = parameters().size();
    if (values.size() != wanted)
        return fail(Errc::bad_request, "takes " + std::to_string(wanted) + (wanted == 1 ? " id" : " ids"));
    std::string out;
    std::size_t next = 0;
    for (const auto segment : segments(path)) {
        out += '/';
        if (!is_parameter(segment)) {
            out += segment;
            continue;
        }
        TRY(const std::string encoded, path_segment(values[next++]));
        out += encoded;
    }
    return out;
}

std::span<const PlatformResource> platform_resources() { return kResources; }

std::span<const PlatformOperation> platform_operations() {
    static const auto all = [] {
        std::vector<PlatformOperation> rows;
        for (const auto part : {platform_table::voice_operations(), platform_table::telephone_operations(),
                                platform_table::organization_operations()})
            rows.insert(rows.end(), part.begin(), part.end());
        return rows;
    }();
    return all;
}

std::vector<const PlatformOperation*> operations_in(Era era) {
    std::vector<const PlatformOperation*> rows;
    for (const auto& operation : platform_operations())
        if (exists(operation, era)) rows.push_back(&operation);
    return rows;
}

const PlatformOperation* find_operation(std::string_view resource, std::string_view verb) {
    const auto all = platform_operations();
    const auto row = std::ranges::find_if(all, [&](const PlatformOperation& operation) {
        return operation.resource == resource && operation.verb == verb;
    });
    return row == all.end() ? nullptr : &*row;
}

const PlatformOperation* find_operation(std::string_view resource, std::string_view verb, Era era) {
    for (const auto name : {resource, other_name(resource)}) {
        const auto* operation = find_operation(name, verb);
        if (operation && exists(*operation, era)) return operation;
    }
    return nullptr;
}

std::string_view name_of(Presence presence) {
    switch (presence) {
        case Presence::no: return "no";
        case Presence::yes: return "yes";
        case Presence::alias: return "alias";
        case Presence::deprecated: return "deprecated";
        case Presence::unknown: return "unknown";
    }
    return "";
}

std::string eras_text(const InEras& in) {
    std::string text;
    for (const Era era : kEras) {
        const Presence presence = in.at(era);
        if (presence == Presence::no) continue;
        text += (text.empty() ? "" : ", ") + std::string(name_of(era));
        if (presence != Presence::yes) text += " (" + std::string(name_of(presence)) + ")";
    }
    return text;
}

std::optional<MatchedOperation> match_operation(std::string_view method, std::string_view path, Era era) {
    for (const auto& operation : platform_operations()) {
        if (operation.method != method || !exists(operation, era)) continue;
        if (auto parameters = fit(operation.path, path))
            return MatchedOperation{&operation, *std::move(parameters)};
    }
    return std::nullopt;
}

std::vector<std::string_view> methods_of(std::string_view path, Era era) {
    std::vector<std::string_view> methods;
    for (const auto* operation : operations_in(era))
        if (fit(operation->path, path)) methods.push_back(operation->method);
    return methods;
}

std::string_view envelope_of(const PlatformOperation& operation, simdjson::dom::element reply) {
    const PlatformAnswer& answer = operation.answer;
    simdjson::dom::object object;
    if (reply.get(object)) return "";
    for (const auto key : {answer.envelope, answer.camel, answer.also}) {
        simdjson::dom::element inner;
        if (!key.empty() && !object.at_key(key).get(inner) && is_shaped(inner, answer.shape)) return key;
    }
    return "";
}

simdjson::dom::element unwrap(const PlatformOperation& operation, simdjson::dom::element reply) {
    const auto key = envelope_of(operation, reply);
    simdjson::dom::element inner;
    return key.empty() || reply.at_key(key).get(inner) ? reply : inner;
}

}  // namespace hookswitch
