#include <b24gate/admin/admin_handler.hpp>

#include <fmt/format.h>

#include <b24gate/access/portal_choice.hpp>
#include <b24gate/admin/portals_json.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/server/health_response.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
using server::Request;
using server::Response;

Response text(unsigned status, std::string type, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    response.fields.add("Content-Type", type);
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.fields.add("X-Frame-Options", "DENY");
    response.fields.add("Referrer-Policy", "no-referrer");
    response.fields.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    return response;
}

Response json(unsigned status, std::string body) {
    return text(status, "application/json; charset=utf-8", std::move(body));
}

Response error(unsigned status, std::string_view code, std::string_view description) {
    return json(status, fmt::format(R"({{"error":{},"error_description":{}}})", core::json::quoted(code),
                                    core::json::quoted(description)));
}

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

std::string reload_json(const ReloadReport& report) {
    std::string out = report.ok ? R"({"reloaded":true,"errors":[)" : R"({"reloaded":false,"errors":[)";
    for (std::size_t i = 0; i < report.errors.size(); ++i) {
        if (i != 0) out += ',';
        core::json::append_quoted(out, report.errors[i]);
    }
    out += R"(],"warnings":[)";
    for (std::size_t i = 0; i < report.warnings.size(); ++i) {
        if (i != 0) out += ',';
        core::json::append_quoted(out, report.warnings[i]);
    }
    return out + "]}";
}

}  // namespace

AdminHandler::AdminHandler(gateway::WorkerState& worker, const observe::Registry& registry,
                           const observe::Health& health, Reload reload)
    : worker_(worker), registry_(registry), health_(health), reload_(std::move(reload)) {}

std::optional<Response> AdminHandler::refuse_early(const Request& head) { return refused(head); }

asio::awaitable<Response> AdminHandler::handle(Request& request, server::Connection&) {
    if (!known_host(request.host, worker_.snapshot()->config->admin))
        co_return error(421, "GATEWAY_FORBIDDEN", "this Host is not one of the admin port's; add it to admin.hosts");
    if (auto health = server::health_response(request, health_)) co_return std::move(*health);
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    if (path == "/metrics") co_return text(200, std::string(observe::metrics_content_type), registry_.render());
    if (auto refusal = refused(request)) co_return std::move(*refusal);
    co_return co_await api(request, path);
}

std::optional<Response> AdminHandler::refused(const Request& request) const {
    const core::Secret& key = worker_.snapshot()->config->admin.key;
    const std::string_view given = bearer(request.field("Authorization"));
    if (!key.empty() && core::equal_constant_time(given, key.reveal())) return std::nullopt;
    Response response = error(401, "GATEWAY_UNAUTHORIZED",
                              key.empty() ? "no admin.key is configured, so only health and metrics are served"
                                          : "send the admin key as Authorization: Bearer KEY");
    response.fields.add("WWW-Authenticate", "Bearer realm=\"b24gate\"");
    return response;
}

asio::awaitable<Response> AdminHandler::api(const Request& request, std::string_view path) {
    const bool get = request.method != "POST";
    if (path == "/api/v1/portals") {
        if (!get) co_return error(405, "GATEWAY_BAD_REQUEST", "use GET");
        co_return json(200, portals_json(*worker_.snapshot()));
    }
    if (path == "/api/v1/reload") {
        if (get) co_return error(405, "GATEWAY_BAD_REQUEST", "use POST");
        co_return co_await reload();
    }
    co_return error(404, "GATEWAY_NOT_FOUND", "there is nothing at this path");
}

asio::awaitable<Response> AdminHandler::reload() {
    auto waiter = std::make_shared<net::Waiter<ReloadReport>>(worker_.worker.io.get_executor());
    reload_([waiter](ReloadReport report) { waiter->fulfil(std::move(report)); });
    const ReloadReport report = co_await waiter->wait();
    co_return json(report.ok ? 200 : 422, reload_json(report));
}

Response AdminHandler::refusal(unsigned status, std::string_view reason, const std::string&) {
    Response response = error(status, "GATEWAY_BAD_REQUEST", fmt::format("the request was refused: {}", reason));
    if (status == 405) response.fields.add("Allow", "GET, POST, HEAD");
    return response;
}

}  // namespace b24gate::admin
