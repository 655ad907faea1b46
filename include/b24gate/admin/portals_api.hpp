// /api/v1/portals and what can be done to a portal. Belongs to a worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/router.hpp>
#include <b24gate/gateway/worker_state.hpp>

namespace b24gate::admin {

class PortalsApi {
public:
    PortalsApi(gateway::WorkerState& worker, AdminShared& shared) : worker_(worker), shared_(shared) {}

    void add_routes(Router& router);

private:
    using Answer = boost::asio::awaitable<server::Response>;
    Answer list(Visit& visit) const;
    Answer pause(Visit& visit);
    Answer resume(Visit& visit);
    Answer refresh(Visit& visit);
    Answer reload(Visit& visit);

    gateway::WorkerState& worker_;
    AdminShared& shared_;
};

}  // namespace b24gate::admin
