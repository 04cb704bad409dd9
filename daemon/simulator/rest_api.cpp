#include "daemon/simulator/rest_api.hpp"

#include "daemon/core/query.hpp"
#include "daemon/simulator/rest_state.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <unordered_map>

namespace hookswitch::simulator {
namespace {

RestFunction function_of(const PlatformOperation& operation) {
    constexpr RestFunction (*kFiles[])(std::string_view, std::string_view) = {
        resource_function, call_log_function, call_control_function, lead_function,
        provider_function, domain_function,   organization_function};
    for (const auto file : kFiles)
        if (const auto function = file(operation.resource, operation.verb)) return function;
    return nullptr;
}

// Every operation, so that one that has no function is found by the first test and not by a user.
const std::unordered_map<const PlatformOperation*, RestFunction>& functions() {
    static const auto all = [] {
        std::unordered_map<const PlatformOperation*, RestFunction> map;
        for (const auto& operation : platform_operations()) map.emplace(&operation, function_of(operation));
        return map;
    }();
    return all;
}

void add_headers(RestReply& reply, const RateLimit& limit, Milliseconds now) {
    reply.headers.emplace_back("X-RateLimit-Limit", std::to_string(limit.limit));
    reply.headers.emplace_back("X-RateLimit-Remaining", std::to_string(limit.remaining));
    reply.headers.emplace_back("X-RateLimit-Reset", std::to_string(limit.reset.time_since_epoch().count()));
    if (!limit.exceeded) return;
    const auto wait = std::chrono::ceil<std::chrono::seconds>(limit.reset - now);
    reply.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count())));
}

RestError too_many(const RateLimit& limit, Milliseconds now) {
    const auto wait = std::chrono::ceil<std::chrono::seconds>(limit.reset - now);
    RestError error;
    error.status = 429;
    error.code = "rate_limit_exceeded";
    error.message = "Too many requests. Please retry after " + std::to_string(wait.count()) + " seconds.";
    error.extra = "\"retry_after\":" + std::to_string(wait.count());
    return error;
}

RestError unauthorized() {
    RestError error;
    error.status = 401;
    error.code = "unauthorized";
    error.message = "Invalid or missing API key";
    return error;
}

RestError unreadable(std::string_view message) {
    RestError error;
    error.code = "invalid_request";
    error.message = message;
    return error;
}

RestReply reply_with(const RestError& error, const RestSettings& settings) {
    RestReply reply;
    reply.status = error.status;
    reply.body = text_of(error, settings.errors, settings.era);
    return reply;
}

RestReply unmatched(std::string_view path, const RestSettings& settings) {
    const auto methods = methods_of(path, settings.era);
    if (methods.empty()) return reply_with(not_found("Resource"), settings);
    RestError error;
    error.status = 405;
    error.code = "method_not_allowed";
    error.message = "Method not allowed";
    std::string allow;
    for (const auto method : methods) (allow += allow.empty() ? "" : ", ") += method;
    RestReply reply = reply_with(error, settings);
    reply.headers.emplace_back("Allow", allow);
    return reply;
}

// The operation itself, once the request may be processed.
RestOutcome outcome_of(RestState& state, MatchedOperation matched, const RestRequest& request,
                       Milliseconds now) {
    RestCall call;
    call.operation = matched.operation;
    call.ids = std::move(matched.parameters);
    call.now = now;
    auto query = parse_query(request.query);
    if (!query) return unreadable("Invalid query string: " + query.error().what());
    call.query = *std::move(query);

    std::optional<Document> document;
    using Body = PlatformOperation::Body;
    const Body wants = call.operation->body;
    if (wants == Body::required || (wants == Body::optional && !request.body.empty())) {
        auto parsed = Document::parse(request.body);
        if (!parsed) return unreadable("Invalid JSON in request body");
        document = *std::move(parsed);
        if (document->root().get(call.body)) return unreadable("Request body must be a JSON object");
        call.has_body = true;
        call.body_text = request.body;
    }
    const auto function = functions().at(call.operation);
    return function(state, call);
}

