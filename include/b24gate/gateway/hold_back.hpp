// Who sends wrong keys waits for the refusals, the longer the more of them.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>

#include <b24gate/gateway/worker_state.hpp>

namespace b24gate::gateway {

/// Counts a wrong key of `peer` and waits as long as that costs. False: so many wait already that this one is to be
/// sent away at once, with its connection, or those who guess would use up the connections of all others.
[[nodiscard]] boost::asio::awaitable<bool> hold_back(WorkerState& worker, std::string peer);

}  // namespace b24gate::gateway
