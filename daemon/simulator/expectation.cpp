#include "daemon/simulator/expectation.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

std::string shown(dom::element value) {
    std::string text;
    append_json(text, value);
    return one_line(text);
}

std::string instead(const std::string& path, dom::element expected, dom::element actual) {
    return path + ": expected " + shown(expected) + ", got " + shown(actual);
}

bool equal_scalars(dom::element a, dom::element b) {
    double x = 0, y = 0;
    if (!a.get(x) && !b.get(y)) return x == y;  // 1 and 1.0 are the same number
    return shown(a) == shown(b);
}

std::optional<std::string> missing(dom::element expected, dom::element actual, const std::string& path) {
    dom::object object, in;
    dom::array array, list;
    if (!expected.get(object)) {
        if (actual.get(in)) return instead(path, expected, actual);
        for (const auto [key, value] : object) {
            const std::string inner = path + "." + std::string(key);
            dom::element there;
            if (in[key].get(there)) return inner + ": expected " + shown(value) + ", got nothing";
            if (auto difference = missing(value, there, inner)) return difference;
        }
        return std::nullopt;
    }
    if (expected.get(array)) {
        if (actual.is_object() || actual.is_array() || !equal_scalars(expected, actual))
            return instead(path, expected, actual);
        return std::nullopt;
    }
    if (actual.get(list) || list.size() != array.size()) return instead(path, expected, actual);
    auto other = list.begin();
    std::size_t index = 0;
    for (const dom::element value : array) {
        if (auto difference = missing(value, *other, path + "[" + std::to_string(index++) + "]"))
            return difference;
        ++other;
    }
    return std::nullopt;
}

void compare_text(std::vector<std::string>& out, std::string_view what,
                  const std::optional<std::string>& expected, const std::string& actual) {
    if (expected && *expected != actual)
        out.push_back(std::string(what) + ": expected " + *expected + ", got " +
                      (actual.empty() ? "nothing" : actual));
}

void compare_lines(std::vector<std::string>& out, std::string_view role,
                   const std::vector<std::string>& expected, const std::vector<TranscriptLine>& lines) {
    std::size_t at = 0;
    for (const std::string& text : expected) {
        while (at < lines.size() && (lines[at].role != role || lines[at].content != text)) ++at;
        if (at == lines.size()) {
            out.push_back((role == "assistant" ? "said: missing: " : "injected: missing: ") + one_line(text));
            return;
        }
        ++at;
    }
}

void compare_tools(std::vector<std::string>& out, const std::string& expected, const Played& played) {
    const auto doc = Document::parse(expected);
    dom::object by_name;
    if (!doc || doc->root().get(by_name)) return;
    for (const auto [name, value] : by_name) {
        std::string json;
        append_json(json, value);
        const std::string path = "tool_results." + std::string(name);
        bool called = false;
        for (const auto& [tool, result] : played.tool_results) {
            if (tool != name) continue;
            called = true;
            if (auto difference = missing_from(json, result, path)) out.push_back(*std::move(difference));
        }
        if (!called) out.push_back(path + ": expected " + one_line(json) + ", got nothing");
    }
}

}  // namespace

std::optional<std::string> missing_from(std::string_view expected, std::string_view actual,
                                        std::string path) {
    const auto wanted = Document::parse(expected);
    const auto got = Document::parse(actual);
    if (!wanted || !got)
        return path + ": expected " + one_line(expected) + ", got " +
               (actual.empty() ? "nothing" : one_line(actual));
    return missing(wanted->root(), got->root(), path);
}

std::vector<std::string> differences(const Expected& expected, const CallRecord& call, const Played& played) {
    std::vector<std::string> out;
    compare_text(out, "configuration", expected.configuration, played.configuration);
    if (!expected.reply.empty())
        if (auto difference = missing_from(expected.reply, played.reply, "reply"))
            out.push_back(*std::move(difference));
    if (!expected.reply_exactly.empty())
        if (const auto difference = first_difference({200, expected.reply_exactly}, {200, played.reply}))
            out.push_back(difference->where + ": expected " + difference->recorded + ", got " +
                          difference->got);
    if (!expected.tool_results.empty()) compare_tools(out, expected.tool_results, played);
    compare_lines(out, "assistant", expected.said, call.messages);
    compare_lines(out, "system", expected.injected, call.messages);
    compare_text(out, "transferred_to", expected.transferred_to, call.transferred_to.value_or(""));
    compare_text(out, "status", expected.status, call.status);
    compare_text(out, "end_reason", expected.end_reason, call.end_reason.value_or(""));
    if (expected.deliveries && *expected.deliveries != played.deliveries)
        out.push_back("deliveries: expected " + std::to_string(*expected.deliveries) + ", got " +
                      std::to_string(played.deliveries));
    return out;
}

}  // namespace hookswitch::simulator
