// Bodies of every dialect, and the answers to them. The first byte chooses what an undetermined body
// is taken for; the rest is the body and, for the same price, a handler's reply.

#include "daemon/core/event.hpp"
#include "daemon/core/invocation.hpp"
#include "daemon/core/outcome.hpp"

#include "tests/fuzz/fuzz.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

using fuzz::require;
using std::chrono::milliseconds;

constexpr std::array kDialects{Dialect::camel, Dialect::snake, Dialect::legacy};

constexpr std::array<std::string_view, 16> kKeys{
    "id",   "type",   "source", "dialect", "sent_at", "received_at", "attempt",  "deadline_ms",
    "call", "caller", "called", "report",  "error",   "end_reason",  "metadata", "assistant"};

void require_json(std::string_view text) {
    const auto doc = Document::parse(text);
    require(doc.has_value(), "what is written can be read: " + (doc ? "" : doc.error().what()));
    require(text.find('\n') == text.npos, "one line");
}

void write_for_handler(const std::shared_ptr<const Event>& event, const ToolCall* call) {
    const Invocation invocation{"01J00000000000000000000000", event, call, "main", nullptr, {}, {}};
    const std::string line = to_json(invocation, 1, milliseconds(4500));
    require_json(line);
    const auto doc = Document::parse(line).value();
    const auto object = doc.root().get_object().value();
    for (const auto key : kKeys) require(object[key].error() == simdjson::SUCCESS, "every key is there");
    require(call == nullptr || doc.root()["tool_call"]["name"].get_string().value() == call->name,
            "the tool's name survives");
}

void read_event(std::string_view body, Dialect fallback) {
    auto event = parse_event(body, fallback);
    std::string padded(body);
    padded.append(simdjson::SIMDJSON_PADDING, '"');
    const auto again = parse_padded_event(std::string_view(padded).substr(0, body.size()), fallback);
    require(event.has_value() == again.has_value(), "padding does not matter");
    if (!event) {
        require(event.error() == Errc::malformed_body && !event.error().what().empty(),
                "refused with a reason");
        require(event.error().what() == again.error().what(), "padding does not change the reason");
        return;
    }
    const auto shared = std::make_shared<const Event>(std::move(*event));
    if (shared->kind != EventKind::tool_calls) return write_for_handler(shared, nullptr);
    std::vector<std::string> results;
    for (const ToolCall& call : shared->tool_calls) {
        if (call.arguments) write_for_handler(shared, &call);
        results.push_back("null");
    }
    require_json(tool_results(shared->dialect, shared->tool_calls, results));
}

void shape_reply(std::string_view reply, Dialect dialect) {
    if (const auto body = assistant_reply(dialect, reply)) require_json(*body);
    if (const auto result = tool_result(dialect, reply)) {
        require_json(*result);
        require(dialect != Dialect::legacy || result->front() == '"', "legacy results are strings");
    }
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hookswitch;
    if (size == 0) return 0;
    const auto body = fuzz::text_of(data + 1, size - 1);
    read_event(body, kDialects[data[0] % kDialects.size()]);
    for (const auto dialect : kDialects) shape_reply(body, dialect);
    return 0;
}
