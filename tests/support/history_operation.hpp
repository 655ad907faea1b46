// What there is in a made-up life: operations as rows of the store, with what the judge wants to know of them, and
// gateways with what they have in their memory.
#pragma once

#include <optional>
#include <vector>

#include <b24gate/operations/state_machine.hpp>

#include <support/operation_portal.hpp>

namespace b24gate::test {

struct HistoryOperation {
    // The row in the store.
    Facts facts;
    int order = -1;
    bool blocks = false;
    int owner = 0;  ///< instance of a gateway; 0: none
    std::int64_t fence = 0;
    unsigned tried = 0, generation = 0;
    Why why = Why::none;
    Executed executed = Executed::no;
    bool inferred = false;
    unsigned callbacks = 0;
    // What the judge wants to know.
    UnixMs handed_over = 0;                   ///< when the caller got his 202; 0: not yet
    bool lost = false;                        ///< it is not in the store any more
    unsigned decided_by = 0, tried_then = 0;  ///< the attempt that ended it, and the last one of that moment
    unsigned cut_off = 0;                     ///< attempts whose outcome nobody saw
    bool retried_after_release = false;       ///< by a person, when its successors could have gone already
    PortalWitness portal;
};

/// What a gateway has in its memory about an operation that it has leased.
struct HistoryHand {
    std::size_t operation = 0;
    std::int64_t fence = 0;
    Facts facts;
    enum class Step { granting, sending, flying } step = Step::granting;
    UnixMs at = 0;
    unsigned attempt = 0;
    Event verdict;
    std::optional<UnixMs> late;  ///< the answer comes after all, behind the timeout
    bool refreshed = false;
};

struct HistoryGateway {
    int instance = 0;
    bool dead = false;
    UnixMs back_at = 0;  ///< dead, or paused until then; 0: it works
    UnixMs silent_since = 0;
    std::vector<HistoryHand> hands;
    [[nodiscard]] bool works() const noexcept { return back_at == 0; }
};

}  // namespace b24gate::test
