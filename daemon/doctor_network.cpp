// What answers elsewhere: the platform, the running daemon, and the way from outside to it.

#include "daemon/admin_location.hpp"
#include "daemon/commands.hpp"
#include "daemon/core/iso_time.hpp"
#include "daemon/core/json.hpp"
#include "daemon/doctor.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/platform_commands.hpp"
#include "daemon/probe.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <spdlog/fmt/fmt.h>

#include <sys/timex.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iostream>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// One request, waited for.
Result<HttpClient::Reply> ask(const Url& url, HttpClient::Settings settings, HttpClient::Request request) {
    asio::io_context context{1};
    TRY(auto client, HttpClient::make(context.get_executor(), url, std::move(settings)));
    Result<HttpClient::Reply> result = fail(Errc::connection_closed, "nothing came of it");
    auto done = [&](const std::exception_ptr& thrown, Result<HttpClient::Reply> reply) {
        if (thrown) std::rethrow_exception(thrown);  // out of context.run()
        result = std::move(reply);
    };
    asio::co_spawn(context, client.send(std::move(request)), done);
    context.run();
    return result;
}

HttpClient::Settings patience(const std::filesystem::path& ca_file = {}) {
    HttpClient::Settings settings;
    settings.ca_file = ca_file;
    settings.timeout = 10s;
    return settings;
}

// By how much our clock is ahead of theirs; known to half a second and half the time of the request.
std::optional<double> seconds_ahead(const HttpClient::Reply& reply, Milliseconds sent, Milliseconds came) {
    const auto theirs = parse_http_date(reply.header("date"));
    if (!theirs) return std::nullopt;
    const auto ours = sent + (came - sent) / 2;
    return std::chrono::duration<double>(ours - *theirs).count() - 0.5;
}

void judge_clock(const Config& config, double ahead, Findings& findings) {
    std::chrono::seconds max_age = 24h;
    for (const Source& source : config.sources) max_age = std::min(max_age, source.signature.max_age);
    const std::string what = fmt::format("this clock is {:.0f} s {} of the platform's", std::abs(ahead),
                                         ahead < 0 ? "behind" : "ahead");
    const std::string todo = "timedatectl set-ntp true, and see that it works: timedatectl timesync-status";
    const double limit = static_cast<double>(max_age.count());
    if (std::abs(ahead) > limit)
        findings.fail(what + fmt::format(", more than max_age ({:.0f} s): every webhook is refused", limit),
                      todo);
    else if (std::abs(ahead) > std::min(10.0, limit / 2))
        findings.warn(what, todo);
    else
        findings.ok(std::abs(ahead) < 1.5 ? "agrees with the platform's to a second" : what);
}

void check_key(const PlatformSettings& settings, Findings& findings) {
    PlatformClient::Request request;
    request.method = "GET";
    request.path = "/calls?limit=1";
    const Console quiet{std::cin, std::cout, std::cerr, false};
    const auto reply = ask_platform(settings, std::move(request), quiet);
    const std::string peer = settings.base_url.peer();
    if (reply) return findings.ok(peer + " takes the API key");
    const std::string what = peer + ": " + reply.error().what();
    switch (reply.error().status) {
        case 401:
            return findings.fail(what,
                                 "the API key is not valid (any more): make a new one in the "
                                 "platform's dashboard and put it into platform.api_key_file");
        case 402:
        case 403:
        case 429: return findings.warn(what, "the key is known, but may not do this now");
        case 404: return findings.fail(what, "look at platform.base_url and platform.era");
        default: return findings.warn(what, "try again; if it stays so, ask the platform");
    }
}

// Whoever has the admin token has this too.
HttpClient::Request admin_request(std::string path, const Secret& token) {
    HttpClient::Request request;
    request.method = "GET";
    request.target = std::move(path);
    if (!token.reveal().empty())
        request.headers.emplace_back("Authorization", "Bearer " + std::string(token.reveal()));
    return request;
}

Url at(Url url, std::string target) {
    url.target = std::move(target);
    return url;
}

// The value of a sample without labels, or with exactly these.
std::optional<double> sample(std::string_view metrics, std::string_view name) {
    std::optional<double> value;
    for (std::size_t begin = 0; begin < metrics.size() && !value;) {
        const auto line = metrics.substr(begin, metrics.find('\n', begin) - begin);
        begin += line.size() + 1;
        if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ' ') continue;
        value = std::strtod(std::string(line.substr(name.size())).c_str(), nullptr);
    }
    return value;
}

void judge_ready(const HttpClient::Reply& reply, Findings& findings) {
    if (reply.status == 200) return findings.ok("the running daemon is ready");
    if (reply.status == 401)
        return findings.fail("the running daemon does not know this admin token", "restart or reload it");
    const auto document = Document::parse(reply.body);
    simdjson::dom::array reasons;
    if (!document || document->root()["reasons"].get(reasons))
        return findings.fail(fmt::format("/readyz answers {}", reply.status),
                             "is it Hookswitch that listens on admin.listen?");
    for (const simdjson::dom::element reason : reasons) {
        std::string_view text;
        if (!reason.get(text)) findings.fail("not ready: " + std::string(text), "the log says more");
    }
}

