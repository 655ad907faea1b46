// Signatures of callbacks after the Standard Webhooks specification. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::operations {

/// The header webhook-signature: "v1," and the HMAC-SHA-256 of "id.timestamp.body" in base64, one for each secret that
/// is not empty, with a space between them. `secrets`: "whsec_" and base64, or any text. `timestamp`: Unix time in
/// seconds, of this sending; `id` is the same in each of them.
[[nodiscard]] std::string webhook_signature(std::string_view id, std::int64_t timestamp, std::string_view body,
                                            const std::vector<core::Secret>& secrets);

}  // namespace b24gate::operations
