// What a request asks for beyond its call: to be kept, in which order, until when, under which key (product contract
// section 6). Pure; any thread.
#pragma once

#include <boost/system/result.hpp>

#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/net/field.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::gateway {

/// Views into the request.
struct OperationWish {
    bool async = false;                ///< Prefer: respond-async
    bool on_failure = false;           ///< X-B24-On-Failure: queue
    std::string_view idempotency_key;  ///< empty: none
    std::string_view order_key;
    std::string_view callback;
    storage::UnixMs not_before = 0;

    /// An everyday call asks for nothing of it.
    [[nodiscard]] bool any() const noexcept { return async || on_failure || !idempotency_key.empty(); }
};

inline constexpr std::size_t longest_idempotency_key = 255, longest_order_key = 255;
inline constexpr std::int64_t farthest_not_before_ms = 30ll * 86'400'000;

/// `now`: Unix time, milliseconds. The error says which header is wrong, and what would be right.
[[nodiscard]] boost::system::result<OperationWish, bitrix::Refusal> operation_wish(
    const std::vector<net::Field>& fields, storage::UnixMs now);

}  // namespace b24gate::gateway
