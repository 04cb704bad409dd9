// What a worker process writes: cut into the same lines however the reads fall, and every line is some
// frame.

#include "daemon/core/json.hpp"
#include "daemon/core/worker_frame.hpp"

#include "tests/fuzz/fuzz.hpp"

#include <string>
#include <vector>

namespace hookswitch {
namespace {

using fuzz::require;

constexpr std::size_t kMaxLine = 300;

std::string described(const WorkerFrame& frame) {
    struct {
        std::string operator()(const Garbage& f) const { return "garbage " + f.why; }
        std::string operator()(const Handshake& f) const { return "handshake " + std::to_string(f.version); }
        std::string operator()(const WorkerAnswer& f) const {
            return "answer " + f.id + ' ' + f.reply + ' ' + std::to_string(f.actions);
        }
        std::string operator()(const WorkerFailure& f) const {
            return "failure " + f.id + ' ' + f.message + ' ' + std::to_string(f.retry);
        }
        std::string operator()(const WorkerActions& f) const {
            return "actions " + f.call + ' ' + std::to_string(f.actions);
        }
    } const describe;
    return std::visit(describe, frame);
}

void judge_frame(std::string_view line) {
    const auto frame = parse_padded_worker_frame(line);
    require(described(frame) == described(parse_worker_frame(line)), "padding does not matter");
    if (const auto* answer = std::get_if<WorkerAnswer>(&frame); answer && !answer->reply.empty()) {
        const auto reply = Document::parse(answer->reply);
        require(reply && reply->root().is_object(), "a reply is an object");
    }
    if (const auto* failure = std::get_if<WorkerFailure>(&frame))
        require(failure->message.size() <= 503 && Document::parse(json_string(failure->message)).has_value(),
                "a message is bounded and still text");
}

struct Lines {
    std::vector<std::string> all;
    bool overflowed = false;
    bool operator==(const Lines&) const = default;
};

Lines cut(std::string_view stream, std::uint8_t how, bool judge) {
    Lines out;
    LineBuffer buffer(kMaxLine);
    fuzz::in_pieces(stream, how, [&](std::string_view piece) {
        while (!piece.empty() && !buffer.overflowed()) {
            const auto space = buffer.space();
            require(!space.empty() && space.size() <= LineBuffer::kRead, "there is room, within bounds");
            const auto n = std::min(space.size(), piece.size());
            std::copy_n(piece.begin(), n, space.begin());
            buffer.commit(n);
            piece.remove_prefix(n);
            while (const auto line = buffer.next()) {
                out.all.emplace_back(*line);
                if (judge) judge_frame(*line);
            }
        }
    });
    out.overflowed = buffer.overflowed();
    return out;
}

std::vector<std::string> cut_for_log(std::string_view stream, std::uint8_t how) {
    std::vector<std::string> all;
    CutLines lines(kMaxLine);
    const auto keep = [&](std::string_view line) { all.emplace_back(line); };
    fuzz::in_pieces(stream, how, [&](std::string_view piece) { lines.feed(piece, keep); });
    lines.finish(keep);
    for (const auto& line : all) require(line.size() <= kMaxLine, "lines for the log are bounded");
    return all;
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hookswitch;
    if (size == 0) return 0;
    const auto how = data[0];
    const auto stream = fuzz::text_of(data + 1, size - 1);
    require(cut(stream, how, true) == cut(stream, 255, false), "pieces do not matter");
    require(cut_for_log(stream, how) == cut_for_log(stream, 255), "pieces do not matter to the log");
    return 0;
}
