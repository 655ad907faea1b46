#include <b24gate/upstream/pool.hpp>

#include <algorithm>
#include <utility>

namespace b24gate::upstream {
namespace {

/// `limit` may be as large as "never".
core::TimePoint after(core::TimePoint start, core::Duration limit) noexcept {
    return limit > core::TimePoint::max() - start ? core::TimePoint::max() : start + limit;
}

PoolLimits sane(PoolLimits limits) noexcept {
    limits.max_connections = std::max<std::size_t>(limits.max_connections, 1);
    return limits;
}

}  // namespace

Pool::Pool(PoolLimits limits) : limits_(sane(limits)) {}

std::size_t Pool::count(State state) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(connections_.begin(), connections_.end(), [&](const Connection& c) { return c.state == state; }));
}

Pool::Connection* Pool::find(Id id, State state) noexcept {
    const auto it = std::find_if(connections_.begin(), connections_.end(),
                                 [&](const Connection& c) { return c.id == id && c.state == state; });
    return it == connections_.end() ? nullptr : &*it;
}

const Pool::Connection& Pool::at(Id id) const noexcept {
    return *std::find_if(connections_.begin(), connections_.end(), [&](const Connection& c) { return c.id == id; });
}

core::TimePoint Pool::expiry(const Connection& c) const noexcept {
    return std::min(after(c.idle_since, limits_.idle), after(c.opened_at, limits_.max_age));
}

void Pool::forget(Id id) noexcept {
    std::erase_if(connections_, [&](const Connection& c) { return c.id == id; });
}

void Pool::close_idle(Id id, std::uint64_t& counter) {
    ++counter;
    std::erase(idle_, id);
    forget(id);
    to_close_.push_back(id);
}

Lease Pool::open() {
    const Id id = ++last_id_;
    connections_.push_back({id, State::opening, generation_, {}, {}});
    return {Lease::Kind::open, id};
}

Lease Pool::lease(core::TimePoint now, Want want) {
    expire(now);
    if (want == Want::any && !idle_.empty()) {
        const Id id = idle_.back();
        idle_.pop_back();
        find(id, State::idle)->state = State::busy;
        ++counters_.reused;
        return {Lease::Kind::reuse, id};
    }
    // A fresh one takes the place of the idle one that was used least recently.
    if (connections_.size() >= limits_.max_connections && !idle_.empty()) close_idle(idle_.front(), counters_.evicted);
    if (connections_.size() < limits_.max_connections) return open();
    ++counters_.waited;
    return {Lease::Kind::wait, 0};
}

bool Pool::opened(Id id, core::TimePoint now) {
    Connection* connection = find(id, State::opening);
    if (connection == nullptr) return false;
    connection->state = State::busy;
    connection->opened_at = now;
    ++counters_.opened;
    return true;
}

bool Pool::failed(Id id) {
    if (find(id, State::opening) == nullptr && find(id, State::busy) == nullptr) return false;
    ++counters_.failed;
    forget(id);
    return true;
}

bool Pool::give_back(Id id, core::TimePoint now, bool reusable) {
    Connection* connection = find(id, State::busy);
    if (connection == nullptr) return false;
    std::uint64_t* reason = nullptr;
    if (!reusable) {
        reason = &counters_.unusable;
    } else if (connection->generation != generation_) {
        reason = &counters_.retired;
    } else if (after(connection->opened_at, limits_.max_age) <= now) {
        reason = &counters_.age_closed;
    } else if (connections_.size() > limits_.max_connections) {
        reason = &counters_.evicted;
    }
    if (reason != nullptr) {
        ++*reason;
        forget(id);
        to_close_.push_back(id);
        return false;
    }
    connection->state = State::idle;
    connection->idle_since = now;
    idle_.push_back(id);
    return true;
}

bool Pool::peer_closed(Id id) {
    if (find(id, State::idle) == nullptr) return false;
    close_idle(id, counters_.peer_closed);
    return true;
}

void Pool::expire(core::TimePoint now) {
    for (std::size_t i = idle_.size(); i-- > 0;) {
        const Id id = idle_[i];
        const Connection& connection = at(id);
        if (after(connection.opened_at, limits_.max_age) <= now) {
            close_idle(id, counters_.age_closed);
        } else if (expiry(connection) <= now) {
            close_idle(id, counters_.idle_closed);
        }
    }
}

std::optional<core::TimePoint> Pool::next_expiry() const {
    std::optional<core::TimePoint> next;
    for (const Id id : idle_) {
        const core::TimePoint when = expiry(at(id));
        if (!next || when < *next) next = when;
    }
    return next;
}

void Pool::retire() {
    ++generation_;
    while (!idle_.empty()) close_idle(idle_.back(), counters_.retired);
}

void Pool::set_limits(PoolLimits limits) {
    limits_ = sane(limits);
    while (!idle_.empty() && connections_.size() > limits_.max_connections)
        close_idle(idle_.front(), counters_.evicted);
}

std::vector<Pool::Id> Pool::to_close() { return std::exchange(to_close_, {}); }

}  // namespace b24gate::upstream
