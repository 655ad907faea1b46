// A wait that ends at a moment or when someone ends it. Coarse: it may end up to one sweep late.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <b24gate/core/clock.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/net/worker.hpp>

namespace b24gate::net {

/// Belongs to the worker of the waiting coroutine.
class Sleep final : private Swept {
public:
    Sleep(Worker& worker, core::TimePoint until) : done_(worker.io.get_executor()) {
        deadline_ = until;
        worker.sweeper.add(*this);
    }

    /// True: the time has come; false: it was ended early.
    boost::asio::awaitable<bool> wait() { return done_.wait(); }
    void end() { done_.fulfil(false); }

private:
    void on_deadline() override { done_.fulfil(true); }
    Waiter<bool> done_;
};

}  // namespace b24gate::net
