// How full each portal's bucket is, kept over a restart: who knows what was sent need not take it for spent.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>

#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::app {

/// Gives the portals the levels that an orderly stop has left, and marks them as unknown from now on: after a crash
/// nobody knows them.
boost::asio::awaitable<storage::Result<storage::Done>> take_levels(storage::Store& store,
                                                                   const gateway::Snapshot& snapshot,
                                                                   std::string egress);
/// At an orderly stop, when nothing is sent any more.
boost::asio::awaitable<storage::Result<storage::Done>> save_levels(storage::Store& store,
                                                                   const gateway::Snapshot& snapshot,
                                                                   std::string egress);

}  // namespace b24gate::app
