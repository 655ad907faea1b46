// When two reads are the same, and what a caller wishes about answers that are there already. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/net/field.hpp>

namespace b24gate::gateway {

/// Reads with a larger body are never taken for the same: comparing would cost more than it saves.
inline constexpr std::size_t largest_shared_body = 64 * 1024;

struct ReadKeyFacts {
    const bitrix::Call& call;
    const std::vector<net::Field>& fields;  ///< of the client's request
    std::string_view portal;
    std::string_view credential;     ///< its name
    std::int64_t token_version = 0;  ///< of an application's tokens: a new pair may be another user's
    std::uint64_t generation = 0;    ///< Snapshot::reads_generation
};

/// Everything that the answer depends on, unambiguously; keys are equal exactly for reads that are the same. No secret.
[[nodiscard]] std::string read_key(const ReadKeyFacts& facts);

/// From Cache-Control, or Pragma where there is none (RFC 9111).
struct CacheWish {
    bool fresh = false;  ///< no-cache, no-store, max-age=0: a call of its own
    bool keep = true;    ///< not with no-store
};
[[nodiscard]] CacheWish cache_wish(const std::vector<net::Field>& fields);

}  // namespace b24gate::gateway
