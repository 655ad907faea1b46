// What a client gets of its own operations: /operations/{id}, and the answer to a hand-over. Any thread but for
// serve(), which runs on the worker of its session.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>
#include <string_view>

#include <b24gate/gateway/operation_desk.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/server/message.hpp>

namespace b24gate::gateway {

/// 202 (product contract section 6). `async`: the client asked for it by Prefer.
[[nodiscard]] server::Response taken_response(const TakenOver& taken, bool async);

/// One operation as JSON, `answer` and attempts included. `answer`: as keep_answer wrote it, empty: there is none.
[[nodiscard]] std::string operation_json(const storage::OperationRecord& record,
                                         const std::vector<storage::AttemptRecord>& attempts, unsigned answer_status,
                                         std::string_view answer);

class OperationPages {
public:
    OperationPages(OperationDesk& desk, observe::Log& log, std::function<void(std::string_view, storage::UnixMs)> due,
                   std::function<void()> callback_due)
        : desk_(desk), log_(log), due_(std::move(due)), callback_due_(std::move(callback_due)) {}

    [[nodiscard]] static bool serves(std::string_view target) noexcept { return target.starts_with("/operations/"); }
    boost::asio::awaitable<server::Response> serve(WorkerState& worker, const server::Request& request);

private:
    boost::asio::awaitable<server::Response> show(const server::Request& request,
                                                  const storage::OperationRecord& record, std::string base,
                                                  std::string key);
    boost::asio::awaitable<server::Response> discard(const server::Request& request, storage::OperationRecord record,
                                                     const config::Operations& settings);

    OperationDesk& desk_;
    observe::Log& log_;
    std::function<void(std::string_view, storage::UnixMs)> due_;
    std::function<void()> callback_due_;
};

}  // namespace b24gate::gateway
