#include "daemon/man/pages.hpp"

#include <algorithm>
#include <sstream>

namespace hookswitch::manual {
namespace {

bool is_help(const Option& option) { return std::ranges::count(option.names, "--help") > 0; }

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::string operand(const Option& operand) {
    const std::string name = italic(operand.value) + (operand.several ? "..." : "");
    return operand.required ? ' ' + name : " [" + name + ']';
}

std::string synopsis(const Command& command) {
    std::string text;
    for (const Option& option : command.options)
        if (option.required) text += ' ' + bold(option.names.back()) + ' ' + italic(option.value);
    if (std::ranges::any_of(command.options, [](const Option& o) { return !o.required && !is_help(o); }))
        text += " [" + italic("OPTION") + "...]";
    for (const Option& each : command.operands) text += operand(each);
    return text;
}

std::string with_full_stop(const std::string& text) {
    return text.empty() || text.ends_with('.') ? text : text + '.';
}

std::string option_entry(const Option& option) {
    std::string head;
    for (const auto& name : option.names) head += (head.empty() ? "" : ", ") + bold(name);
    if (head.empty()) head = italic(option.value);
    if (!option.names.empty() && !option.value.empty()) head += ' ' + italic(option.value);
    std::string text = ".TP\n" + head + '\n' + roff(with_full_stop(option.description));
    if (!option.choices.empty()) {
        text += "\nOne of";
        for (const auto& choice : option.choices)
            text += (&choice == &option.choices.front() ? " " : ", ") + bold(choice);
        text += '.';
    }
    if (!option.value.empty() && !option.usual.empty()) text += "\nDefault: " + roff(option.usual) + '.';
    return text + '\n';
}

// Lines that are indented are to be typed; the others are prose.
std::string footer(const std::string& text) {
    std::istringstream lines(text);
    std::string made, line;
    bool typed = false, paragraph = true;
    while (std::getline(lines, line)) {
        if (line == "Example:") continue;
        if (line.starts_with("  ") != typed) made += typed ? ".EE\n.RE\n" : ".PP\n.RS 4\n.EX\n";
        typed = line.starts_with("  ");
        if (line.empty()) paragraph = true;
        if (line.empty()) continue;
        if (!typed && paragraph) made += ".PP\n";
        paragraph = false;
        made += roff(typed ? line.substr(2) : line) + '\n';
    }
    return made + (typed ? ".EE\n.RE\n" : "");
}

std::string options_of(const Command& command) {
    std::string text, group;
    for (const Option& each : command.operands) text += option_entry(each);
    for (const Option& option : command.options) {
        if (is_help(option)) continue;
        if (option.group != group)
            text += ".PP\n" + italic(option.group.empty() ? "Other options" : option.group) + '\n';
        group = option.group;
        text += option_entry(option);
    }
    return text;
}

// Every resource of the API has its verbs, and these have hundreds of options: --help has those.
std::string api_section(const Command& api) {
    std::string text = ".SS " + bold(api.path) + " " + italic("RESOURCE VERB") + " [" + italic("OPTION") +
                       "...] [" + italic("ID") + "...]\n" + roff(with_full_stop(api.description)) + '\n' +
                       footer(api.footer) + ".PP\nResources and their verbs:\n";
    for (const Command& resource : api.commands) {
        text += ".TP\n" + bold(resource.name) + '\n' + roff(with_full_stop(resource.description)) + "\n.br\n";
        for (const Command& verb : resource.commands)
            text += (&verb == &resource.commands.front() ? "" : ", ") + bold(verb.name);
        text += '\n';
    }
    return text;
}

std::string section(const Command& command) {
    if (command.path == "hookswitch api") return api_section(command);
    if (!command.commands.empty()) {
        std::string text;
        for (const Command& each : command.commands) text += section(each);
        return text;
    }
    return ".SS " + bold(command.path) + synopsis(command) + '\n' +
           roff(with_full_stop(command.description)) + '\n' + options_of(command) + footer(command.footer);
}

}  // namespace

std::string roff(std::string_view text) {
    std::string made;
    for (const char c : text) {
        const bool begins = made.empty() || made.back() == '\n';
        if (begins && (c == '.' || c == '\'')) made += "\\&";
        if (c == '\\')
            made += "\\e";
        else if (c == '-')
            made += "\\-";
        else if (c == '\'')
            made += "\\(aq";
        else if (c == '`')
            made += "\\(ga";
        else if (c == '^')
            made += "\\(ha";
        else if (c == '~')
            made += "\\(ti";
        else
            made += c;
    }
    return made;
}

std::string command_sections(const Command& program) {
    std::string text;
    for (const Command& command : program.commands) text += section(command);
    return text;
}

}  // namespace hookswitch::manual
