#pragma once

// One waited-for event, from its handlers to its answer. Keeps the promise that the platform is
// answered in time whatever the handlers do: each call has its deadline, and at the deadline its
// fallback is what counts.
//
// Lives on one shard. Handlers may answer on any thread; answers hop to the shard.

#include "daemon/outbox.hpp"
#include "daemon/routing.hpp"
#include "handlers/handler.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch {

/// What is known of a request once its sender is proved.
struct Received {
    std::shared_ptr<const Routing> routing;
    const Source* source = nullptr;              // one of routing's
    std::chrono::steady_clock::time_point at;    // its first byte; deadlines count from here
    std::chrono::system_clock::time_point wall;  // the same moment
    std::string_view head;  // request line and header fields, as received; until dispatch() returns
    std::string_view body;  // likewise
    std::string peer;       // who sent it, for the log; may be empty
    // Where dispatch() notes what it is, for the metrics; until it returns. Null: nobody asks.
    std::optional<EventKind>* kind = nullptr;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
public:
    using Done = std::function<void(std::string body, Exchange& exchange)>;

    /// `id` is the event's; of several tool calls each gets it with its number: "ID.1", "ID.2".
    /// `outbox` gets what late answers want of the call.
    Exchange(boost::asio::any_io_executor shard, const std::string& id, Received received,
             std::shared_ptr<const Event> event, std::shared_ptr<Outbox> outbox);

    /// Asks the handlers, all at once. `done` is called exactly once, on the shard: before start()
    /// returns if every handler answers at once, at the last deadline at the latest.
    void start(Done done);

    /// Once it has ended: who answered what and how fast, as a JSON array for the journal.
    std::string account() const;

    /// Once it has ended: what the handlers want of the call, in the order of the parts.
    std::vector<CommandOrder> take_orders();

private:
    // An assistant-request is one part, a tool-calls event one part per tool call; but those whose handler
    // forwards requests as they came are one part for each such handler.
    struct Part {
        std::string id;
        std::vector<const ToolCall*> tool_calls;  // none: an assistant-request
        const Route* route = nullptr;
        std::chrono::steady_clock::time_point deadline;
        bool raw = false;                  // its handler forwards the request as it came
        std::vector<std::string> answers;  // shaped for the dialect, one for each tool call
        std::string whole;                 // or else the body, as a receiver wrote it
        bool settled = false;
        std::string_view by;  // "handler", "fallback", "built-in"
        double ms = 0;        // from the request's first byte to its answer
        std::string why;      // not the handler
        std::vector<CallCommand> actions;
    };

    void divide(const std::string& id);
    void add_part(const ToolCall* call);
    void begin(std::size_t index);
    void take(Part& part, Outcome outcome);
    void take_raw(Part& part, std::string body);
    void receive(std::size_t index, Result<Outcome> outcome);
    void receive_late(Part& part, Result<Outcome> outcome);
    std::vector<CommandOrder> orders_of(const Part& part, std::vector<CallCommand> commands) const;
    void settle(Part& part, std::string answer, std::string_view by);  // `by`: a literal
    void close(Part& part, std::string_view by);
    void settle_with_fallback(Part& part);
    void fail_over(Part& part, std::string_view why);
    void arm();
    void on_deadline();
    void finish();

    HandlerMetrics& metrics_of(const Part& part) const;
    void count(const Part& part) const;
    Result<std::string> shape(const Part& part, std::string_view reply) const;
    std::string built_in(const Part& part) const;
    std::string body();
    static std::string_view tool_of(const Part& part);

    boost::asio::any_io_executor shard_;
    boost::asio::steady_timer timer_;
    Received received_;
    std::shared_ptr<const Event> event_;
    std::shared_ptr<Outbox> outbox_;
    std::shared_ptr<const RawRequest> raw_;  // null: nobody forwards it
    TraceContext trace_;
    std::vector<Part> parts_;
    std::size_t open_ = 0;
    bool starting_ = true;
    Done done_;
};

}  // namespace hookswitch
