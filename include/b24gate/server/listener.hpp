// Accepts connections on one port and deals them out to the workers in turn.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <b24gate/config/config.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/server/session.hpp>

namespace b24gate::server {

/// Lives on the worker it was opened on; start, close and set_tls are called there.
class Listener {
public:
    /// Binds at once, so that a taken port is known at start. The error is a sentence for the operator.
    [[nodiscard]] static boost::system::result<std::unique_ptr<Listener>, std::string> open(
        net::Worker& worker, const config::Endpoint& at, std::vector<SessionContext*> contexts,
        unsigned max_connections, std::shared_ptr<net::TlsServerContext> tls);

    void start();
    void close();
    void set_tls(std::shared_ptr<net::TlsServerContext> tls) { tls_ = std::move(tls); }

    [[nodiscard]] std::string address() const { return address_; }  ///< host:port as bound

private:
    Listener(net::Worker& worker, std::vector<SessionContext*> contexts, unsigned max_connections);
    boost::asio::awaitable<void> accept_all();
    /// Ends connections that are kept and not used, and accepts nobody for a moment.
    boost::asio::awaitable<void> make_room();

    net::Worker& worker_;
    std::vector<SessionContext*> contexts_;
    unsigned max_connections_;
    std::shared_ptr<net::TlsServerContext> tls_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::string address_;
    std::size_t next_ = 0;
};

}  // namespace b24gate::server
