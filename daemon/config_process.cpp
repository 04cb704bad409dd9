// [[handler]] of the types that are programs: worker and exec.

#include "daemon/config_sections.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

bool is_program(const std::filesystem::path& file) {
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

// As posix_spawnp will look for it: through PATH if it has no slash, else from the working directory.
bool can_run(const std::string& program, const std::filesystem::path& directory) {
    if (program.find('/') != std::string::npos) return is_program(directory / program);
    const char* path = std::getenv("PATH");
    std::istringstream places(path ? path : "/bin:/usr/bin");
    for (std::string place; std::getline(places, place, ':');)
        if (is_program(directory / place / program)) return true;
    return false;
}

// Program and arguments, with what there is to say against them.
void read_command(Table& in, const std::filesystem::path& directory, std::vector<std::string>& out) {
    const auto* node = in.find("command");
    if (!node) return in.mistake("command", "missing");
    if (!node->is_array()) return in.wrong_type(*node, "command", "array of strings, the program first");
    if (node->as_array()->empty()) return in.mistake("command", "must not be empty");
    for (std::size_t i = 0; i < node->as_array()->size(); ++i) {
        const auto key = "command[" + std::to_string(i) + "]";
        in.string_in(key, *node->as_array()->get(i), out.emplace_back());
    }
    const auto& program = out.front();
    const auto& first = *node->as_array()->get(0);
    if (first.is_string() && !can_run(program, directory))
        in.mistake(first, "command[0]", "'" + program + "' is not a program that can be run");
}

void read_directory(Table& in, std::filesystem::path& out) {
    out = in.file().directory();
    in.read_path("directory", out);
    std::error_code error;
    if (!std::filesystem::is_directory(out, error))
        in.mistake("directory", "'" + out.string() + "' is not a directory");
}

bool is_variable_name(std::string_view name) {
    return !name.empty() && name.find_first_of(std::string_view("=\0", 2)) == std::string_view::npos;
}

void read_environment(Table& in, std::map<std::string, std::string>& out) {
    in.table("environment", [&](Table variables) {
        for (auto&& [key, node] : variables.toml()) {
            const std::string name(key.str());
            if (!is_variable_name(name))
                variables.mistake(node, name, "is not the name of a variable");
            else
                variables.string_in(name, node, out[name]);
        }
    });
}

void read_inherit(Table& in, std::vector<std::string>& out) {
    for (const Table::Item& item : in.items("inherit")) {
        if (item.ok && !is_variable_name(item.text))
            in.mistake(*item.node, item.key, "'" + item.text + "' is not the name of a variable");
        out.push_back(item.text);
    }
}

}  // namespace

WorkerSettings read_worker(Table& in, std::string name) {
    WorkerSettings settings;
    settings.name = std::move(name);
    read_directory(in, settings.directory);
    read_command(in, settings.directory, settings.command);
    read_environment(in, settings.environment);
    in.read_count("workers", settings.workers, 1, 256);
    in.read_count("concurrency", settings.concurrency, 1, 10'000);
    in.read_count("queue", settings.queue, 1, 1'000'000);
    in.read("start_timeout", settings.start_timeout, 10ms, 10min);
    in.read("hang_timeout", settings.hang_timeout, 0ms, 10min);
    in.read_count("max_missed", settings.max_missed, 1, 1'000'000);
    return settings;
}

ExecSettings read_exec(Table& in, std::string name) {
    ExecSettings settings;
    settings.name = std::move(name);
    read_directory(in, settings.directory);
    read_command(in, settings.directory, settings.command);
    read_environment(in, settings.environment);
    read_inherit(in, settings.inherit);
    read_bulkhead(in, settings.bulkhead);
    in.read_size("max_output", settings.max_output, 1, std::size_t{64} << 20);
    return settings;
}

}  // namespace hookswitch
