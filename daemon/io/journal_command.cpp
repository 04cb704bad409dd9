#include "daemon/io/journal_command.hpp"

#include "daemon/io/journal_purge.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kColumns = "SELECT n, call, event, by, at, type, body FROM command ";

// Columns of kColumns.
void read_record(const sqlite::Statement& row, CommandRecord& out) {
    out.call = row.text(1);
    out.event = row.text(2);
    out.by = row.text(3);
    out.at = row.time(4);
    out.type = row.text(5);
    out.body = row.text(6);
}

}  // namespace

Result<std::vector<OpenCommand>> open_commands(sqlite::Database& database) {
    TRY(auto rows, database.prepare(std::string(kColumns) + "WHERE ended_at IS NULL ORDER BY n"));
    std::vector<OpenCommand> commands;
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return commands;
        OpenCommand& command = commands.emplace_back();
        command.n = rows.integer(0);
        read_record(rows, command);
    }
}

Result<std::vector<StoredCommand>> commands_of_call(sqlite::Database& database, std::string_view call) {
    TRY(const auto table, database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'command'"));
    if (table.value_or(0) == 0) return std::vector<StoredCommand>();  // an older version's file, only read
    TRY(auto rows, database.prepare("SELECT n, call, event, by, at, type, body, ended_at, state, status, why "
                                    "FROM command WHERE call = ? ORDER BY n"));
    rows.bind(1, call);
    std::vector<StoredCommand> commands;
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return commands;
        StoredCommand& command = commands.emplace_back();
        read_record(rows, command);
        command.ended_at = rows.optional_time(7);
        command.state = rows.text(8);
        command.status = rows.optional_integer(9);
        command.why = rows.optional_text(10);
    }
}

Result<> erase_commands_before(sqlite::Database& database, Milliseconds before) {
    TRY(auto erase, database.prepare("DELETE FROM command WHERE n IN (SELECT n FROM command ORDER BY n LIMIT "
                                     "500) AND at < ? AND ended_at IS NOT NULL"));
    return erase.bind(1, before).run();
}

Result<> erase_commands_of(sqlite::Database& database, const std::set<std::string, std::less<>>& calls,
                           const std::optional<std::string>& number) {
    TRY(auto erase, database.prepare("DELETE FROM command WHERE call = ?"));
    for (const std::string& call : calls)
        if (auto r = erase.bind(1, call).run(); !r) return r;
    if (!number) return {};
    std::vector<std::int64_t> mentioned;
    TRY(auto rows, database.prepare("SELECT n, body FROM command"));
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) break;
        if (mentions_number(rows.text(1), *number)) mentioned.push_back(rows.integer(0));
    }
    TRY(auto erase_one, database.prepare("DELETE FROM command WHERE n = ?"));
    for (const std::int64_t n : mentioned)
        if (auto r = erase_one.bind(1, n).run(); !r) return r;
    return {};
}

}  // namespace hookswitch