RestReply carry_out(RestState& state, MatchedOperation matched, const RestRequest& request,
                    Milliseconds now) {
    auto outcome = outcome_of(state, std::move(matched), request, now);
    if (!outcome) return reply_with(outcome.error(), state.settings);
    RestReply reply;
    reply.status = outcome->status;
    reply.body = std::move(outcome->body);
    return reply;
}

}  // namespace

struct RestApi::Limits {
    RateLimits keys, calls;
};

RestApi::RestApi(RestSettings settings, CallLog& log, Milliseconds now)
    : state_(std::make_unique<RestState>(std::move(settings), log)) {
    const RestSettings& set = state_->settings;
    limits_ = std::make_unique<Limits>(
        Limits{RateLimits(set.window, set.per_key), RateLimits(set.window, set.per_call)});
    if (!set.empty) sow(*state_, now);
}

RestApi::~RestApi() = default;

void RestApi::connect(Switchboard& switchboard) { state_->switchboard = &switchboard; }

const RestSettings& RestApi::settings() const { return state_->settings; }

// The number of the key, as a name for its window; empty: none of ours.
std::string RestApi::key_of(std::string_view authorization) const {
    constexpr std::string_view kScheme = "Bearer ";
    if (authorization.size() < kScheme.size()) return "";
    if (!boost::beast::iequals(authorization.substr(0, kScheme.size()), kScheme)) return "";
    const auto given = authorization.substr(kScheme.size());
    const auto& keys = state_->settings.keys;
    const auto found = std::ranges::find_if(keys, [&](const Secret& key) { return key.reveal() == given; });
    return found == keys.end() ? "" : std::to_string(found - keys.begin() + 1);
}

RestReply RestApi::answer(const RestRequest& request, Milliseconds now) {
    const RestSettings& settings = state_->settings;
    std::string_view path = request.path;
    const bool is_ours = path.starts_with(settings.base_path);
    if (is_ours) path.remove_prefix(settings.base_path.size());
    const bool open = is_ours && request.method == "GET" && path == "/health";
    const std::string key = key_of(request.authorization);

    // Whoever has no key has a window too, which nothing is taken from: the header fields are on every
    // answer.
    RateLimit limit = key.empty() ? limits_->keys.look("", now) : limits_->keys.take(key, now);
    RestReply reply;
    if (key.empty() && !open)
        reply = reply_with(unauthorized(), settings);
    else if (limit.exceeded)
        reply = reply_with(too_many(limit, now), settings);
    else if (!is_ours)
        reply = reply_with(not_found("Resource"), settings);
    else
        return answer_in_limits(request, path, now, limit);
    add_headers(reply, limit, now);
    return reply;
}

RestReply RestApi::answer_in_limits(const RestRequest& request, std::string_view path, Milliseconds now,
                                    const RateLimit& limit) {
    const RestSettings& settings = state_->settings;
    auto matched = match_operation(request.method, path, settings.era);
    RateLimit shown = limit;
    if (matched && matched->operation->resource == "calls" && matched->operation->verb == "control") {
        const RateLimit of_call = limits_->calls.take(matched->parameters.front(), now);
        if (of_call.exceeded) shown = of_call;
    }
    RestReply reply;
    if (!matched)
        reply = unmatched(path, settings);
    else if (shown.exceeded)
        reply = reply_with(too_many(shown, now), settings);
    else
        reply = carry_out(*state_, *std::move(matched), request, now);
    add_headers(reply, shown, now);
    return reply;
}

RestReply RestApi::refuse(int status, std::string_view code, std::string_view message,
                          Milliseconds now) const {
    RateLimit limit = limits_->keys.look("", now);
    RestError error;
    error.status = status;
    error.code = code;
    error.message = message;
    if (status == 429) {
        limit.exceeded = true;
        limit.remaining = 0;
        limit.reset = std::chrono::ceil<std::chrono::seconds>(now + std::chrono::seconds(1));
        error = too_many(limit, now);
    }
    RestReply reply = reply_with(error, state_->settings);
    add_headers(reply, limit, now);
    return reply;
}

void RestApi::on_ended(const CallRecord& call) {
    log_usage(*state_, call);
    campaign_call_ended(*state_, call);
}

}  // namespace hookswitch::simulator
