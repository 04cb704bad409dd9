#include "daemon/core/recording.hpp"

#include "daemon/core/json.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

Result<std::string> decode_base64(const Json& member) {
    TRY(auto text, member.string());
    std::string out(text.size() / 4 * 3, '\0');
    const auto* in = reinterpret_cast<const unsigned char*>(text.data());
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    // EVP_DecodeBlock also skips blanks around the text, which the size check before it rules out.
    if (text.size() % 4 != 0 ||
        EVP_DecodeBlock(to, in, static_cast<int>(text.size())) != static_cast<int>(out.size()))
        return fail(Errc::malformed_body, member.path() + ": not base64");
    const auto padding =
        std::count(text.end() - std::min<std::ptrdiff_t>(std::ssize(text), 2), text.end(), '=');
    out.resize(out.size() - static_cast<std::size_t>(padding));  // decoded as zero bytes
    return out;
}

// `body`, or `body_base64` where it is not text; nullopt if there is neither.
Result<std::optional<std::string>> read_body(const Json& in) {
    TRY(auto text, in.find("body"));
    if (text) {
        TRY(auto value, text->string());
        return std::optional<std::string>(value);
    }
    TRY(auto encoded, in.find("body_base64"));
    if (!encoded) return std::optional<std::string>();
    TRY(auto bytes, decode_base64(*encoded));
    return std::optional<std::string>(std::move(bytes));
}

Result<> read_text(const Json& in, std::string_view key, std::string& out) {
    TRY(auto member, in.find(key));
    if (!member) return {};
    TRY(auto text, member->string());
    out = text;
    return {};
}

Result<> read_received_at(const Json& in, std::optional<Milliseconds>& out) {
    TRY(auto member, in.find("received_at"));
    if (!member) return {};
    TRY(auto text, member->string());
    out = parse_iso_time(text);
    if (!out)
        return fail(Errc::malformed_body, member->path() + ": not a time such as 2026-01-09T14:56:48.123Z");
    return {};
}

Result<> read_headers(const Json& in, RecordedDelivery& out) {
    TRY(auto member, in.find("headers"));
    if (!member) return {};
    TRY(auto object, member->object());
    for (auto [name, value] : object) {
        TRY(auto text, member->child(name, value).string());
        out.headers.emplace_back(name, text);
    }
    return {};
}

Result<> read_reply(const Json& in, std::optional<RecordedReply>& out) {
    TRY(auto member, in.find("reply"));
    if (!member) return {};
    TRY(auto status, member->at("status"));
    TRY(auto number, status.integer());
    if (number < 100 || number > 599)
        return fail(Errc::malformed_body, status.path() + ": not an HTTP status");
    TRY(auto body, read_body(*member));
    out = RecordedReply{static_cast<int>(number), body.value_or("")};
    return {};
}

std::string show(dom::element value) {
    std::string text;
    append_json(text, value);
    return one_line(text);
}

std::string show(const RecordedReply& reply) {
    return std::to_string(reply.status) + " " + one_line(reply.body);
}

// Walks two values side by side; `path` is where it stands, and after a difference where that is.
class Comparison {
public:
    explicit Comparison(std::string root) : path_(std::move(root)) {}

    std::optional<ReplyDifference> compare(dom::element recorded, dom::element got) {
        if (recorded.is_object() && got.is_object()) return compare_objects(recorded, got);
        if (recorded.is_array() && got.is_array()) return compare_arrays(recorded, got);
        if (same_scalar(recorded, got)) return std::nullopt;
        return differ(show(recorded), show(got));
    }

private:
    static bool same_scalar(dom::element a, dom::element b) {
        if (a.is<std::int64_t>() && b.is<std::int64_t>()) return std::int64_t(a) == std::int64_t(b);
        if (a.is_number() && b.is_number()) return double(a) == double(b);
        if (a.type() != b.type()) return false;
        if (a.is_string()) return std::string_view(a) == std::string_view(b);
        if (a.is_bool()) return bool(a) == bool(b);
        return a.is_null();
    }

    // Both ways round, because a member may also be there on one side only.
    std::optional<ReplyDifference> compare_objects(dom::object recorded, dom::object got) {
        for (auto [key, value] : recorded) {
            const Step step(*this, "." + std::string(key));
            dom::element other;
            if (got.at_key(key).get(other)) return differ(show(value), kAbsent);
            if (auto found = compare(value, other)) return found;
        }
        for (auto [key, value] : got) {
            const Step step(*this, "." + std::string(key));
            if (recorded.at_key(key).error()) return differ(kAbsent, show(value));
        }
        return std::nullopt;
    }

    std::optional<ReplyDifference> compare_arrays(dom::array recorded, dom::array got) {
        auto a = recorded.begin();
        auto b = got.begin();
        for (std::size_t index = 0; a != recorded.end() || b != got.end(); ++index) {
            const Step step(*this, "[" + std::to_string(index) + "]");
            if (!(a != recorded.end())) return differ(kAbsent, show(*b));
            if (!(b != got.end())) return differ(show(*a), kAbsent);
            if (auto found = compare(*a, *b)) return found;
            ++a;
            ++b;
        }
        return std::nullopt;
    }

    std::optional<ReplyDifference> differ(std::string recorded, std::string got) const {
        return ReplyDifference{path_, std::move(recorded), std::move(got)};
    }

    struct Step {
        Step(Comparison& walk, const std::string& name) : path(walk.path_), size(path.size()) {
            path += name;
        }
        ~Step() { path.resize(size); }
        std::string& path;
        std::size_t size;
    };

    static constexpr const char* kAbsent = "(absent)";
    std::string path_;
};

}  // namespace

Result<RecordedDelivery> parse_delivery(std::string_view line) {
    TRY(const auto document, Document::parse(line));
    const Json root(document);
    TRY(auto body, read_body(root));
    RecordedDelivery out;
    if (!body) {
        TRY(auto message, root.find("message"));
        TRY(auto event_type, root.find("eventType"));
        if (!message && !event_type)
            return fail(Errc::malformed_body,
                        "neither a recorded delivery (no `body`) nor a webhook body (no `message`)");
        out.body = line;
        return out;
    }
    out.body = *std::move(body);
    if (auto r = read_received_at(root, out.received_at); !r) return r.error();
    if (auto r = read_text(root, "source", out.source); !r) return r.error();
    if (auto r = read_text(root, "path", out.path); !r) return r.error();
    if (auto r = read_headers(root, out); !r) return r.error();
    if (auto r = read_reply(root, out.reply); !r) return r.error();
    return out;
}

std::optional<ReplyDifference> first_difference(const RecordedReply& recorded, const RecordedReply& got) {
    if (recorded.status != got.status) return ReplyDifference{"status", show(recorded), show(got)};
    if (recorded.body == got.body) return std::nullopt;
    const auto before = Document::parse(recorded.body), now = Document::parse(got.body);
    if (before && now) return Comparison("reply").compare(before->root(), now->root());
    return ReplyDifference{"reply", one_line(recorded.body), one_line(got.body)};
}

std::string one_line(std::string_view text, std::size_t most) {
    const bool cut = text.size() > most;
    if (cut) {
        // Not within a UTF-8 sequence, whose continuation bytes are 10xxxxxx.
        while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
        text = text.substr(0, most);
    }
    const bool plain =
        std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; });
    return (plain ? std::string(text) : json_string(text)) + (cut ? "…" : "");
}

}  // namespace hookswitch
