// The head and the body of one request: never a crash, the same however the bytes arrive, and never a
// request that a strict reader would see otherwise.

#include "daemon/io/request_head.hpp"

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_http.hpp"

#include <functional>
#include <string>

namespace hookswitch {
namespace {

using fuzz::require;

constexpr HeadLimits kLimits{1024, 12};
constexpr std::size_t kMaxBody = 512;

std::string outcome_of(const Result<std::size_t>& r) { return r ? std::to_string(*r) : r.error().what(); }

std::string scan_in_pieces(std::string_view text, std::uint8_t how) {
    HeadScanner scanner;
    std::size_t came = 0;
    Result<std::size_t> result = std::size_t{0};
    fuzz::in_pieces(text, how, [&](std::string_view piece) {
        came += piece.size();
        if (result && *result == 0) result = scanner.scan(text.substr(0, came), kLimits);
    });
    return outcome_of(result);
}

void require_inside(std::string_view part, std::string_view whole) {
    const std::less_equal<const char*> before;
    require(part.empty() || part == "given twice" || part == "/" ||
                (before(whole.data(), part.data()) &&
                 before(part.data() + part.size(), whole.data() + whole.size())),
            "views borrow the head");
}

void judge_head(std::string_view text, const RequestHead& head) {
    for (const auto part : {head.method, head.target, head.path, head.signature, head.timestamp, head.event})
        require_inside(part, text);

    auto rest = text;
    const auto line = fuzz::take_line(rest);
    require(line && fuzz::is_token(head.method), "the request line is strict");
    std::string spelled(head.method);
    spelled.append(" ").append(head.target).append(head.http10 ? " HTTP/1.0" : " HTTP/1.1");
    require(*line == spelled, "the request line says what was read");
    const auto fields = fuzz::take_fields(rest);
    require(fields && rest.empty(), "the fields are strict");
    require(fields->size() <= kLimits.fields, "not more fields than allowed");

    std::size_t hosts = 0, lengths = 0, codings = 0, signatures = 0;
    for (const auto& [name, value] : *fields) {
        hosts += name == "host";
        signatures += name == "x-webhook-signature";
        if (name == "content-length") {
            ++lengths;
            require(!value.empty() && value.find_first_not_of("0123456789") == value.npos,
                    "a length is digits");
            require(head.content_length && *head.content_length == std::stoull(std::string(value)),
                    "the length is the one sent");
        }
        if (name == "transfer-encoding") {
            ++codings;
            require(value.size() == 7, "the only coding is chunked");
        }
    }
    require(hosts == 1 || (head.http10 && hosts == 0), "one Host");
    require(lengths + codings <= 1, "one opinion about the length");
    require(head.chunked == (codings == 1) && head.content_length.has_value() == (lengths == 1),
            "no length unseen");
    require(!head.chunked || !head.http10, "HTTP/1.0 knows no chunks");
    require(signatures < 2 || head.signature == "given twice", "two signatures prove nothing");
}

struct Decoded {
    bool done = false;
    std::string error, body;
    std::size_t used = 0;
};

// As Session does: what was not used is given again with more behind it.
Decoded decode(std::string_view coded, std::uint8_t how) {
    Decoded out;
    ChunkDecoder decoder(kMaxBody);
    std::size_t came = 0;
    fuzz::in_pieces(coded, how, [&](std::string_view piece) {
        came += piece.size();
        if (!out.error.empty() || decoder.done()) return;
        // A copy of just this much, so that a read past its end is seen.
        const std::string in(coded.substr(out.used, came - out.used));
        auto used = decoder.feed(in, out.body);
        if (!used) {
            out.error = used.error().what();
            return;
        }
        require(*used <= in.size(), "not more used than given");
        out.used += *used;
    });
    out.done = decoder.done() && out.error.empty();
    require(out.body.size() <= kMaxBody, "the body is bounded");
    return out;
}

void judge_chunks(std::string_view coded, std::uint8_t how) {
    const auto whole = decode(coded, 255);
    const auto cut = decode(coded, how);
    require(whole.done == cut.done, "chunks: pieces do not matter");
    require(whole.error.empty() == cut.error.empty() || fuzz::leaves_a_quote_open(coded),
            "chunks: pieces do not matter to a refusal");
    if (!whole.done) return;
    require(whole.body == cut.body && whole.used == cut.used, "chunks: pieces do not change the body");
    const auto strict = fuzz::strict_chunks(coded);
    require(strict && strict->body == whole.body && strict->size == whole.used, "the chunks are strict");
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hookswitch;
    if (size == 0) return 0;
    const auto how = data[0];
    const auto text = fuzz::text_of(data + 1, size - 1);

    HeadScanner scanner;
    const auto found = text.empty() ? Result<std::size_t>(std::size_t{0}) : scanner.scan(text, kLimits);
    require(scan_in_pieces(text, how) == outcome_of(found), "head: pieces do not matter");
    if (!found || *found == 0) {
        judge_chunks(text, how);
        return 0;
    }
    require(*found <= kLimits.bytes, "the head is bounded");
    const std::string copy(text.substr(0, *found));
    const auto head = parse_head(copy, kLimits);
    if (head) judge_head(copy, *head);
    judge_chunks(text.substr(*found), how);
    return 0;
}
