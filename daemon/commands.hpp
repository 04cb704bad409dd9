#pragma once

// What the commands do. Each returns the exit status of the process; a failure is one line on
// standard error, "hookswitch: what failed: why: what to do".

#include "daemon/cli.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/io/http_client.hpp"

#include <csignal>
#include <filesystem>
#include <istream>
#include <ostream>
#include <string>
#include <string_view>

namespace hookswitch {

constexpr int kInterrupted = 128 + SIGINT;  // exit status, as shells report it

/// The three streams of a command, so that a test can be the terminal.
struct Console {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool progress = false;  // standard error is a terminal: somebody watches
};

int run(const cli::Serve& args, const Console& console);
int run(const cli::Check& args, const Console& console);
int run(const cli::Sign& args, const Console& console);
int run(const cli::Verify& args, const Console& console);
int run(const cli::Send& args, const Console& console);
int run(const cli::Replay& args, const Console& console);
int run(const cli::EventsList& args, const Console& console);
int run(const cli::EventsShow& args, const Console& console);
int run(const cli::EventsTail& args, const Console& console);
int run(const cli::EventsExport& args, const Console& console);
int run(const cli::EventsRedeliver& args, const Console& console);
int run(const cli::EventsPurge& args, const Console& console);
int run(const cli::CallControl& args, const Console& console);
int run(const cli::CallGet& args, const Console& console);
int run(const cli::CallList& args, const Console& console);
int run(const cli::CallOutbound& args, const Console& console);
int run(const cli::Api& args, const Console& console);
int run(const cli::Simulate& args, const Console& console);
int run(const cli::Doctor& args, const Console& console);
int run(const cli::Exit& args, const Console& console);

// What the commands that sign have in common.

/// All of a file; "-" is `in`.
Result<std::string> read_file(const std::filesystem::path& file, std::istream& in);

/// A secret or key in a file, less one newline at its end. An empty one is an error.
Result<Secret> read_secret_text(const std::filesystem::path& file, std::istream& in);

/// The key in a secret file, less one newline at its end. An empty one is an error.
Result<SigningKey> read_secret(const std::filesystem::path& file, std::istream& in);

/// X-Webhook-Event (unless `event` is empty), -Timestamp (Unix seconds) and -Signature.
HttpHeaders signed_headers(const SigningKey& key, std::string_view timestamp, std::string_view event,
                           std::string_view body);

std::int64_t unix_seconds_now();

/// Why a request got no reply, with what to do about it where that is known.
std::string no_reply_because(const Error& error);

/// Prints "hookswitch: `what`" and returns exit status 1.
int complain(const Console& console, std::string_view what);

}  // namespace hookswitch
