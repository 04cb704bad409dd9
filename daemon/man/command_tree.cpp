#include "daemon/man/command_tree.hpp"

#include "daemon/cli_spec.hpp"

#include <algorithm>
#include <utility>

namespace hookswitch::manual {
namespace {

// CLI11 has them only as text: "STATE:{answered,dead}".
std::vector<std::string> choices_of(const std::string& type) {
    std::vector<std::string> choices;
    const auto open = type.find('{'), close = type.rfind('}');
    if (open == std::string::npos || close == std::string::npos) return choices;
    std::string word;
    for (const char c : type.substr(open + 1, close - open - 1)) {
        if (c == ',') choices.push_back(std::exchange(word, ""));
        if (c != ',') word += c;
    }
    choices.push_back(word);
    return choices;
}

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

Option option_of(const CLI::Option& option) {
    Option made;
    for (const auto& name : option.get_snames()) made.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) made.names.push_back("--" + name);
    const std::string type = option.get_type_name();
    made.choices = choices_of(type);
    if (made.names.empty()) made.value = option.get_name(true);
    if (!made.names.empty() && !is_flag(option)) made.value = type.substr(0, type.find(':'));
    made.description = option.get_description();
    made.usual = option.get_default_str();
    if (option.get_group() != "Options") made.group = option.get_group();
    made.required = option.get_required();
    // Operands of a fixed number are one word each here.
    made.several = option.get_items_expected_max() > 1;
    return made;
}

Command command_of(const CLI::App& app, const std::string& before) {
    Command made;
    made.name = app.get_name();
    made.path = before + made.name;
    made.description = app.get_description();
    made.footer = app.get_footer();
    for (const CLI::Option* option : app.get_options())
        (option->get_positional() ? made.operands : made.options).push_back(option_of(*option));
    for (const CLI::App* command : app.get_subcommands({}))
        made.commands.push_back(command_of(*command, made.path + ' '));
    return made;
}

Command& command_called(std::vector<Command>& commands, std::string_view name) {
    return *std::ranges::find(commands, name, &Command::name);
}

}  // namespace

Command command_tree() {
    Command tree = command_of(cli::CommandLine("").app, "");
    // The verbs of one resource at a time are in the command line.
    for (Command& resource : command_called(tree.commands, "api").commands) {
        Command with_verbs = command_of(cli::CommandLine(resource.name).app, "");
        resource = command_called(command_called(with_verbs.commands, "api").commands, resource.name);
    }
    return tree;
}

}  // namespace hookswitch::manual
