#include <b24gate/simulator/tls_identity.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace b24gate::simulator {
namespace {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

[[noreturn]] void failed(const char* what) { throw std::runtime_error(std::string("OpenSSL cannot ") + what); }

Key make_key() {
    Key key(EVP_EC_gen("P-256"));
    if (!key) failed("make a key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) failed("add a certificate extension");
}

Certificate make_certificate(EVP_PKEY* key, const char* name, long from, long to) {
    Certificate out(X509_new());
    if (!out) failed("make a certificate");
    X509_set_version(out.get(), 2);
    unsigned char serial[8];
    if (RAND_bytes(serial, sizeof serial) != 1) failed("draw random bytes");
    serial[0] &= 0x7F;
    const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(out.get()));
    X509_gmtime_adj(X509_getm_notBefore(out.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), to);
    X509_set_pubkey(out.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    return out;
}

template <class Write>
std::string to_pem(Write write) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || write(bio.get()) != 1) failed("write PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

bool is_address(const std::string& name) {
    return name.find(':') != std::string::npos || name.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

TlsIdentity make_tls_identity(const std::vector<std::string>& names, CertificateKind kind) {
    constexpr long day = 86400;
    const Key ca_key = make_key(), key = make_key();
    const Certificate ca = make_certificate(ca_key.get(), "b24sim CA", -2 * day, 365 * day);
    X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
    add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
    if (X509_sign(ca.get(), ca_key.get(), EVP_sha256()) == 0) failed("sign the CA certificate");

    const bool expired = kind == CertificateKind::expired;
    const Certificate leaf = make_certificate(key.get(), "b24sim", -2 * day, expired ? -day : 365 * day);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca.get()));
    std::string alternatives;
    if (kind == CertificateKind::wrong_host)
        alternatives = "DNS:wrong.invalid";
    else
        for (const std::string& name : names)
            alternatives += (alternatives.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
    add_extension(leaf.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth");
    add_extension(leaf.get(), ca.get(), NID_subject_alt_name, alternatives);
    if (X509_sign(leaf.get(), ca_key.get(), EVP_sha256()) == 0) failed("sign the certificate");

    return {to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, ca.get()); }),
            to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, leaf.get()); }), to_pem([&](BIO* bio) {
                return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

}  // namespace b24gate::simulator
