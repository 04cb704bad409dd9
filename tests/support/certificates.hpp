#pragma once

// Certificates for tests, made on the spot.

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace hookswitch::test {

/// A certificate that signs itself, its key, and a file with it, for `ca_file`.
struct TestIdentity {
    explicit TestIdentity(const std::string& names = "IP:127.0.0.1", long valid_for_seconds = 3600) {
        key = EVP_EC_gen("P-256");
        certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
        X509_gmtime_adj(X509_getm_notAfter(certificate), valid_for_seconds);
        X509_set_pubkey(certificate, key);
        X509_NAME* name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_EXTENSION* alternative =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
        X509_add_ext(certificate, alternative, -1);
        X509_EXTENSION_free(alternative);
        X509_sign(certificate, key, EVP_sha256());

        char path[] = "/tmp/hookswitch-ca-XXXXXX";
        FILE* out = ::fdopen(::mkstemp(path), "w");
        PEM_write_X509(out, certificate);
        std::fclose(out);
        file = path;
    }
    TestIdentity(const TestIdentity&) = delete;
    TestIdentity& operator=(const TestIdentity&) = delete;
    ~TestIdentity() {
        ::unlink(file.c_str());
        X509_free(certificate);
        EVP_PKEY_free(key);
    }

    void use_in(SSL_CTX* tls) const {
        SSL_CTX_use_certificate(tls, certificate);
        SSL_CTX_use_PrivateKey(tls, key);
    }

    EVP_PKEY* key;
    X509* certificate;
    std::string file;
};

}  // namespace hookswitch::test
