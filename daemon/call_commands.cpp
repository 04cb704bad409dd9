// `hookswitch call say|inject|transfer|end|outbound`: what changes calls.

#include "daemon/call_place.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/object_text.hpp"
#include "daemon/core/platform_operations.hpp"
#include "daemon/core/recording.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

std::string command_name(CallCommand::Type type) {
    switch (type) {
        case CallCommand::Type::say: return "call say";
        case CallCommand::Type::inject_context: return "call inject";
        case CallCommand::Type::transfer: return "call transfer";
        case CallCommand::Type::end_call: return "call end";
    }
    return "call";
}

Result<CallCommand> command_of(const cli::CallControl& args, std::istream& in) {
    std::string text = args.text;
    if (text == "-") {
        TRY(const auto read, read_file("-", in));
        text = without_newline(read);
    }
    const bool speaks = args.type == CallCommand::Type::say || args.type == CallCommand::Type::inject_context;
    ObjectText command;
    command.text("type", name_of(args.type));
    if (args.type == CallCommand::Type::transfer) command.text("destination", text);
    if (speaks) command.text("content", text);
    command.text_if("message", args.message);
    if (speaks && args.flag)
        command.flag(args.type == CallCommand::Type::say ? "end_after" : "trigger_response", true);
    return parse_call_command(command.finish());
}

// The member `key` of what was answered; empty if there is none.
std::string member_of(const std::string& body, std::string_view key) {
    const auto document = Document::parse(body);
    std::string_view text;
    if (!document || document->root()[key].get(text)) return {};
    return std::string(text);
}

int misused(const Console& console, const std::string& what) {
    complain(console, what);
    return 2;
}

// What goes into a body, by the name of its field in the table of operations.
class OutboundBody {
public:
    explicit OutboundBody(Era era) : era_(era) {}

    void text(std::string_view field, const std::optional<std::string>& value) {
        if (value) member(field, json_string(*value));
    }

    Result<> file(std::string_view field, const std::filesystem::path& path, std::istream& in) {
        if (path.empty()) return {};
        TRY(const auto read, read_file(path, in));
        auto document = Document::parse(read);
        if (!document) return std::move(document).error().in(path.string());
        if (!document->root().is_object())
            return fail(Errc::malformed_body, path.string() + ": not a JSON object");
        std::string json;
        append_json(json, document->root());
        member(field, json);
        return {};
    }

    /// Errc::bad_request if the era does not have a field that was asked for.
    Result<std::string> finish() {
        if (!missing_.empty()) return fail(Errc::bad_request, missing_);
        return body_.finish();
    }

private:
    void member(std::string_view name, std::string_view json) {
        const auto fields = find_operation("calls", "outbound")->fields;
        const auto field = std::ranges::find(fields, name, &PlatformField::name);
        if (field->in.at(era_) == Presence::no)
            missing_ = "the " + std::string(name_of(era_)) + " era has no '" + std::string(name) +
                       "' here: it exists in " + eras_text(field->in) + ": see --era";
        body_.json(field->name_in(era_), json);
    }

    Era era_;
    ObjectText body_;
    std::string missing_;
};

Result<std::string> outbound_body(const cli::CallOutbound& args, Era era, std::istream& in) {
    OutboundBody body(era);
    body.text("destination", args.destination);
    body.text("assistant_id", args.assistant);
    body.text("number_id", args.number);
    body.text("first_message", args.first_message);
    body.text("context", args.context);
    if (auto r = body.file("assistant", args.assistant_file, in); !r) return r.error();
    if (auto r = body.file("assistant_override", args.override_file, in); !r) return r.error();
    return body.finish();
}

}  // namespace

int run(const cli::CallControl& args, const Console& console) {
    const std::string name = command_name(args.type);
    const auto segment = path_segment(args.call);
    if (!segment) return misused(console, name + ": " + segment.error().what());
    const auto command = command_of(args, console.in);
    if (!command) return misused(console, name + ": " + command.error().what());
    const auto place = CallPlace::find(args.place, console.in);
    if (!place) return complain(console, name + ": " + place.error().what());
    const auto reply = place->ask("POST", "/calls/" + *segment + "/control", command->body, console);
    if (!reply) return complain(console, name + ": " + place->explain(reply.error()));
    const std::string said = member_of(*reply, "message");
    console.out << (args.json ? *reply : said.empty() ? "sent" : one_line(said)) << '\n';
    return 0;
}

int run(const cli::CallOutbound& args, const Console& console) {
    const auto settings = platform_of(args.platform, console.in);
    if (!settings) return complain(console, "call outbound: " + settings.error().what());
    if (!is_destination(args.destination) || !args.destination.starts_with('+'))
        return misused(console, "call outbound: '" + one_line(args.destination) +
                                    "' is not a number in the form +31612345678");
    auto body = outbound_body(args, settings->era, console.in);
    if (!body) {
        complain(console, "call outbound: " + body.error().what());
        return body.error() == Errc::bad_request ? 2 : 1;
    }
    PlatformClient::Request request;
    request.method = "POST";
    request.path = "/calls/outbound";
    request.body = *std::move(body);
    const auto reply = ask_platform(*settings, std::move(request), console);
    if (!reply) return complain(console, "call outbound: " + reply.error().what());
    const std::string call = member_of(reply->body, "call_id");
    console.out << (args.json || call.empty() ? reply->body : one_line(call)) << '\n';
    return 0;
}

}  // namespace hookswitch
