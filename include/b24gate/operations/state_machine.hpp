// What becomes of an operation when something happens to it. The whole of it: who stores and who sends ask here and do
// as they are told. Pure; any thread.
#pragma once

#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/operations/operation.hpp>
#include <b24gate/operations/retry_schedule.hpp>

namespace b24gate::operations {

/// Why an operation waits or is held. The words are stored.
enum class Why {
    none,
    rate_limit,
    overload,
    operating_limit,
    server,
    network,
    timeout,
    gateway,
    not_found,
    credential,         ///< until it is another one
    paused,             ///< the portal, by a person
    shutdown,           ///< the gateway that had it ended
    lost,               ///< the gateway that had it died
    outcome_unknown,    ///< held: it may have been carried out, and nothing tells
    key_expired,        ///< held: the portal may have forgotten the Idempotency-Key
    key_not_honoured,   ///< held: the portal has never shown that it knows the header
    lookup_several,     ///< held: more than one record has the origin
    lookup_older,       ///< held: the record was there before the first sending
    lookup_refused,     ///< held: the portal does not let us look
    lookup_unreadable,  ///< held: what the portal answered proves nothing
    lookup_failed,      ///< held: looking failed too often
};
[[nodiscard]] std::string_view to_string(Why) noexcept;

/// What looking for the record has found; see proof.hpp.
enum class Found { one, none, several, older, unreadable };

struct Event {
    enum class Kind {
        lease,               ///< a worker takes it
        grant,               ///< admission says go: the next thing that happens is sending
        give_back,           ///< the worker gives it back unsent: `why`, `not_before`
        not_sent,            ///< the attempt provably sent nothing
        answer,              ///< the attempt has ended with a verdict
        set_down,            ///< a batch took it along and did not carry it out (or it only reads): alone next, at once
        lost,                ///< its owner died, or its lease is over
        found,               ///< the lookup has an answer: `found`
        late_answer,         ///< the verdict on an attempt that had been given up
        credential_changed,  ///< there is a new pair
        retry,               ///< a person begins it anew
        discard,             ///< a person, or the client, gives it up
    };
    Kind kind = Kind::lease;
    // answer, not_sent, late_answer
    bitrix::ErrorClass error_class = bitrix::ErrorClass::ok;
    bitrix::Executed executed = bitrix::Executed::yes;
    UnixMs not_before = 0;     ///< what Retry-After, the limit's reset or the breaker say; 0: nothing
    bool can_refresh = false;  ///< the credential has tokens, and was not yet refreshed for this attempt
    bool proves_done = false;  ///< of answer: a refusal that shows that an earlier attempt was carried out
    bool key_honoured = true;  ///< the portal has echoed an Idempotency-Key before
    Found found = Found::none;
    Why why = Why::none;
    double random = 0.5;  ///< uniform in [0, 1)
};
inline constexpr int event_kind_count = 12;
[[nodiscard]] std::string_view to_string(Event::Kind) noexcept;

/// What an attempt's row in the history becomes.
enum class AttemptMark {
    none,
    opened,
    answered,
    not_sent,
    unknown,  ///< its bytes may have left, no answer
    lost,     ///< likewise, since the gateway died
};
[[nodiscard]] std::string_view to_string(AttemptMark) noexcept;

struct Transition {
    State state = State::queued;
    Stage stage = Stage::none;
    UnixMs due = 0;  ///< queued and waiting
    Why why = Why::none;
    AttemptMark attempt = AttemptMark::none;
    bool takes_lease = false;  ///< a new owner, a new fence
    bool refresh = false;      ///< a new access token first; the lease stays
    bool counts_attempt = false;
    bool counts_not_found = false;
    bool unknown = false;  ///< what Facts::unknown is from now on
    bool inferred = false;
    bool begins_anew = false;  ///< budgets and first intent to 0, a new Idempotency-Key
    bool unblock = false;      ///< the next one of its order key may go ...
    UnixMs unblock_due = 0;    ///< ... not before this
    bool callback = false;
    bitrix::Executed executed = bitrix::Executed::no;  ///< what is known now
};

struct Rejected {
    std::string_view why;
};
using Decision = boost::system::result<Transition, Rejected>;

[[nodiscard]] Decision transition(const Facts& facts, const Event& event, UnixMs now, const Rules& rules);

/// A synchronous call that failed goes on as an operation, if its verdict is a passing one. `facts` as at the
/// hand-over, with `intent` the moment when its bytes left (0: they did not) and `attempts` what was tried before this
/// verdict.
[[nodiscard]] Decision take_over(Facts facts, const Event& verdict, UnixMs now, const Rules& rules);

}  // namespace b24gate::operations
