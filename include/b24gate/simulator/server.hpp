// The sockets in front of the simulated cloud: one thread, many connections, latency by timers.
#pragma once

#include <b24gate/simulator/cloud.hpp>
#include <b24gate/simulator/control.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace b24gate::simulator {

struct ServerOptions {
    RequestParser::Limits limits;
    Micros keep_alive{0};                   ///< an idle connection is closed after this; 0: never
    std::uint64_t keep_alive_requests = 0;  ///< a connection is closed after that many; 0: never
};

class Server {
public:
    enum class Role { http, https, control };

    Server(boost::asio::io_context& io, Cloud& cloud, ServerOptions options);

    /// `address` is HOST:PORT, port 0 for any. Gives the address with its real port. `portal`: the one this listener
    /// belongs to, or empty. Throws boost::system::system_error or std::runtime_error.
    std::string listen(Role role, const std::string& address, std::string portal = {});
    /// Needed before the first https listener. Throws as above.
    void use_certificate(const std::string& certificate_pem, const std::string& key_pem);

    [[nodiscard]] Moment now() const;
    void set_ca(std::string pem) { ca_pem_ = std::move(pem); }

private:
    struct Listener {
        Role role;
        std::string portal;
        boost::asio::ip::tcp::acceptor acceptor;
    };
    boost::asio::awaitable<void> accept(std::shared_ptr<Listener> listener);
    template <class Stream>
    boost::asio::awaitable<void> serve(Stream stream, std::shared_ptr<Listener> listener, Connection connection);
    template <class Stream>
    boost::asio::awaitable<bool> deliver(Stream& stream, Delivery& delivery);
    boost::asio::awaitable<void> serve_tls(boost::asio::ip::tcp::socket socket, std::shared_ptr<Listener> listener,
                                           Connection connection);
    [[nodiscard]] Delivery control_answer(const Request& request);

    boost::asio::io_context& io_;
    Cloud& cloud_;
    ServerOptions options_;
    SocketStats sockets_;
    Control control_;
    std::unique_ptr<boost::asio::ssl::context> tls_;
    std::string ca_pem_;
    std::uint64_t last_connection_ = 0;
    const Moment wall_start_;
    const std::chrono::steady_clock::time_point steady_start_;
};

}  // namespace b24gate::simulator
