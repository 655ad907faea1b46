#include <b24gate/notify/portal_notice.hpp>

#include <utility>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/own_call.hpp>
#include <b24gate/server/request_id.hpp>

namespace b24gate::notify {
namespace {

namespace asio = boost::asio;
namespace json = core::json;
using alerts::Delivery;

bitrix::Call call_of(const PortalNotice& notice, bool webhook) {
    bitrix::Call call;
    call.method = call.method_lower = "im.notify.system.add";
    call.body_kind = bitrix::BodyKind::json;
    call.send_as_post = true;
    std::string body = "{\"USER_ID\":" + std::to_string(notice.user) + ",\"MESSAGE\":" + json::quoted(notice.text);
    if (!notice.tag.empty()) body += ",\"TAG\":" + json::quoted(notice.tag);
    // A webhook is no application: who speaks has to be named.
    if (webhook) body += ",\"CLIENT_ID\":\"b24gate\"";
    call.rewritten_body = body + "}";
    return call;
}

Delivery failed(Delivery::Kind kind, std::string error) {
    Delivery out;
    out.kind = kind;
    out.error = out.answer = std::move(error);
    return out;
}

bool passing(const bitrix::Outcome& outcome) {
    switch (outcome.error_class) {
        case bitrix::ErrorClass::rate_limit:
        case bitrix::ErrorClass::overload:
        case bitrix::ErrorClass::operating_limit:
        case bitrix::ErrorClass::auth_expired:
        case bitrix::ErrorClass::server:
        case bitrix::ErrorClass::network:
        case bitrix::ErrorClass::timeout:
        case bitrix::ErrorClass::gateway: return true;
        default: return false;
    }
}

}  // namespace

void PortalNotices::recall() {
    for (gateway::RecallableCaller* const caller : callers_) caller->recall();
}

asio::awaitable<Delivery> PortalNotices::send(PortalNotice notice, core::Deadline deadline) {
    const std::shared_ptr<const gateway::Snapshot> snapshot = worker_.snapshot();
    const auto portal = snapshot->portals.find(notice.portal);
    if (portal == snapshot->portals.end())
        co_return failed(Delivery::Kind::permanent, "there is no portal " + notice.portal);
    const auto& credentials = portal->second.config->credentials;
    const auto credential = credentials.find(notice.credential);
    if (credential == credentials.end())
        co_return failed(Delivery::Kind::permanent, "the portal has no credential " + notice.credential);
    gateway::RecallableCaller caller;
    const config::Client client = gateway::own_client("(alerts)");
    const bitrix::Call call = call_of(notice, credential->second.type == config::Credential::Type::webhook);
    server::Request request;
    request.id = server::request_id({});
    const gateway::CallOrder order{worker_,
                                   *snapshot,
                                   log_,
                                   request,
                                   caller,
                                   call,
                                   client,
                                   portal->second,
                                   &credential->second,
                                   config::Priority::bulk,
                                   deadline};
    gateway::CallRun run(order);
    callers_.insert(&caller);
    const gateway::CallReport report = co_await run.run();
    callers_.erase(&caller);
    auto& counted = metrics_.requests(observe::no_name, portal->first);
    for (unsigned i = 0; i < report.hits; ++i) counted.hit();
    if (!report.outcome.ok())
        co_return failed(passing(report.outcome) ? Delivery::Kind::again : Delivery::Kind::permanent,
                         report.outcome.code + ": " + report.outcome.description);
    Delivery out;
    const auto result = json::find(report.body(), "result");
    if (!result || *result == "false")
        co_return failed(Delivery::Kind::permanent, "the portal has not created the notice");
    out.kind = Delivery::Kind::sent;
    out.answer = "result: " + std::string(result->substr(0, 40));
    co_return out;
}

}  // namespace b24gate::notify
