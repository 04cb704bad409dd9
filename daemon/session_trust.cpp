// What a session makes of the claims of a request: whether it is looked at, and whether it is proved.

#include "daemon/io/log.hpp"
#include "daemon/session.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

// Some 40 us of hashing: what others may have to wait for.
constexpr std::size_t kHashedAtOnce = std::size_t{64} << 10;

Error too_many_failed() {
    return fail(Errc::bad_signature, "not looked at: too many signatures of this client have failed");
}

}  // namespace

bool Session::is_trusted(const Address& address) const {
    return std::ranges::any_of(shard_.settings.trusted_proxies,
                               [&](const Network& proxy) { return proxy.contains(address); });
}

std::string Session::peer(const Request& request) const {
    const auto& client = request.client ? request.client : peer_;
    return client ? client->to_string() : "unix";
}

// What the head alone decides, so that nobody's body is waited for in vain.
Result<> Session::admit(Request& request) {
    const SignaturePolicy& policy = request.source->signature;
    if (policy.insecure_no_signature) return {};
    if (proxied_ && counts(request))
        known_ = shard_.senders.standing(*request.client, filled_) == Senders::Standing::proven;
    if (limit(request)) return too_many_failed();
    const SignatureHeaders claims{request.head.signature, request.head.timestamp};
    auto plausible = check_claims(policy, claims, wall_);
    if (!plausible) has_failed(request);
    return plausible;
}

bool Session::limit(Request& request) {
    if (!counts(request)) return false;
    request.limited = shard_.senders.standing(*request.client, filled_) == Senders::Standing::blocked;
    if (!request.limited) return false;
    request.source->metrics->rejected_signatures.add();
    request.source->metrics->limited_signatures.add();
    return true;
}

asio::awaitable<Result<VerifiedBody>> Session::prove(Request& request) {
    // Once more: while the body was on its way, the client's other requests may have failed.
    const bool open = request.source->signature.insecure_no_signature;
    if (!open && limit(request)) co_return too_many_failed();
    const SignatureHeaders claims{request.head.signature, request.head.timestamp};
    Verification verification(request.source->signature, claims, request.body, wall_);
    while (!verification.advance(kHashedAtOnce)) {
        co_await shard_.turns.take();
        if (aborted_) co_return fail(Errc::connection_closed, "closed to make room, or in a stop");
    }
    auto verdict = verification.verdict();
    if (!verdict) has_failed(request);
    co_return verdict;
}

void Session::has_failed(const Request& request) {
    request.source->metrics->rejected_signatures.add();
    if (!counts(request) || !shard_.senders.failed(*request.client, filled_)) return;
    if (const auto held_back = shard_.refusals.pass(Clock::now()))
        log::warn("sender.limited", kv("why", "server.failed_signatures is used up"),
                  kv("peer", peer(request)), kv("source", request.source->name),
                  kv("suppressed", *held_back));
}

void Session::has_proved(const Request& request, const VerifiedBody& body) {
    known_ = true;
    shard_.welcome(*this);
    if (body.key() == VerifiedBody::kNoKey) return;
    if (body.key() < request.source->key_used.size()) request.source->key_used[body.key()]->add();
    if (counts(request)) shard_.senders.succeeded(*request.client, filled_);
}

}  // namespace hookswitch
