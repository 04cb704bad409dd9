#include "daemon/io/request_head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace hookswitch {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using BeastText = beast::string_view;

Error bad_request(std::string why) { return fail(Errc::bad_request, std::move(why)); }

bool begins_a_method(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// Every place where Beast would ask a subclass what to do; ours has nothing to say but where it
// overrides.
class QuietParser : public http::basic_parser<true> {
protected:
    void on_request_impl(http::verb, BeastText, BeastText, int, error_code&) override {}
    void on_response_impl(int, BeastText, int, error_code&) override {}
    void on_field_impl(http::field, BeastText, BeastText, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(BeastText text, error_code&) override { return text.size(); }
    void on_chunk_header_impl(std::uint64_t, BeastText, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, BeastText text, error_code&) override {
        return text.size();
    }
    void on_finish_impl(error_code&) override {}
};

class HeadParser final : public QuietParser {
public:
    HeadParser(RequestHead& head, const HeadLimits& limits) : head_(head), limits_(limits) {
        header_limit(std::numeric_limits<std::uint32_t>::max());  // HeadScanner has already counted
        skip(true);                                               // the body is not this parser's
    }

    bool has_host() const { return has_host_; }
    bool wants_close() const { return close_; }

    std::optional<Error> refusal;

private:
    void on_request_impl(http::verb, BeastText method, BeastText target, int version, error_code&) override {
        head_.method = method;
        head_.target = target;
        head_.http10 = version == 10;
    }

    void on_field_impl(http::field field, BeastText name, BeastText value, error_code& ec) override {
        if (++fields_ > limits_.fields)
            return refuse(ec, fail(Errc::head_too_large, "too many header fields"));
        switch (field) {
            case http::field::content_length: return content_length_is(value, ec);
            case http::field::transfer_encoding: return transfer_encoding_is(value, ec);
            case http::field::connection: close_ |= http::token_list(value).exists("close"); return;
            case http::field::expect: head_.expect_continue = beast::iequals(value, "100-continue"); return;
            case http::field::forwarded: return join(head_.forwarded, value);
            case http::field::host: return host_is(value, ec);
            default: break;
        }
        if (beast::iequals(name, "X-Webhook-Signature")) return prove(head_.signature, value);
        if (beast::iequals(name, "X-Webhook-Timestamp")) return prove(head_.timestamp, value);
        if (beast::iequals(name, "X-Webhook-Event")) head_.event = value;
        if (beast::iequals(name, "X-Forwarded-For")) join(head_.x_forwarded_for, value);
    }

    void content_length_is(BeastText value, error_code& ec) {
        if (std::exchange(has_length_, true)) return refuse(ec, bad_request("Content-Length given twice"));
        std::uint64_t size = 0;
        for (const char c : value) {
            if (c < '0' || c > '9' || size > std::numeric_limits<std::uint64_t>::max() / 100)
                return refuse(ec, bad_request("Content-Length is not a number"));
            size = size * 10 + static_cast<std::uint64_t>(c - '0');
        }
        head_.content_length = size;
    }

    void transfer_encoding_is(BeastText value, error_code& ec) {
        if (head_.chunked) return refuse(ec, bad_request("Transfer-Encoding given twice"));
        if (!beast::iequals(value, "chunked"))
            return refuse(ec, bad_request("Transfer-Encoding is not 'chunked'"));
        head_.chunked = true;
    }

    // RFC 9112, 3.2: exactly one in HTTP/1.1.
    void host_is(BeastText, error_code& ec) {
        if (std::exchange(has_host_, true)) refuse(ec, bad_request("Host given twice"));
    }

    // A second one might be read instead of the first by somebody else on the way, so two prove
    // nothing: neither these words nor any prefix of them can be a signature or a time.
    static void prove(std::string_view& to, BeastText value) {
        to = to.data() ? std::string_view("given twice") : std::string_view(value);
    }

    static void join(std::string& to, BeastText value) {
        if (!to.empty()) to += ", ";
        to.append(value.data(), value.size());
    }

    void refuse(error_code& ec, Error why) {
        refusal = std::move(why);
        ec = http::error::bad_field;
    }

    RequestHead& head_;
    const HeadLimits& limits_;
    std::size_t fields_ = 0;
    bool has_length_ = false;
    bool has_host_ = false;
    bool close_ = false;
};

// RFC 9112, 3.2: origin form, or absolute form, which a proxy may send.
std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        const auto slash = target.find('/');
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
        break;
    }
    return target.substr(0, target.find_first_of("?#"));
}

}  // namespace

