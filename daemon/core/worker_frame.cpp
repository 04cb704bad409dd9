#include "daemon/core/worker_frame.hpp"

#include "daemon/core/json.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kPadding = simdjson::SIMDJSON_PADDING;
constexpr std::size_t kLeastRead = 4096;               // less space than this: make some
constexpr std::size_t kKeep = LineBuffer::kRead * 16;  // a larger buffer is given back when empty
constexpr std::size_t kMaxMessage = 500;               // bytes of an error message that reach the log

// The members that mean something, in one pass over the object.
struct Members {
    std::optional<dom::element> handshake, id, reply, error, actions, call;
    bool unknown = false;

    explicit Members(dom::object frame) {
        for (auto [key, value] : frame) {
            auto* member = named(key);
            if (!member)
                unknown = true;
            else if (!value.is_null())
                *member = value;
        }
    }

private:
    std::optional<dom::element>* named(std::string_view key) {
        if (key == "id") return &id;
        if (key == "reply") return &reply;
        if (key == "error") return &error;
        if (key == "actions") return &actions;
        if (key == "call") return &call;
        return key == "hookswitch" ? &handshake : nullptr;
    }
};

// Cut between characters, not inside one.
std::string cut_message(std::string_view text) {
    if (text.size() <= kMaxMessage) return std::string(text);
    std::size_t end = kMaxMessage;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "...";
}

// `frame` is what `actions` is a member of.
CallCommands read_actions(const Json& frame, const std::optional<dom::element>& actions) {
    if (!actions) return {};
    return parse_call_commands(frame.child("actions", *actions));
}

WorkerFailure read_error(std::string id, dom::element error) {
    dom::object object;
    std::string_view message;
    if (error.get(object) || object["message"].get(message))
        return {std::move(id), "its error has no message", true};
    bool retry = true;
    if (object["retry"].get(retry)) retry = true;
    return {std::move(id), cut_message(message), retry};
}

WorkerFrame read_answer(const Json& frame, const Members& members) {
    std::string_view text;
    if (members.id && members.id->get(text)) return Garbage{"id is not a string"};
    std::string id(text);
    if (members.error) return read_error(std::move(id), *members.error);
    if (members.reply && !members.reply->is_object())
        return WorkerFailure{std::move(id), "its reply is not an object", true};
    if (!members.reply && members.unknown)
        return WorkerFailure{std::move(id), "its answer has neither reply nor error", true};

    WorkerAnswer answer{std::move(id), {}, read_actions(frame, members.actions)};
    if (members.reply) append_json(answer.reply, *members.reply);
    return answer;
}

WorkerFrame read_frame(Result<Document> doc) {
    if (!doc) return Garbage{"not JSON: " + doc.error().what()};
    dom::object frame;
    if (doc->root().get(frame)) return Garbage{"not a JSON object"};

    const Members members(frame);
    const Json root(*doc);
    if (members.id) return read_answer(root, members);
    if (members.call) {
        std::string_view call;
        if (members.call->get(call)) return Garbage{"call is not a string"};
        if (call.empty()) return Garbage{"call is empty"};
        return WorkerActions{std::string(call), read_actions(root, members.actions)};
    }
    Handshake handshake;
    if (members.handshake && !members.handshake->get(handshake.version)) return handshake;
    return Garbage{"neither id nor call in it"};
}

}  // namespace

std::span<char> LineBuffer::space() {
    if (begin_ == end_) {
        begin_ = scanned_ = end_ = 0;
        if (buffer_.size() > kKeep) buffer_ = {};
    }
    if (buffer_.size() < end_ + kLeastRead + kPadding && begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        scanned_ -= begin_;
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() < end_ + kLeastRead + kPadding)
        buffer_.resize(std::max(kRead + kPadding, buffer_.size() * 2));
    return {buffer_.data() + end_, std::min(kRead, buffer_.size() - kPadding - end_)};
}

std::optional<std::string_view> LineBuffer::next() {
    if (overflowed_) return std::nullopt;
    const char* data = buffer_.data();
    const void* found = scanned_ < end_ ? std::memchr(data + scanned_, '\n', end_ - scanned_) : nullptr;
    scanned_ = found ? static_cast<std::size_t>(static_cast<const char*>(found) - data) : end_;
    const std::string_view line(data + begin_, scanned_ - begin_);
    overflowed_ = line.size() > max_line_;
    if (overflowed_ || !found) return std::nullopt;
    begin_ = ++scanned_;
    return line;
}

WorkerFrame parse_worker_frame(std::string_view line) { return read_frame(Document::parse(line)); }

WorkerFrame parse_answer(std::string_view text) {
    const auto doc = Document::parse(text);
    if (!doc) return Garbage{"not JSON: " + doc.error().what()};
    dom::object answer;
    if (doc->root().get(answer)) return Garbage{"not a JSON object"};
    return read_answer(Json(*doc), Members(answer));
}

WorkerFrame parse_padded_worker_frame(std::string_view line) {
    return read_frame(Document::parse_padded(line));
}

}  // namespace hookswitch
