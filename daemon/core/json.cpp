#include "daemon/core/json.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;
namespace od = simdjson::ondemand;

// Visits every value, which is what makes simdjson's On-Demand front end validate every value.
// `depth` stops short of simdjson's own limit of 1024: past it On-Demand asserts, and a body of
// nothing but '[' would otherwise take the stack.
simdjson::error_code visit(od::value value, int depth = 1000) {
    if (depth == 0) return simdjson::DEPTH_ERROR;
    od::json_type type;
    if (auto e = value.type().get(type)) return e;
    switch (type) {
        case od::json_type::object: {
            od::object object;
            if (auto e = value.get_object().get(object)) return e;
            for (auto field : object) {
                std::string_view key;
                if (auto e = field.unescaped_key().get(key)) return e;
                od::value member;
                if (auto e = field.value().get(member)) return e;
                if (auto e = visit(member, depth - 1)) return e;
            }
            return simdjson::SUCCESS;
        }
        case od::json_type::array: {
            od::array array;
            if (auto e = value.get_array().get(array)) return e;
            for (auto item : array) {
                od::value element;
                if (auto e = item.get(element)) return e;
                if (auto e = visit(element, depth - 1)) return e;
            }
            return simdjson::SUCCESS;
        }
        case od::json_type::string: {
            std::string_view s;
            return value.get_string().get(s);
        }
        case od::json_type::number: {
            double d;
            return value.get_double().get(d);
        }
        case od::json_type::boolean: {
            bool b;
            return value.get_bool().get(b);
        }
        case od::json_type::null: {
            bool null = false;
            if (auto e = value.is_null().get(null)) return e;
            return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
        }
    }
    return simdjson::UNEXPECTED_ERROR;
}

// Where the text stops being JSON, as an offset. The DOM parser does not say; this second,
// slower pass runs only on bodies we are about to refuse.
std::optional<std::size_t> syntax_error_offset(const simdjson::padded_string& text) {
    od::parser parser;
    od::document doc;
    if (parser.iterate(text).get(doc)) return std::nullopt;  // not even tokens: bad UTF-8, open string
    od::value root;
    auto e = doc.get_value().get(root);
    if (!e) e = visit(root);
    const char* at = nullptr;  // with no error so far, what is left is text after the value
    if (doc.current_location().get(at)) return std::nullopt;
    return static_cast<std::size_t>(at - text.data());
}

std::string describe(const simdjson::padded_string& text, simdjson::error_code error) {
    std::string what = "body";
    if (auto offset = syntax_error_offset(text)) {
        const std::string_view before(text.data(), std::min(*offset, text.size()));
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        const auto newline = before.rfind('\n');
        const auto column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
        what += ":" + std::to_string(line) + ":" + std::to_string(column);
    }
    return what + ": " + simdjson::error_message(error);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* name_of(dom::element_type type) {
    switch (type) {
        case dom::element_type::ARRAY: return "array";
        case dom::element_type::OBJECT: return "object";
        case dom::element_type::STRING: return "string";
        case dom::element_type::BOOL: return "boolean";
        case dom::element_type::NULL_VALUE: return "null";
        default: return "number";
    }
}

// Repairs two things that are JSON by its grammar (RFC 8259) but that simdjson has no value for,
// because refusing the whole event for them would lose it: an integer of more than 64 bits becomes
// the nearest double, and half of a surrogate pair, as a JavaScript sender leaves it when it cuts a
// text inside an emoji, becomes U+FFFD. Runs only on texts that simdjson has just refused.
class Repair {
public:
    explicit Repair(std::string_view text) : text_(text) {}

    /// nullopt: nothing to repair.
    std::optional<std::string> run() {
        while (at_ < text_.size()) {
            if (text_[at_] == '"')
                copy_string();
            else if (is_digit(text_[at_]))
                copy_number();
            else
                out_ += text_[at_++];
        }
        if (!changed_) return std::nullopt;
        return std::move(out_);
    }

private:
    void copy_string() {
        do {
            if (text_[at_] == '\\')
                copy_escape();
            else
                out_ += text_[at_++];
        } while (at_ < text_.size() && text_[at_] != '"');
        if (at_ < text_.size()) out_ += text_[at_++];
    }

    void copy_escape() {
        const bool high = is_surrogate("dD", "89abAB", at_);
        const bool pair = high && is_surrogate("dD", "cdefCDEF", at_ + kEscape);
        const bool half = !pair && (high || is_surrogate("dD", "cdefCDEF", at_));
        const std::size_t size = std::min(pair ? 2 * kEscape : half ? kEscape : 2, text_.size() - at_);
        out_ += half ? std::string_view("\\ufffd") : text_.substr(at_, size);
        changed_ |= half;
        at_ += size;
    }

    bool is_surrogate(const char* third, const char* fourth, std::size_t at) const {
        return text_.size() >= at + kEscape && text_[at] == '\\' && text_[at + 1] == 'u' &&
               std::strchr(third, text_[at + 2]) && std::strchr(fourth, text_[at + 3]);
    }

    // All of a number is copied here, so that digits of a fraction or exponent are not taken for one.
    void copy_number() {
        constexpr std::size_t kSureToFit = 18;  // digits of any 64-bit integer
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
        const bool wide = at_ - begin > kSureToFit && !(at_ < text_.size() && std::strchr(".eE", text_[at_]));
        while (at_ < text_.size() && (is_digit(text_[at_]) || std::strchr(".eE+-", text_[at_]))) ++at_;
        out_ += text_.substr(begin, at_ - begin);
        if (wide) out_ += ".0";
        changed_ |= wide;
    }

    static constexpr std::size_t kEscape = 6;  // of "\\uXXXX"

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
    bool changed_ = false;
};

// Recycled documents of this thread. Reports of a long call need hundreds of kilobytes each, which
// malloc would fetch from and give back to the kernel every time.
struct Pool {
    static constexpr std::size_t kDocuments = 32;
    static constexpr std::size_t kLargest = std::size_t{1} << 20;  // of text; above: not kept

    ~Pool() { alive = false; }

    // Trivial, so that it can still be read when a document outlives the pool at thread exit.
    static inline thread_local bool alive = false;
    std::vector<std::unique_ptr<simdjson::dom::document>> free;
};

Pool& pool() {
    thread_local Pool pool;
    return pool;
}

Result<> parse_into(simdjson::dom::document& doc, std::string_view padded) {
    thread_local dom::parser parser;
    const auto e = parser.parse_into_document(doc, padded.data(), padded.size(), false).error();
    if (!e) return {};
    if (e == simdjson::NUMBER_ERROR || e == simdjson::STRING_ERROR)
        if (const auto repaired = Repair(padded).run()) {
            const simdjson::padded_string text(*repaired);
            if (!parser.parse_into_document(doc, text).error()) return {};
        }
    return fail(Errc::malformed_body, describe(simdjson::padded_string(padded), e));
}

}  // namespace

