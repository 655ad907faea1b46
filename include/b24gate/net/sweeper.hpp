// One coarse timer per worker instead of a timer per operation: everything that has a deadline stands in a list, and
// every tick looks who is over it. A timer for each read would cost a fifth more CPU per request.
#pragma once

#include <boost/intrusive/list.hpp>

#include <b24gate/core/clock.hpp>

namespace b24gate::net {

/// How late a deadline may be noticed.
inline constexpr core::Duration sweep_interval = std::chrono::milliseconds(50);

class Sweeper;

/// Something with a deadline. Leaves the sweeper by itself when it is destroyed.
class Swept : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    Swept() = default;
    Swept(const Swept&) = delete;
    Swept& operator=(const Swept&) = delete;

protected:
    ~Swept() = default;
    core::TimePoint deadline_ = core::TimePoint::max();

private:
    friend class Sweeper;
    /// Called once per passed deadline; the deadline is then `max` until it is set again.
    virtual void on_deadline() = 0;
};

/// Not thread-safe: each worker has its own, and what stands in it belongs to that worker.
class Sweeper {
public:
    void add(Swept& entry) { entries_.push_back(entry); }
    void sweep(core::TimePoint now) {
        for (auto it = entries_.begin(); it != entries_.end();) {
            Swept& entry = *it++;  // first: on_deadline may unlink the entry
            if (now < entry.deadline_) continue;
            entry.deadline_ = core::TimePoint::max();
            entry.on_deadline();
        }
    }

private:
    boost::intrusive::list<Swept, boost::intrusive::constant_time_size<false>> entries_;
};

}  // namespace b24gate::net
