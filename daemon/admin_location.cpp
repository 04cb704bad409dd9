#include "daemon/admin_location.hpp"

#include "daemon/config_part.hpp"
#include "daemon/config_sections.hpp"

namespace hookswitch {
namespace {

// "127.0.0.1:8081", "unix:/path" as something to connect to: one that listens everywhere is here, too.
Result<Url> url_of(const std::string& listen) {
    if (listen.starts_with("unix:")) return parse_url(listen);
    TRY(auto url, parse_url("http://" + listen));
    if (url.port == "0") return fail(Errc::invalid_config, "admin.listen: the port is not known");
    if (url.host == "0.0.0.0") url.host = "127.0.0.1";
    if (url.host == "::") url.host = "::1";
    return url;
}

}  // namespace

Result<std::optional<AdminPlace>> locate_admin(const std::filesystem::path& config, bool with_token) {
    std::optional<AdminSettings> settings;
    const auto read = read_config_part(config, "admin", [&](Table admin) {
        settings.emplace();
        std::string listen = settings->listen;
        admin.read("listen", listen);
        auto where = read_listen(listen, admin.file());
        if (!where) return admin.mistake("listen", where.error().what());
        settings->listen = *std::move(where);
        if (with_token) read_admin_token(admin, settings->token);
    });
    if (!read) return read.error();
    if (!settings) return std::optional<AdminPlace>();
    TRY(auto url, url_of(settings->listen));
    return std::optional(AdminPlace{std::move(url), std::move(settings->token)});
}

}  // namespace hookswitch
