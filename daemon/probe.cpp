#include "daemon/probe.hpp"

#include "daemon/core/json.hpp"

namespace hookswitch {
namespace {

using Status = ProbeVerdict::Status;

constexpr std::string_view kBody = R"({"hookswitch_probe":1})";

std::string json_of(const std::optional<Address>& address) {
    return address ? json_string(address->to_string()) : "null";
}

std::string text_in(const Document& document, std::string_view key) {
    std::string_view text;
    if (document.root()[key].get(text)) return {};
    return std::string(text);
}

ProbeVerdict refused(int status, const std::string& code) {
    const std::string what = "HTTP " + std::to_string(status) + (code.empty() ? "" : " (" + code + ")");
    if (code.empty())
        return {Status::bad, what + ": not Hookswitch's answer, but a proxy's or another server's",
                status >= 500 ? "does the daemon run, and does the proxy reach it? its error log says more"
                              : "does the proxy lead this path to Hookswitch?"};
    switch (status) {
        case 400:
            return {Status::bad, what + ": the daemon does not know probes",
                    "restart it: it is an older one"};
        case 401:
            return {Status::bad, what + ": the signature does not hold on arrival",
                    "has the running daemon this secret (reload it)? does the proxy change the body or drop "
                    "X-Webhook-*? request.refused in the log says which check failed"};
        case 404:
            return {Status::bad, what + ": no source has this path there",
                    "look at what the proxy makes of it"};
        case 503: return {Status::doubtful, what + ": the daemon is overloaded or stopping", "try again"};
        default: return {Status::bad, what, "request.refused in the log says why"};
    }
}

ProbeVerdict judge(const std::string& connection, const std::string& client, const std::string& forwarded_for,
                   bool trusted) {
    const std::string through = connection.empty() ? "a Unix socket" : connection;
    if (client == kForgedClient) {
        const std::string who =
            connection.empty() ? "the socket" : "this address, or change server.trusted_proxies";
        return {
            Status::doubtful,
            "an X-Forwarded-For that anybody can send is believed: the daemon takes us for " + client,
            "if there is a proxy on this way, let it set X-Forwarded-For itself (see nginx.conf); if not, "
            "see that only the proxy can reach " +
                who};
    }
    if (!trusted && !forwarded_for.empty() && forwarded_for != kForgedClient)
        return {Status::doubtful, "the proxy " + through + " is not trusted: all its clients look like one",
                "add it to server.trusted_proxies"};
    if (trusted && (client.empty() || client == connection))
        return {Status::doubtful, "the proxy does not say for whom it asks: all clients look like one",
                "let it set X-Forwarded-For (see nginx.conf, Caddyfile, haproxy.cfg)"};
    return {Status::good,
            "arrives whole, signature and all; the daemon takes us for " + client + ", through " + through,
            ""};
}

}  // namespace

std::string probe_body() { return std::string(kBody); }

bool is_probe(std::string_view body) { return body.size() == kBody.size() && body == kBody; }

std::string probe_reply(const ProbeSeen& seen) {
    std::string out = "{\"hookswitch\":" + json_string(HOOKSWITCH_VERSION);
    out.append(",\"source\":").append(json_string(seen.source));
    out.append(",\"connection\":").append(json_of(seen.connection));
    out.append(",\"client\":").append(json_of(seen.client));
    out.append(",\"trusted\":").append(seen.trusted ? "true" : "false");
    out.append(",\"x_forwarded_for\":").append(json_string(seen.x_forwarded_for));
    return out.append(",\"forwarded\":").append(json_string(seen.forwarded)).append("}");
}

ProbeVerdict judge_probe(int status, std::string_view body) {
    const auto document = Document::parse(body);
    if (!document) return refused(status, "");
    std::string_view code;
    if (status != 200)
        return document->root()["error"]["code"].get(code) ? refused(status, "")
                                                           : refused(status, std::string(code));
    if (text_in(*document, "hookswitch").empty())
        return {Status::bad, "HTTP 200, but not from Hookswitch",
                "does the proxy lead this path to Hookswitch?"};
    bool trusted = false;
    if (document->root()["trusted"].get(trusted)) trusted = false;
    return judge(text_in(*document, "connection"), text_in(*document, "client"),
                 text_in(*document, "x_forwarded_for"), trusted);
}

}  // namespace hookswitch
