// The operations in the store: calls that must not be lost, their attempts, callbacks and idempotency keys. What a
// state means is decided in operations/state_machine; here it is written, each change guarded by what it was decided
// upon, so that of two who decide at once one wins and the other one hears of it. Bodies, answers and URLs come sealed
// and are only bytes here.
//
// As for Store: any thread may call, every member is one transaction, every time is the store's clock in milliseconds.
// A hand-over, a finish and an intent may be repeated after a failure that is `in_doubt`: they happen once.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/core/clock.hpp>
#include <b24gate/storage/operation_record.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::storage {

/// What core/seal made. Empty bytes: nothing.
struct SealedBytes {
    std::string key_id, bytes;
};

/// One sending in the history of an operation.
struct AttemptRecord {
    unsigned number = 0;  ///< from 1
    bool lookup = false;
    std::int64_t fence = 0;
    std::string gateway;
    UnixMs intent = 0;  ///< when its bytes were about to leave
    UnixMs ended = 0;   ///< 0: not yet
    std::string mark;   ///< how: "answered", "not_sent", "unknown", "lost"
    unsigned status = 0;
    std::string error_class, code, executed;
    std::int64_t duration_ms = 0;
    std::string request_id, batch_id, credential;
    SealedBytes excerpt;  ///< of the answer
};

struct HandOver {
    std::string id;  ///< made by the caller, so that a hand-over in doubt can be looked up
    std::string client, portal, credential, method;
    unsigned api = 2;
    RepeatKind kind = RepeatKind::unsafe;
    int priority = 1;
    UnixMs not_before = 0;
    std::string order;       ///< hash of the order key; empty: none
    std::string key;         ///< hash of the Idempotency-Key; empty: none
    std::string request;     ///< hash of what the key stands for
    std::string key_holder;  ///< the key was begun by a synchronous call of this name, whose place this takes
    std::string request_id;  ///< of the request that hands it over
    SealedBytes body, callback;
    // For one that goes on from a synchronous call; else as they are.
    OperationState state = OperationState::queued;
    OperationStage stage = OperationStage::none;
    std::string why;
    unsigned attempts = 0;
    bool unknown = false;
    UnixMs first_intent = 0, intent = 0;
    std::string executed, error_class, code;
    unsigned status = 0;
    std::vector<AttemptRecord> history;
};

/// What stands under an Idempotency-Key.
struct KeyRecord {
    std::string request;    ///< hash
    std::string operation;  ///< id; empty: a synchronous call
    std::string holder;     ///< the operation, or the name of the call
    std::string owner;      ///< the gateway of a synchronous call
    bool done = false;      ///< there is an answer
    bool safe = false;      ///< the call may be sent again
    unsigned status = 0;
    SealedBytes answer;
    UnixMs owner_seen = 0;  ///< the gateway's last heartbeat; 0: never
};

struct HandedOver {
    enum class Verdict {
        taken,      ///< it is in the store, perhaps since an earlier try
        repeated,   ///< its key stands for this request already: see `key`
        conflict,   ///< its key stands for another request
        withdrawn,  ///< the synchronous call whose place it was to take no longer holds the key
    };
    Verdict verdict = Verdict::taken;
    OperationState state = OperationState::queued;
    bool blocked = false;
    UnixMs now = 0;
    KeyRecord key;
};

struct KeyRequest {
    std::string client, key, request;  ///< the last two are hashes
    std::string holder;                ///< names the call; another one each time
    std::string owner;                 ///< the gateway
    bool safe = false;
    std::int64_t lifetime_ms = 0;
    std::string dead_owner;  ///< a gateway that is known to be dead: its call is taken over where that is safe
};
struct KeyVerdict {
    enum class Kind {
        fresh,      ///< it is the caller's; finish_key comes next
        done,       ///< `key` has the answer
        operation,  ///< it belongs to `key.operation`
        in_flight,  ///< another call is under way
        lost,       ///< likewise, by `dead_owner`: nobody knows what became of it
        conflict,   ///< the key stands for another request
    };
    Kind kind = Kind::fresh;
    KeyRecord key;
    UnixMs now = 0;
};

/// An operation as somebody holds it.
struct Claim {
    std::string id;
    std::int64_t fence = 0;
};

struct Leased {
    UnixMs now = 0;
    std::vector<OperationRecord> operations;  ///< in the order in which they are to go
};

struct Intent {
    Claim claim;
    std::string owner, request_id, batch_id, credential;
};
struct Intended {
    unsigned number = 0;  ///< of the attempt; 0: the lease is lost, so nothing may be sent
    UnixMs intent = 0, first_intent = 0;
};

