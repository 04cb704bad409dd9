#include "daemon/core/moment.hpp"

#include "daemon/core/units.hpp"

namespace hookswitch {

std::optional<Moment> parse_moment(const std::string& text) {
    if (const auto ago = parse_duration(text)) return Moment{{}, *ago};
    if (const auto at = parse_iso_time(text)) return Moment{at, {}};
    if (const auto at = parse_iso_time(text + "T00:00:00Z")) return Moment{at, {}};
    return std::nullopt;
}

}  // namespace hookswitch