Result<std::size_t> HeadScanner::scan(std::string_view buffer, const HeadLimits& limits) {
    if (!buffer.empty() && !begins_a_method(buffer[0])) return bad_request("does not begin with a method");
    const std::string_view within = buffer.substr(0, limits.bytes);
    while (scanned_ < within.size()) {
        const auto* found =
            static_cast<const char*>(std::memchr(within.data() + scanned_, '\n', within.size() - scanned_));
        if (!found) {
            scanned_ = within.size();
            break;
        }
        const auto at = static_cast<std::size_t>(found - within.data());
        if (at == 0 || within[at - 1] != '\r') return bad_request("a line does not end in CR LF");
        if (at - line_ == 1) return at + 1;
        if (line_ > 0 && (within[line_] == ' ' || within[line_] == '\t'))
            return bad_request("a field is folded");
        line_ = scanned_ = at + 1;
    }
    if (within.size() == limits.bytes)
        return fail(Errc::head_too_large, "request head over " + std::to_string(limits.bytes) + " bytes");
    return std::size_t{0};
}

Result<RequestHead> parse_head(std::string_view text, const HeadLimits& limits) {
    RequestHead head;
    HeadParser parser(head, limits);
    parser.eager(true);
    error_code ec;
    parser.put(boost::asio::const_buffer(text.data(), text.size()), ec);
    if (parser.refusal) return *parser.refusal;
    if (ec || !parser.is_header_done()) return bad_request(ec ? ec.message() : "incomplete head");
    if (!head.http10 && !parser.has_host()) return bad_request("Host missing");
    if (head.chunked && head.content_length) return bad_request("both Transfer-Encoding and Content-Length");
    if (head.chunked && head.http10) return bad_request("Transfer-Encoding in HTTP/1.0");
    head.keep_alive = parser.keep_alive() && !parser.wants_close();  // RFC 9112, 9.3: close wins
    head.path = path_of(head.target);
    return head;
}

struct ChunkDecoder::Parser final : QuietParser {
    // Beast takes any byte inside quotes, also the LF that a proxy may take for the line's end; and it
    // unfolds trailers. Those are all there when the last chunk's header is.
    void on_chunk_header_impl(std::uint64_t size, BeastText extension, error_code& ec) override {
        const auto control = [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; };
        if (std::any_of(extension.begin(), extension.end(), control)) ec = http::error::bad_chunk_extension;
        if (size > 0) return;
        auto trailers = input.substr(static_cast<std::size_t>(extension.end() - input.data()));
        trailers = trailers.substr(0, trailers.find("\r\n\r\n"));
        for (const std::string_view fold : {"\r\n ", "\r\n\t"})
            if (trailers.find(fold) != trailers.npos) ec = http::error::bad_value;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastText text, error_code&) override {
        to->append(text.data(), text.size());
        return text.size();
    }
    std::string* to = nullptr;
    std::string_view input;  // of the feed() in progress
};

// Beast decodes chunks only behind a head, so it is given one.
ChunkDecoder::ChunkDecoder(std::size_t max_body) : parser_(std::make_unique<Parser>()) {
    constexpr std::string_view kHead = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    parser_->body_limit(max_body);
    error_code ec;
    parser_->put(boost::asio::const_buffer(kHead.data(), kHead.size()), ec);
}

ChunkDecoder::~ChunkDecoder() = default;

bool ChunkDecoder::done() const { return parser_->is_done(); }

Result<std::size_t> ChunkDecoder::feed(std::string_view in, std::string& body) {
    // What is left of a chunked body is never shorter, and Beast's parser asserts when it resumes
    // the last chunk on less.
    constexpr std::size_t kLastChunk = std::string_view("0\r\n\r\n").size();
    parser_->to = &body;
    parser_->input = in;
    std::size_t used = 0;
    while (!done() && in.size() - used >= kLastChunk) {
        error_code ec;
        used += parser_->put(boost::asio::const_buffer(in.data() + used, in.size() - used), ec);
        if (ec == http::error::need_more) break;
        if (ec == http::error::body_limit) return fail(Errc::body_too_large, "chunked body over the limit");
        if (ec) return bad_request("chunked body: " + ec.message());
    }
    return used;
}

}  // namespace hookswitch
