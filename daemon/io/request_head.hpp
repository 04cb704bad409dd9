#pragma once

// Reading HTTP/1.x requests: Beast's parser for the grammar, and on top of it the refusals that keep
// us and any proxy in front from reading one byte stream in two ways (RFC 9112, 11.2: request
// smuggling). What the RFC lets a recipient repair (bare LF, folding, repeated lengths), we refuse.

#include "daemon/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

struct HeadLimits {
    std::size_t bytes = 16u << 10;
    std::size_t fields = 100;
};

/// Finds the end of the head in a growing buffer, each byte looked at once. Refuses line endings
/// that are not CR LF, folded fields, and a first byte that no method begins with, as soon as they
/// are seen; a stranger who speaks TLS or nonsense need not wait for a timeout.
class HeadScanner {
public:
    /// `buffer` begins with the request and has grown since the last call. Returns the size of the
    /// head with its empty line, or 0 for "not yet". Errc::bad_request, Errc::head_too_large.
    Result<std::size_t> scan(std::string_view buffer, const HeadLimits& limits);
    void reset() { *this = {}; }

private:
    std::size_t scanned_ = 0;
    std::size_t line_ = 0;  // where the current line begins
};

/// A parsed head. Views borrow the head's bytes.
struct RequestHead {
    std::string_view method;
    std::string_view target;  // as sent
    std::string_view path;    // the target without query, and without "http://host" in absolute form
    bool http10 = false;
    bool keep_alive = true;
    bool expect_continue = false;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;

    std::string_view signature, timestamp, event;  // X-Webhook-*; empty: absent
    std::string x_forwarded_for, forwarded;        // several fields joined by ", "
};

/// `head` is what HeadScanner found. Errc::bad_request names the field, never its value;
/// Errc::head_too_large for too many fields.
Result<RequestHead> parse_head(std::string_view head, const HeadLimits& limits);

/// Takes the chunked coding (RFC 9112, 7.1) off a body as it arrives; trailers are checked for
/// grammar and dropped.
class ChunkDecoder {
public:
    explicit ChunkDecoder(std::size_t max_body);
    ~ChunkDecoder();

    /// Reads from `in`, appends to `body`, returns how much of `in` was used; the rest must be given
    /// again with more behind it. Errc::bad_request, Errc::body_too_large.
    Result<std::size_t> feed(std::string_view in, std::string& body);
    bool done() const;

private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace hookswitch
