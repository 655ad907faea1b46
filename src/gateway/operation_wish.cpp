#include <b24gate/gateway/operation_wish.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include <b24gate/core/text.hpp>
#include <b24gate/operations/proof.hpp>

namespace b24gate::gateway {
namespace {

using bitrix::Refusal;

Refusal bad(std::string message) { return {bitrix::GatewayCode::bad_request, std::move(message)}; }

/// RFC 7240: a list of preferences, each with parameters behind a semicolon. Others than ours are somebody else's.
bool prefers_async(std::string_view value) noexcept {
    while (!value.empty()) {
        const std::size_t comma = value.find(',');
        const std::string_view item = value.substr(0, comma);
        if (core::iequals(core::trim(item.substr(0, item.find(';'))), "respond-async")) return true;
        if (comma == std::string_view::npos) break;
        value.remove_prefix(comma + 1);
    }
    return false;
}

bool is_key(std::string_view key, std::size_t longest) noexcept {
    return key.size() <= longest && std::ranges::all_of(key, [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::optional<storage::UnixMs> moment(std::string_view text) noexcept {
    if (!core::is_digits(text)) return operations::parse_iso_time(text);
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || seconds > storage::never / 1000) return std::nullopt;
    return seconds * 1000;
}

}  // namespace

boost::system::result<OperationWish, Refusal> operation_wish(const std::vector<net::Field>& fields,
                                                             storage::UnixMs now) {
    OperationWish wish;
    std::string_view on_failure, not_before;
    bool twice = false;
    const auto take = [&twice](std::string_view& place, std::string_view value) {
        twice = twice || place.data() != nullptr;
        place = value.data() != nullptr ? value : std::string_view("");
    };
    for (const net::Field& field : fields) {
        switch (field.name.size()) {
            case 6:
                if (core::iequals(field.name, "Prefer")) wish.async = wish.async || prefers_async(field.value);
                break;
            case 14:
                if (core::iequals(field.name, "X-B24-Callback")) take(wish.callback, field.value);
                break;
            case 15:
                if (core::iequals(field.name, "Idempotency-Key")) take(wish.idempotency_key, field.value);
                if (core::iequals(field.name, "X-B24-Order-Key")) take(wish.order_key, field.value);
                break;
            case 16:
                if (core::iequals(field.name, "X-B24-On-Failure")) take(on_failure, field.value);
                if (core::iequals(field.name, "X-B24-Not-Before")) take(not_before, field.value);
                break;
            default: break;
        }
    }
    if (twice) return bad("a header about operations stands twice in the request; send it once");
    if (on_failure.data() != nullptr) {
        if (!core::iequals(on_failure, "queue")) return bad("X-B24-On-Failure knows one value: queue");
        wish.on_failure = true;
    }
    if (wish.idempotency_key.data() != nullptr &&
        (wish.idempotency_key.empty() || !is_key(wish.idempotency_key, longest_idempotency_key)))
        return bad("Idempotency-Key must be 1 to 255 printable ASCII characters");
    if (wish.order_key.data() != nullptr) {
        if (wish.order_key.empty() || !is_key(wish.order_key, longest_order_key))
            return bad("X-B24-Order-Key must be 1 to 255 printable ASCII characters");
        if (!wish.async)
            return bad(
                "X-B24-Order-Key puts operations in order: send it with Prefer: respond-async, for a call that "
                "is answered at once has no place among them");
    }
    if (wish.callback.data() != nullptr && !wish.async && !wish.on_failure)
        return bad("X-B24-Callback is for operations: send it with Prefer: respond-async or X-B24-On-Failure: queue");
    if (not_before.data() != nullptr) {
        if (!wish.async) return bad("X-B24-Not-Before is for operations: send it with Prefer: respond-async");
        const auto at = moment(not_before);
        if (!at)
            return bad("X-B24-Not-Before must be a time such as 2026-01-31T09:00:00+03:00, or Unix time in seconds");
        if (*at > now + farthest_not_before_ms) return bad("X-B24-Not-Before may be 30 days ahead at the most");
        wish.not_before = *at;
    }
    return wish;
}

}  // namespace b24gate::gateway
