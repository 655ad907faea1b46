// /api/v1/operations and /api/v1/jobs. One object serves any number of requests on the thread that runs them; what it
// is given may be used from any thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/operation_jobs.hpp>
#include <b24gate/admin/operation_json.hpp>
#include <b24gate/admin/router.hpp>

namespace b24gate::admin {

/// What operations have to do with the rest of the gateway. The shell, when no gateway runs, has less of it.
struct OperationServices {
    storage::OperationStore& store;
    std::shared_ptr<OperationJobs> jobs;
    boost::asio::any_io_executor executor;  ///< where jobs run
    std::function<operations::Rules()> rules;
    /// How fast a portal takes calls now; nullopt: nobody knows.
    std::function<std::optional<Pace>(std::string_view portal)> pace = [](std::string_view) { return std::nullopt; };
    /// Operations of a portal can run that could not before.
    std::function<void(const std::string& portal)> changed = [](const std::string&) {};
    /// What may be seen of an answer or an excerpt, as the store has it; nullopt: it cannot be opened.
    std::function<std::optional<Shown>(const std::string& id, const storage::KeptAnswer& answer)> answer =
        [](const std::string&, const storage::KeptAnswer&) { return std::nullopt; };
    std::function<std::optional<Shown>(const std::string& id, const storage::AttemptRecord& attempt)> excerpt =
        [](const std::string&, const storage::AttemptRecord&) { return std::nullopt; };
};

class OperationsApi {
public:
    explicit OperationsApi(OperationServices services) : services_(std::move(services)), clerk_(services_.store) {}

    void add_routes(Router& router);

private:
    using Answer = boost::asio::awaitable<server::Response>;
    Answer list(Visit& visit) const;
    Answer counts(Visit& visit) const;
    Answer show(Visit& visit) const;
    Answer act(Visit& visit, BulkAction action) const;
    Answer bulk(Visit& visit, BulkAction action) const;
    Answer make_plan(Visit& visit, BulkAction action) const;
    Answer run_plan(Visit& visit, BulkAction action, std::string token, std::string reason) const;
    Answer list_jobs() const;
    Answer show_job(Visit& visit) const;
    Answer cancel_job(Visit& visit) const;

    OperationServices services_;
    OperationClerk clerk_;
};

}  // namespace b24gate::admin
