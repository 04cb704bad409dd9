#pragma once

// The command line as plain data, for the manual and the shells' completions: made from the very
// descriptions that parse it, so that neither can be stale.

#include <string>
#include <vector>

namespace hookswitch::manual {

struct Option {
    std::vector<std::string> names;    // "-c", "--config"; empty: an operand
    std::string value;                 // "FILE"; of an operand its name; empty: a flag
    std::vector<std::string> choices;  // all values that there are; empty: any
    std::string description;
    std::string usual;  // the default; empty: none that is worth a word
    std::string group;  // a heading of the help; empty for most
    bool required = false;
    bool several = false;

    bool takes_file() const { return value == "FILE" || value == "RECORDING"; }
    bool takes_directory() const { return value == "DIR"; }
};

struct Command {
    std::string path;  // "hookswitch events list"
    std::string name;  // "list"
    std::string description;
    std::string footer;  // examples, indented by two spaces, and remarks
    std::vector<Option> options, operands;
    std::vector<Command> commands;
};

/// All of it, from `hookswitch` down to the verbs of `hookswitch api`.
Command command_tree();

}  // namespace hookswitch::manual
