#pragma once

// What is made from the command line and from the commented configuration. Each returns the text of one
// file to install.

#include "daemon/man/command_tree.hpp"

#include <string>
#include <string_view>

namespace hookswitch::manual {

/// Sections about all commands, for the place of @COMMANDS@ in hookswitch.1.in.
std::string command_sections(const Command& program);

/// Sections about all settings, for the place of @SETTINGS@ in hookswitch.toml.5.in: config/hookswitch.toml,
/// of which the headings, remarks and settings become those of a page.
std::string setting_sections(std::string_view configuration);

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

/// A text as roff shows it: no character of it is an instruction.
std::string roff(std::string_view text);

}  // namespace hookswitch::manual
