// /healthz and /readyz, the same on both ports and without a key.
#pragma once

#include <optional>

#include <b24gate/observe/health.hpp>
#include <b24gate/server/message.hpp>

namespace b24gate::server {

/// nullopt: the request is for something else.
[[nodiscard]] std::optional<Response> health_response(const Request& request, const observe::Health& health);

}  // namespace b24gate::server
