#include <b24gate/net/stream.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>

namespace b24gate::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using core::Errc;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

error_code from_errno() noexcept { return {errno, boost::system::system_category()}; }

bool is_address(const std::string& host) {
    error_code error;
    asio::ip::make_address(host, error);
    return !error;
}

std::string handshake_reason(SSL* ssl) {
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK) return std::string("certificate: ") + X509_verify_cert_error_string(verdict);
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return reason != nullptr ? reason : "the peer ended the handshake";
}

}  // namespace

void Stream::SslFree::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

Stream::Stream(asio::ip::tcp::socket socket, Sweeper& sweeper) : socket_(std::move(socket)) {
    if (socket_.is_open()) {
        error_code ignored;
        socket_.non_blocking(true, ignored);
        socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    sweeper.add(*this);
}

Stream::~Stream() = default;

void Stream::expires_at(core::TimePoint deadline, Errc why) noexcept {
    deadline_ = deadline;
    why_ = why;
    timed_out_ = false;
}

void Stream::on_deadline() {
    timed_out_ = true;
    error_code ignored;
    socket_.cancel(ignored);
}

void Stream::cancel() noexcept {
    cancelled_ = true;
    error_code ignored;
    socket_.cancel(ignored);
}

error_code Stream::interrupted(error_code error) const noexcept {
    if (timed_out_) return why_;
    if (cancelled_) return Errc::cancelled;
    return error;
}

asio::awaitable<error_code> Stream::connect(asio::ip::tcp::endpoint to) {
    error_code error;
    socket_.open(to.protocol(), error);
    if (error) co_return error;
    socket_.non_blocking(true, error);
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    if (const auto early = interrupted({})) co_return early;
    auto [outcome] = co_await socket_.async_connect(to, use_tuple);
    co_return outcome ? interrupted(outcome) : error_code{};
}

asio::awaitable<error_code> Stream::tls_connect(const TlsClientContext& context, std::string host,
                                                TlsSessionCache& sessions, std::string& detail) {
    ssl_.reset(SSL_new(context.native()));
    if (!ssl_) co_return Errc::tls_failed;
    SSL* ssl = ssl_.get();
    SSL_set_app_data(ssl, &sessions);
    if (is_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, host.c_str());
        SSL_set1_host(ssl, host.c_str());
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    if (const auto session = sessions.get()) SSL_set_session(ssl, session.get());
    SSL_set_fd(ssl, static_cast<int>(socket_.native_handle()));
    co_return co_await handshake(false, &detail);
}

asio::awaitable<error_code> Stream::tls_accept(const TlsServerContext& context) {
    ssl_.reset(SSL_new(context.native()));
    if (!ssl_) co_return Errc::tls_failed;
    SSL_set_fd(ssl_.get(), static_cast<int>(socket_.native_handle()));
    co_return co_await handshake(true, nullptr);
}

asio::awaitable<error_code> Stream::handshake(bool server, std::string* detail) {
    for (;;) {
        if (const auto early = interrupted({})) co_return early;
        ERR_clear_error();
        const int outcome = server ? SSL_accept(ssl_.get()) : SSL_connect(ssl_.get());
        if (outcome == 1) co_return error_code{};
        const int wants = SSL_get_error(ssl_.get(), outcome);
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) {
            if (detail != nullptr) *detail = handshake_reason(ssl_.get());
            co_return Errc::tls_failed;
        }
        if (const auto error = co_await wait_ready(wants)) co_return error;
    }
}

asio::awaitable<error_code> Stream::wait_ready(int ssl_error) {
    const auto side =
        ssl_error == SSL_ERROR_WANT_WRITE ? asio::ip::tcp::socket::wait_write : asio::ip::tcp::socket::wait_read;
    auto [error] = co_await socket_.async_wait(side, use_tuple);
    co_return error ? interrupted(error) : error_code{};
}

asio::awaitable<core::Result<std::size_t>> Stream::read_some(char* data, std::size_t size) {
    if (const auto early = interrupted({})) co_return early;
    if (ssl_) co_return co_await tls_read(data, size);
    auto [error, length] = co_await socket_.async_read_some(asio::buffer(data, size), use_tuple);
    if (error == asio::error::eof) co_return Errc::end_of_stream;
    if (error) co_return interrupted(error);
    co_return length;
}

asio::awaitable<core::Result<std::size_t>> Stream::tls_read(char* data, std::size_t size) {
    for (;;) {
        ERR_clear_error();
        std::size_t length = 0;
        const int outcome = SSL_read_ex(ssl_.get(), data, size, &length);
        if (outcome == 1) co_return length;
        const int wants = SSL_get_error(ssl_.get(), outcome);
        if (wants == SSL_ERROR_ZERO_RETURN) co_return Errc::end_of_stream;
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) {
            if (wants == SSL_ERROR_SYSCALL && errno != 0) co_return from_errno();
            co_return Errc::truncated;
        }
        if (const auto error = co_await wait_ready(wants)) co_return error;
        if (const auto early = interrupted({})) co_return early;
    }
}

error_code Stream::write_now(std::string_view& data) {
    if (const auto early = interrupted({})) return early;
    if (ssl_) return tls_write_now(data);
    const auto sent = ::send(socket_.native_handle(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? error_code{} : from_errno();
    written_ += static_cast<std::size_t>(sent);
    data.remove_prefix(static_cast<std::size_t>(sent));
    return {};
}

error_code Stream::tls_write_now(std::string_view& data) {
    while (!data.empty()) {
        ERR_clear_error();
        std::size_t length = 0;
        const int outcome = SSL_write_ex(ssl_.get(), data.data(), data.size(), &length);
        if (outcome == 1) {
            written_ += length;
            data.remove_prefix(length);
            continue;
        }
        tls_wants_ = SSL_get_error(ssl_.get(), outcome);
        if (tls_wants_ == SSL_ERROR_WANT_READ || tls_wants_ == SSL_ERROR_WANT_WRITE) return {};
        if (tls_wants_ == SSL_ERROR_SYSCALL && errno != 0) return from_errno();
        return Errc::end_of_stream;
    }
    return {};
}

asio::awaitable<error_code> Stream::write(std::string_view data) {
    for (;;) {
        if (const auto error = write_now(data)) co_return error;
        if (data.empty()) co_return error_code{};
        if (const auto error = co_await wait_ready(ssl_ ? tls_wants_ : SSL_ERROR_WANT_WRITE)) co_return error;
    }
}

Stream::Peek Stream::peek() noexcept {
    char byte = 0;
    if (ssl_) {
        ERR_clear_error();
        const int outcome = SSL_peek(ssl_.get(), &byte, 1);
        if (outcome > 0) return Peek::data;
        const int wants = SSL_get_error(ssl_.get(), outcome);
        return wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE ? Peek::nothing : Peek::closed;
    }
    const auto length = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (length > 0) return Peek::data;
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? Peek::nothing : Peek::closed;
}

bool Stream::resumed() const noexcept { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }

void Stream::close() noexcept {
    if (ssl_ && socket_.is_open() && SSL_is_init_finished(ssl_.get()) == 1) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    socket_.close(ignored);
}

void Stream::abort() noexcept {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

}  // namespace b24gate::net
