#pragma once

// The answer to "what may come in, and who answers it", complete and immutable: a reload makes a
// new one and swaps the pointer, so a request sees one configuration from beginning to end.

#include "daemon/core/metrics.hpp"
#include "daemon/routes.hpp"
#include "daemon/source.hpp"
#include "handlers/handler.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch {

struct Route {
    RouteSettings settings;
    std::shared_ptr<Handler> handler;
    HandlerMetrics* metrics = nullptr;  // of the handler; set by Routing
};

/// How told-only events come to a handler.
struct DeliverySettings {
    bool ordered = true;  // an event that waits for a retry holds back the later ones of its call
    /// Waits before the second, third, ... attempt; after the last one the event is a dead letter.
    std::vector<std::chrono::milliseconds> retry{std::chrono::seconds(5), std::chrono::seconds(30),
                                                 std::chrono::minutes(2), std::chrono::minutes(10),
                                                 std::chrono::hours(1),   std::chrono::hours(6)};
};

struct RoutedHandler {
    std::shared_ptr<Handler> handler;
    DeliverySettings delivery;
};

class Routing {
public:
    using Handlers = std::map<std::string, RoutedHandler, std::less<>>;

    /// `metrics` outlives it.
    Routing(std::vector<Source> sources, std::vector<Route> routes, Handlers handlers,
            std::chrono::milliseconds dedupe_window, Metrics& metrics);

    const Source* source_at(std::string_view path) const;

    /// The first route that wants the event; nullptr if none. `tool` is empty but for tool-calls.
    const Route* first_match(const Event& event, std::string_view source, std::string_view tool) const;

    /// The first route that leads a told-only event to this handler; nullptr if none does any more.
    const Route* route_to(std::string_view handler, const Event& event, std::string_view source) const;

    /// nullptr: there is no handler of this name.
    const RoutedHandler* handler(std::string_view name) const;

    /// The numbers of answers that no handler was asked for.
    HandlerMetrics& unrouted() const { return unrouted_; }

    const std::vector<Route>& routes() const { return routes_; }
    std::chrono::milliseconds dedupe_window() const { return dedupe_window_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    std::unordered_map<std::string, Source, Hash, std::equal_to<>> sources_;  // by path
    std::vector<Route> routes_;
    Handlers handlers_;
    std::chrono::milliseconds dedupe_window_;
    HandlerMetrics& unrouted_;
};

}  // namespace hookswitch
