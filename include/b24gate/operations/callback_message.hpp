// What a callback says: a POST after the Standard Webhooks specification. It tells that something has become of an
// operation, and what; the portal's answer is fetched from /operations/{id}, by whoever may see it. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <b24gate/core/secret.hpp>
#include <b24gate/operations/callback_url.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::operations {

/// {"type": "operation.succeeded", "timestamp": ..., "data": {...}}. The type is what the callback tells of; the data
/// are the operation as it is now. No parameter of the call stands in it, and no answer.
[[nodiscard]] std::string callback_body(const storage::DueCallback& callback);

/// Request line and fields, with the empty line. `now`: Unix time in seconds. `secrets`: the current one first; those
/// that are empty do not sign. Holds the URL's path and query: no text for a log.
[[nodiscard]] std::string callback_head(const CallbackUrl& url, const storage::DueCallback& callback,
                                        const std::string& body, std::int64_t now,
                                        const std::vector<core::Secret>& secrets);

}  // namespace b24gate::operations
