#include <b24gate/server/health_response.hpp>

namespace b24gate::server {

std::optional<Response> health_response(const Request& request, const observe::Health& health) {
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    if (path != "/healthz" && path != "/readyz") return std::nullopt;
    observe::HealthAnswer answer = path == "/healthz" ? health.live() : health.readiness();
    Response response;
    response.status = answer.status;
    response.body = std::move(answer.body);
    response.fields.add("Content-Type", "application/json");
    response.fields.add("Cache-Control", "no-store");
    return response;
}

}  // namespace b24gate::server
