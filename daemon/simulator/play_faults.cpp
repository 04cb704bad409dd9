#include "daemon/simulator/play_faults.hpp"

#include "daemon/core/units.hpp"
#include "daemon/simulator/faults.hpp"

#include <array>
#include <string>
#include <utility>

namespace hookswitch::simulator {
namespace {

constexpr std::array<std::pair<std::string_view, double DeliveryFaults::*>, 5> kFaults{{
    {"duplicate", &DeliveryFaults::duplicate},
    {"reorder", &DeliveryFaults::reorder},
    {"drop", &DeliveryFaults::drop},
    {"delay", &DeliveryFaults::delay},
    {"wrong-signature", &DeliveryFaults::wrong_signature},
}};

double DeliveryFaults::*fault_named(std::string_view text) {
    for (const auto& [name, fault] : kFaults)
        if (name == text.substr(0, text.find('='))) return fault;
    return nullptr;
}

Error wrong(std::string_view text, std::string_view why) {
    return fail(Errc::invalid_config, "'" + std::string(text) + "': " + std::string(why));
}

}  // namespace

bool is_delivery_fault(std::string_view text) { return fault_named(text) != nullptr; }

Result<> add_delivery_fault(DeliveryFaults& faults, std::string_view text) {
    const auto fault = fault_named(text);
    if (!fault)
        return wrong(
            text,
            "deliveries know the faults duplicate, reorder, drop, delay and wrong-signature, such as "
            "duplicate=5%");
    const auto equals = text.find('=');
    std::string_view value = equals == std::string_view::npos ? "100%" : text.substr(equals + 1);
    if (fault == &DeliveryFaults::delay) {
        const auto colon = value.find(':');
        const auto time =
            colon == std::string_view::npos ? std::nullopt : parse_duration(value.substr(colon + 1));
        if (!time) return wrong(text, "how long? Such as delay=10%:2s");
        faults.delay_by = *time;
        value = value.substr(0, colon);
    }
    const auto share = parse_share(value);
    if (!share) return wrong(text, "the share is a number from 0% to 100%");
    faults.*fault = *share;
    return {};
}

}  // namespace hookswitch::simulator