void Document::Recycle::operator()(simdjson::dom::document* doc) const noexcept {
    std::unique_ptr<simdjson::dom::document> owned(doc);
    if (!Pool::alive || doc->capacity() > Pool::kLargest) return;
    auto& free = pool().free;
    if (free.size() < Pool::kDocuments) free.push_back(std::move(owned));
}

Document::Document() {
    auto& free = pool().free;
    if (!Pool::alive) {
        free.reserve(Pool::kDocuments);  // so that giving back never allocates, and never throws
        Pool::alive = true;
    }
    if (free.empty()) {
        doc_.reset(new simdjson::dom::document);
    } else {
        doc_.reset(free.back().release());
        free.pop_back();
    }
}

Result<Document> Document::parse_padded(std::string_view text) {
    Document result;
    if (auto r = parse_into(*result.doc_, text); !r) return r.error();
    return result;
}

Result<Document> Document::parse(std::string_view text) {
    thread_local std::string padded;
    padded.assign(text);
    padded.append(simdjson::SIMDJSON_PADDING, '\0');
    auto result = parse_padded({padded.data(), text.size()});
    if (padded.capacity() > Pool::kLargest) padded = {};
    return result;
}

std::string Json::path() const {
    if (!parent_) return "body";
    const std::string up = parent_->parent_ ? parent_->path() : std::string();
    if (key_.empty()) return up + "[" + std::to_string(index_) + "]";
    return up.empty() ? std::string(key_) : up + "." + std::string(key_);
}

Error Json::wrong_type(std::string_view expected) const {
    return fail(Errc::malformed_body,
                path() + ": expected " + std::string(expected) + ", found " + name_of(value_.type()));
}

Result<std::optional<Json>> Json::find(std::string_view key) const {
    dom::object object;
    if (value_.get(object)) return wrong_type("object");
    dom::element member;
    if (object.at_key(key).get(member) || member.is_null()) return std::optional<Json>();
    return std::optional(Json(member, this, key, 0));
}

Result<Json> Json::at(std::string_view key) const {
    TRY(auto member, find(key));
    if (!member) return fail(Errc::malformed_body, Json({}, this, key, 0).path() + ": missing");
    return *member;
}

Result<std::string_view> Json::string() const {
    std::string_view s;
    if (value_.get(s)) return wrong_type("string");
    return s;
}

Result<std::int64_t> Json::integer() const {
    std::int64_t n = 0;
    if (value_.get(n)) return wrong_type("integer");
    return n;
}

Result<dom::object> Json::object() const {
    dom::object object;
    if (value_.get(object)) return wrong_type("object");
    return object;
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c >= ' ' && c != '"' && c != '\\') continue;
        out.append(text, done, i - done);
        done = i + 1;
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                out += "\\u00";
                out += "0123456789abcdef"[c >> 4];
                out += "0123456789abcdef"[c & 15];
        }
    }
    out.append(text, done);
    out += '"';
}

std::string json_string(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

void append_json(std::string& out, dom::element value) {
    dom::object object;
    dom::array array;
    std::string_view text;
    bool first = true;
    if (!value.get(object)) {
        out += '{';
        for (auto [key, member] : object) {
            if (!std::exchange(first, false)) out += ',';
            append_json_string(out, key);
            out += ':';
            append_json(out, member);
        }
        out += '}';
    } else if (!value.get(array)) {
        out += '[';
        for (const dom::element item : array) {
            if (!std::exchange(first, false)) out += ',';
            append_json(out, item);
        }
        out += ']';
    } else if (!value.get(text)) {
        append_json_string(out, text);
    } else {
        out += simdjson::minify(value);  // numbers, true, false, null
    }
}

}  // namespace hookswitch
