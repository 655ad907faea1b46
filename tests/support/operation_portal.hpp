// A portal for operations in simulated time: it carries out what it got, however late, and answers or does not. It
// keeps what it has done, as evidence for the judge.
#pragma once

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include <b24gate/operations/state_machine.hpp>

namespace b24gate::test {

using namespace operations;
using bitrix::ErrorClass;
using bitrix::Executed;

constexpr UnixMs second = 1'000, minute = 60'000, hour = 3'600'000;

/// One time that the portal did what was asked.
struct Execution {
    UnixMs sent = 0, done = 0;
    unsigned generation = 0;
};

/// What it knows of one operation.
struct PortalWitness {
    std::vector<Execution> executions;
    std::optional<UnixMs> key_stored;  ///< when the answer to its Idempotency-Key was kept
};

/// What the gateway sees of it.
struct PortalAnswer {
    Event verdict;
    UnixMs at = 0;
    std::optional<UnixMs> late;  ///< the answer comes after all, behind the timeout
};

inline Event event_of(Event::Kind kind) {
    Event out;
    out.kind = kind;
    return out;
}

class OperationPortal {
public:
    /// A request is worked on so long at most, and waited for so long.
    static constexpr UnixMs longest_run = 60 * second, timeout = 30 * second;

    explicit OperationPortal(std::mt19937_64& random) : random_(random) {}
    /// The smaller, the more goes wrong.
    double luck = 1;

    PortalAnswer send(PortalWitness& known, const Facts& facts, unsigned generation, UnixMs now, bool calm) {
        const auto carry_out = [&](UnixMs after) {
            const UnixMs done = now + after;
            if (facts.kind == Kind::keyed) {
                // What is under way at once under one key is carried out each time.
                if (known.key_stored && *known.key_stored <= now) return;
                if (!known.key_stored) known.key_stored = done;
            }
            known.executions.push_back({now, done, generation});
        };
        const UnixMs soon = 50 + pick(2 * second), answered = now + soon;
        const double fate = calm ? 1 : std::uniform_real_distribution<double>(0, luck)(random_);
        // Each of these: the cut comes before the call is carried out, or behind that.
        if (fate < 0.16) {
            if (fate < 0.08) carry_out(soon);
            return says(ErrorClass::network, Executed::unknown, answered);
        }
        if (fate < 0.24) {
            if (fate < 0.20) carry_out(soon);
            return says(ErrorClass::server, Executed::unknown, answered);
        }
        if (fate < 0.34) {
            constexpr ErrorClass limits[] = {ErrorClass::rate_limit, ErrorClass::overload, ErrorClass::operating_limit};
            return says(limits[pick(3)], Executed::no, answered);
        }
        if (fate < 0.37) return says(ErrorClass::auth_expired, Executed::no, answered);
        if (fate < 0.39) return says(ErrorClass::auth_invalid, Executed::no, answered);
        if (fate < 0.42) return says(ErrorClass::validation, Executed::no, answered);
        if (fate < 0.44) return says(ErrorClass::network, Executed::no, answered);
        if (fate < 0.46 && facts.updates) return says(ErrorClass::not_found, Executed::no, answered);
        if (fate < 0.60) {
            // It stalls, and works on when nobody waits any more.
            const UnixMs takes = 1 + static_cast<UnixMs>(pick(longest_run));
            carry_out(takes);
            if (takes <= timeout) return says(ErrorClass::ok, Executed::yes, now + takes);
            PortalAnswer out = says(ErrorClass::timeout, Executed::unknown, now + timeout);
            if (pick(3) == 0) out.late = now + takes;
            return out;
        }
        if (facts.deletes && there(known, now) > 0) return says(ErrorClass::not_found, Executed::no, answered);
        carry_out(soon);
        return says(ErrorClass::ok, Executed::yes, answered);
    }

    /// Is the record there?
    PortalAnswer look(const PortalWitness& known, UnixMs now, bool calm) {
        const UnixMs answered = now + 50;
        if (!calm && pick(5) == 0) {
            constexpr ErrorClass troubles[] = {ErrorClass::timeout, ErrorClass::rate_limit, ErrorClass::server};
            return says(troubles[pick(3)], Executed::unknown, answered);
        }
        PortalAnswer out;
        out.verdict = event_of(Event::Kind::found);
        out.at = answered;
        const auto count = there(known, now);
        out.verdict.found = count == 0 ? Found::none : count == 1 ? Found::one : Found::several;
        return out;
    }

private:
    [[nodiscard]] static std::ptrdiff_t there(const PortalWitness& known, UnixMs now) {
        return std::count_if(known.executions.begin(), known.executions.end(),
                             [&](const Execution& e) { return e.done <= now; });
    }
    [[nodiscard]] static PortalAnswer says(ErrorClass error_class, Executed executed, UnixMs at) {
        PortalAnswer out;
        out.verdict = event_of(Event::Kind::answer);
        out.verdict.error_class = error_class;
        out.verdict.executed = executed;
        out.at = at;
        return out;
    }
    unsigned pick(UnixMs n) {
        return std::uniform_int_distribution<unsigned>(0, static_cast<unsigned>(n) - 1)(random_);
    }

    std::mt19937_64& random_;
};

}  // namespace b24gate::test
