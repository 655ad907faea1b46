// What makes a repeat of a call safe, and how the portal is asked whether an add was carried out. Nothing in Bitrix24
// keeps origin fields unique: a record proves something only together with its time. Pure; any thread; never throws on
// any bytes (but for std::bad_alloc).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/methods.hpp>
#include <b24gate/operations/state_machine.hpp>

namespace b24gate::operations {

/// What a record can be found by.
struct Origin {
    std::string list_method;   ///< "crm.lead.list"
    unsigned entity_type = 0;  ///< of crm.item.*; 0: one of the older methods
    std::string originator, origin;
    std::string xml_id;  ///< where it is set, it alone counts

    bool operator==(const Origin&) const = default;
};

/// nullopt: the call is no add, or carries no origin that could be looked for.
[[nodiscard]] std::optional<Origin> origin_of(const bitrix::Call& call);

/// Decided at the hand-over and stored: a later change of the configuration must not change what has been promised.
[[nodiscard]] Kind kind_of(const bitrix::Call& call, const bitrix::Methods& methods);

/// The call that looks: method and JSON body, without a credential.
struct LookupCall {
    std::string method;
    std::string body;
};
[[nodiscard]] LookupCall lookup_call(const Origin& origin);

struct Judgement {
    Found found = Found::unreadable;
    /// Of one: what the add would have answered as its `result`, JSON.
    std::string result;
};
/// `answer`: the body of a successful answer to the lookup. `first_intent`: before this the gateway has sent nothing.
/// `now`: by the same clock, when the answer came; the portal's clock is compared with it.
[[nodiscard]] Judgement judge_lookup(const Origin& origin, std::string_view answer, UnixMs first_intent, UnixMs now);

/// The Idempotency-Key of a keyed write: the same for every repeat, another one when a person begins anew.
[[nodiscard]] std::string idempotency_key(std::string_view operation_id, unsigned generation);

/// "2026-03-01T12:00:00+03:00" as Unix time in milliseconds.
[[nodiscard]] std::optional<UnixMs> parse_iso_time(std::string_view text) noexcept;

}  // namespace b24gate::operations
