// Host name -> addresses, remembered for a while, asked once for all who wait. Belongs to one worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <b24gate/core/clock.hpp>
#include <b24gate/core/error.hpp>
#include <b24gate/net/worker.hpp>

namespace boost::asio {
class thread_pool;
}

namespace b24gate::upstream {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

class Resolver {
public:
    /// `askers`: threads that put the questions to the system, so that a slow answer holds up no other name; to be
    /// joined before the worker goes. Without them the worker's own one does, a name at a time.
    explicit Resolver(net::Worker& worker, boost::asio::thread_pool* askers = nullptr)
        : worker_(worker), askers_(askers) {}
    ~Resolver();

    /// Addresses of host:port, IPv4 first. Errors: resolve_failed, resolve_timeout. getaddrinfo cannot be interrupted:
    /// at the deadline only the wait ends, and the answer still serves the next call.
    boost::asio::awaitable<core::Result<Endpoints>> resolve(std::string host, std::string port,
                                                            core::TimePoint deadline);

private:
    struct Entry;
    static boost::asio::awaitable<void> ask(net::Worker& worker, boost::asio::thread_pool* askers,
                                            std::shared_ptr<Entry> entry, std::string host, std::string port);

    net::Worker& worker_;
    boost::asio::thread_pool* askers_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace b24gate::upstream
