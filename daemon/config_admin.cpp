// [admin]: who may look into the daemon, and where.

#include "daemon/config_sections.hpp"
#include "daemon/core/address.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

void read_admin_listen(Table& in, const ServerSettings& server, std::string& out) {
    std::string text;
    const auto* node = in.find("listen");
    if (!node || !in.string_in("listen", *node, text)) return;
    auto where = read_listen(text, in.file());
    if (!where) return in.mistake(*node, "listen", where.error().what());
    if (*where == "systemd")
        return in.mistake(*node, "listen",
                          "sockets from systemd are for [server]; name an address or \"unix:/path\"");
    if (std::ranges::find(server.listen, *where) != server.listen.end() && !where->ends_with(":0"))
        return in.mistake(*node, "listen", "'" + *where + "' is already listened on by [server]");
    out = *std::move(where);
}

}  // namespace

void read_admin_token(Table& in, Secret& out) {
    const auto* node = in.find("token_file");
    Table::Item item{{}, "token_file", node, true};
    if (!node || !in.string_in("token_file", *node, item.text)) return;
    auto token = read_secret(in, item);
    if (token && !can_be_sent(*token))
        return in.mistake(*node, "token_file",
                          "the token has characters that cannot be sent; use letters and digits");
    if (token) out = *std::move(token);
}

bool is_local(const AdminSettings& settings) {
    static const Network four = *Network::parse("127.0.0.0/8"), six = *Network::parse("::1/128");
    if (settings.listen.starts_with("unix:")) return true;
    const std::string_view host(settings.listen);
    const auto address = Address::parse(host.substr(0, host.rfind(':')));
    return address && (four.contains(*address) || six.contains(*address));
}

void read_admin(Table in, Config& config) {
    AdminSettings& settings = config.admin.emplace();
    read_admin_listen(in, config.server, settings.listen);
    read_admin_token(in, settings.token);
    if (!is_local(settings) && !in.toml().contains("token_file"))
        in.mistake("token_file", "missing; it may be left out only with a loopback address or a Unix socket");
    in.finish();
}

}  // namespace hookswitch
