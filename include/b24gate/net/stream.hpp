// One byte stream over TCP, with or without TLS. Not a template, so that nothing above it is one: TLS is OpenSSL on the
// non-blocking socket, and Asio only tells when the socket is ready. Belongs to one worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <b24gate/core/clock.hpp>
#include <b24gate/core/error.hpp>
#include <b24gate/net/sweeper.hpp>
#include <b24gate/net/tls.hpp>

struct ssl_st;

namespace b24gate::net {

class Stream final : private Swept {
public:
    /// Takes over a connected or a fresh socket.
    Stream(boost::asio::ip::tcp::socket socket, Sweeper& sweeper);
    ~Stream();

    /// Until when the operations from now on have to end; `why` is the error they then end with. A deadline that
    /// passes while nothing runs makes the next operation fail.
    void expires_at(core::TimePoint deadline, core::Errc why) noexcept;
    void expires_never() noexcept { expires_at(core::TimePoint::max(), core::Errc::read_timeout); }

    boost::asio::awaitable<boost::system::error_code> connect(boost::asio::ip::tcp::endpoint to);

    /// `host`: for SNI and for the name check. `detail` gets the reason of a failure in words.
    boost::asio::awaitable<boost::system::error_code> tls_connect(const TlsClientContext& context, std::string host,
                                                                  TlsSessionCache& sessions, std::string& detail);
    boost::asio::awaitable<boost::system::error_code> tls_accept(const TlsServerContext& context);

    /// At least one byte. Errc::end_of_stream when the peer ended it cleanly, Errc::truncated when TLS ended without
    /// close_notify.
    boost::asio::awaitable<core::Result<std::size_t>> read_some(char* data, std::size_t size);

    /// Writes what can be written without waiting and takes it off `data`: nearly always all of it. A plain function,
    /// because a coroutine costs more than the write. On an error `written()` tells how much the kernel has taken.
    boost::system::error_code write_now(std::string_view& data);
    /// All of `data`.
    boost::asio::awaitable<boost::system::error_code> write(std::string_view data);
    [[nodiscard]] std::size_t written() const noexcept { return written_; }
    void reset_written() noexcept { written_ = 0; }

    enum class Peek { nothing, data, closed };
    /// What has arrived unread. Never waits.
    [[nodiscard]] Peek peek() noexcept;

    /// Ends the wait of a running operation with Errc::cancelled; later ones fail likewise.
    void cancel() noexcept;

    /// Tells the other side properly (close_notify) as far as that needs no waiting, and closes.
    void close() noexcept;
    /// Closes so that the peer notices that something was cut off.
    void abort() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
    [[nodiscard]] bool is_tls() const noexcept { return ssl_ != nullptr; }
    [[nodiscard]] bool resumed() const noexcept;
    [[nodiscard]] boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }

private:
    void on_deadline() override;
    [[nodiscard]] boost::system::error_code interrupted(boost::system::error_code error) const noexcept;
    boost::asio::awaitable<boost::system::error_code> wait_ready(int ssl_error);
    boost::asio::awaitable<boost::system::error_code> handshake(bool server, std::string* detail);
    boost::asio::awaitable<core::Result<std::size_t>> tls_read(char* data, std::size_t size);
    boost::system::error_code tls_write_now(std::string_view& data);

    struct SslFree {
        void operator()(ssl_st*) const noexcept;
    };
    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<ssl_st, SslFree> ssl_;
    std::size_t written_ = 0;
    core::Errc why_ = core::Errc::read_timeout;
    int tls_wants_ = 0;  ///< what the last tls_write_now is waiting for
    bool timed_out_ = false;
    bool cancelled_ = false;
};

}  // namespace b24gate::net
