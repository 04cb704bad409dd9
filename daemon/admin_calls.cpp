#include "daemon/admin_calls.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/object_text.hpp"
#include "daemon/core/query.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

constexpr std::string_view kCalls = "/v1/calls";
constexpr std::string_view kControl = "/control";
constexpr std::size_t kMostCalls = 1000;
constexpr std::size_t kLargestCommand = std::size_t{16} << 10;

// Each keeps a connection, of which there are 64; monitors must find one.
constexpr std::size_t kMostWaiting = 32;

AdminReply bad(std::string_view what) { return admin_error(400, "bad_request", what); }

Result<std::size_t> limit_of(std::string_view text) {
    const auto value = parse_number<std::size_t>(text);
    if (!value || *value < 1 || *value > kMostCalls)
        return fail(Errc::bad_request, "not a number from 1 to " + std::to_string(kMostCalls));
    return *value;
}

Result<> set(CallFilter& filter, const std::string& name, const std::string& value) {
    const std::pair<std::string_view, std::optional<std::string>*> texts[] = {
        {"status", &filter.status},
        {"direction", &filter.direction},
        {"caller", &filter.caller},
        {"called", &filter.called},
    };
    for (const auto& [key, member] : texts) {
        if (name != key) continue;
        *member = value;
        return {};
    }
    if (name == "limit") {
        TRY(filter.limit, limit_of(value));
        return {};
    }
    if (name != "live")
        return fail(Errc::bad_request, "unknown; known: status, direction, caller, called, live, limit");
    if (value != "true" && value != "false") return fail(Errc::bad_request, "neither true nor false");
    filter.live_only = value == "true";
    return {};
}

std::optional<std::string_view> unless_empty(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return text;
}

std::string platform_json(const PlatformError& error) {
    return ObjectText()
        .json("status", error.status ? std::to_string(error.status) : "null")
        .text_or_null("code", unless_empty(error.code))
        .text("message", error.message)
        .json("details", json_strings(error.details))
        .finish();
}

bool is_object(std::string_view json) {
    const auto document = Document::parse(json);
    return document && document->root().is_object();
}

}  // namespace

Result<CallFilter> read_call_filter(std::string_view query) {
    TRY(const auto parameters, parse_query(query));
    CallFilter filter;
    for (const auto& [name, value] : parameters) {
        if (std::ranges::count(parameters, name, &std::pair<std::string, std::string>::first) > 1)
            return fail(Errc::bad_request, name + ": given twice");
        if (auto r = set(filter, name, value); !r) return std::move(r).error().in(name);
    }
    return filter;
}

void append_call_json(std::string& out, const CallSnapshot& call, std::size_t pending_actions) {
    const std::string last_event =
        ObjectText().text("type", call.last_type).time("at", call.updated_at).finish();
    out += ObjectText()
               .text("id", call.id)
               .text_or_null("status", unless_empty(call.status))
               .text("state", name_of(call.state))
               .text_or_null("direction", unless_empty(call.direction))
               .text_or_null("caller", unless_empty(call.caller))
               .text_or_null("called", unless_empty(call.called))
               .text_or_null("called_name", unless_empty(call.called_name))
               .time("started_at", call.started_at)
               .time("updated_at", call.updated_at)
               .time("ended_at", call.ended_at)
               .number("tool_calls", call.tool_calls)
               .json("last_event", last_event)
               .number("pending_actions", static_cast<std::int64_t>(pending_actions))
               .text_or_null("source", unless_empty(call.source))
               .text_or_null("pipeline", unless_empty(call.pipeline))
               .json("realtime", !call.realtime   ? "null"
                                 : *call.realtime ? "true"
                                                  : "false")
               .finish();
}

AdminReply control_reply(const PlatformResult<std::string>& result) {
    AdminReply reply;
    if (result) {
        reply.body = is_object(*result) ? *result : R"({"success":true})";
        return reply;
    }
    const PlatformError& error = result.error();
    if (error.expired) return admin_error(504, "expired", error.what());
    constexpr std::array kKept{400, 404, 409, 429};
    reply.status = std::ranges::find(kKept, error.status) != kKept.end() ? error.status : 502;
    reply.body = R"({"error":{"code":"platform_error","message":)" + json_string(error.what()) +
                 ",\"platform\":" + platform_json(error) + "}}";
    return reply;
}

// Somebody waits for the platform. Settled once: by the outbox, which may do so when the request's
// connection, and even the listener, is gone; or by stop().
struct AdminApi::Waiting {
    void settle(AdminReply reply) {
        if (const auto resume = std::exchange(resume_, nullptr)) resume(std::move(reply));
    }
    std::function<void(AdminReply)> resume_;
};

