// A renamed portal answers every call with a redirect to its new host; the call was not carried out.
#pragma once

#include <string_view>

#include <b24gate/config/config.hpp>
#include <b24gate/gateway/portal.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/upstream/https_client.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

/// A renamed portal may answer with its newer name in turn.
inline constexpr int max_renames = 3;

[[nodiscard]] bool is_redirect(const upstream::Exchange& exchange) noexcept;

/// True: the portal is known to be somewhere else now, send it there. `sent_target`: path and query as they were sent.
bool follow_rename(Portal& portal, const config::Portal& config, observe::Log& log, const upstream::Target& from,
                   const upstream::Exchange& exchange, std::string_view sent_target);

}  // namespace b24gate::gateway
