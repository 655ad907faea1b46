// /api/v1/alerts: what fires, what is silenced, through which channels people are told. Belongs to a worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/router.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/storage/alert_store.hpp>

namespace b24gate::admin {

class AlertsApi {
public:
    AlertsApi(gateway::WorkerState& worker, AdminShared& shared) : worker_(worker), shared_(shared) {}

    void add_routes(Router& router);

private:
    using Answer = boost::asio::awaitable<server::Response>;
    Answer list(Visit& visit) const;
    Answer silence_alert(Visit& visit);
    Answer silence(Visit& visit);
    Answer end_silence(Visit& visit);
    Answer test(Visit& visit);
    Answer put_silence(Visit& visit, storage::Silence silence);

    gateway::WorkerState& worker_;
    AdminShared& shared_;
};

/// How long a silence is to hold, in milliseconds from now: "for" is a duration, "until" a time; one of them. The error
/// is a sentence. Pure.
[[nodiscard]] Parsed<std::int64_t> silence_length(const Query& body, std::int64_t now);

}  // namespace b24gate::admin
