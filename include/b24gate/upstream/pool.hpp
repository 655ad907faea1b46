// Which kept-alive connection a call gets, and when one is closed: the decisions of a pool for one portal on one
// worker. Pure: it knows numbers, not sockets; the owner opens and closes what it is told. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <b24gate/core/clock.hpp>

namespace b24gate::upstream {

struct PoolLimits {
    std::size_t max_connections = 10;  ///< at once, those being opened included; at least 1
    core::Duration idle = std::chrono::seconds(50);
    core::Duration max_age = std::chrono::minutes(10);  ///< so that a portal's moved address is noticed
};

struct PoolCounters {
    std::uint64_t opened = 0;       ///< connections that came to be
    std::uint64_t failed = 0;       ///< attempts to open that failed, and connections that broke in use
    std::uint64_t reused = 0;       ///< leases served by an idle connection
    std::uint64_t waited = 0;       ///< leases that found no room
    std::uint64_t idle_closed = 0;  ///< idle for too long
    std::uint64_t age_closed = 0;
    std::uint64_t retired = 0;      ///< of an earlier generation
    std::uint64_t peer_closed = 0;  ///< the portal closed it while idle
    std::uint64_t unusable = 0;     ///< given back as not reusable
    std::uint64_t evicted = 0;      ///< idle, closed to make room for a fresh one
};

struct Lease {
    enum class Kind {
        reuse,  ///< take connection `id`
        open,   ///< open one and call it `id`; then opened() or failed()
        wait,   ///< no room: ask again when one was given back or has failed
    };
    Kind kind = Kind::wait;
    std::uint64_t id = 0;
};

/// A connection lives so: open -> opened() -> in use -> give_back() -> idle -> reuse or closed; failed() ends it at any
/// time before give_back(). Calls with an id that is not in the state they need change nothing and return false.
/// What must be closed is collected: after each call that is not const the owner takes to_close() and closes it.
class Pool {
public:
    using Id = std::uint64_t;
    enum class Want { any, fresh };  ///< fresh: after a kept-alive connection turned out to be dead

    explicit Pool(PoolLimits limits);

    /// The connection that was given back last, while it is neither too old nor of an earlier generation: the others
    /// get the rest that lets them be closed.
    [[nodiscard]] Lease lease(core::TimePoint now, Want want = Want::any);
    bool opened(Id id, core::TimePoint now);
    /// It never came to be, or broke in use; there is nothing left to close.
    bool failed(Id id);
    /// `reusable`: the answer was read to its end and neither side said close. True: it is kept.
    bool give_back(Id id, core::TimePoint now, bool reusable);
    /// An idle connection's peer has closed it, or sent what nobody asked for.
    bool peer_closed(Id id);
    /// Collects those that were idle for too long or are too old.
    void expire(core::TimePoint now);
    /// When expire() has something to do at the earliest; nullopt: nothing is idle.
    [[nodiscard]] std::optional<core::TimePoint> next_expiry() const;
    /// The portal's address, name or CA has changed: idle ones are closed, those in use when they come back.
    void retire();
    /// Fewer than before: what is idle above the bound is closed, what is in use may end its call.
    void set_limits(PoolLimits limits);

    /// Connections that the owner has to close now; they are no longer counted.
    [[nodiscard]] std::vector<Id> to_close();

    [[nodiscard]] std::size_t opening() const noexcept { return count(State::opening); }
    [[nodiscard]] std::size_t busy() const noexcept { return count(State::busy); }
    [[nodiscard]] std::size_t idle() const noexcept { return idle_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }
    [[nodiscard]] const PoolCounters& counters() const noexcept { return counters_; }

private:
    enum class State { opening, busy, idle };
    struct Connection {
        Id id;
        State state;
        std::uint64_t generation;
        core::TimePoint opened_at;
        core::TimePoint idle_since;
    };

    [[nodiscard]] std::size_t count(State state) const noexcept;
    [[nodiscard]] Connection* find(Id id, State state) noexcept;
    [[nodiscard]] const Connection& at(Id id) const noexcept;
    [[nodiscard]] core::TimePoint expiry(const Connection& connection) const noexcept;
    void forget(Id id) noexcept;
    void close_idle(Id id, std::uint64_t& counter);
    [[nodiscard]] Lease open();

    PoolLimits limits_;
    std::uint64_t generation_ = 0;
    Id last_id_ = 0;                       ///< ids are never used again
    std::vector<Connection> connections_;  ///< few: searched by walking over them
    std::vector<Id> idle_;                 ///< a stack: the last one given back is the last
    std::vector<Id> to_close_;
    PoolCounters counters_;
};

}  // namespace b24gate::upstream
