// [platform]: where the REST API is, and with which key.

#include "daemon/config_sections.hpp"

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

void read_base_url(Table& in, Url& out) {
    std::string text;
    const auto* node = in.find("base_url");
    if (!node || !in.string_in("base_url", *node, text)) return;
    auto url = parse_url(text);
    if (!url) return in.mistake(*node, "base_url", url.error().what());
    if (const auto mistake = mistake_in_base_url(*url); !mistake.empty())
        return in.mistake(*node, "base_url", mistake);
    out = *std::move(url);
}

}  // namespace

void read_platform_settings(Table& in, PlatformSettings& out) {
    read_base_url(in, out.base_url);
    in.choose<Era>("era", out.era, {{"camel", Era::camel}, {"snake", Era::snake}, {"late", Era::late}});
    std::string ca_file;
    const auto* node = in.find("ca_file");
    if (node && in.string_in("ca_file", *node, ca_file) && !ca_file.empty())
        in.read_path("ca_file", out.ca_file);
    in.read("connect_timeout", out.connect_timeout, 100ms, 1min);
    in.read("timeout", out.timeout, 100ms, 10min);
}

std::optional<Secret> read_api_key(Table& in) {
    const auto* node = in.find("api_key_file");
    Table::Item item{{}, "api_key_file", node, true};
    if (!node) return in.mistake("api_key_file", "missing"), std::nullopt;
    if (!in.string_in("api_key_file", *node, item.text)) return std::nullopt;
    auto key = read_secret(in, item);
    if (key && !can_be_sent(*key))
        return in.mistake(*node, "api_key_file",
                          "the key has characters that cannot be sent; it is one line of letters and digits"),
               std::nullopt;
    return key;
}

void read_platform(Table in, Config& config) {
    PlatformSettings& settings = config.platform.emplace();
    read_platform_settings(in, settings);
    if (auto key = read_api_key(in)) settings.api_key = *std::move(key);
    in.finish();
}

}  // namespace hookswitch
