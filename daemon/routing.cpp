#include "daemon/routing.hpp"

namespace hookswitch {

Routing::Routing(std::vector<Source> sources, std::vector<Route> routes,
                 std::chrono::milliseconds dedupe_window)
    : routes_(std::move(routes)), dedupe_window_(dedupe_window) {
    for (Source& source : sources) {
        std::string path = source.path;
        sources_.emplace(std::move(path), std::move(source));
    }
}

const Source* Routing::source_at(std::string_view path) const {
    const auto it = sources_.find(path);
    return it == sources_.end() ? nullptr : &it->second;
}

const Route* Routing::first_match(const Event& event, std::string_view source, std::string_view tool) const {
    for (const Route& route : routes_)
        if (matches(route.settings, event, source, tool)) return &route;
    return nullptr;
}

}  // namespace hookswitch
