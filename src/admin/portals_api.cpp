#include <b24gate/admin/portals_api.hpp>

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/portals_json.hpp>
#include <b24gate/config/nearest.hpp>
#include <b24gate/net/waiter.hpp>

#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using core::Clock;
using server::Response;

constexpr auto refresh_patience = std::chrono::seconds(30);

json::array texts(const std::vector<std::string>& lines) {
    json::array out;
    for (const std::string& line : lines) out.emplace_back(line);
    return out;
}

Response no_such_portal(const std::string& name, const gateway::Snapshot& snapshot) {
    std::vector<std::string_view> known;
    for (const auto& [other, runtime] : snapshot.portals) known.push_back(other);
    const auto meant = config::nearest(name, known);
    return not_found(fmt::format("there is no portal \"{}\"{}", name,
                                 meant ? fmt::format("; did you mean \"{}\"?", *meant) : std::string()));
}

/// The reason, of a body that has nothing else; or what is wrong.
Parsed<Query> only_reason(const json::object& body) {
    constexpr std::string_view known[] = {"reason"};
    auto query = Query::from(body);
    if (!query) return query;
    if (auto wrong = query->check(known)) return *std::move(wrong);
    return query;
}

}  // namespace

void PortalsApi::add_routes(Router& router) {
    router.add("GET", "/api/v1/portals", Role::read, [this](Visit& visit) { return list(visit); });
    router.add("POST", "/api/v1/portals/{name}/pause", Role::full, [this](Visit& visit) { return pause(visit); });
    router.add("POST", "/api/v1/portals/{name}/resume", Role::full, [this](Visit& visit) { return resume(visit); });
    router.add("POST", "/api/v1/portals/{name}/credentials/{credential}/refresh", Role::full,
               [this](Visit& visit) { return refresh(visit); });
    router.add("POST", "/api/v1/reload", Role::full, [this](Visit& visit) { return reload(visit); });
}

asio::awaitable<Response> PortalsApi::list(Visit& visit) const {
    constexpr std::string_view known[] = {"name"};
    if (const auto wrong = visit.query.check(known)) co_return bad_request(*wrong);
    co_return json_answer(
        200, portals_json(*worker_.snapshot(), shared_.pauses, shared_.log.masker(), visit.query.find("name")));
}

asio::awaitable<Response> PortalsApi::pause(Visit& visit) {
    const std::string portal = visit.parts.at(0);
    const auto snapshot = worker_.snapshot();
    if (!snapshot->portals.contains(portal)) co_return no_such_portal(portal, *snapshot);
    const auto body = only_reason(visit.body);
    if (!body) co_return bad_request(body.error());
    const auto reason = reason_of(*body);
    if (!reason) co_return bad_request(reason_too_long);
    // Written down first: what cannot be accounted for is not done.
    const auto audited = co_await shared_.store.operations().put_audit(visit.actor.name, "pause", "portal " + portal,
                                                                       *reason, store_deadline());
    if (!audited) co_return store_failed(audited.error());
    const auto paused = co_await shared_.pauses.pause(portal, visit.actor.name, *reason, store_deadline());
    if (!paused) co_return store_failed(paused.error());
    json::object out;
    out["portal"] = portal;
    out["paused"] = true;
    co_return json_answer(200, out);
}

asio::awaitable<Response> PortalsApi::resume(Visit& visit) {
    const std::string portal = visit.parts.at(0);
    const auto snapshot = worker_.snapshot();
    if (!snapshot->portals.contains(portal)) co_return no_such_portal(portal, *snapshot);
    const auto body = only_reason(visit.body);
    if (!body) co_return bad_request(body.error());
    const auto reason = reason_of(*body);
    if (!reason) co_return bad_request(reason_too_long);
    const auto audited = co_await shared_.store.operations().put_audit(visit.actor.name, "resume", "portal " + portal,
                                                                       *reason, store_deadline());
    if (!audited) co_return store_failed(audited.error());
    const auto resumed = co_await shared_.pauses.resume(portal, store_deadline());
    if (!resumed) co_return store_failed(resumed.error());
    shared_.operations_changed(portal);
    json::object out;
    out["portal"] = portal;
    out["paused"] = false;
    co_return json_answer(200, out);
}

asio::awaitable<Response> PortalsApi::refresh(Visit& visit) {
    const std::string portal = visit.parts.at(0), name = visit.parts.at(1);
    const auto snapshot = worker_.snapshot();
    const auto runtime = snapshot->portals.find(portal);
    if (runtime == snapshot->portals.end()) co_return no_such_portal(portal, *snapshot);
    const auto& credentials = runtime->second.config->credentials;
    const auto configured = credentials.find(name);
    if (configured == credentials.end())
        co_return not_found(fmt::format("portal \"{}\" has no credential \"{}\"", portal, name));
    if (configured->second.type != config::Credential::Type::oauth)
        co_return conflict("a webhook has no tokens that could be refreshed");
    const auto body = only_reason(visit.body);
    if (!body) co_return bad_request(body.error());
    auto credential = worker_.keeper.find(portal, name);
    if (!credential) co_return not_found(fmt::format("portal \"{}\" has no credential \"{}\"", portal, name));
    const auto look = credential->peek(Clock::now());
    if (look.state == tokens::Credential::State::needs_reauth || !look.token)
        co_return conflict("it has to be authorized again; there is nothing to refresh");
    const auto audited = co_await shared_.store.operations().put_audit(
        visit.actor.name, "refresh", fmt::format("credential {}/{}", portal, name),
        std::string(body->value("reason").substr(0, longest_reason)), store_deadline());
    if (!audited) co_return store_failed(audited.error());
    const auto refreshed = co_await worker_.keeper.refresh(credential, look.token->version, worker_.worker,
                                                           core::Deadline{Clock::now() + refresh_patience}, true);
    if (!refreshed.token) co_return error_answer(502, refreshed.failure.code, refreshed.failure.description);
    json::object out;
    out["portal"] = portal;
    out["credential"] = name;
    out["expires_in_s"] = core::to_ms(refreshed.token->expires_at - Clock::now()) / 1000;
    co_return json_answer(200, out);
}

asio::awaitable<Response> PortalsApi::reload(Visit& visit) {
    auto waiter = std::make_shared<net::Waiter<ReloadReport>>(worker_.worker.io.get_executor());
    shared_.reload([waiter](ReloadReport report) { waiter->fulfil(std::move(report)); });
    const ReloadReport report = co_await waiter->wait();
    // A store that is away must not keep anybody from loading a better configuration.
    const auto audited = co_await shared_.store.operations().put_audit(
        visit.actor.name, report.ok ? "reload" : "reload failed", "", "", store_deadline());
    if (!audited) shared_.log.event(observe::Level::warn, "audit_failed", {{"error", audited.error().message}});
    json::object out;
    out["reloaded"] = report.ok;
    out["errors"] = texts(report.errors);
    out["warnings"] = texts(report.warnings);
    co_return json_answer(report.ok ? 200 : 422, out);
}

}  // namespace b24gate::admin