/// How an attempt ended and what comes next.
struct Finish {
    Claim claim;
    std::string order;     ///< of the record
    unsigned attempt = 0;  ///< its number; 0: there was none
    AttemptRecord ended;   ///< mark, status, class, code, executed, duration, excerpt
    // What the state machine has said.
    OperationState state = OperationState::waiting;
    OperationStage stage = OperationStage::none;
    std::string why;
    UnixMs due = 0;
    bool keep_lease = false;
    bool counts_attempt = false, counts_not_found = false;
    bool unknown = false, inferred = false;
    std::string executed;
    bool unblock = false;
    UnixMs unblock_due = 0;
    bool callback = false;
    std::string error_class, code;  ///< of the verdict
    unsigned status = 0;
    SealedBytes answer;
    unsigned answer_status = 0;
};

struct Discard {
    std::string id;
    std::string order;  ///< of the record
    OperationState seen = OperationState::held;
    std::int64_t fence = 0;
    UnixMs unblock_due = 0;
    std::string actor, reason;
};

/// A person begins it anew.
struct Retry {
    std::string id;
    std::string order;        ///< of the record
    unsigned generation = 0;  ///< as seen
    bool as_bulk = false;     ///< one of many: it goes behind what is not
    std::string actor, reason;
};

struct KeptBody {
    SealedBytes body, callback;
};
struct KeptAnswer {
    unsigned status = 0;
    SealedBytes answer;
};

/// Empty and 0: any.
struct OperationFilter {
    std::optional<OperationState> state;
    std::string client, portal, error_class;
    std::string method;          ///< lower case, of any case in the store; with * at the end: all that begin so
    UnixMs from = 0, until = 0;  ///< created in [from, until)
    std::int64_t before = 0;     ///< the `next` of the page before
    unsigned limit = 50;         ///< 500 at most
};
struct OperationPage {
    UnixMs now = 0;
    std::vector<OperationRecord> operations;  ///< the newest first
    std::int64_t next = 0;  ///< 0: that was all. A page looks at a bounded number of rows, and may be short or empty.
};

/// When the oldest of them were handed over, or came about; 0: there are none.
struct Oldest {
    UnixMs pending = 0;   ///< queued, running, waiting
    UnixMs held = 0;      ///< for a person
    UnixMs callback = 0;  ///< to be delivered
};

struct OperationCount {
    std::string client, portal;
    OperationState state = OperationState::queued;
    std::int64_t count = 0;
};

struct DueCallback {
    std::int64_t number = 0, fence = 0;
    std::string webhook_id;  ///< the same at every sending
    std::string event;       ///< the state that it tells of
    unsigned tries = 0;      ///< before this one
    UnixMs created = 0;
    OperationRecord operation;  ///< as it is now
    SealedBytes url;
};
struct CallbackEnd {
    enum class Kind {
        delivered,
        again,
        given_up,
        postponed,  ///< it was not sent: this counts as no try
    };
    Kind kind = Kind::delivered;
    std::int64_t pause_ms = 0;  ///< of again and postponed
    unsigned status = 0;
};

struct GatewayRecord {
    std::string instance, version;
    UnixMs started = 0, seen = 0;
};
struct AuditRecord {
    std::int64_t number = 0;  ///< grows; without gaps that mean anything
    UnixMs at = 0;
    std::string actor, action, operation, reason;
};

class OperationStore {
public:
    virtual ~OperationStore() = default;
    template <class T>
    using Awaitable = boost::asio::awaitable<Result<T>>;

    // --- hand-over -----------------------------------------------------------------------------------------------
    /// On disk when it answers. Bounds on how many there may be are the caller's, from `counts`.
    virtual Awaitable<HandedOver> hand_over(HandOver call, core::Deadline deadline) = 0;
    virtual Awaitable<KeyVerdict> begin_key(KeyRequest request, core::Deadline deadline) = 0;
    /// The answer of the call that holds the key. False: it does not hold it.
    virtual Awaitable<bool> finish_key(std::string client, std::string key, std::string holder, unsigned status,
                                       SealedBytes answer, core::Deadline deadline) = 0;
    /// The call was certainly not carried out: the key is as if it had never been used.
    virtual Awaitable<bool> forget_key(std::string client, std::string key, std::string holder,
                                       core::Deadline deadline) = 0;

