#include <b24gate/gateway/hold_back.hpp>

#include <algorithm>

#include <b24gate/net/sleep.hpp>

namespace b24gate::gateway {
namespace {

/// Of all connections there may be, so much on each worker.
constexpr unsigned share = 16, fewest = 8;

}  // namespace

boost::asio::awaitable<bool> hold_back(WorkerState& worker, std::string peer) {
    const core::TimePoint now = core::Clock::now();
    const core::Duration delay = worker.key_guard.wrong_key(peer, now);
    if (delay == core::Duration::zero()) co_return true;
    if (worker.held_back >= std::max(fewest, worker.snapshot()->config->server.max_connections / share))
        co_return false;
    ++worker.held_back;
    net::Sleep sleep(worker.worker, now + delay);
    static_cast<void>(co_await sleep.wait());
    --worker.held_back;
    co_return true;
}

}  // namespace b24gate::gateway
