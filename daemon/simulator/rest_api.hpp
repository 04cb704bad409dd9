#pragma once

// The REST API of the local platform as a function of a request and the time: authentication, limits, the
// operations of an era with their state, and errors as the platform words them. No sockets here; see
// rest_server.hpp.
//
// Source: Flireo protocol reference, sections 4 to 8 and 12.

#include "daemon/core/iso_time.hpp"
#include "daemon/simulator/directory.hpp"
#include "daemon/simulator/rest_settings.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::simulator {

class CallLog;
struct CallRecord;
class Switchboard;
struct RestState;
struct RateLimit;

struct RestRequest {
    std::string_view method, path, query, authorization, body;  // path and query as sent
};

struct RestReply {
    int status = 200;
    std::string body;  // JSON; empty with 204
    std::vector<std::pair<std::string_view, std::string>> headers;
};

class RestApi {
public:
    /// `log` must outlive it. With `now` it makes an assistant and a number, unless the settings say not to.
    RestApi(RestSettings settings, CallLog& log, Milliseconds now);
    ~RestApi();

    /// To be called before the first request; it must outlive the last one.
    void connect(Switchboard& switchboard);

    RestReply answer(const RestRequest& request, Milliseconds now);

    /// An answer that was not asked for: a fault, or a request that is not HTTP.
    RestReply refuse(int status, std::string_view code, std::string_view message, Milliseconds now) const;

    const RestSettings& settings() const;

    // ---- what calls ask

    /// nullopt: not one of the organization's numbers (an account's webhook may still be asked).
    std::optional<Line> line(std::string_view called) const;

    /// Of an `assistant_id` in the answer to an assistant-request; nullopt: unknown.
    std::optional<Assistant> assistant(std::string_view id) const;

    /// Every number, in order of creation.
    std::vector<Line> lines() const;

    /// To be called once for every call that has ended, of whatever direction: usage and campaigns' leads.
    void on_ended(const CallRecord& call);

private:
    struct Limits;
    RestReply answer_in_limits(const RestRequest& request, std::string_view path, Milliseconds now,
                               const RateLimit& limit);
    std::string key_of(std::string_view authorization) const;

    std::unique_ptr<RestState> state_;
    std::unique_ptr<Limits> limits_;
};

}  // namespace hookswitch::simulator
