#include "daemon/config_table.hpp"

#include "daemon/core/units.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <sstream>

namespace hookswitch {
namespace {

std::string indexed(std::string_view key, std::size_t index) {
    return std::string(key) + "[" + std::to_string(index) + "]";
}

// Edits between two words, a swap of neighbours counting as one (Damerau and Levenshtein, the
// restricted form): the slips of a typing hand.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> older(b.size() + 1), old(b.size() + 1), row(b.size() + 1);
    std::iota(old.begin(), old.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({old[j] + 1, row[j - 1] + 1, old[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], older[j - 2] + 1);
        }
        std::swap(older, old);
        std::swap(old, row);
    }
    return old[b.size()];
}

}  // namespace

ConfigFile::ConfigFile(const std::filesystem::path& file) : name_(file.string()) {
    std::error_code ignored;  // without a current directory, relative paths stay as they are
    directory_ = std::filesystem::absolute(file, ignored).parent_path();
}

std::optional<toml::table> ConfigFile::parse(std::string_view text) {
    try {
        return toml::parse(text, name_);
    } catch (const toml::parse_error& e) {
        mistake(e.source().begin, "", e.description());
        return std::nullopt;
    }
}

ConfigFile::Entry ConfigFile::entry(const toml::source_position& at, std::string_view key,
                                    std::string_view what) const {
    std::ostringstream text;
    text << name_ << ':' << at.line << ':' << at.column << ": ";
    if (!key.empty()) text << key << ": ";
    text << what;
    // One mistake is one line, whatever stands in the file.
    std::string line;
    for (const char c : text.str()) {
        if (c == '\n')
            line += "\\n";
        else if (c == '\r')
            line += "\\r";
        else
            line += c;
    }
    return {at, line};
}

void ConfigFile::mistake(const toml::source_position& at, std::string_view key, std::string_view what) {
    mistakes_.push_back(entry(at, key, what));
}

void ConfigFile::warning(const toml::source_position& at, std::string_view key, std::string_view what) {
    warnings_.push_back(entry(at, key, what));
}

std::string ConfigFile::place(const toml::source_position& at, std::string_view key) const {
    const std::string text = entry(at, key, "").text;
    return text.substr(0, text.rfind(':'));
}

bool ConfigFile::faulty_at(const toml::source_position& at) const {
    return std::ranges::any_of(mistakes_, [&](const Entry& e) { return e.at == at; });
}

std::string ConfigFile::mistakes() const {
    auto sorted = mistakes_;
    std::ranges::stable_sort(sorted, std::less{}, &Entry::at);
    std::string all;
    for (const auto& e : sorted) all.append(all.empty() ? "" : "\n").append(e.text);
    return all;
}

std::vector<std::string> ConfigFile::warnings() const {
    auto sorted = warnings_;
    std::ranges::stable_sort(sorted, std::less{}, &Entry::at);
    std::vector<std::string> all;
    all.reserve(sorted.size());
    for (auto& e : sorted) all.push_back(std::move(e.text));
    return all;
}

Result<std::filesystem::path> ConfigFile::path(std::string_view value) const {
    std::string expanded;
    while (!value.empty()) {
        const auto begin = value.find("${");
        expanded += value.substr(0, begin);
        if (begin == std::string_view::npos) break;
        const auto end = value.find('}', begin);
        if (end == std::string_view::npos) return fail(Errc::invalid_config, "'${' without '}'");
        const std::string name(value.substr(begin + 2, end - begin - 2));
        const char* variable = std::getenv(name.c_str());
        if (!variable || !*variable)
            return fail(Errc::invalid_config, "environment variable '" + name + "' is not set");
        expanded += variable;
        value.remove_prefix(end + 1);
    }
    return (directory_ / expanded).lexically_normal();
}

std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& known) {
    std::optional<std::string> best;
    std::size_t least = std::string_view::npos;
    for (const auto& word : known) {
        // A third of the letters may differ: more, and it is another word.
        const auto tolerated = (std::max(word.size(), wrong.size()) + 2) / 3;
        const auto edits = distance(wrong, word);
        if (edits > tolerated || edits >= least) continue;
        least = edits;
        best = word;
    }
    return best;
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& known) {
    if (auto word = nearest(wrong, known)) return "; did you mean '" + *word + "'?";
    std::string all;
    for (const auto& word : known) all.append(all.empty() ? "; known here: " : ", ").append(word);
    return all;
}

const toml::node* Table::find(std::string_view key) {
    if (std::ranges::find(asked_, key) == asked_.end()) asked_.emplace_back(key);
    return table_.get(key);
}

bool Table::string_in(std::string_view key, const toml::node& node, std::string& out) {
    auto text = node.value_exact<std::string>();
    if (!text) return wrong_type(node, key, "string"), false;
    // What becomes a path, an argument or an environment variable would silently end there.
    if (text->find('\0') != std::string::npos)
        return mistake(node, key, "must not hold a NUL character"), false;
    out = *std::move(text);
    return true;
}

void Table::read(std::string_view key, std::string& out) {
    if (auto* node = find(key)) string_in(key, *node, out);
}

void Table::read(std::string_view key, bool& out) {
    auto* node = find(key);
    if (!node) return;
    auto value = node->value_exact<bool>();
    if (!value) return wrong_type(*node, key, "true or false");
    out = *value;
}

