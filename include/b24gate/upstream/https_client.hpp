// Requests to one portal from one worker, over kept-alive connections. Says how far each exchange came, because that
// decides whether the request may be sent again. Belongs to its worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/net/tls.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/server/message.hpp>
#include <b24gate/upstream/pool.hpp>
#include <b24gate/upstream/resolver.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::upstream {

/// What the connections of a client have in common; exchanged as a whole when the portal moves or the config changes.
struct Endpoint {
    Target target;
    std::shared_ptr<net::TlsClientContext> tls;  ///< null for http
    core::Duration connect_timeout = std::chrono::seconds(5);
    Endpoints addresses = {};  ///< where not empty, these alone are connected to, and no name is looked up
};

struct OutgoingRequest {
    std::string head;  ///< request line and fields, with the empty line
    std::string_view body;
    bool expects_body = true;  ///< false: HEAD
    bool fresh = false;        ///< not over a kept-alive connection: the last one turned out to be dead
    core::TimePoint deadline;  ///< of the whole exchange up to the end of the buffered part
    core::Duration read_timeout = std::chrono::seconds(65);  ///< of each further read of a body that streams
    std::size_t buffer_limit = 512 * 1024;                   ///< an answer up to this is handed over whole
};

/// How an exchange ended.
struct Exchange {
    bitrix::Transport transport = bitrix::Transport::not_sent;
    bitrix::TransportError error = bitrix::TransportError::none;
    std::string detail;  ///< the reason of a failure in words; no secret
    bool reused = false;

    // when `replied`
    unsigned status = 0;
    std::vector<char> head;          ///< as received; a vector, for its bytes stay where they are when it is moved
    std::vector<net::Field> fields;  ///< views into `head`
    std::string body;                ///< the whole, or the beginning when `rest` is set; content coding as received
    std::unique_ptr<server::BodySource> rest;
    std::optional<std::uint64_t> length;  ///< of the whole body, when the portal told it

    [[nodiscard]] std::string_view field(std::string_view name) const noexcept { return net::find_field(fields, name); }
};

struct ClientStats {
    std::uint64_t connects = 0;
    std::uint64_t connect_failures = 0;
    std::uint64_t tls_handshakes = 0;
    std::uint64_t tls_resumed = 0;
    PoolCounters pool;
    std::size_t open = 0;  ///< those being opened and in use included
    std::size_t idle = 0;
};

class HttpsClient {
public:
    HttpsClient(net::Worker& worker, Resolver& resolver, Endpoint endpoint, PoolLimits pool);
    ~HttpsClient();
    HttpsClient(const HttpsClient&) = delete;
    HttpsClient& operator=(const HttpsClient&) = delete;

    boost::asio::awaitable<Exchange> send(OutgoingRequest request);

    /// Connections to the old endpoint are not used again.
    void move_to(Endpoint endpoint);
    void configure(PoolLimits pool);
    /// Closes idle connections that have become too old. Call it now and then.
    void expire(core::TimePoint now);
    void close_idle();

    [[nodiscard]] ClientStats stats() const;

    struct Connection;
    struct State;  ///< shared with the bodies that still stream

private:
    std::shared_ptr<State> state_;
};

}  // namespace b24gate::upstream
