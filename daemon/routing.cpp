#include "daemon/routing.hpp"

namespace hookswitch {

Routing::Routing(std::vector<Source> sources, std::vector<Route> routes, Handlers handlers,
                 std::chrono::milliseconds dedupe_window, Metrics& metrics)
    : routes_(std::move(routes)),
      handlers_(std::move(handlers)),
      dedupe_window_(dedupe_window),
      unrouted_(metrics.handler("")) {
    for (Route& route : routes_) route.metrics = &metrics.handler(route.settings.handler);
    for (Source& source : sources) {
        source.metrics = &metrics.source(source.name);
        for (const auto& key : source.key_names) source.key_used.push_back(&source.metrics->secret_used[key]);
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

const Route* Routing::route_to(std::string_view handler, const Event& event, std::string_view source) const {
    for (const Route& route : routes_)
        if (route.settings.handler == handler && matches(route.settings, event, source, {})) return &route;
    return nullptr;
}

const RoutedHandler* Routing::handler(std::string_view name) const {
    const auto it = handlers_.find(name);
    return it == handlers_.end() ? nullptr : &it->second;
}

}  // namespace hookswitch
