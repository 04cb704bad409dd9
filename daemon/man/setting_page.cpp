#include "daemon/man/pages.hpp"

#include <sstream>
#include <utility>

namespace hookswitch::manual {
namespace {

enum class Kind { heading, remark, setting, blank };

struct Line {
    Kind kind = Kind::blank;
    std::string text;
};

// "# ---- The log -----": a heading; "# text": a remark; "#key = 1", "key = 1": a setting.
Line line_of(std::string text) {
    if (text.empty() || text == "#") return {};
    if (text.starts_with("# ----")) {
        const auto end = text.find_last_not_of("- ");
        return {Kind::heading, text.substr(7, end - 6)};
    }
    if (text == "# " || text.starts_with("# ")) return {Kind::remark, text.substr(2)};
    if (text.starts_with('#')) text.erase(0, 1);
    return {Kind::setting, text};
}

/// Collects a remark and the settings that follow it, and writes them as a paragraph and what is typed.
class Page {
public:
    void add(const Line& line) {
        if (line.kind == Kind::heading) heading(line.text);
        if (line.kind == Kind::blank) flush();
        if (line.kind == Kind::remark && !settings_.empty()) flush();
        // Remarks that are indented further are to be typed.
        if (line.kind == Kind::remark) remark(line.text);
        if (line.kind == Kind::setting) settings_ += roff(line.text) + '\n';
    }

    std::string text() {
        flush();
        return std::move(text_);
    }

private:
    void heading(const std::string& title) {
        flush();
        const auto colon = title.find(':');
        text_ += ".SS " + roff(title.substr(0, colon)) + '\n';
        if (colon != std::string::npos) text_ += roff(title.substr(colon + 2)) + ".\n";
        below_heading_ = colon == std::string::npos;
    }

    void remark(const std::string& line) {
        if (line.starts_with("  ")) {
            remark_ += ".PP\n.RS 4\n.EX\n" + roff(line.substr(line.find_first_not_of(' '))) + "\n.EE\n.RE\n";
        } else {
            remark_ += roff(line) + '\n';
        }
    }

    void flush() {
        if (!settings_.empty()) settings_ = ".RS 4\n.EX\n" + settings_ + ".EE\n.RE\n";
        for (std::string* part : {&remark_, &settings_}) {
            if (part->empty()) continue;
            // A heading begins a paragraph already.
            text_ += (std::exchange(below_heading_, false) ? "" : ".PP\n") + std::exchange(*part, "");
        }
    }

    std::string text_, remark_, settings_;
    bool below_heading_ = false;
};

}  // namespace

std::string setting_sections(std::string_view configuration) {
    std::istringstream lines{std::string(configuration)};
    std::string line;
    Page page;
    bool begun = false;  // what is above the first heading is about the file, and in the page by hand
    while (std::getline(lines, line)) {
        const Line read = line_of(line);
        begun = begun || read.kind == Kind::heading;
        if (begun) page.add(read);
    }
    return page.text();
}

}  // namespace hookswitch::manual
