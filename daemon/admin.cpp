#include "daemon/admin.hpp"

#include "daemon/io/log.hpp"

#include <boost/asio/awaitable.hpp>

#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

AdminRequest request_of(const HttpRequest& http) {
    AdminRequest request;
    request.method = http.method;
    request.path = http.path;
    request.query = http.query;
    request.host = http.host;
    request.origin = http.origin;
    request.authorization = http.authorization;
    request.body = http.body;
    return request;
}

HttpAnswer to_http(AdminReply reply) {
    HttpAnswer answer;
    answer.status = reply.status;
    answer.body = std::move(reply.body);
    answer.content_type = reply.content_type;
    if (reply.status == 405) answer.headers.emplace_back("Allow", reply.allow);
    if (reply.status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
    return answer;
}

asio::awaitable<HttpAnswer> answer(std::shared_ptr<AdminApi> api, AdminRequest request, std::string peer) {
    AdminReply reply = co_await api->answer(std::move(request), std::move(peer));
    co_return to_http(std::move(reply));
}

}  // namespace

Result<std::shared_ptr<Admin>> Admin::start(asio::io_context& home, AdminSettings settings, AdminView view) {
    HttpServer::Settings http;
    http.listen = settings.listen;
    http.name = "admin";
    http.refuse = [](int status, std::string_view code, std::string_view message) {
        return to_http(admin_error(status, code, message));
    };
    const auto api = std::make_shared<AdminApi>(home.get_executor(), std::move(settings), std::move(view));
    TRY(auto server, HttpServer::start(home, std::move(http), [api](const HttpRequest& request) {
            return answer(api, request_of(request), request.peer);
        }));
    log::info("admin.listening", kv("address", server.address()));
    return std::shared_ptr<Admin>(new Admin(api, std::move(server)));
}

void Admin::stop() {
    api_->stop();
    server_.stop();
}

}  // namespace hookswitch
