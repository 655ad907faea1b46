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

namespace b24gate::upstream {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

class Resolver {
public:
    explicit Resolver(net::Worker& worker) : worker_(worker) {}
    ~Resolver();

    /// Addresses of host:port, IPv4 first. Errors: resolve_failed, resolve_timeout. getaddrinfo cannot be interrupted:
    /// at the deadline only the wait ends, and the answer still serves the next call.
    boost::asio::awaitable<core::Result<Endpoints>> resolve(std::string host, std::string port,
                                                            core::TimePoint deadline);

private:
    struct Entry;
    static boost::asio::awaitable<void> ask(net::Worker& worker, std::shared_ptr<Entry> entry, std::string host,
                                            std::string port);

    net::Worker& worker_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace b24gate::upstream
