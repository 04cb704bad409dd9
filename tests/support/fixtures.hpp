#pragma once

// The recorded bodies in tests/fixtures and what their index says of them.

#include <simdjson.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace hookswitch::test {

/// The exact bytes of a file in tests/fixtures.
inline std::string fixture(const std::string& name) {
    std::ifstream in(std::string(FIXTURES) + "/" + name, std::ios::binary);
    if (!in) throw std::runtime_error("no fixture " + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// A JSON fixture, parsed; `parser` owns what is returned.
inline simdjson::dom::element json_fixture(simdjson::dom::parser& parser, const std::string& name) {
    return parser.parse(simdjson::padded_string(fixture(name)));
}

}  // namespace hookswitch::test
