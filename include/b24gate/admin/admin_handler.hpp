// The admin port: health and metrics for anyone who can reach it, the API for who has a key or has logged in. Here a
// request finds its way; who may ask stands in access, what is answered with the resources.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

#include <b24gate/admin/access.hpp>
#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/alerts_api.hpp>
#include <b24gate/admin/events_api.hpp>
#include <b24gate/admin/insight_api.hpp>
#include <b24gate/admin/operations_api.hpp>
#include <b24gate/admin/portals_api.hpp>
#include <b24gate/admin/router.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::admin {

/// One per worker.
class AdminHandler final : public server::Handler {
public:
    AdminHandler(gateway::WorkerState& worker, AdminShared& shared);

    std::optional<server::Response> refuse_early(const server::Request& head) override;
    boost::asio::awaitable<server::Response> handle(server::Request& request, server::Connection& connection) override;
    server::Response refusal(unsigned status, std::string_view reason, const std::string& request_id) override;

private:
    boost::asio::awaitable<server::Response> answer(const server::Request& request);
    boost::asio::awaitable<server::Response> routes() const;

    AdminShared& shared_;
    Access access_;
    OperationsApi operations_;
    PortalsApi portals_;
    InsightApi insight_;
    AlertsApi alerts_;
    EventsApi events_;
    Router router_;
};

}  // namespace b24gate::admin
