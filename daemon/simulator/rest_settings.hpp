#pragma once

// How the REST API of the local platform behaves. What the platform's documents leave open has a default here
// and can be chosen (protocol reference, sections 11 and 12).

#include "daemon/core/era.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/simulator/faults.hpp"
#include "daemon/simulator/rest_error.hpp"
#include "daemon/simulator/rest_limits.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch::simulator {

enum class CertificateFault { none, expired, wrong_host };

struct TlsSettings {
    bool on = false;
    std::filesystem::path ca;                // the certificate that was made is written here, PEM
    std::filesystem::path certificate, key;  // one's own instead
    CertificateFault fault = CertificateFault::none;
};

struct RestSettings {
    std::string listen;  // empty: no REST API
    std::string base_path = "/api/v1";
    std::vector<Secret> keys;  // any one is accepted
    TlsSettings tls;

    Era era = Era::camel;
    ErrorShape errors = ErrorShape::documented;
    bool delete_says_nothing = false;  // 204 instead of 200 {"success":true}
    bool create_says_200 = false;      // instead of 201
    bool clamp_limit = true;           // ?limit= above 1000 is 1000; else 400
    bool refuse_unknown = false;       // members that no document knows: 400; else ignored

    WindowKind window = WindowKind::fixed;
    std::int64_t per_key = 100, per_call = 10;  // a minute

    std::int64_t balance = 10'000;   // minutes; 0: outbound calls are refused with 402
    std::size_t campaign_lines = 3;  // calls of one campaign at a time
    bool empty = false;              // no assistant and number to begin with

    RestFaults faults;
    std::uint64_t seed = 1;
};

}  // namespace hookswitch::simulator