// Durations and sizes are strings with a unit: a bare number would have to be guessed at.
void Table::read(std::string_view key, std::chrono::milliseconds& out, std::chrono::milliseconds min,
                 std::chrono::milliseconds max) {
    auto* node = find(key);
    if (!node) return;
    auto text = node->value_exact<std::string>();
    if (!text) return wrong_type(*node, key, "duration such as \"250ms\" or \"7s\"");
    auto value = parse_duration(*text);
    if (!value) return mistake(*node, key, "'" + *text + "' is not a duration such as \"250ms\" or \"7s\"");
    if (*value < min || *value > max)
        return mistake(*node, key, "must be between " + duration_text(min) + " and " + duration_text(max));
    out = *value;
}

void Table::read_size(std::string_view key, std::size_t& out, std::size_t min, std::size_t max) {
    auto* node = find(key);
    if (!node) return;
    auto text = node->value_exact<std::string>();
    if (!text) return wrong_type(*node, key, "size such as \"64KiB\" or \"2MiB\"");
    auto value = parse_size(*text);
    if (!value) return mistake(*node, key, "'" + *text + "' is not a size such as \"64KiB\" or \"2MiB\"");
    if (*value < min || *value > max)
        return mistake(*node, key, "must be between " + size_text(min) + " and " + size_text(max));
    out = *value;
}

void Table::read_count(std::string_view key, std::size_t& out, std::size_t min, std::size_t max) {
    auto* node = find(key);
    if (!node) return;
    auto value = node->value_exact<std::int64_t>();
    if (!value) return wrong_type(*node, key, "integer");
    if (*value < 0 || static_cast<std::uint64_t>(*value) < min || static_cast<std::uint64_t>(*value) > max)
        return mistake(*node, key, "must be between " + std::to_string(min) + " and " + std::to_string(max));
    out = static_cast<std::size_t>(*value);
}

void Table::read_path(std::string_view key, std::filesystem::path& out) {
    auto* node = find(key);
    std::string text;
    if (!node || !string_in(key, *node, text)) return;
    if (text.empty()) return mistake(*node, key, "must not be empty");
    auto path = file_.path(text);
    if (!path) return mistake(*node, key, path.error().what());
    out = *std::move(path);
}

void Table::need(std::string_view key, std::string& out) {
    auto* node = find(key);
    if (!node) return mistake(key, "missing");
    if (string_in(key, *node, out) && out.empty()) mistake(*node, key, "must not be empty");
}

void Table::need_name(std::string_view key, std::string& out) {
    need(key, out);
    if (std::ranges::any_of(out, [](unsigned char c) { return c < ' ' || c == 0x7f; }))
        mistake(key, "must not have control characters in it");
}

std::vector<Table::Item> Table::items(std::string_view key) {
    std::vector<Item> result;
    auto add = [&](const toml::node& node, std::string item_key) {
        Item item{{}, std::move(item_key), &node, false};
        item.ok = string_in(item.key, node, item.text);
        if (item.ok && item.text.empty()) {
            mistake(node, item.key, "must not be empty");
            item.ok = false;
        }
        result.push_back(std::move(item));
    };
    auto* node = find(key);
    if (!node) return result;
    if (auto* array = node->as_array()) {
        for (const auto& element : *array) add(element, indexed(key, result.size()));
        if (array->empty()) mistake(*node, key, "must not be empty");
    } else if (node->is_string()) {
        add(*node, std::string(key));
    } else {
        wrong_type(*node, key, "string or array of strings");
    }
    return result;
}

void Table::read(std::string_view key, std::vector<std::string>& out) {
    auto read = items(key);
    if (read.empty()) return;
    out.clear();
    for (auto& item : read) out.push_back(std::move(item.text));
}

void Table::not_yet(std::initializer_list<std::string_view> keys) {
    for (auto key : keys)
        if (auto* node = find(key)) mistake(*node, key, kNotInThisVersion);
}

void Table::table(std::string_view key, const std::function<void(Table)>& read) {
    auto* node = find(key);
    if (!node) return;
    auto* table = node->as_table();
    if (!table) return wrong_type(*node, key, "table");
    read(Table(*table, full_key(key) + ".", file_));
}

void Table::each_table(std::string_view key, const std::function<void(Table)>& read) {
    auto* node = find(key);
    if (!node) return;
    auto* array = node->as_array();
    if (!array) return wrong_type(*node, key, "[[" + full_key(key) + "]] tables");
    for (std::size_t i = 0; i < array->size(); ++i) {
        const auto& element = *array->get(i);
        if (auto* table = element.as_table())
            read(Table(*table, full_key(indexed(key, i)) + ".", file_));
        else
            wrong_type(element, indexed(key, i), "table");
    }
}

void Table::finish() {
    for (auto&& [key, node] : table_) {
        if (std::ranges::find(asked_, key.str()) != asked_.end()) continue;
        const auto place = key.source().begin ? key.source().begin : node.source().begin;
        file_.mistake(place, full_key(key.str()), "unknown key" + suggestion(key.str(), asked_));
    }
}

void Table::mistake(const toml::node& at, std::string_view key, std::string_view what) {
    file_.mistake(at.source().begin, full_key(key), what);
}

void Table::mistake(std::string_view key, std::string_view what) { mistake(value_or_table(key), key, what); }

void Table::warning(const toml::node& at, std::string_view key, std::string_view what) {
    file_.warning(at.source().begin, full_key(key), what);
}

void Table::warning(std::string_view key, std::string_view what) { warning(value_or_table(key), key, what); }

const toml::node& Table::value_or_table(std::string_view key) const {
    const auto* node = table_.get(key);
    return node ? *node : table_;
}

void Table::wrong_type(const toml::node& at, std::string_view key, std::string_view expected) {
    std::ostringstream found;
    found << at.type();
    mistake(at, key, "expected " + std::string(expected) + ", found " + found.str());
}

}  // namespace hookswitch
