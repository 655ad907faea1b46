// The admin port: health and metrics for anyone who can reach it, the JSON API for who has the key.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/health.hpp>
#include <b24gate/observe/metrics.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::admin {

struct ReloadReport {
    bool ok = false;
    std::vector<std::string> errors;  ///< one sentence each; the old config runs on
    std::vector<std::string> warnings;
};

/// Asks for a reload; the callback is called once, on any thread.
using Reload = std::function<void(std::function<void(ReloadReport)>)>;

/// One per worker.
class AdminHandler final : public server::Handler {
public:
    AdminHandler(gateway::WorkerState& worker, const observe::Registry& registry, const observe::Health& health,
                 Reload reload);

    std::optional<server::Response> refuse_early(const server::Request& head) override;
    boost::asio::awaitable<server::Response> handle(server::Request& request, server::Connection& connection) override;
    server::Response refusal(unsigned status, std::string_view reason, const std::string& request_id) override;

private:
    [[nodiscard]] std::optional<server::Response> refused(const server::Request& request) const;
    boost::asio::awaitable<server::Response> api(const server::Request& request, std::string_view path);
    boost::asio::awaitable<server::Response> reload();

    gateway::WorkerState& worker_;
    const observe::Registry& registry_;
    const observe::Health& health_;
    Reload reload_;
};

}  // namespace b24gate::admin
