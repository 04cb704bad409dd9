#pragma once

// Carries webhooks to receivers as the platform does: signed, each within its time limit; and, if it is
// asked to, with the faults of a bad day. What comes of each delivery is told to its call, to the report
// and to the recording.
//
// Source: Flireo protocol reference, section 2 (webhook delivery).

#include "daemon/core/signature.hpp"
#include "daemon/simulator/play_report.hpp"
#include "daemon/simulator/play_settings.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch::simulator {

struct Destination {
    Url url;
    std::optional<SigningKey> key;  // nullopt: not signed
};

struct Delivery {
    EventKind kind = EventKind::status_update;
    std::string call;  // its id; deliveries of one call are held back against each other
    std::string body;
    std::shared_ptr<const Destination> to;
};

class WebhookSender {
public:
    /// Called once, later than send(), on the same thread.
    using Done = std::function<void(const DeliveryOutcome&)>;

    /// `report` must outlive it. The executor runs one thread.
    WebhookSender(boost::asio::any_io_executor executor, const PlaySettings& settings, PlayReport& report);
    ~WebhookSender();

    /// Writes each delivery and its answer to a file, in the recording format.
    Result<> record_to(const std::filesystem::path& file);

    void send(Delivery delivery, Done done);

    /// `idle` is called once, later, when nothing is on its way or held back any more.
    void when_idle(std::function<void()> idle);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// "tool-calls" and so on.
std::string_view name_of(EventKind kind);

/// The platform's header fields for a body; `signature` without a key gives none.
std::vector<std::pair<std::string, std::string>> webhook_headers(EventKind kind, std::string_view body,
                                                                 const std::optional<SigningKey>& key,
                                                                 SignatureStyle style,
                                                                 std::string_view timestamp);

}  // namespace hookswitch::simulator