void judge_figures(const std::string& metrics, Findings& findings) {
    if (metrics.find("hookswitch_build_info{version=\"" HOOKSWITCH_VERSION "\"}") == std::string::npos)
        findings.warn("the running daemon is of another version than this program (" HOOKSWITCH_VERSION ")",
                      "restart it");
    if (sample(metrics, "hookswitch_config_last_reload_successful") == 0)
        findings.fail("the last reload failed: the running daemon goes on with an old configuration",
                      "`hookswitch check`, then reload; reload.failed in the log says why");
}

const Source* source_for(const Config& config, const Url& url) {
    const std::string_view path = std::string_view(url.target).substr(0, url.target.find('?'));
    for (const Source& source : config.sources)
        if (source.path == path) return &source;
    return config.sources.size() == 1 ? &config.sources.front() : nullptr;  // the proxy may change the path
}

}  // namespace

void check_clock(const Config& config, Findings& findings) {
    timex now{};
    const int state = ::adjtimex(&now);
    const bool kept = state >= 0 && state != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
    if (kept)
        findings.ok("the kernel says that it is synchronised");
    else
        findings.warn("the kernel says that nobody keeps it",
                      "timedatectl set-ntp true (package systemd-timesyncd "
                      "or chrony)");
    if (!config.platform) return findings.skip("no [platform] in the configuration to compare it with");
    const auto& settings = *config.platform;
    const auto sent = wall_now();
    HttpClient::Request request;
    request.method = "GET";
    request.target = settings.base_url.target == "/" ? "/health" : settings.base_url.target + "/health";
    const auto reply = ask(settings.base_url, patience(settings.ca_file), std::move(request));
    if (!reply) return findings.skip("the platform does not answer: " + reply.error().what());
    if (const auto ahead = seconds_ahead(*reply, sent, wall_now()))
        judge_clock(config, *ahead, findings);
    else
        findings.skip("the platform does not say what time it is");
}

void check_platform(const Config& config, Findings& findings) {
    if (!config.platform) return findings.skip("no [platform]: calls cannot be steered");
    auto settings = *config.platform;
    settings.timeout = std::min(settings.timeout, std::chrono::milliseconds(10s));
    settings.retries = 0;
    check_key(settings, findings);
}

void check_daemon(const std::filesystem::path& config, const Unit& service, Findings& findings) {
    const auto place = locate_admin(config, true);
    if (!place) return findings.skip(place.error().what());
    if (!*place)
        return findings.warn("no [admin]: nobody can ask the daemon how it is, Prometheus neither",
                             "add [admin] to the configuration");
    const Url& url = (*place)->url;
    const auto ready = ask(at(url, "/readyz"), patience(), admin_request("/readyz", (*place)->token));
    if (!ready && service.active())
        return findings.fail(
            "the service runs, but its admin listener does not answer: " + ready.error().what(),
            "is admin.listen newer than the service's start? then restart it");
    if (!ready) return findings.skip("no daemon answers at " + url.peer());
    judge_ready(*ready, findings);
    const auto figures = ask(at(url, "/metrics"), patience(), admin_request("/metrics", (*place)->token));
    if (figures && figures->status == 200) judge_figures(figures->body, findings);
}

void check_proxy(const Config& config, const std::optional<Url>& url, const std::filesystem::path& ca_file,
                 Findings& findings) {
    if (!url) return findings.skip("name the webhook's address with --url to have the way to it tried");
    const Source* source = source_for(config, *url);
    if (!source) return findings.fail("no source has the path " + url->target, "name the right one in --url");
    if (source->signature.keys.empty())
        return findings.skip("source " + source->name + " asks for no signature");
    HttpClient::Request request;
    request.target = url->target;
    request.body = probe_body();
    request.headers =
        signed_headers(source->signature.keys.front(), std::to_string(unix_seconds_now()), {}, request.body);
    request.headers.emplace_back("Content-Type", "application/json");
    request.headers.emplace_back("X-Forwarded-For", std::string(kForgedClient));
    const auto reply = ask(*url, patience(ca_file), std::move(request));
    if (!reply)
        return findings.fail(url->peer() + " does not answer: " + reply.error().what(),
                             "look at name, firewall, certificate and proxy");
    const auto verdict = judge_probe(reply->status, reply->body);
    switch (verdict.status) {
        case ProbeVerdict::Status::good: return findings.ok(verdict.what);
        case ProbeVerdict::Status::doubtful: return findings.warn(verdict.what, verdict.todo);
        case ProbeVerdict::Status::bad: return findings.fail(verdict.what, verdict.todo);
    }
}

}  // namespace hookswitch
