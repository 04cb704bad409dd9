// TOML values as JSON text, and the way back from a place in that text to the place in the file.

#include "daemon/config_table.hpp"
#include "daemon/core/json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <sstream>

namespace hookswitch {
namespace {

// Appends values and notes what JSON cannot hold. Recursion ends: toml++ refuses deep nesting.
class JsonText {
public:
    explicit JsonText(ConfigFile& file) : file_(file) {}

    void append(const toml::node& node, const std::string& key) {
        if (auto* table = node.as_table())
            append_table(*table, key);
        else if (auto* array = node.as_array())
            append_array(*array, key);
        else if (auto text = node.value_exact<std::string>())
            append_json_string(out_, *text);
        else if (auto integer = node.value_exact<std::int64_t>())
            out_ += std::to_string(*integer);
        else if (auto truth = node.value_exact<bool>())
            out_ += *truth ? "true" : "false";
        else if (auto number = node.value_exact<double>())
            append_number(*number, node, key);
        else
            append_time(node);
    }

    std::string text() && { return faulty_ ? std::string() : std::move(out_); }

private:
    void append_table(const toml::table& table, const std::string& key) {
        out_ += '{';
        bool first = true;
        for (auto&& [name, value] : table) {
            if (!std::exchange(first, false)) out_ += ',';
            append_json_string(out_, name.str());
            out_ += ':';
            append(value, key + "." + std::string(name.str()));
        }
        out_ += '}';
    }

    void append_array(const toml::array& array, const std::string& key) {
        out_ += '[';
        for (std::size_t i = 0; i < array.size(); ++i) {
            if (i > 0) out_ += ',';
            append(*array.get(i), key + "[" + std::to_string(i) + "]");
        }
        out_ += ']';
    }

    void append_number(double number, const toml::node& node, const std::string& key) {
        if (!std::isfinite(number)) {
            faulty_ = true;
            return file_.mistake(node.source().begin, key, "JSON has no inf and no nan");
        }
        std::array<char, 32> digits;  // the longest shortest form of a double has 24 characters
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        out_.append(digits.data(), end);
    }

    // Dates and times, which JSON writes as strings.
    void append_time(const toml::node& node) {
        std::ostringstream text;
        node.visit([&](const auto& value) {
            if constexpr (toml::is_chronological<decltype(value)>) text << value.get();
        });
        append_json_string(out_, text.str());
    }

    ConfigFile& file_;
    std::string out_;
    bool faulty_ = false;
};

bool ends_a_key(std::string_view text, std::size_t at) {
    return at == text.size() || text[at] == '.' || text[at] == '[';
}

// The member of `table` that `dotted` begins with; the longest, because keys may have dots in them.
std::pair<const toml::node*, std::size_t> member_of(const toml::table& table, std::string_view dotted) {
    std::pair<const toml::node*, std::size_t> longest{nullptr, 0};
    for (auto&& [key, node] : table) {
        const std::string_view name = key.str();
        if (dotted.starts_with(name) && ends_a_key(dotted, name.size()) && name.size() >= longest.second)
            longest = {&node, name.size()};
    }
    return longest;
}

// The element that "[3]..." at the beginning of `dotted` means.
std::pair<const toml::node*, std::size_t> element_of(const toml::array& array, std::string_view dotted) {
    std::size_t index = 0;
    const char* end = dotted.data() + dotted.size();
    if (!dotted.starts_with('[')) return {nullptr, 0};
    auto [rest, ec] = std::from_chars(dotted.data() + 1, end, index);
    if (ec != std::errc() || rest == end || *rest != ']') return {nullptr, 0};
    return {array.get(index), static_cast<std::size_t>(rest - dotted.data()) + 1};
}

}  // namespace

std::string Table::json() {
    for (auto&& [key, node] : table_) asked_.emplace_back(key.str());
    JsonText text(file_);
    text.append(table_, path_.substr(0, path_.size() - 1));
    return std::move(text).text();
}

std::string Table::json(std::string_view key) {
    auto* node = find(key);
    if (!node) return {};
    if (!node->is_table()) {
        wrong_type(*node, key, "table");
        return {};
    }
    JsonText text(file_);
    text.append(*node, full_key(key));
    return std::move(text).text();
}

const toml::node& node_at(const toml::table& root, std::string_view dotted) {
    const toml::node* at = &root;
    while (!dotted.empty()) {
        std::pair<const toml::node*, std::size_t> next{nullptr, 0};
        if (auto* table = at->as_table())
            next = member_of(*table, dotted);
        else if (auto* array = at->as_array())
            next = element_of(*array, dotted);
        if (!next.first) break;
        at = next.first;
        dotted.remove_prefix(next.second);
        if (dotted.starts_with('.')) dotted.remove_prefix(1);
    }
    return *at;
}

}  // namespace hookswitch
