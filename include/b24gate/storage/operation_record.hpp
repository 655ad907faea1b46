// What is kept of an operation: a call that must not be lost. Plain data; which states follow which is decided in
// operations/state_machine, not here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::storage {

/// Unix time, milliseconds. 0: not yet.
using UnixMs = std::int64_t;
/// Of `due`: something else than time has to happen.
inline constexpr UnixMs never = 9'000'000'000'000'000;

enum class OperationState {
    queued,
    running,    ///< somebody holds its lease
    waiting,    ///< for `due`, because of `why`
    succeeded,  ///< this and the next two are final, and so is discarded
    failed,
    dead,
    held,  ///< its outcome is unknown and a repeat is not safe: a person decides
    discarded,
};
inline constexpr int operation_state_count = 8;

enum class OperationStage {
    none,
    leased,  ///< running: not one byte is sent
    intent,  ///< running: its bytes may have left
    lookup,  ///< waiting or running: the next thing is to look whether the record is there
};

/// What makes a repeat safe. Decided once, at the hand-over.
enum class RepeatKind {
    read,
    repeatable,  ///< a second run changes nothing more
    checkable,   ///< the portal can be asked whether the record is there
    keyed,       ///< REST 3 with an Idempotency-Key
    unsafe,
};

[[nodiscard]] std::string_view to_string(OperationState) noexcept;  ///< "queued", ...
[[nodiscard]] std::string_view to_string(OperationStage) noexcept;
[[nodiscard]] std::string_view to_string(RepeatKind) noexcept;
[[nodiscard]] std::optional<OperationState> operation_state(std::string_view) noexcept;
[[nodiscard]] std::optional<OperationStage> operation_stage(std::string_view) noexcept;
[[nodiscard]] std::optional<RepeatKind> repeat_kind(std::string_view) noexcept;
/// No lease, no wait, no person will change it by itself: succeeded, failed, dead, discarded.
[[nodiscard]] bool is_final(OperationState) noexcept;

/// Why an operation waits for its credential: what `wake_credential` looks for.
inline constexpr std::string_view waits_for_credential = "credential";

/// Without body and answer, which may be large.
struct OperationRecord {
    std::int64_t seq = 0;  ///< grows in the order of the hand-overs that the store has seen
    std::string id;
    std::string client, portal, credential, method;
    unsigned api = 2;
    RepeatKind kind = RepeatKind::unsafe;
    OperationState state = OperationState::queued;
    OperationStage stage = OperationStage::none;
    std::string why;       ///< of waiting and held, a word of operations/state_machine
    int priority = 1;      ///< 0 goes first, 2 last
    UnixMs due = 0;        ///< queued, waiting: not before this
    std::string order;     ///< hash of its order key; empty: none
    bool blocked = false;  ///< another one of its order key goes first
    std::string owner;     ///< running: the gateway
    UnixMs lease_until = 0;
    std::int64_t fence = 0;         ///< grows with every lease
    unsigned attempts = 0;          ///< that count against the budget of server, network and timeout
    unsigned not_found = 0;         ///< answers "not found" to an update
    unsigned tried = 0;             ///< number of the last attempt in its history
    unsigned generation = 0;        ///< how often a person has begun it anew
    UnixMs first_intent = 0;        ///< when bytes may have left for the first time in this generation
    UnixMs intent = 0;              ///< and for the last time
    bool unknown = false;           ///< an attempt may have been carried out without our knowing
    std::string executed;           ///< of the last verdict: "no", "yes", "unknown"; empty: none yet
    bool inferred = false;          ///< succeeded, as the portal's state tells, without its answer
    std::string error_class, code;  ///< of the last verdict
    unsigned status = 0;            ///< of the portal's last answer
    UnixMs created = 0;
    UnixMs begun = 0;  ///< when it could run at first: what the patience with limits counts from
    UnixMs finished = 0;
    bool has_callback = false;
    std::string request_id;  ///< of the request that handed it over
};

}  // namespace b24gate::storage
