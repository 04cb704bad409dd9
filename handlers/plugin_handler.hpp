#pragma once

// The handler behind start_plugin. plugin.cpp is about events, plugin_loading.cpp about the plugin itself:
// trial, load, start, stop, unload.
//
// Everything happens on `home`, one thread; what the plugin does, on others. An answer runs the dispatcher's
// code, which may come straight back into handle(): so nothing here iterates over anything while it answers.

#include "daemon/core/backoff.hpp"
#include "daemon/core/metrics.hpp"
#include "handlers/answer_reader.hpp"
#include "handlers/bulkhead.hpp"
#include "handlers/plugin.hpp"
#include "handlers/plugin_threads.hpp"
#include "handlers/plugin_trial.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <random>
#include <vector>

namespace hookswitch {

class PluginHandler final : public RunningHandler, public std::enable_shared_from_this<PluginHandler> {
public:
    PluginHandler(PluginSettings settings, boost::asio::any_io_executor home, HandlerMetrics& metrics);
    ~PluginHandler() override;

    void open();

    void handle(Invocation invocation, Answer answer) override;
    std::size_t told_only_slots() const override { return bulkhead_->told_only_slots(); }
    void when_ready(std::function<void(bool)> done) override;
    void stop(std::chrono::steady_clock::time_point until, std::function<void()> done) override;

private:
    using Time = std::chrono::steady_clock::time_point;
    using Image = std::shared_ptr<const PluginImage>;
    using Library = std::shared_ptr<PluginLibrary>;

    enum class Phase {
        loading,  // events wait
        running,
        failed,  // it is not there; will be tried again
        hanging  // no thread of it is left
    };

    // An event in work.
    struct Begun {
        const Invocation* invocation;    // the bulkhead's
        std::shared_ptr<PluginJob> job;  // null: the plugin has not got it
        Time due;                        // to be looked at: the deadline, later when it counts as hanging
        bool missed = false;
    };

    // Events.
    void begin(const Invocation& invocation, std::chrono::milliseconds left);
    void hand_over(Begun& begun);
    void answered(const std::string& id, Result<std::string> text);
    void finish(const std::string& id, Result<Outcome> outcome);
    void watch_deadlines();
    void on_deadlines();
    void on_deadline(const std::string& id, Begun& begun);
    void give_up(const std::string& id, Begun& begun);
    void cut_off();
    void fail_waiting();

    // The plugin.
    void load();
    void try_out(Result<Image> image);
    void start_library(const Image& image, const PluginFacts& facts);
    void started(Result<Library> library);
    void run(Library library);
    void failed(const std::string& why);
    template <class F>
    void after(std::chrono::milliseconds wait, F then);
    void in_time();
    void limit_start(const std::string& stage);
    void report_ready(bool ready);
    void top_up();
    void thread_ended(bool given_up);
    void close();
    void close_library();
    void closed();

    // `f` as a call-back that keeps the handler while it runs, and does nothing once it is gone.
    template <class F>
    auto alive(F f) {
        return [weak = weak_from_this(), f = std::move(f)](auto&&... args) {
            if (auto self = weak.lock()) f(*self, std::forward<decltype(args)>(args)...);
        };
    }

    const PluginSettings settings_;
    boost::asio::any_io_executor home_;
    HandlerMetrics& metrics_;
    AnswerReader answers_;
    std::shared_ptr<Bulkhead> bulkhead_;
    std::shared_ptr<WayHome> way_;
    std::map<std::string, Begun> begun_;  // by the id of the event
    boost::asio::steady_timer deadline_timer_;
    std::optional<Time> deadline_watched_;

    Phase phase_ = Phase::loading;
    std::string why_failed_;
    std::shared_ptr<PluginTrial> trial_;
    Library library_;
    std::shared_ptr<PluginThreads> threads_;
    std::size_t usable_ = 0, given_up_ = 0;  // threads
    bool starting_ = false;                  // a thread is in load or start()
    bool closing_ = false, closed_ = false;
    boost::asio::steady_timer
        load_timer_;  // limit of load and start(), pause before the next try, limit of stop()
    std::size_t load_step_ = 0;
    Backoff backoff_;
    std::minstd_rand random_{std::random_device{}()};

    std::optional<bool> ready_;
    std::vector<std::function<void(bool)>> ready_waiters_;
    std::vector<std::function<void()>> stopped_;
};

}  // namespace hookswitch
