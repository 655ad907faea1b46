#include <b24gate/net/tls.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace b24gate::net {
namespace {

/// The newest reason in OpenSSL's queue, which is emptied.
std::string last_reason() {
    unsigned long code = 0;
    while (const unsigned long next = ERR_get_error()) code = next;
    if (code == 0) return "unknown reason";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "unknown reason";
}

/// RFC 7301 list: http/1.1 alone.
constexpr unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                unsigned int in_length, void*) {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, alpn_http11, sizeof(alpn_http11), in, in_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;  // a client without http/1.1 in its list is answered in HTTP/1.1 all the same
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int remember_session(SSL* ssl, SSL_SESSION* session) {
    auto* cache = static_cast<TlsSessionCache*>(SSL_get_app_data(ssl));
    if (cache == nullptr) return 0;
    cache->store(session);
    return 1;
}

void harden(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // A write is repeated with the same bytes, but perhaps from another address; and it may end early.
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

void SslCtxFree::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

void SslSessionFree::operator()(ssl_session_st* session) const noexcept { SSL_SESSION_free(session); }

boost::system::result<std::shared_ptr<TlsClientContext>, TlsError> TlsClientContext::make(const std::string& ca_file) {
    ERR_clear_error();
    std::shared_ptr<TlsClientContext> made(new TlsClientContext);
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* context = made->context_.get();
    if (context == nullptr) return TlsError("cannot make a TLS context: " + last_reason());
    harden(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &remember_session);
    const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                       : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
    if (loaded != 1)
        return TlsError("cannot read the certificate authorities in " +
                        (ca_file.empty() ? std::string("the system's store") : ca_file) + ": " + last_reason());
    return made;
}

void TlsSessionCache::store(ssl_session_st* session) {
    const std::lock_guard lock(mutex_);
    session_.reset(session);
}

std::unique_ptr<ssl_session_st, SslSessionFree> TlsSessionCache::get() {
    const std::lock_guard lock(mutex_);
    if (!session_ || SSL_SESSION_is_resumable(session_.get()) == 0) return nullptr;
    SSL_SESSION_up_ref(session_.get());
    return std::unique_ptr<ssl_session_st, SslSessionFree>(session_.get());
}

void TlsSessionCache::clear() {
    const std::lock_guard lock(mutex_);
    session_.reset();
}

boost::system::result<std::shared_ptr<TlsServerContext>, TlsError> TlsServerContext::make(
    const std::string& certificate_file, const std::string& key_file) {
    ERR_clear_error();
    std::shared_ptr<TlsServerContext> made(new TlsServerContext);
    made->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* context = made->context_.get();
    if (context == nullptr) return TlsError("cannot make a TLS context: " + last_reason());
    harden(context);
    SSL_CTX_set_alpn_select_cb(context, &select_alpn, nullptr);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1)
        return TlsError("cannot read the certificate chain in " + certificate_file + ": " + last_reason());
    if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        return TlsError("cannot read the private key in " + key_file + ": " + last_reason());
    if (SSL_CTX_check_private_key(context) != 1)
        return TlsError("the private key in " + key_file + " does not belong to the certificate in " +
                        certificate_file);
    return made;
}

}  // namespace b24gate::net
