#include "daemon/core/era.hpp"

namespace hookswitch {

std::string_view name_of(Era era) {
    switch (era) {
        case Era::camel: return "camel";
        case Era::snake: return "snake";
        case Era::late: return "late";
    }
    return "";
}

std::optional<Era> era_named(std::string_view name) {
    for (const Era era : {Era::camel, Era::snake, Era::late})
        if (name == name_of(era)) return era;
    return std::nullopt;
}

}  // namespace hookswitch
