// The request path of the data port, top to bottom: handle() is the list of what happens to a request, in order. One
// object per worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

#include <b24gate/gateway/installer.hpp>
#include <b24gate/gateway/operation_desk.hpp>
#include <b24gate/gateway/operation_pages.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/health.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/observe/recent_errors.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::gateway {

class Gateway final : public server::Handler {
public:
    Gateway(WorkerState& worker, Installer& installer, OperationDesk& desk, OperationPages& operations,
            observe::Log& log, observe::GateMetrics& metrics, observe::RecentErrors& errors,
            const observe::Health& health);

    std::optional<server::Response> refuse_early(const server::Request& head) override;
    boost::asio::awaitable<server::Response> handle(server::Request& request, server::Connection& connection) override;
    server::Response refusal(unsigned status, std::string_view reason, const std::string& request_id) override;

private:
    struct Visit;
    boost::asio::awaitable<server::Response> refuse(Visit& visit, const bitrix::Refusal& refusal);
    boost::asio::awaitable<server::Response> forward(Visit& visit, const bitrix::Call& call,
                                                     const access::Identity& identity, server::Connection& connection);
    boost::asio::awaitable<server::Response> run(Visit& visit, CallOrder& order, const OperationWish& wish);
    boost::asio::awaitable<server::Response> take(Visit& visit, const CallOrder& order, const OperationWish& wish);
    server::Response taken(Visit& visit, const CallOrder& order, const TakenOver& taken, bool async);
    server::Response answer(Visit& visit, const CallOrder& order, const bitrix::Outcome& outcome);
    boost::asio::awaitable<std::optional<server::Response>> answered_before(Visit& visit, const CallOrder& order,
                                                                            const OperationWish& wish,
                                                                            std::string holder);
    void finish(const Visit& visit, unsigned status, std::uint64_t bytes_out);
    void remember(const Visit& visit, unsigned status);

    WorkerState& worker_;
    Installer& installer_;
    OperationDesk& desk_;
    OperationPages& operations_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    observe::RecentErrors& errors_;
    const observe::Health& health_;
};

}  // namespace b24gate::gateway
