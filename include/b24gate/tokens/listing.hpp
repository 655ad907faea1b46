// What people get to see of a credential's tokens: states, dates and ages, never a secret. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/storage/store.hpp>

namespace b24gate::tokens {

struct Listed {
    std::string portal, credential;
    std::string state;              ///< "active", "expired" (renewed with the next call), "needs_reauth", "no_tokens"
    std::string reason;             ///< of needs_reauth, or of the last refresh that failed
    std::int64_t expires_in_s = 0;  ///< of the access token; negative: over
    storage::UnixMs refreshed_at = 0;  ///< 0: never
    std::int64_t refresh_token_age_days = 0;
    std::int64_t refresh_token_days_left = 0;
    std::string member_id;
    std::string key_id;
    bool has_tokens = false;
};

/// `record` null: there are no tokens yet.
[[nodiscard]] Listed listed(std::string portal, std::string credential, const storage::CredentialRecord* record,
                            storage::UnixMs now);

/// A table for a terminal, 80 columns where the names allow it.
[[nodiscard]] std::string table(const std::vector<Listed>& rows);
/// One JSON object; the members of a row are named as in Listed.
[[nodiscard]] std::string to_json(const Listed& row);

/// RFC 3339 in UTC with seconds; "" for 0.
[[nodiscard]] std::string date(storage::UnixMs moment);

}  // namespace b24gate::tokens
