// One question to an authorization server: a connection of its own, used once. Belongs to its worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/upstream/resolver.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::tokens {

struct ServerAnswer {
    bitrix::Transport transport = bitrix::Transport::not_sent;
    bitrix::TransportError error = bitrix::TransportError::none;
    unsigned status = 0;
    std::string content_type;
    core::Secret body;
    std::string detail;  ///< of a failure, in words
};

class TokenClient {
public:
    explicit TokenClient(net::Worker& worker) : worker_(worker), resolver_(worker) {}

    /// `head` and `body` as they go over the wire. `ca`: PEM file of a private CA, empty: the system's.
    boost::asio::awaitable<ServerAnswer> ask(upstream::Target target, std::string ca, core::Secret head,
                                             core::Secret body, core::TimePoint deadline);

private:
    net::Worker& worker_;
    upstream::Resolver resolver_;
};

}  // namespace b24gate::tokens
