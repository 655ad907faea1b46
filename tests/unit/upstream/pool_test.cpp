#include <b24gate/upstream/pool.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace b24gate;
using namespace std::chrono_literals;
using upstream::Lease;
using upstream::Pool;
using upstream::PoolLimits;

namespace {

const core::TimePoint t0{1000h};

/// Takes a lease that must open, and opens it.
Pool::Id open_one(Pool& pool, core::TimePoint now, Pool::Want want = Pool::Want::any) {
    const Lease lease = pool.lease(now, want);
    REQUIRE(lease.kind == Lease::Kind::open);
    REQUIRE(pool.opened(lease.id, now));
    return lease.id;
}

}  // namespace

TEST_CASE("a connection that was given back is taken again, the last one first") {
    Pool pool({.max_connections = 3, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0), b = open_one(pool, t0), c = open_one(pool, t0);
    CHECK(pool.busy() == 3);
    CHECK(pool.give_back(a, t0 + 1s, true));
    CHECK(pool.give_back(c, t0 + 2s, true));
    CHECK(pool.give_back(b, t0 + 3s, true));
    CHECK(pool.idle() == 3);
    for (const auto expected : {b, c, a}) {
        const Lease lease = pool.lease(t0 + 4s);
        CHECK(lease.kind == Lease::Kind::reuse);
        CHECK(lease.id == expected);
    }
    CHECK(pool.counters().reused == 3);
    CHECK(pool.counters().opened == 3);
}

TEST_CASE("at the bound a call waits until one comes back or fails") {
    Pool pool({.max_connections = 2, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0);
    const Lease opening = pool.lease(t0);
    REQUIRE(opening.kind == Lease::Kind::open);
    CHECK(pool.opening() == 1);
    CHECK(pool.lease(t0).kind == Lease::Kind::wait);
    CHECK(pool.failed(opening.id));
    CHECK(pool.lease(t0).kind == Lease::Kind::open);
    CHECK(pool.lease(t0).kind == Lease::Kind::wait);
    CHECK(pool.give_back(a, t0, true));
    CHECK(pool.lease(t0).id == a);
    CHECK(pool.counters().waited == 2);
    CHECK(pool.counters().failed == 1);
}

TEST_CASE("a bound of nothing still lets one connection be") {
    Pool pool({.max_connections = 0, .idle = 1s, .max_age = 1s});
    CHECK(pool.lease(t0).kind == Lease::Kind::open);
    CHECK(pool.lease(t0).kind == Lease::Kind::wait);
}

TEST_CASE("what was idle too long is closed and never handed out") {
    Pool pool({.max_connections = 4, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0), b = open_one(pool, t0);
    CHECK_FALSE(pool.next_expiry());
    pool.give_back(a, t0 + 10s, true);
    pool.give_back(b, t0 + 20s, true);
    CHECK(*pool.next_expiry() == t0 + 60s);
    pool.expire(t0 + 60s - 1ns);
    CHECK(pool.to_close().empty());
    pool.expire(t0 + 60s);
    CHECK(pool.to_close() == std::vector<Pool::Id>{a});
    CHECK(*pool.next_expiry() == t0 + 70s);
    const Lease lease = pool.lease(t0 + 70s);
    CHECK(lease.kind == Lease::Kind::open);
    CHECK(pool.to_close() == std::vector<Pool::Id>{b});
    CHECK(pool.counters().idle_closed == 2);
}

TEST_CASE("what is too old is closed, idle or when it comes back") {
    Pool pool({.max_connections = 4, .idle = 50s, .max_age = 60s});
    const auto a = open_one(pool, t0), b = open_one(pool, t0);
    pool.give_back(a, t0 + 30s, true);
    CHECK(*pool.next_expiry() == t0 + 60s);
    CHECK_FALSE(pool.give_back(b, t0 + 60s, true));
    CHECK(pool.to_close() == std::vector<Pool::Id>{b});
    pool.expire(t0 + 60s);
    CHECK(pool.to_close() == std::vector<Pool::Id>{a});
    CHECK(pool.counters().age_closed == 2);
    CHECK(pool.size() == 0);
}

TEST_CASE("limits of never do not overflow") {
    Pool pool({.max_connections = 1, .idle = core::Duration::max(), .max_age = core::Duration::max()});
    const auto a = open_one(pool, t0);
    CHECK(pool.give_back(a, t0 + 10000h, true));
    pool.expire(t0 + 20000h);
    CHECK(pool.idle() == 1);
    CHECK(*pool.next_expiry() == core::TimePoint::max());
}

TEST_CASE("retire closes the idle ones at once and the others when they come back") {
    Pool pool({.max_connections = 4, .idle = 50s, .max_age = 10min});
    const auto idle = open_one(pool, t0), busy = open_one(pool, t0);
    const Lease opening = pool.lease(t0);
    pool.give_back(idle, t0, true);
    pool.retire();
    CHECK(pool.to_close() == std::vector<Pool::Id>{idle});
    CHECK(pool.opened(opening.id, t0));
    CHECK_FALSE(pool.give_back(busy, t0, true));
    CHECK_FALSE(pool.give_back(opening.id, t0, true));
    CHECK(pool.to_close() == std::vector<Pool::Id>{busy, opening.id});
    CHECK(pool.counters().retired == 3);
    const auto next = open_one(pool, t0);
    CHECK(pool.give_back(next, t0, true));
}

TEST_CASE("a fresh one leaves idle ones alone while there is room, else takes the place of the oldest") {
    Pool pool({.max_connections = 3, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0), b = open_one(pool, t0);
    pool.give_back(a, t0 + 1s, true);
    pool.give_back(b, t0 + 2s, true);
    open_one(pool, t0 + 3s, Pool::Want::fresh);
    CHECK(pool.idle() == 2);
    CHECK(pool.to_close().empty());
    open_one(pool, t0 + 3s, Pool::Want::fresh);
    CHECK(pool.to_close() == std::vector<Pool::Id>{a});
    open_one(pool, t0 + 3s, Pool::Want::fresh);
    CHECK(pool.to_close() == std::vector<Pool::Id>{b});
    CHECK(pool.lease(t0 + 3s, Pool::Want::fresh).kind == Lease::Kind::wait);
    CHECK(pool.counters().evicted == 2);
}

TEST_CASE("what the peer closed while idle is closed here too") {
    Pool pool({.max_connections = 2, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0);
    CHECK_FALSE(pool.peer_closed(a));  // in use: its user will find out
    pool.give_back(a, t0, true);
    CHECK(pool.peer_closed(a));
    CHECK_FALSE(pool.peer_closed(a));
    CHECK(pool.to_close() == std::vector<Pool::Id>{a});
    CHECK(pool.counters().peer_closed == 1);
}

TEST_CASE("fewer connections after a reload") {
    Pool pool({.max_connections = 4, .idle = 50s, .max_age = 10min});
    const auto a = open_one(pool, t0), b = open_one(pool, t0), c = open_one(pool, t0), d = open_one(pool, t0);
    pool.give_back(a, t0, true);
    pool.give_back(b, t0, true);
    pool.set_limits({.max_connections = 1, .idle = 50s, .max_age = 10min});
    CHECK(pool.to_close() == std::vector<Pool::Id>{a, b});
    CHECK(pool.lease(t0).kind == Lease::Kind::wait);
    CHECK_FALSE(pool.give_back(c, t0, true));
    CHECK(pool.give_back(d, t0, true));
    CHECK(pool.size() == 1);
}

TEST_CASE("calls with an id in another state change nothing") {
    Pool pool({.max_connections = 3, .idle = 50s, .max_age = 10min});
    const Lease opening = pool.lease(t0);
    const auto idle = open_one(pool, t0), gone = open_one(pool, t0);
    pool.give_back(idle, t0, true);
    pool.failed(gone);
    CHECK_FALSE(pool.give_back(opening.id, t0, true));
    CHECK_FALSE(pool.peer_closed(opening.id));
    CHECK_FALSE(pool.opened(idle, t0));
    CHECK_FALSE(pool.failed(idle));
    CHECK_FALSE(pool.give_back(idle, t0, true));
    for (const Pool::Id id : {gone, Pool::Id{0}, Pool::Id{999}}) {
        CHECK_FALSE(pool.opened(id, t0));
        CHECK_FALSE(pool.failed(id));
        CHECK_FALSE(pool.give_back(id, t0, true));
        CHECK_FALSE(pool.peer_closed(id));
    }
    CHECK(pool.size() == 2);
    CHECK(pool.to_close().empty());
}

TEST_CASE("random sequences keep the books right") {
    enum class State { opening, busy, idle };
    struct Model {
        State state;
        core::TimePoint opened_at, idle_since;
        unsigned generation;
    };
    for (unsigned seed = 0; seed < 4000; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
        PoolLimits limits{
            .max_connections = 1 + below(6), .idle = 1s * (1 + below(20)), .max_age = 1s * (5 + below(60))};
        Pool pool(limits);
        std::map<Pool::Id, Model> model;
        std::set<Pool::Id> ever, closed;
        std::vector<Pool::Id> stack;
        core::TimePoint now = t0;
        unsigned generation = 0;
        std::uint64_t ended_elsewhere = 0;

        const auto collect = [&] {
            for (const Pool::Id id : pool.to_close()) {
                REQUIRE(closed.insert(id).second);  // never told twice
                REQUIRE(model.erase(id) == 1);      // and only what exists
                std::erase(stack, id);
            }
        };
        const auto pick = [&](State state) -> Pool::Id {
            std::vector<Pool::Id> ids;
            for (const auto& [id, m] : model)
                if (m.state == state) ids.push_back(id);
            return ids.empty() ? 0 : ids[below(static_cast<unsigned>(ids.size()))];
        };

        for (int step = 0; step < 60; ++step) {
            now += 1ms * below(3000);
            switch (below(9)) {
                case 0:
                case 1:
                case 2: {
                    const auto want = below(4) == 0 ? Pool::Want::fresh : Pool::Want::any;
                    const Lease lease = pool.lease(now, want);
                    collect();
                    if (lease.kind == Lease::Kind::reuse) {
                        REQUIRE(want == Pool::Want::any);
                        REQUIRE(!stack.empty());
                        REQUIRE(lease.id == stack.back());
                        Model& m = model.at(lease.id);
                        REQUIRE(m.state == State::idle);
                        REQUIRE(m.generation == generation);
                        REQUIRE(now - m.idle_since < limits.idle);
                        REQUIRE(now - m.opened_at < limits.max_age);
                        m.state = State::busy;
                        stack.pop_back();
                    } else if (lease.kind == Lease::Kind::open) {
                        REQUIRE(ever.insert(lease.id).second);  // ids are never used again
                        if (want == Pool::Want::any) REQUIRE(stack.empty());
                        model[lease.id] = {State::opening, {}, {}, generation};
                        REQUIRE(model.size() <= limits.max_connections);
                    } else {
                        REQUIRE(stack.empty());
                        REQUIRE(model.size() >= limits.max_connections);
                    }
                    break;
                }
                case 3:
                    if (const auto id = pick(State::opening)) {
                        REQUIRE(pool.opened(id, now));
                        model[id].state = State::busy;
                        model[id].opened_at = now;
                    }
                    break;
                case 4:
                    if (const auto id = pick(below(2) == 0 ? State::opening : State::busy)) {
                        REQUIRE(pool.failed(id));
                        model.erase(id);
                        ++ended_elsewhere;
                    }
                    break;
                case 5:
                case 6:
                    if (const auto id = pick(State::busy)) {
                        const bool reusable = below(4) != 0;
                        const Model m = model[id];
                        const bool kept = reusable && m.generation == generation &&
                                          now - m.opened_at < limits.max_age && model.size() <= limits.max_connections;
                        REQUIRE(pool.give_back(id, now, reusable) == kept);
                        if (kept) {
                            model[id].state = State::idle;
                            model[id].idle_since = now;
                            stack.push_back(id);
                        }
                    }
                    break;
                case 7:
                    if (below(2) == 0) {
                        pool.expire(now);
                        collect();
                        for (const Pool::Id id : stack) {
                            REQUIRE(now - model[id].idle_since < limits.idle);
                            REQUIRE(now - model[id].opened_at < limits.max_age);
                        }
                        REQUIRE(pool.next_expiry().has_value() == !stack.empty());
                        if (!stack.empty()) REQUIRE(*pool.next_expiry() > now);
                    } else if (const auto id = pick(State::idle)) {
                        REQUIRE(pool.peer_closed(id));
                    }
                    break;
                case 8:
                    if (below(4) == 0) {
                        pool.retire();
                        ++generation;
                    } else if (below(4) == 0) {
                        limits.max_connections = 1 + below(6);
                        pool.set_limits(limits);
                    }
                    break;
            }
            collect();
            const auto in = [&](State s) {
                return static_cast<std::size_t>(
                    std::count_if(model.begin(), model.end(), [&](const auto& m) { return m.second.state == s; }));
            };
            REQUIRE(pool.size() == model.size());
            REQUIRE(pool.opening() == in(State::opening));
            REQUIRE(pool.busy() == in(State::busy));
            REQUIRE(pool.idle() == in(State::idle));
            REQUIRE(pool.idle() == stack.size());
        }
        // Every connection that was closed or failed is in exactly one counter.
        const auto& c = pool.counters();
        CHECK(c.failed == ended_elsewhere);
        CHECK(c.idle_closed + c.age_closed + c.retired + c.peer_closed + c.unusable + c.evicted == closed.size());
    }
}
