#include "daemon/replay_source.hpp"

#include "daemon/core/json.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace hookswitch {
namespace {

// A body that fills a whole file is read whole. No receiver takes one this large; a recording whose
// first line is broken is not worth more memory than this to say so.
constexpr std::size_t kLargestBody = std::size_t{64} << 20;

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

Result<RecordingReader> RecordingReader::open(std::vector<std::filesystem::path> files, std::istream& in) {
    for (const auto& file : files) {
        if (file == "-") continue;
        // Not opened: a pipe can be opened only once.
        if (access(file.c_str(), R_OK) != 0)
            return fail({errno, boost::system::system_category()}, "open " + file.string());
        if (std::filesystem::is_directory(file))
            return fail(boost::system::errc::make_error_code(boost::system::errc::is_a_directory),
                        "open " + file.string());
    }
    return RecordingReader(std::move(files), in);
}

bool RecordingReader::next_file() {
    if (next_ == files_.size()) return false;
    name_ = files_[next_++].string();
    line_ = 0;
    first_ = true;
    opened_ = name_ == "-" ? nullptr : std::make_unique<std::ifstream>(name_, std::ios::binary);
    current_ = opened_ ? opened_.get() : in_;
    return true;
}

Result<std::optional<Recorded>> RecordingReader::next() {
    std::string line;
    while (current_ || next_file()) {
        while (std::getline(*current_, line)) {
            ++line_;
            if (line.ends_with('\r')) line.pop_back();
            if (is_blank(line)) continue;
            Recorded recorded;
            recorded.place = name_ + ":" + std::to_string(line_);
            recorded.file = next_ - 1;
            TRY(recorded.delivery, read(line));
            first_ = false;
            return std::optional(std::move(recorded));
        }
        if (current_->bad() || (opened_ && !opened_->is_open()))
            return fail({errno, boost::system::system_category()}, "read " + name_);
        current_ = nullptr;
    }
    return std::optional<Recorded>();
}

// A reader's "body:2:11: why" counts from the text that it was given; people count from the file.
Error RecordingReader::at(std::size_t line, const Error& error) const {
    std::string_view why = error.what();
    std::string column;
    if (why.starts_with("body:")) {
        std::size_t line_in_text = 0;
        const auto end = why.data() + why.size();
        const auto parsed = std::from_chars(why.data() + 5, end, line_in_text);
        const auto column_end = why.find(": ", static_cast<std::size_t>(parsed.ptr - why.data()));
        if (parsed.ec == std::errc() && column_end != std::string_view::npos) {
            line += line_in_text - 1;
            column = std::string(parsed.ptr, why.data() + column_end);
            why.remove_prefix(column_end + 2);
        }
    }
    return fail(Errc::malformed_body, name_ + ":" + std::to_string(line) + column + ": " + std::string(why));
}

Result<RecordedDelivery> RecordingReader::read(const std::string& line) {
    auto delivery = parse_delivery(line);
    if (delivery) return delivery;
    if (first_ && !Document::parse(line)) return read_as_one_body(line + "\n");
    return at(line_, delivery.error());
}

Result<RecordedDelivery> RecordingReader::read_as_one_body(std::string text) {
    const std::size_t first_line = line_;
    std::string line;
    while (text.size() < kLargestBody && std::getline(*current_, line)) {
        ++line_;
        text += line;
        text += '\n';
    }
    text.pop_back();  // the newline at the end of the file, or the one that was not there
    auto delivery = parse_delivery(text);
    if (!delivery) return at(first_line, delivery.error());
    return delivery;
}

}  // namespace hookswitch
