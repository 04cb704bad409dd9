#include "handlers/http_request.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/trace_context.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

namespace hookswitch {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kOurs = "X-Hookswitch-";

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(names, [&](std::string_view n) { return equal_ignoring_case(n, name); });
}

bool is_ours(std::string_view name) { return equal_ignoring_case(name.substr(0, kOurs.size()), kOurs); }

// Host and Content-Length are HttpClient's, too. An answer is asked for as it is: nobody here unpacks it.
bool is_of_the_connection(std::string_view name) {
    return is_one_of(name, {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
                            "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
                            "Host", "Content-Length", "Accept-Encoding"});
}

bool is_signature(std::string_view name) {
    return is_one_of(name, {"X-Webhook-Timestamp", "X-Webhook-Signature"});
}

bool is_trace(std::string_view name) { return is_one_of(name, {"traceparent", "tracestate"}); }

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// Of a head that was found good when it came in.
Fields fields_of(std::string_view head) {
    Fields fields;
    while (!head.empty()) {
        const auto end = std::min(head.find("\r\n"), head.size());
        const auto line = head.substr(0, end);
        head.remove_prefix(std::min(end + 2, head.size()));
        const auto colon = line.find(':');
        // The request line has a blank before any colon.
        if (colon == line.npos || line.substr(0, colon).find(' ') != line.npos) continue;
        fields.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
    return fields;
}

// "Connection: close, X-Hop" says that X-Hop is of the connection, too.
bool is_named_by_connection(const Fields& fields, std::string_view name) {
    for (auto [field, value] : fields) {
        if (!equal_ignoring_case(field, "Connection")) continue;
        while (!value.empty()) {
            const auto comma = std::min(value.find(','), value.size());
            if (equal_ignoring_case(trimmed(value.substr(0, comma)), name)) return true;
            value.remove_prefix(std::min(comma + 1, value.size()));
        }
    }
    return false;
}

bool is_set(const HttpUpstreamSettings& settings, std::string_view name) {
    return std::ranges::any_of(settings.headers,
                               [&](const auto& field) { return equal_ignoring_case(field.first, name); });
}

void add_as_they_came(HttpHeaders& out, const HttpUpstreamSettings& settings, const Fields& fields) {
    for (const auto& [name, value] : fields)
        if (!is_of_the_connection(name) && !is_named_by_connection(fields, name) && !is_ours(name) &&
            !(settings.key && is_signature(name)) && !is_trace(name) && !is_set(settings, name))
            out.emplace_back(name, value);
}

void add_ours(HttpHeaders& out, const HttpUpstreamSettings& settings, const Invocation& invocation) {
    for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"Content-Type", "application/json"},
             {"Accept", "application/json"},
             {"User-Agent", "hookswitch/" HOOKSWITCH_VERSION},
             {"X-Webhook-Event", invocation.event->type}})
        if (!is_set(settings, name)) out.emplace_back(name, value);
}

// We record no span of our own, so what came is passed on as it is (Trace Context, 4.3 and 6.2).
void add_trace(HttpHeaders& out, const Invocation& invocation) {
    const auto& trace = invocation.trace;
    out.emplace_back("traceparent", trace.parent.empty() ? new_traceparent(invocation.id) : trace.parent);
    if (!trace.state.empty()) out.emplace_back("tracestate", trace.state);
}

void sign(HttpClient::Request& request, const SigningKey& key) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(now).count());
    request.headers.emplace_back("X-Webhook-Timestamp", timestamp);
    request.headers.emplace_back("X-Webhook-Signature", "sha256=" + key.sign(timestamp, request.body));
}

}  // namespace

bool may_be_set(std::string_view field) {
    return !is_of_the_connection(field) && !is_signature(field) && !is_ours(field) && !is_trace(field);
}

HttpClient::Request http_request(const HttpUpstreamSettings& settings, const Invocation& invocation,
                                 milliseconds left) {
    HttpClient::Request request;
    request.target = settings.url.target;
    request.until = invocation.deadline;
    request.may_repeat = !wants_reply(invocation.event->kind);  // these come at least once anyway
    if (settings.raw) {
        add_as_they_came(request.headers, settings, fields_of(invocation.raw->head));
        request.body = invocation.raw->body;
    } else {
        add_ours(request.headers, settings, invocation);
        request.body = to_json(invocation, invocation.attempt, left);
    }
    for (const auto& [name, value] : settings.headers)
        request.headers.emplace_back(name, std::string(value.reveal()));
    request.headers.emplace_back("X-Hookswitch-Event-Id", invocation.id);
    request.headers.emplace_back("X-Hookswitch-Attempt", std::to_string(invocation.attempt));
    request.headers.emplace_back("X-Hookswitch-Deadline-Ms", std::to_string(left.count()));
    add_trace(request.headers, invocation);
    if (settings.key) sign(request, *settings.key);
    return request;
}

}  // namespace hookswitch
