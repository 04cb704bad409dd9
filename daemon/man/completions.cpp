// Scripts for the shells. They know every command, every option, and for its value: whether it is a file, a
// directory, or one of some words.

#include "daemon/man/pages.hpp"

#include <algorithm>

namespace hookswitch::manual {
namespace {

// In single quotes, as POSIX shells want it; fish does too, but for backslashes.
std::string quoted(std::string_view text, bool fish = false) {
    std::string made = "'";
    for (const char c : text) {
        if (c == '\'')
            made += fish ? "\\'" : "'\\''";
        else if (c == '\\' && fish)
            made += "\\\\";
        else
            made += c;
    }
    return made + '\'';
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

void for_each(const Command& command, const auto& act) {
    act(command);
    for (const Command& each : command.commands) for_each(each, act);
}

bool operands_are_files(const Command& command) {
    return std::ranges::any_of(command.operands, &Option::takes_file);
}

// The first line of a description, in a length that fits beside a name.
std::string brief(const std::string& text) { return text.substr(0, text.find('\n')); }

// ---- bash ----

std::string bash_value(const Option& option) {
    if (option.takes_file()) return "_filedir";
    if (option.takes_directory()) return "_filedir -d";
    if (option.choices.empty()) return ":";
    return "COMPREPLY=($(compgen -W " + quoted(joined(option.choices, " ")) + " -- \"$cur\"))";
}

std::string bash_case(const Command& command) {
    std::vector<std::string> words, commands;
    std::string values;
    for (const Option& option : command.options) {
        words.insert(words.end(), option.names.begin(), option.names.end());
        if (!option.value.empty())
            values +=
                "            " + joined(option.names, " | ") + ") " + bash_value(option) + "; return ;;\n";
    }
    for (const Command& each : command.commands) commands.push_back(each.name);
    std::string text = "        " + quoted(command.path) + ")\n";
    text += "            options=" + quoted(joined(words, " ")) + '\n';
    if (!commands.empty()) text += "            commands=" + quoted(joined(commands, " ")) + '\n';
    if (operands_are_files(command)) text += "            operands=files\n";
    if (!values.empty()) text += "            case $prev in\n" + values + "            esac\n";
    return text + "            ;;\n";
}

// ---- zsh ----

std::string zsh_function(std::string path) {
    std::ranges::replace(path, ' ', '_');
    return "_" + path;
}

// Brackets and colons mean something in a specification.
std::string zsh_text(const std::string& text) {
    std::string made;
    for (const char c : brief(text)) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') made += '\\';
        made += c;
    }
    return made;
}

std::string zsh_action(const Option& option) {
    if (option.takes_file()) return "_files";
    if (option.takes_directory()) return "_files -/";
    return option.choices.empty() ? " " : '(' + joined(option.choices, " ") + ')';
}

std::string zsh_option(const Option& option) {
    const std::string value =
        option.value.empty() ? "" : ':' + zsh_text(option.value) + ':' + zsh_action(option);
    const std::string rest = '[' + zsh_text(option.description) + ']' + value;
    std::string text;
    for (const auto& name : option.names)
        text +=
            " \\\n        " + (option.several ? quoted("*" + name + rest)
                                              : quoted('(' + joined(option.names, " ") + ')' + name + rest));
    return text;
}

std::string zsh_body(const Command& command) {
    std::string text = zsh_function(command.path) + "() {\n";
    std::string options;
    for (const Option& option : command.options) options += zsh_option(option);
    if (command.commands.empty()) {
        for (const Option& each : command.operands)
            options += " \\\n        " +
                       quoted((each.several ? "*:" : ":") + zsh_text(each.value) + ':' + zsh_action(each));
        return text + "    _arguments -s -S" + options + "\n}\n\n";
    }
    text += "    local context state line\n    typeset -A opt_args\n    _arguments -s -C" + options +
            " \\\n        '1:command:->command' '*::argument:->argument'\n    case $state in\n    command)\n"
            "        local -a commands=(";
    for (const Command& each : command.commands)
        text += "\n            " + quoted(each.name + ':' + zsh_text(each.description));
    text +=
        ")\n        _describe -t commands command commands\n        ;;\n    argument)\n        case $line[1] "
        "in\n";
    for (const Command& each : command.commands)
        text += "        " + each.name + ") " + zsh_function(each.path) + " ;;\n";
    return text + "        esac\n        ;;\n    esac\n}\n\n";
}

// ---- fish ----

std::string fish_lines(const Command& command) {
    const std::string begin =
        "complete -c hookswitch -n " + quoted("__hookswitch_at " + quoted(command.path), true);
    std::string text;
    for (const Command& each : command.commands)
        text += begin + " -f -a " + each.name + " -d " + quoted(brief(each.description), true) + '\n';
    for (const Option& option : command.options) {
        text += begin;
        for (const auto& name : option.names)
            text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        if (option.takes_file() || option.takes_directory())
            text += " -r -F";
        else if (!option.value.empty())
            text += " -x";
        if (!option.choices.empty()) text += " -a " + quoted(joined(option.choices, " "), true);
        text += " -d " + quoted(brief(option.description), true) + '\n';
    }
    if (operands_are_files(command)) text += begin + " -F\n";
    return text;
}

}  // namespace

std::string bash_completion(const Command& program) {
    std::string cases;
    std::vector<std::string> paths;
    for_each(program, [&](const Command& command) {
        cases += bash_case(command);
        if (&command != &program) paths.push_back(quoted(command.path));
    });
    return "# bash completion for hookswitch; made from its command line\n\n_hookswitch() {\n"
           "    local cur prev words cword split\n    _init_completion -s || return\n"
           "    local path=hookswitch options= commands= operands= word\n"
           "    for word in \"${words[@]:1:cword-1}\"; do\n        case \"$path $word\" in\n        " +
           joined(paths, " | \\\n        ") +
           ") path+=\" $word\" ;;\n        esac\n    done\n    case $path in\n" + cases +
           "    esac\n"
           "    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
           "    elif [[ $operands == files ]]; then\n        _filedir\n"
           "    else\n        COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))\n    fi\n} &&\n"
           "    complete -F _hookswitch hookswitch\n\n# ex: filetype=sh\n";
}

std::string zsh_completion(const Command& program) {
    std::string text = "#compdef hookswitch\n# zsh completion for hookswitch; made from its command line\n\n";
    for_each(program, [&](const Command& command) { text += zsh_body(command); });
    return text + "_hookswitch \"$@\"\n";
}

std::string fish_completion(const Command& program) {
    std::string lines, paths;
    for_each(program, [&](const Command& command) {
        lines += fish_lines(command);
        if (&command != &program) paths += " \\\n    " + quoted(command.path, true);
    });
    return "# fish completion for hookswitch; made from its command line\n\nset -g __hookswitch_paths" +
           paths +
           "\n\nfunction __hookswitch_at\n    set -l path hookswitch\n"
           "    for word in (commandline -opc)[2..]\n"
           "        contains -- \"$path $word\" $__hookswitch_paths; and set path \"$path $word\"\n"
           "    end\n    test \"$path\" = $argv[1]\nend\n\ncomplete -c hookswitch -f\n" +
           lines;
}

}  // namespace hookswitch::manual
