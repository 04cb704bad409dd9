#include "daemon/admin_api.hpp"

#include "daemon/admin_events.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/query.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

constexpr std::string_view kCalls = "/v1/calls";
constexpr std::string_view kEvents = "/v1/events";
constexpr std::string_view kRedeliver = "/redeliver";

bool reads(const AdminRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// A bug in reading an event is that request's problem.
AdminReply guarded(const std::function<AdminReply()>& work) {
    try {
        return work();
    } catch (const std::exception& e) {
        log::error("admin.exception", kv("why", e.what()));
        return admin_error(500, "internal", "The request failed; see the log.");
    }
}

}  // namespace

AdminReply admin_error(int status, std::string_view code, std::string_view message) {
    AdminReply reply;
    reply.status = status;
    reply.body = R"({"error":{"code":)" + json_string(code) + R"(,"message":)" + json_string(message) + "}}";
    return reply;
}

AdminReply not_found() { return admin_error(404, "not_found", "There is nothing at this path."); }

AdminReply wrong_method(std::string_view allow) {
    AdminReply reply = admin_error(405, "method_not_allowed", "Allowed here: " + std::string(allow) + ".");
    reply.allow = allow;
    return reply;
}

AdminApi::AdminApi(asio::any_io_executor home, AdminSettings settings, AdminView view)
    : home_(std::move(home)), settings_(std::move(settings)), view_(std::move(view)) {}

std::optional<AdminReply> AdminApi::refuse(const AdminRequest& request, std::string_view peer,
                                           bool open_path) {
    AdminReply reply;
    switch (refusal_of(settings_, request, open_path)) {
        case AdminRefusal::none: return std::nullopt;
        case AdminRefusal::unauthorized:
            reply = admin_error(401, "unauthorized", "A token is needed: \"Authorization: Bearer TOKEN\".");
            break;
        case AdminRefusal::wrong_host:
            reply = admin_error(421, "wrong_host",
                                "Without a token, only localhost, 127.0.0.1 and [::1] are answered as Host.");
            break;
        case AdminRefusal::foreign_origin:
            reply = admin_error(403, "foreign_origin", "Requests of other sites' pages are not answered.");
            break;
    }
    if (const auto held_back = refusals_.pass(std::chrono::steady_clock::now()))
        log::warn("admin.refused", kv("status", reply.status), kv("peer", peer), kv("path", request.path),
                  kv("suppressed", *held_back));
    return reply;
}

asio::awaitable<AdminReply> AdminApi::answer(AdminRequest request, std::string peer) {
    const bool health = request.path == "/healthz" || request.path == "/readyz";
    if (auto refused = refuse(request, peer, health)) co_return *std::move(refused);
    if (health || request.path == "/metrics") {
        if (!reads(request)) co_return wrong_method("GET, HEAD");
        if (request.path == "/metrics") co_return figures();
        if (request.path == "/readyz") co_return ready();
        AdminReply alive;
        alive.body = R"({"status":"ok"})";
        co_return alive;
    }
    if (request.path == kEvents || request.path.starts_with(std::string(kEvents) + "/"))
        co_return co_await answer_events(std::move(request), std::move(peer));
    if (request.path == kCalls || request.path.starts_with(std::string(kCalls) + "/"))
        co_return co_await answer_calls(std::move(request), std::move(peer));
    co_return not_found();
}

asio::awaitable<AdminReply> AdminApi::answer_events(AdminRequest request, std::string peer) {
    std::string_view id(request.path);
    id.remove_prefix(std::min(kEvents.size() + 1, id.size()));
    const bool redeliver = id.ends_with(kRedeliver);
    if (redeliver) id.remove_suffix(kRedeliver.size());
    if (id.find('/') != id.npos || (id.empty() && request.path != kEvents)) co_return not_found();
    if (redeliver && request.method != "POST") co_return wrong_method("POST");
    if (!redeliver && !reads(request)) co_return wrong_method("GET, HEAD");
    if (!view_.journal)
        co_return admin_error(503, "no_journal", "There is no journal: journal.sync is \"off\".");

    auto decoded = percent_decode(id);
    if (!decoded) co_return admin_error(400, "bad_request", decoded.error().what());
    Work work = [this, journal = *view_.journal, id = *std::move(decoded), query = request.query, redeliver] {
        if (stopped_) return admin_error(503, "stopping", "The daemon is being stopped.");
        if (redeliver) return redeliver_event(journal, id, query);
        return id.empty() ? list_events(journal, query) : show_event(journal, id);
    };
    AdminReply reply = co_await on_reader(std::move(work));
    if (redeliver && reply.status < 300) {
        log::info("admin.redelivery", kv("path", request.path), kv("peer", peer));
        if (view_.redeliver_soon) view_.redeliver_soon();
    }
    co_return reply;
}

asio::awaitable<AdminReply> AdminApi::on_reader(Work work) {
    auto initiate = [this, work = std::move(work)](auto handler) mutable {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        // Home does not end before it has the result.
        const auto home = asio::prefer(home_, asio::execution::outstanding_work.tracked);
        asio::post(reader_, [home, work = std::move(work), kept = std::move(kept)]() mutable {
            auto finish = [reply = guarded(work), kept = std::move(kept)]() mutable {
                std::move (*kept)(std::move(reply));
            };
            asio::post(home, std::move(finish));
        });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(AdminReply)>(
        std::move(initiate), asio::use_awaitable);
}

AdminReply AdminApi::ready() const {
    const auto reasons = view_.not_ready();
    AdminReply reply;
    reply.status = reasons.empty() ? 200 : 503;
    reply.body = reasons.empty() ? R"({"ready":true,"reasons":[)" : R"({"ready":false,"reasons":[)";
    for (const std::string& reason : reasons) {
        if (reply.body.back() != '[') reply.body += ',';
        append_json_string(reply.body, reason);
    }
    reply.body += "]}";
    return reply;
}

AdminReply AdminApi::figures() const {
    view_.calls.expire(wall_now());
    AdminReply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = metrics_text(view_.metrics, std::chrono::system_clock::now());
    return reply;
}

}  // namespace hookswitch
