// The admin port: health and metrics for anyone who can reach it, the JSON API for who has the key. Who asks is found
// out here; what is answered stands with the resources.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/operations_api.hpp>
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
    [[nodiscard]] std::optional<server::Response> refused(const server::Request& request, Actor& actor) const;
    boost::asio::awaitable<server::Response> answer(const server::Request& request);
    boost::asio::awaitable<server::Response> portals();
    boost::asio::awaitable<server::Response> reload();
    void add_routes();

    gateway::WorkerState& worker_;
    AdminShared& shared_;
    OperationsApi operations_;
    Router router_;
};

}  // namespace b24gate::admin
