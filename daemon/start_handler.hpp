#pragma once

// From what the configuration says of a handler to one that runs, whatever its type.

#include "daemon/config.hpp"
#include "handlers/running_handler.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace hookswitch {

/// Null: it needs no start, and HandlerConfig::handler has it. `act` is for workers that speak unasked.
std::shared_ptr<RunningHandler> start_handler(const HandlerConfig& config, boost::asio::any_io_executor home,
                                              HandlerMetrics& metrics, WorkerPool::Act act);

}  // namespace hookswitch
