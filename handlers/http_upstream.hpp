#pragma once

// Handlers that are a service: a POST of the event to an internal URL or Unix socket, the answer in the
// body. Wire form: the outer contract, section 4; or, forwarded raw, the platform's own request, so that an
// existing receiver can sit behind Hookswitch unchanged.
//
// Any 2xx is an answer, with an empty body that of having nothing to say. 410, or the contract's
// {"error":{"retry":false}} with any status, means that another attempt would not help; every other status
// and every failure of the transport, that it might. Redirects are not followed.
//
// A service that is gone or overloaded (no connection, no answer in time, 502, 503, 504) is left alone for a
// while: handlers/circuit_breaker.hpp. What would have asked it fails at once; of a told-only event that is
// one attempt of its schedule, as if the service had been asked.

#include "daemon/core/signature.hpp"
#include "daemon/core/url.hpp"
#include "handlers/bulkhead.hpp"
#include "handlers/circuit_breaker.hpp"
#include "handlers/running_handler.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hookswitch {

struct HttpUpstreamSettings {
    std::string name;               // of the handler, for the log
    Url url;                        // http://, https:// or unix:
    std::filesystem::path ca_file;  // PEM, instead of the system's authorities
    std::optional<SigningKey> key;  // requests are signed with it, as the platform signs
    std::vector<std::pair<std::string, Secret>> headers;  // fields to add; no line breaks in them
    bool raw = false;                                     // forward = "raw"
    BulkheadSettings bulkhead{.concurrency = 64, .queue = 200};
    std::chrono::milliseconds connect_timeout{2000};
    std::size_t max_answer = std::size_t{1} << 20;  // bytes of a body
    CircuitBreakerSettings breaker;
};

/// `metrics` outlives it.
std::shared_ptr<RunningHandler> start_http_upstream(HttpUpstreamSettings settings,
                                                    boost::asio::any_io_executor home,
                                                    HandlerMetrics& metrics);

}  // namespace hookswitch
