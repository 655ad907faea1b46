#include <b24gate/gateway/plan_reader.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/own_call.hpp>
#include <b24gate/server/request_id.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
namespace json = core::json;

/// Bulk may have to wait long; later the answer is of no more use than the next hour's.
constexpr auto patience = std::chrono::minutes(10);
/// A name of a plan is short; what is longer is something else.
constexpr std::size_t longest_license = 64;

bitrix::Call app_info() {
    bitrix::Call call;
    call.method = call.method_lower = "app.info";
    return call;
}

std::string member(std::string_view object, std::string_view name) {
    const auto value = json::find_last(object, name);
    std::string text = value ? json::decode_string(*value).value_or("") : std::string();
    return text.size() > longest_license ? std::string() : text;
}

asio::awaitable<void> read_plan(WorkerState& worker, std::shared_ptr<const Snapshot> snapshot,
                                const PortalRuntime& portal, const config::Credential& credential, observe::Log& log,
                                observe::GateMetrics& metrics) {
    NoCaller nobody;
    const config::Client client = own_client();
    const bitrix::Call call = app_info();
    server::Request request;
    request.id = server::request_id({});
    const CallOrder order{worker,
                          *snapshot,
                          log,
                          request,
                          nobody,
                          call,
                          client,
                          portal,
                          &credential,
                          config::Priority::bulk,
                          core::Deadline{core::Clock::now() + patience}};
    CallRun run(order);
    const CallReport report = co_await run.run();
    auto& counted = metrics.requests(observe::no_name, portal.config->name);
    for (unsigned i = 0; i < report.hits; ++i) counted.hit();
    if (!report.outcome.ok()) {
        log.event(observe::Level::info, "plan_not_learnt",
                  {{"portal", portal.config->name}, {"reason", report.outcome.code}});
        co_return;
    }
    const std::string license = license_of(report.body());
    if (license.empty()) {
        log.event(observe::Level::info, "plan_not_learnt",
                  {{"portal", portal.config->name}, {"reason", "app.info names no plan of the cloud"}});
        co_return;
    }
    const admission::Snapshot now = portal.portal->learn_plan(license);
    log.event(observe::Level::info, "plan_learnt",
              {{"portal", portal.config->name}, {"license", license}, {"burst", now.burst}, {"rate", now.plan_rate}});
}

}  // namespace

std::string license_of(std::string_view answer) {
    const auto result = json::find_last(answer, "result");
    if (!result) return {};
    for (const char* name : {"LICENSE_FAMILY", "LICENSE_TYPE"})
        if (std::string told = member(*result, name); !told.empty()) return told;
    std::string license = core::to_lower(member(*result, "LICENSE"));
    if (const std::size_t language = license.find('_'); language != std::string::npos) license.erase(0, language + 1);
    return license == "selfhosted" ? std::string() : license;
}

void read_plan_if_due(WorkerState& worker, const std::shared_ptr<const Snapshot>& snapshot, const PortalRuntime& portal,
                      const config::Credential* credential, observe::Log& log, observe::GateMetrics& metrics) {
    if (credential == nullptr || !portal.portal->claim_plan_reading(core::Clock::now())) return;
    asio::co_spawn(worker.worker.io, read_plan(worker, snapshot, portal, *credential, log, metrics), asio::detached);
}

}  // namespace b24gate::gateway
