#pragma once

// A plugin's trial: it is loaded, started, stopped and unloaded in a process of its own, so that one that
// crashes or hangs does so there. The process is this program with one argument, which gets settings and
// library on its standard input and reports on its standard output.

#include "daemon/core/result.hpp"
#include "daemon/io/process.hpp"
#include "handlers/plugin.hpp"
#include "handlers/plugin_library.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

class PluginTrial : public std::enable_shared_from_this<PluginTrial> {
public:
    /// `errors` is what it wrote to its standard error.
    using Done = std::function<void(Result<PluginFacts> facts, std::string errors)>;

    /// `done` is called once, on the executor's thread, never from within, unless it is abandoned before. The
    /// error says where the plugin failed: "it crashed in start(): killed by signal 11 (...)".
    static std::shared_ptr<PluginTrial> begin(const PluginSettings& settings,
                                              std::shared_ptr<const PluginImage> image,
                                              const boost::asio::any_io_executor& executor, Done done);

    /// Ends it; nobody hears of it any more.
    void abandon();

    PluginTrial(const PluginSettings& settings, std::shared_ptr<const PluginImage> image,
                const boost::asio::any_io_executor& executor, Done done);

private:
    void run();
    void send_input();
    void await_text(boost::asio::posix::stream_descriptor& from, std::string& into);
    void await_exit();
    void finish(const ExitStatus& status);
    Result<PluginFacts> verdict(const ExitStatus& status) const;

    PluginSettings settings_;
    std::shared_ptr<const PluginImage> image_;
    boost::asio::any_io_executor executor_;
    Done done_;
    std::unique_ptr<Process> process_;  // null once gone
    boost::asio::steady_timer timer_;
    std::size_t sent_ = 0;
    bool too_long_ = false;
    std::string report_, errors_;
};

}  // namespace hookswitch
