#include <b24gate/admin/admin_handler.hpp>

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <b24gate/access/portal_choice.hpp>
#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/portals_json.hpp>
#include <b24gate/admin/sealed_texts.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/server/health_response.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using server::Request;
using server::Response;

/// Nothing that this API takes is larger.
constexpr std::size_t max_body = 64 * 1024;

std::string_view bearer(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() <= scheme.size() || !core::iequals(authorization.substr(0, scheme.size()), scheme))
        return {};
    return core::trim(authorization.substr(scheme.size()));
}

/// A page in a browser can be made to speak to this port under a name of its own (DNS rebinding), so only names that
/// are ours are answered. An address is nobody's name.
bool known_host(std::string_view host, const config::Admin& admin) {
    const std::string name = access::host_name(host);
    if (name.empty() || name == "localhost" || name == "127.0.0.1" || name == "[::1]" || name == "::1") return true;
    if (admin.listen && name == core::to_lower(admin.listen->host)) return true;
    for (const std::string& known : admin.hosts)
        if (name == core::to_lower(known)) return true;
    return false;
}

json::array texts(const std::vector<std::string>& lines) {
    json::array out;
    for (const std::string& line : lines) out.emplace_back(line);
    return out;
}

/// With the keys of the newest configuration.
class TextsOf {
public:
    explicit TextsOf(const gateway::WorkerState& worker) : worker_(worker) {}

    const SealedTexts& now() {
        const auto& config = worker_.snapshot()->config;
        if (config_ != config) {
            texts_.emplace(config->store);
            config_ = config;
        }
        return *texts_;
    }

private:
    const gateway::WorkerState& worker_;
    std::shared_ptr<const config::Config> config_;
    std::optional<SealedTexts> texts_;
};

OperationServices operation_services(gateway::WorkerState& worker, AdminShared& shared) {
    OperationServices out{shared.store.operations(), shared.jobs, worker.worker.io.get_executor(),
                          [&worker] { return operations::rules_of(worker.snapshot()->config->operations); }};
    out.pace = [&worker](std::string_view portal) -> std::optional<Pace> {
        const auto found = worker.snapshot()->portals.find(portal);
        if (found == worker.snapshot()->portals.end()) return std::nullopt;
        const admission::Snapshot now = found->second.portal->snapshot();
        return Pace{now.unlimited, now.capacity - now.level - static_cast<double>(now.queue), now.rate};
    };
    const auto texts = std::make_shared<TextsOf>(worker);
    out.answer = [texts, &shared](const std::string& id, const storage::KeptAnswer& kept) {
        return texts->now().answer(id, kept.status, kept.answer, shared.log.masker());
    };
    out.excerpt = [texts, &shared](const std::string& id, const storage::AttemptRecord& attempt) {
        return texts->now().excerpt(id, attempt.number, attempt.excerpt, shared.log.masker());
    };
    out.changed = [&shared](const std::string& portal) { shared.operations_changed(portal); };
    return out;
}

}  // namespace

AdminHandler::AdminHandler(gateway::WorkerState& worker, AdminShared& shared)
    : worker_(worker), shared_(shared), operations_(operation_services(worker, shared)) {
    add_routes();
}

void AdminHandler::add_routes() {
    operations_.add_routes(router_);
    router_.add("GET", "/api/v1/portals", Role::read, [this](Visit&) { return portals(); });
    router_.add("POST", "/api/v1/reload", Role::full, [this](Visit&) { return reload(); });
}

std::optional<Response> AdminHandler::refuse_early(const Request& head) {
    Actor actor;
    if (auto refusal = refused(head, actor)) return refusal;
    const std::string_view length = head.field("Content-Length");
    if (length.size() > 5 || !head.field("Transfer-Encoding").empty())
        return error_answer(413, "GATEWAY_BODY_TOO_LARGE", "bodies of the admin port have 64 KiB at most");
    return std::nullopt;
}

asio::awaitable<Response> AdminHandler::handle(Request& request, server::Connection&) {
    if (!known_host(request.host, worker_.snapshot()->config->admin))
        co_return error_answer(421, "GATEWAY_FORBIDDEN",
                               "this Host is not one of the admin port's; add it to admin.hosts");
    if (auto health = server::health_response(request, shared_.health)) co_return std::move(*health);
    if (path_of(request.target) == "/metrics")
        co_return text_answer(200, observe::metrics_content_type, shared_.registry.render());
    co_return co_await answer(request);
}

std::optional<Response> AdminHandler::refused(const Request& request, Actor& actor) const {
    const core::Secret& key = worker_.snapshot()->config->admin.key;
    const std::string_view given = bearer(request.field("Authorization"));
    if (!key.empty() && core::equal_constant_time(given, key.reveal())) {
        actor.role = Role::full;
        actor.name = fmt::format("admin@{}", request.peer);
        return std::nullopt;
    }
    Response response = error_answer(401, "GATEWAY_UNAUTHORIZED",
                                     key.empty() ? "no admin.key is configured, so only health and metrics are served"
                                                 : "send the admin key as Authorization: Bearer KEY");
    response.fields.add("WWW-Authenticate", "Bearer realm=\"b24gate\"");
    return response;
}

asio::awaitable<Response> AdminHandler::answer(const Request& request) {
    Visit visit(request);
    if (auto refusal = refused(request, visit.actor)) co_return std::move(*refusal);
    auto found = router_.find(request.method, path_of(request.target));
    if (found.route == nullptr) {
        if (found.allowed.empty()) co_return not_found("there is nothing at this path");
        Response response = error_answer(405, "GATEWAY_BAD_REQUEST", "use " + found.allowed);
        response.fields.add("Allow", found.allowed);
        co_return response;
    }
    visit.parts = std::move(found.parts);
    auto query = Query::parse(request.target);
    if (!query) co_return bad_request(query.error());
    visit.query = *std::move(query);
    if (request.method == "POST") {
        if (request.body.size() > max_body)
            co_return error_answer(413, "GATEWAY_BODY_TOO_LARGE", "bodies of the admin port have 64 KiB at most");
        auto body = body_object(request.body);
        if (!body) co_return bad_request(body.error());
        visit.body = *std::move(body);
    }
    co_return co_await found.route->handler(visit);
}

asio::awaitable<Response> AdminHandler::portals() { co_return json_answer(200, portals_json(*worker_.snapshot())); }

asio::awaitable<Response> AdminHandler::reload() {
    auto waiter = std::make_shared<net::Waiter<ReloadReport>>(worker_.worker.io.get_executor());
    shared_.reload([waiter](ReloadReport report) { waiter->fulfil(std::move(report)); });
    const ReloadReport report = co_await waiter->wait();
    json::object out;
    out["reloaded"] = report.ok;
    out["errors"] = texts(report.errors);
    out["warnings"] = texts(report.warnings);
    co_return json_answer(report.ok ? 200 : 422, out);
}

Response AdminHandler::refusal(unsigned status, std::string_view reason, const std::string&) {
    Response response = error_answer(status, "GATEWAY_BAD_REQUEST", fmt::format("the request was refused: {}", reason));
    if (status == 405) response.fields.add("Allow", "GET, POST, HEAD");
    return response;
}

}  // namespace b24gate::admin
