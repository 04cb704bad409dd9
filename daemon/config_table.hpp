#pragma once

// Reading TOML tables so that no mistake goes unnoticed and all of them arrive together, each with
// its place. Inside of config.cpp and its parts; includes toml++, which is heavy.

#include "daemon/core/result.hpp"

#include <toml++/toml.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

/// The file being read, and what is wrong with it.
class ConfigFile {
public:
    explicit ConfigFile(const std::filesystem::path& file);

    /// Its text; nullopt, and a mistake is noted: not TOML.
    std::optional<toml::table> parse(std::string_view text);

    void mistake(const toml::source_position& at, std::string_view key, std::string_view what);
    void warning(const toml::source_position& at, std::string_view key, std::string_view what);

    /// How messages name a place: "file:line:column: key".
    std::string place(const toml::source_position& at, std::string_view key) const;

    bool faulty() const { return !mistakes_.empty(); }
    bool faulty_at(const toml::source_position& at) const;

    /// One a line, in the order of the file.
    std::string mistakes() const;
    std::vector<std::string> warnings() const;

    /// A path value: `${NAME}` becomes the environment variable, a relative path is taken from the
    /// file's directory.
    Result<std::filesystem::path> path(std::string_view value) const;

    const std::filesystem::path& directory() const { return directory_; }

private:
    struct Entry {
        toml::source_position at;
        std::string text;
    };
    Entry entry(const toml::source_position& at, std::string_view key, std::string_view what) const;

    std::string name_;
    std::filesystem::path directory_;
    std::vector<Entry> mistakes_, warnings_;
};

/// The one of `known` that `wrong` is probably a misspelling of; nullopt if none is near.
std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& known);

/// "; did you mean 'timeout'?", or, if nothing is near, "; known here: event, handler, timeout".
std::string suggestion(std::string_view wrong, const std::vector<std::string>& known);

inline constexpr std::string_view kNotInThisVersion = "not in this version";

/// One table being read. Every read names a key; finish() reports the keys that nobody asked for.
/// Without a value the output keeps its default; with a faulty one too, and a mistake is noted.
class Table {
public:
    /// A string where one or several may stand. A faulty element is kept, so that indices hold.
    struct Item {
        std::string text;
        std::string key;  // "listen[1]"
        const toml::node* node;
        bool ok;
    };

    template <class T>
    using Choices = std::initializer_list<std::pair<std::string_view, T>>;

    /// `path` is what stands before this table's keys in messages: "route[2].".
    Table(const toml::table& table, std::string path, ConfigFile& file)
        : table_(table), path_(std::move(path)), file_(file) {}

    void read(std::string_view key, std::string& out);
    void read(std::string_view key, bool& out);
    void read(std::string_view key, std::chrono::milliseconds& out, std::chrono::milliseconds min,
              std::chrono::milliseconds max);
    void read_size(std::string_view key, std::size_t& out, std::size_t min, std::size_t max);
    void read_count(std::string_view key, std::size_t& out, std::size_t min, std::size_t max);
    void read_path(std::string_view key, std::filesystem::path& out);

    /// A string that must be there and not be empty.
    void need(std::string_view key, std::string& out);

    /// The same for a name, which stands in logs, metrics and the journal.
    void need_name(std::string_view key, std::string& out);

    /// A string or an array of strings, none of them empty.
    std::vector<Item> items(std::string_view key);
    void read(std::string_view key, std::vector<std::string>& out);

    /// One of a few words. Those in `later` are refused as not in this version.
    template <class T>
    void choose(std::string_view key, T& out, Choices<T> choices,
                std::initializer_list<std::string_view> later = {}) {
        auto* node = find(key);
        if (!node) return;
        std::string text, words;
        if (!string_in(key, *node, text)) return;
        for (auto word : later)
            if (word == text)
                return mistake(*node, key, "'" + text + "' is " + std::string(kNotInThisVersion));
        for (const auto& [word, value] : choices) {
            if (word == text) {
                out = value;
                return;
            }
            words.append(words.empty() ? "" : ", ").append(word);
        }
        mistake(*node, key, "'" + text + "' is not one of: " + words);
    }

    /// Keys and tables of the contract that this version does not have.
    void not_yet(std::initializer_list<std::string_view> keys);

    /// This whole table as JSON text; empty if it is faulty.
    std::string json();

    /// A table's value as JSON text; empty if the key is absent or faulty.
    std::string json(std::string_view key);

    /// Calls `read` with the table under `key`, if there is one.
    void table(std::string_view key, const std::function<void(Table)>& read);

    /// Calls `read` with each of the [[key]] tables.
    void each_table(std::string_view key, const std::function<void(Table)>& read);

    const toml::node* find(std::string_view key);
    void finish();

    void mistake(const toml::node& at, std::string_view key, std::string_view what);
    void mistake(std::string_view key, std::string_view what);  ///< at the value, else at the table
    void warning(const toml::node& at, std::string_view key, std::string_view what);
    void warning(std::string_view key, std::string_view what);
    void wrong_type(const toml::node& at, std::string_view key, std::string_view expected);
    bool string_in(std::string_view key, const toml::node& node, std::string& out);

    const toml::table& toml() const { return table_; }
    std::string full_key(std::string_view key) const { return path_ + std::string(key); }
    ConfigFile& file() { return file_; }

private:
    const toml::node& value_or_table(std::string_view key) const;

    const toml::table& table_;
    std::string path_;
    ConfigFile& file_;
    std::vector<std::string> asked_;
};

/// The node that a dotted key such as "case[1].when.hours[0]" leads to from `root`, or as near as
/// it leads. A key with dots in it ("tool_call.name" in quotes) is found too.
const toml::node& node_at(const toml::table& root, std::string_view dotted);

}  // namespace hookswitch
