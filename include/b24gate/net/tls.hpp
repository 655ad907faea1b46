// TLS contexts and sessions over OpenSSL, without its headers. Contexts are immutable once made and may be shared
// between threads.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <boost/system/result.hpp>

struct ssl_ctx_st;
struct ssl_session_st;

namespace b24gate::net {

struct SslCtxFree {
    void operator()(ssl_ctx_st*) const noexcept;
};
struct SslSessionFree {
    void operator()(ssl_session_st*) const noexcept;
};

/// What went wrong, in words for an operator.
using TlsError = std::string;

/// For connections to portals: TLS 1.2 or newer, chain and host name verified, sessions kept for resumption.
class TlsClientContext {
public:
    /// `ca_file`: PEM; empty: the system's authorities.
    [[nodiscard]] static boost::system::result<std::shared_ptr<TlsClientContext>, TlsError> make(
        const std::string& ca_file);

    [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_.get(); }

private:
    TlsClientContext() = default;
    std::unique_ptr<ssl_ctx_st, SslCtxFree> context_;
};

/// The newest session of one peer, offered at the next handshake. Thread-safe.
class TlsSessionCache {
public:
    void store(ssl_session_st* session);  ///< takes ownership
    /// A reference of its own for the caller, or nullptr.
    [[nodiscard]] std::unique_ptr<ssl_session_st, SslSessionFree> get();
    void clear();

private:
    std::mutex mutex_;
    std::unique_ptr<ssl_session_st, SslSessionFree> session_;
};

/// For the listener. HTTP/1.1 only.
class TlsServerContext {
public:
    [[nodiscard]] static boost::system::result<std::shared_ptr<TlsServerContext>, TlsError> make(
        const std::string& certificate_file, const std::string& key_file);

    [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_.get(); }

private:
    TlsServerContext() = default;
    std::unique_ptr<ssl_ctx_st, SslCtxFree> context_;
};

}  // namespace b24gate::net