AdminApi::~AdminApi() = default;

void AdminApi::stop() {
    stopped_ = true;
    for (const auto& waiting : std::vector(waiting_))
        waiting->settle(admin_error(503, "stopping", "The daemon is being stopped."));
}

asio::awaitable<AdminReply> AdminApi::answer_calls(AdminRequest request, std::string peer) {
    std::string_view id(request.path);
    id.remove_prefix(std::min(kCalls.size() + 1, id.size()));
    const bool control = id.ends_with(kControl);
    if (control) id.remove_suffix(kControl.size());
    if (id.find('/') != id.npos || (id.empty() && request.path != kCalls)) co_return not_found();
    if (control && request.method != "POST") co_return wrong_method("POST");
    if (!control && request.method != "GET" && request.method != "HEAD") co_return wrong_method("GET, HEAD");
    auto decoded = percent_decode(id);
    if (!decoded) co_return bad(decoded.error().what());
    if (control)
        co_return co_await control_call(*std::move(decoded), std::move(request.body), std::move(peer));
    if (!decoded->empty()) co_return show_call(*decoded);
    co_return co_await list_calls(request.query);
}

AdminReply AdminApi::show_call(const std::string& id) const {
    view_.calls.expire(wall_now());
    const auto call = view_.calls.find(id);
    if (!call) return admin_error(404, "not_found", "No call with this id is known of.");
    AdminReply reply;
    append_call_json(reply.body, *call, pending_actions(id));
    return reply;
}

asio::awaitable<AdminReply> AdminApi::list_calls(std::string query) {
    const auto filter = read_call_filter(query);
    if (!filter) co_return bad(filter.error().what());
    const auto found = std::make_shared<std::vector<CallSnapshot>>();
    Work look = [&calls = view_.calls, filter = *filter, found] {
        calls.expire(wall_now());
        *found = calls.list(filter);
        return AdminReply();
    };
    AdminReply reply = co_await on_reader(std::move(look));
    if (reply.status != 200) co_return reply;
    reply.body = R"({"calls":[)";
    for (const CallSnapshot& call : *found) {
        if (reply.body.back() != '[') reply.body += ',';
        append_call_json(reply.body, call, pending_actions(call.id));
    }
    reply.body += "]}";
    co_return reply;
}

asio::awaitable<AdminReply> AdminApi::control_call(std::string id, std::string body, std::string peer) {
    if (body.size() > kLargestCommand)
        co_return admin_error(413, "body_too_large", "A command is at most 16 KiB.");
    if (const auto segment = path_segment(id); !segment) co_return bad(segment.error().what());
    auto command = parse_call_command(body);
    if (!command) co_return admin_error(400, "invalid_command", command.error().what());
    const auto call = view_.calls.find(id);
    if (call && !call->live()) co_return admin_error(409, "call_ended", "This call has ended.");
    if (waiting_.size() >= kMostWaiting)
        co_return admin_error(503, "overloaded", "Too many commands wait for the platform.");
    co_return co_await carry_out(std::move(id), *std::move(command), std::move(peer));
}

void AdminApi::start_control(const std::string& id, const CallCommand& command, std::string_view peer,
                             const std::shared_ptr<Waiting>& waiting) {
    AdminView::Controlled done = [waiting](const PlatformResult<std::string>& result) {
        waiting->settle(control_reply(result));
    };
    if (view_.control && view_.control(id, command, std::move(done)))
        log::info("admin.control", kv("call", id), kv("type", name_of(command.type)), kv("peer", peer));
    else
        waiting->settle(
            admin_error(503, "no_platform", "There is no [platform] in the configuration to send it to."));
}

asio::awaitable<AdminReply> AdminApi::carry_out(std::string id, CallCommand command, std::string peer) {
    const auto waiting = std::make_shared<Waiting>();
    waiting_.push_back(waiting);
    auto initiate = [this, waiting, &id, &command, &peer](auto handler) {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        waiting->resume_ = [home = home_, kept = std::move(kept)](AdminReply reply) {
            auto finish = [kept, reply = std::move(reply)]() mutable { std::move (*kept)(std::move(reply)); };
            asio::post(home, std::move(finish));
        };
        start_control(id, command, peer, waiting);
    };
    AdminReply reply = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminReply)>(
        std::move(initiate), asio::use_awaitable);
    std::erase(waiting_, waiting);
    co_return reply;
}

}  // namespace hookswitch
