#pragma once

// Plays what `hookswitch simulate` was asked to: each scenario once, or as many calls as a load test
// wants; and says what came of it.

#include "daemon/core/signature.hpp"
#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/play_settings.hpp"
#include "daemon/simulator/scenario.hpp"
#include "daemon/simulator/switchboard.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch::simulator {

class RestApi;

/// Every scenario that is named. Errc::invalid_config with all mistakes in all of them, one a line.
Result<std::vector<std::shared_ptr<const Scenario>>> load_scenarios(const PlaySettings& settings);

class Play {
public:
    struct Parts {
        CallLog& log;
        std::optional<SigningKey> key;  // of the account's webhook; nullopt: not signed
        std::vector<std::shared_ptr<const Scenario>> scenarios;
        std::ostream& out;      // where it is told what happens, and the summary
        std::ostream& err;      // progress
        bool progress = false;  // somebody watches `err`
    };

    /// The log must outlive it. Fails if the recording cannot be written.
    static Result<std::unique_ptr<Play>> make(boost::asio::any_io_executor executor,
                                              const PlaySettings& settings, Parts parts);
    ~Play();

    Switchboard& switchboard();

    /// Whose numbers and assistants there are. It must outlive the calls.
    void use(RestApi& directory);

    /// Starts the calls. `done` is called once, later, when all are over and nothing is on its way.
    /// Without scenarios it is never called: calls come from the switchboard.
    void start(std::function<void()> done);

    /// It ends before its time; the reason goes into the summary.
    void stop(std::string why);

    /// Prints the summary; returns the exit status: 0 if all went well.
    int conclude();

    struct Impl;

private:
    explicit Play(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch::simulator
