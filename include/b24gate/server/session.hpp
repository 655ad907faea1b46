// One client connection: read, dispatch, write, again. Every phase has its deadline; what cannot be understood is
// answered and the connection closed. Runs on one worker from accept to close.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/net/tls.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::server {

/// Counted per port, over all workers.
struct PortStats {
    std::atomic<std::int64_t> connections{0};
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> bytes_received{0};
    std::atomic<std::uint64_t> bytes_sent{0};

    void reject(std::string_view reason);  ///< refusals are rare: a lock is good enough
    [[nodiscard]] std::map<std::string, std::uint64_t> rejected() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::uint64_t> rejected_;
};

/// Bytes of request bodies that are in memory, over all ports.
struct BodyMemory {
    std::atomic<std::uint64_t> used{0};
    std::atomic<std::uint64_t> limit{512ull << 20};
};

/// A running session as the drain sees it. Leaves the list by itself when it ends.
class Drainable : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    [[nodiscard]] virtual bool idle() const noexcept = 0;  ///< between two requests
    /// What the client owes: a head (or nothing but its next request, or its end), or a body. Nothing while it is
    /// answered.
    struct Debt {
        bool body;
        core::TimePoint since;
        auto operator<=>(const Debt&) const = default;
    };
    [[nodiscard]] virtual std::optional<Debt> debt() const noexcept = 0;
    virtual void cancel() noexcept = 0;

protected:
    ~Drainable() = default;
};

/// What the sessions of one port on one worker share. Touched only on that worker.
struct SessionContext {
    net::Worker& worker;
    Handler& handler;
    PortStats& stats;
    BodyMemory& memory;
    std::shared_ptr<const config::Server> limits;
    bool draining = false;
    boost::intrusive::list<Drainable, boost::intrusive::constant_time_size<false>> sessions;

    SessionContext(net::Worker& w, Handler& h, PortStats& s, BodyMemory& m, std::shared_ptr<const config::Server> l);
    ~SessionContext();

    /// From now on answers close their connection; idle ones end at once.
    void drain();
    /// Makes room for new connections: ends up to `most` whose clients have owed something the longest, heads before
    /// bodies. Who is being answered stays.
    void shed(std::size_t most);
    /// Ends everything, also in the middle.
    void cancel_all();
};

/// Serves the connection until it ends; `tls` is null on a plain port.
void serve(SessionContext& context, boost::asio::ip::tcp::socket socket, std::shared_ptr<net::TlsServerContext> tls);

}  // namespace b24gate::server
