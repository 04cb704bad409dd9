#pragma once

// A certificate that a test or a local platform makes for itself: signed by its own key, so that it is its
// own authority, and whoever is to trust it is given the certificate.

#include "daemon/core/result.hpp"
#include "daemon/io/http_server.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace hookswitch {

struct CertificateWish {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};  // host names and addresses
    std::chrono::system_clock::time_point from, until;                // of its validity
};

/// EC P-256. Fails only if OpenSSL does.
Result<TlsIdentity> make_certificate(const CertificateWish& wish);

}  // namespace hookswitch
