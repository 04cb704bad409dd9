#include "daemon/io/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include <array>
#include <memory>

namespace hookswitch {
namespace {

template <auto free>
struct Free {
    template <class T>
    void operator()(T* object) const {
        free(object);
    }
};

using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;

Error openssl_failed(std::string_view doing) {
    const unsigned long code = ERR_get_error();
    const char* reason = ERR_reason_error_string(code);
    return fail(Errc::unavailable, std::string(doing) + ": " + (reason ? reason : "no reason given"));
}

// "DNS:localhost,IP:127.0.0.1"
std::string subject_alternative(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        boost::system::error_code not_an_address;
        boost::asio::ip::make_address(name, not_an_address);
        text.append(text.empty() ? "" : ",").append(not_an_address ? "DNS:" : "IP:").append(name);
    }
    return text;
}

bool extend(X509* certificate, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Random, so that a client that remembers an earlier one of the same name does not mix them up.
bool number(X509* certificate) {
    std::array<unsigned char, 8> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    std::uint64_t serial = 0;
    for (const unsigned char byte : bytes) serial = serial << 8 | byte;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

bool name(X509* certificate, const std::string& common_name) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

bool fill_in(X509* certificate, EVP_PKEY* key, const CertificateWish& wish) {
    using std::chrono::system_clock;
    constexpr long kVersion3 = 2;
    return X509_set_version(certificate, kVersion3) == 1 && number(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), system_clock::to_time_t(wish.from)) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), system_clock::to_time_t(wish.until)) &&
           X509_set_pubkey(certificate, key) == 1 &&
           name(certificate, wish.names.empty() ? "hookswitch" : wish.names.front()) &&
           extend(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           extend(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           extend(certificate, NID_ext_key_usage, "serverAuth") &&
           extend(certificate, NID_subject_key_identifier, "hash") &&
           extend(certificate, NID_authority_key_identifier, "keyid:always") &&
           extend(certificate, NID_subject_alt_name, subject_alternative(wish.names).c_str());
}

std::string text_of(BIO* bio) {
    std::string text(BIO_ctrl_pending(bio), '\0');
    const int size = BIO_read(bio, text.data(), static_cast<int>(text.size()));
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

}  // namespace

Result<TlsIdentity> make_certificate(const CertificateWish& wish) {
    const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    if (!key) return openssl_failed("make a key");
    const Certificate certificate(X509_new());
    if (!certificate || !fill_in(certificate.get(), key.get(), wish) ||
        X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0)
        return openssl_failed("make a certificate");
    const Bio certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
    if (!certificate_text || !key_text ||
        PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return openssl_failed("write a certificate");
    return TlsIdentity{text_of(certificate_text.get()), Secret(text_of(key_text.get()))};
}

}  // namespace hookswitch
