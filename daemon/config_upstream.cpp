// [[handler]] of type http.

#include "daemon/config_sections.hpp"
#include "daemon/core/ascii.hpp"
#include "daemon/core/lines.hpp"
#include "daemon/io/http_client.hpp"
#include "handlers/http_request.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

void read_url(Table& in, Url& out) {
    std::string text;
    in.need("url", text);
    if (text.empty()) return;
    auto url = parse_url(text);
    if (!url) return in.mistake("url", url.error().what());
    out = *std::move(url);
}

void read_ca_file(Table& in, const Url& url, std::filesystem::path& out) {
    in.read_path("ca_file", out);
    if (out.empty()) return;
    if (url.scheme != Url::Scheme::https)
        return in.mistake("ca_file", "only a url of https:// has a use for it");
    if (auto usable = check_ca_file(out); !usable) in.mistake("ca_file", usable.error().what());
}

std::optional<Secret> read_secret_in(Table& in, std::string_view key) {
    const auto* node = in.find(key);
    Table::Item item{{}, std::string(key), node, true};
    if (!node || !in.string_in(key, *node, item.text)) return std::nullopt;
    return read_secret(in, item);
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_on_one_line(std::string_view value) {
    return std::ranges::none_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// Nothing of a line is repeated but the name of its field: the rest may be a password.
void read_header(Table& in, std::string_view line, std::size_t number, HttpUpstreamSettings& out) {
    const auto mistake = [&](const std::string& what) {
        in.mistake("headers_file", "line " + std::to_string(number) + " " + what);
    };
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name) || !is_on_one_line(line))
        return mistake("is not a header field such as \"Authorization: Bearer TOKEN\"");
    if (!may_be_set(name)) return mistake("sets " + std::string(name) + ", which is not yours to set");
    out.headers.emplace_back(name, Secret(std::string(trimmed(line.substr(colon + 1)))));
}

void read_headers(Table& in, HttpUpstreamSettings& out) {
    const auto text = read_secret_in(in, "headers_file");
    if (!text) return;
    std::size_t number = 0;
    for_each_line(text->reveal(), [&](std::string_view line) {
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!trimmed(line).empty()) read_header(in, line, number, out);
    });
}

}  // namespace

void read_bulkhead(Table& in, BulkheadSettings& out) {
    in.read_count("concurrency", out.concurrency, 1, 10'000);
    in.read_count("queue", out.queue, 1, 1'000'000);
}

HttpUpstreamSettings read_http_upstream(Table& in, std::string name) {
    HttpUpstreamSettings settings;
    settings.name = std::move(name);
    read_url(in, settings.url);
    read_ca_file(in, settings.url, settings.ca_file);
    if (const auto secret = read_secret_in(in, "secret_file")) settings.key.emplace(*secret);
    read_headers(in, settings);
    in.choose<bool>("forward", settings.raw, {{"event", false}, {"raw", true}});
    read_bulkhead(in, settings.bulkhead);
    in.read("connect_timeout", settings.connect_timeout, 10ms, 1min);
    in.read_size("max_answer", settings.max_answer, 1024, std::size_t{64} << 20);
    in.read_count("breaker_failures", settings.breaker.failures, 0, 1'000'000);
    in.read("breaker_pause", settings.breaker.pause, 100ms, 1h);
    return settings;
}

}  // namespace hookswitch
