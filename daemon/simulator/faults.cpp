#include "daemon/simulator/faults.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/units.hpp"

#include <algorithm>
#include <array>

namespace hookswitch::simulator {
namespace {

struct Named {
    std::string_view name;
    double RestFaults::*share;
};

constexpr std::array kShares{
    Named{"rest-429", &RestFaults::rate_limited}, Named{"rest-5xx", &RestFaults::server_error},
    Named{"rest-hang", &RestFaults::hang},        Named{"rest-garbage", &RestFaults::garbage},
    Named{"rest-cut", &RestFaults::cut},          Named{"tls-failure", &RestFaults::tls_failure},
};
constexpr std::string_view kSlow = "rest-slow";

std::string_view name_in(std::string_view text) { return text.substr(0, text.find('=')); }

}  // namespace

std::optional<double> parse_share(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
    const auto percent = parse_number<double>(text);
    // So written, a NaN is refused too.
    if (!percent || !(*percent >= 0 && *percent <= 100)) return std::nullopt;
    return *percent / 100;
}

bool RestFaults::any() const {
    return slow.count() > 0 ||
           std::ranges::any_of(kShares, [this](const Named& named) { return this->*named.share > 0; });
}

bool is_rest_fault(std::string_view text) {
    const auto name = name_in(text);
    return name == kSlow || std::ranges::find(kShares, name, &Named::name) != kShares.end();
}

Result<> add_fault(RestFaults& faults, std::string_view text) {
    const auto name = name_in(text);
    const bool has_value = name.size() < text.size();
    const auto value = has_value ? text.substr(name.size() + 1) : std::string_view("100%");
    if (name == kSlow) {
        const auto wait = parse_duration(value);
        if (!wait)
            return fail(Errc::invalid_config, "'" + std::string(text) + "': give it as rest-slow=500ms");
        faults.slow = *wait;
        return {};
    }
    const auto named = std::ranges::find(kShares, name, &Named::name);
    if (named == kShares.end())
        return fail(Errc::invalid_config, "'" + std::string(name) + "' is not a fault of the REST API");
    const auto share = parse_share(value);
    if (!share)
        return fail(Errc::invalid_config,
                    "'" + std::string(text) + "': a share is given as " + std::string(name) + "=5%");
    faults.*(named->share) = *share;
    return {};
}

double FaultDice::roll() {
    return static_cast<double>(random_() >> 11) * 0x1p-53;  // the 53 bits that a double has
}

FaultDice::Fault FaultDice::next() {
    double left = roll();
    const std::pair<double, Fault> kinds[] = {{faults_.rate_limited, Fault::rate_limited},
                                              {faults_.server_error, Fault::server_error},
                                              {faults_.hang, Fault::hang},
                                              {faults_.garbage, Fault::garbage},
                                              {faults_.cut, Fault::cut}};
    for (const auto& [share, fault] : kinds) {
        if (left < share) return fault;
        left -= share;
    }
    return Fault::none;
}

bool FaultDice::spoils_handshake() { return faults_.tls_failure > 0 && roll() < faults_.tls_failure; }

}  // namespace hookswitch::simulator
