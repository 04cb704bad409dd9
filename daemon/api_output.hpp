#pragma once

// How `hookswitch api` shows what the platform sent: a table with chosen columns, the members of one
// object below each other, or JSON.

#include "daemon/cli_api.hpp"

#include <simdjson.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// A list, page by page.
class ApiList {
public:
    ApiList(const PlatformOperation& operation, const cli::Api& args, std::ostream& out);

    void add(const std::vector<simdjson::dom::element>& items);

    /// To be called once, after the last page.
    void finish();

    std::size_t count() const { return count_; }

private:
    using Row = std::vector<std::string>;
    void begin(const std::vector<simdjson::dom::element>& items);
    void print(const Row& cells);

    const PlatformOperation& operation_;
    bool json_, wide_;
    std::ostream& out_;
    Row columns_;
    std::vector<std::size_t> widths_;
    bool begun_ = false;
    std::size_t count_ = 0;
};

/// The members of an object, one a line; anything else as it is.
void print_members(std::ostream& out, simdjson::dom::element value);

/// What an answer says besides what is in its envelope: the summary of the usage, a message.
void print_around(std::ostream& out, std::string_view envelope, simdjson::dom::element reply);

}  // namespace hookswitch
