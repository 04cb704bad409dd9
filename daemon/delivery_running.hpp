#pragma once

// A delivery in its handler's hands. Inside of delivery*.cpp.

#include "daemon/delivery.hpp"
#include "daemon/io/wall_clock.hpp"
#include "handlers/handler.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace hookswitch {

void report_lost(const Job& job, const std::string& handler, std::string_view why);

// Whichever comes first, answer or deadline, finishes it.
struct Delivery::Running {
    Running(const boost::asio::any_io_executor& home, Handling& h, Job j)
        : from(h), job(std::move(j)), told(job.told), timer(home) {}

    Handling& from;
    Job job;
    const std::shared_ptr<const Told> told;  // also for a late answer, when the job has been let go
    std::shared_ptr<const Routing> routing;  // keeps the handler
    Milliseconds began = wall_now();
    std::chrono::steady_clock::time_point began_steady = std::chrono::steady_clock::now();
    boost::asio::steady_timer timer;
    bool finished = false;
};

}  // namespace hookswitch
