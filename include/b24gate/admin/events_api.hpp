// GET /api/v1/events: the overview every two seconds, as server-sent events, for a page that stays open. Belongs to a
// worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <b24gate/admin/access.hpp>
#include <b24gate/admin/insight_api.hpp>

namespace b24gate::admin {

class EventsApi {
public:
    static constexpr unsigned most_listeners = 64;

    EventsApi(gateway::WorkerState& worker, AdminShared& shared, const Access& access, const InsightApi& insight)
        : worker_(worker), shared_(shared), access_(access), insight_(insight) {}

    void add_routes(Router& router);

private:
    boost::asio::awaitable<server::Response> listen(Visit& visit);

    gateway::WorkerState& worker_;
    AdminShared& shared_;
    const Access& access_;
    const InsightApi& insight_;
};

}  // namespace b24gate::admin
