#include "daemon/start_handler.hpp"

#include <utility>
#include <variant>

namespace hookswitch {
namespace {

struct Start {
    using Running = std::shared_ptr<RunningHandler>;

    boost::asio::any_io_executor home;
    HandlerMetrics& metrics;
    WorkerPool::Act act;

    Running operator()(const std::shared_ptr<Handler>&) const { return nullptr; }
    Running operator()(const WorkerSettings& s) {
        return WorkerPool::start(s, home, metrics, std::move(act));
    }
    Running operator()(const ExecSettings& s) const { return start_exec_handler(s, home, metrics); }
    Running operator()(const HttpUpstreamSettings& s) const { return start_http_upstream(s, home, metrics); }
    Running operator()(const PluginSettings& s) const { return start_plugin(s, home, metrics); }
};

}  // namespace

std::shared_ptr<RunningHandler> start_handler(const HandlerConfig& config, boost::asio::any_io_executor home,
                                              HandlerMetrics& metrics, WorkerPool::Act act) {
    return std::visit(Start{std::move(home), metrics, std::move(act)}, config.handler);
}

}  // namespace hookswitch
