// HMAC-SHA-256 (RFC 2104) of a text in one shot. Pure; any thread.
#pragma once

#include <string_view>

#include <b24gate/core/sha256.hpp>

namespace b24gate::core {

[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view text);

}  // namespace b24gate::core
