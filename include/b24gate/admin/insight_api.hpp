// What is going on: the overview, clients, recent errors, the audit. Belongs to a worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include <string>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/router.hpp>
#include <b24gate/gateway/worker_state.hpp>

namespace b24gate::admin {

class InsightApi {
public:
    InsightApi(gateway::WorkerState& worker, AdminShared& shared) : worker_(worker), shared_(shared) {}

    void add_routes(Router& router);

    /// What GET /api/v1/overview answers. Without what the store knows where it does not answer.
    boost::asio::awaitable<boost::json::object> overview() const;

private:
    using Answer = boost::asio::awaitable<server::Response>;
    Answer show_overview() const;
    Answer clients(Visit& visit) const;
    Answer errors(Visit& visit) const;
    Answer audit(Visit& visit) const;

    gateway::WorkerState& worker_;
    AdminShared& shared_;
};

}  // namespace b24gate::admin
