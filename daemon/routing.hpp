#pragma once

// The answer to "what may come in, and who answers it", complete and immutable: a reload makes a
// new one and swaps the pointer, so a request sees one configuration from beginning to end.

#include "daemon/routes.hpp"
#include "daemon/source.hpp"
#include "handlers/handler.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch {

struct Route {
    RouteSettings settings;
    std::shared_ptr<Handler> handler;
};

class Routing {
public:
    Routing(std::vector<Source> sources, std::vector<Route> routes, std::chrono::milliseconds dedupe_window);

    const Source* source_at(std::string_view path) const;

    /// The first route that wants the event; nullptr if none. `tool` is empty but for tool-calls.
    const Route* first_match(const Event& event, std::string_view source, std::string_view tool) const;

    const std::vector<Route>& routes() const { return routes_; }
    std::chrono::milliseconds dedupe_window() const { return dedupe_window_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    std::unordered_map<std::string, Source, Hash, std::equal_to<>> sources_;  // by path
    std::vector<Route> routes_;
    std::chrono::milliseconds dedupe_window_;
};

}  // namespace hookswitch