    // --- work ----------------------------------------------------------------------------------------------------
    /// What is due at a portal, by priority and time, `limit` at most (1,000).
    virtual Awaitable<Leased> lease(std::string portal, unsigned limit, std::string owner, std::int64_t lease_ms,
                                    core::Deadline deadline) = 0;
    /// When the next one of the portal is due; 0: none waits.
    virtual Awaitable<UnixMs> next_due(std::string portal, core::Deadline deadline) = 0;
    /// Prolongs all leases of an owner. What is not in the answer is no longer its own.
    struct Renewed {
        UnixMs now = 0;
        std::vector<Claim> claims;
    };
    virtual Awaitable<Renewed> renew(std::string owner, std::int64_t lease_ms, core::Deadline deadline) = 0;
    /// Several that depart together, in one commit. Nothing may be sent before it answers.
    virtual Awaitable<std::vector<Intended>> record_intent(std::vector<Intent> intents, core::Deadline deadline) = 0;
    /// False: somebody else has decided meanwhile. The attempt's own row is ended all the same: it is evidence.
    virtual Awaitable<bool> finish_attempt(Finish finish, core::Deadline deadline) = 0;
    /// For an attempt that was given up: holds while the operation is waiting or held, and no newer attempt was made.
    virtual Awaitable<bool> finish_late(Finish finish, core::Deadline deadline) = 0;
    /// Several leases that were not used. Answers how many were still the caller's.
    virtual Awaitable<unsigned> give_back(std::vector<Finish> finishes, core::Deadline deadline) = 0;
    /// Takes over what a dead gateway had: of `dead_owner`, of gateways without a heartbeat for `dead_after_ms` (0: of
    /// none), and whatever has outlived its lease. The state says how far it had come; the event `lost` comes next.
    virtual Awaitable<Leased> recover(std::string owner, std::string dead_owner, std::int64_t dead_after_ms,
                                      std::int64_t lease_ms, unsigned limit, core::Deadline deadline) = 0;
    /// What waits for this credential is due now; 1,000 at most a call. Answers how many.
    virtual Awaitable<unsigned> wake_credential(std::string portal, std::string credential,
                                                core::Deadline deadline) = 0;

    // --- people --------------------------------------------------------------------------------------------------
    virtual Awaitable<std::optional<OperationRecord>> find(std::string id, core::Deadline deadline) = 0;
    virtual Awaitable<std::optional<KeptBody>> body(std::string id, core::Deadline deadline) = 0;
    virtual Awaitable<std::optional<KeptAnswer>> answer(std::string id, core::Deadline deadline) = 0;
    virtual Awaitable<std::vector<AttemptRecord>> attempts(std::string id, core::Deadline deadline) = 0;
    virtual Awaitable<OperationPage> list(OperationFilter filter, core::Deadline deadline) = 0;
    /// Held, dead or failed, and still of this generation: queued anew. False: it is not.
    virtual Awaitable<bool> retry(Retry retry, core::Deadline deadline) = 0;
    /// While state and fence are the ones seen. False: they are not.
    virtual Awaitable<bool> discard(Discard discard, core::Deadline deadline) = 0;
    virtual Awaitable<Done> put_audit(std::string actor, std::string action, std::string operation, std::string reason,
                                      core::Deadline deadline) = 0;
    /// The newest first, `limit` (500) at most, of those before the number `before`; 0: of all.
    virtual Awaitable<std::vector<AuditRecord>> list_audit(std::int64_t before, unsigned limit,
                                                           core::Deadline deadline) = 0;

    // --- housekeeping --------------------------------------------------------------------------------------------
    /// Kept by the same transactions that change states: never counted.
    virtual Awaitable<std::vector<OperationCount>> counts(core::Deadline deadline) = 0;
    virtual Awaitable<Oldest> oldest(core::Deadline deadline) = 0;
    /// Deletes what ended long ago with all that belongs to it, `limit` at most: call it until it answers 0. What still
    /// has a callback to deliver or an Idempotency-Key that holds stays. Drops old keys, gateways and audit rows too.
    virtual Awaitable<unsigned> cleanup(std::int64_t keep_succeeded_ms, std::int64_t keep_failed_ms, unsigned limit,
                                        core::Deadline deadline) = 0;
    /// Lets those go whose order key nobody holds any more: there should be none. Answers how many there were.
    virtual Awaitable<unsigned> unblock_strays(core::Deadline deadline) = 0;

    // --- callbacks -----------------------------------------------------------------------------------------------
    virtual Awaitable<std::vector<DueCallback>> lease_callbacks(std::string owner, unsigned limit,
                                                                std::int64_t lease_ms, core::Deadline deadline) = 0;
    virtual Awaitable<bool> finish_callback(std::int64_t number, std::int64_t fence, CallbackEnd end,
                                            core::Deadline deadline) = 0;

    // --- gateways ------------------------------------------------------------------------------------------------
    /// Answers the store's clock.
    virtual Awaitable<UnixMs> heartbeat(std::string instance, std::string version, core::Deadline deadline) = 0;
    virtual Awaitable<std::vector<GatewayRecord>> gateways(core::Deadline deadline) = 0;
};

}  // namespace b24gate::storage
