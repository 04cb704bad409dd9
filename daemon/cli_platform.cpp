// The options that say where the platform is.

#include "daemon/cli_spec.hpp"
#include "daemon/io/platform_client.hpp"

namespace hookswitch::cli {
namespace {

constexpr const char* kGroup = "The platform";

Url platform_url(const std::string& text) {
    auto url = parse_url(text);
    if (!url) throw CLI::ValidationError("--base-url", url.error().what());
    const auto mistake = mistake_in_base_url(*url);
    if (!mistake.empty()) throw CLI::ValidationError("--base-url", std::string(mistake));
    return *std::move(url);
}

Era era_of(const std::string& text) {
    const auto era = era_named(text);
    if (!era) throw CLI::ValidationError("--era", "'" + text + "' is not one of: camel, snake, late");
    return *era;
}

}  // namespace

void add_platform(CLI::App* command, PlatformPlace& place) {
    command
        ->add_option_function<std::string>(
            "-c,--config", [&place](const std::string& file) { place.config = file; },
            "Configuration file whose [platform] is used")
        ->type_name("FILE")
        ->default_str(kUsualConfig)
        ->group(kGroup);
    command
        ->add_option_function<std::string>(
            "--base-url", [&place](const std::string& text) { place.base_url = platform_url(text); },
            "Where its API is, instead of platform.base_url")
        ->type_name("URL")
        ->group(kGroup);
    command
        ->add_option("--api-key-file", place.api_key_file,
                     "File with the API key, instead of platform.api_key_file; - for standard input")
        ->type_name("FILE")
        ->group(kGroup);
    command
        ->add_option_function<std::string>(
            "--era", [&place](const std::string& text) { place.era = era_of(text); },
            "Names and paths of its API: camel, snake or late; instead of platform.era")
        ->type_name("ERA")
        ->group(kGroup);
    command
        ->add_option("--ca-file", place.ca_file,
                     "Certificate authorities to trust, PEM, instead of platform.ca_file")
        ->type_name("FILE")
        ->group(kGroup);
}

}  // namespace hookswitch::cli
