// The one door to a portal: every hit asks here first, every answer is told here. Rate limit, fair queue, operating
// budget, breaker and concurrency behind submit / next / record. One per portal and egress address.
// Pure: no clock, no I/O. Not thread-safe: the caller holds a lock around every call.
//
// The shell's part: give each call an id, submit it, and
//   Granted   send it, then record (or requeue) its outcome;
//   Queued    park it, see to it that next() is called no later than `wake_at`; board() it if it may share a hit;
//   Refused   answer it.
// After record, requeue, cancel and at the last `wake_at` known: call next() and serve what it returns.
//
// A departure of several calls is one hit, one slot, one word to the breaker. Its outcome is told in two steps: first
// record_batch() for the whole, which frees the slot and teaches; then each call's own end, in any order and at any
// time: record() (done) or requeue() (it goes again, in a batch or alone). Neither teaches anything more.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <b24gate/admission/breaker.hpp>
#include <b24gate/admission/coalescer.hpp>
#include <b24gate/admission/concurrency.hpp>
#include <b24gate/admission/fair_queue.hpp>
#include <b24gate/admission/operating_budget.hpp>
#include <b24gate/admission/rate_limiter.hpp>
#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

struct Settings {
    config::Plan plan;
    unsigned max_in_flight = 10;
    std::size_t max_queue = 10'000;
    std::size_t max_queue_per_client = 0;  ///< 0: max_queue
    bool observe = false;                  ///< delay and refuse nothing, count what would have been
    double initial_level = 0;              ///< 0..1 of the burst that is taken to be spent at the start
    FairQueue::Shares shares;
    Breaker::Settings breaker;
    OperatingBudget::Settings operating;
    Coalescer::Settings coalesce;
};

/// One hit that wants to leave.
struct Submission {
    std::uint64_t id = 0;  ///< the shell's; not in use by another call that waits or is in flight
    std::string client;
    config::Priority priority = config::Priority::normal;
    unsigned weight = 1;
    core::Deadline deadline;
    std::string credential;
    std::string method;              ///< lower case
    std::vector<std::string> inner;  ///< methods inside a batch, lower case, each once; else empty
};

enum class RefusalReason {
    queue_full,         ///< GATEWAY_QUEUE_FULL: of the portal
    client_queue_full,  ///< GATEWAY_QUEUE_FULL: of the client
    deadline,           ///< GATEWAY_DEADLINE
    operating,          ///< GATEWAY_DEADLINE: the operating budget will not be free in time
    breaker_open,
    duplicate_id,  ///< a bug of the shell
    observing,     ///< requeue in observe mode: nothing is sent again
};
inline constexpr std::size_t refusal_reason_count = 7;
[[nodiscard]] std::string_view to_string(RefusalReason) noexcept;

struct Granted {
    // Observe mode: what enforcing would have done.
    core::Duration would_wait{0};
    bool would_refuse = false;
};
struct Queued {
    core::Duration predicted_wait{0};
    core::TimePoint wake_at;  ///< next() is due no later than this
};
struct Refused {
    RefusalReason reason = RefusalReason::queue_full;
    core::Duration retry_after{0};  ///< the same call, sent again then, passes if nothing else changes
    std::string detail;             ///< one sentence for the caller; no secret in it
};
using Verdict = std::variant<Granted, Queued, Refused>;

/// What became of a hit.
struct Feedback {
    bitrix::ErrorClass error_class = bitrix::ErrorClass::ok;
    bool hit_sent = true;  ///< the request may have reached the portal; false: it cost no budget
    bool coded = true;     ///< false: a page without a Bitrix24 code
    bitrix::Timing timing;
    struct Inner {
        std::string method;
        bitrix::Timing timing;
        bool operating_limit = false;  ///< this command alone was refused with OPERATION_TIME_LIMIT
        bool rate_limit = false;       ///< the same with QUERY_LIMIT_EXCEEDED
    };
    std::vector<Inner> inner;   ///< of a batch, in the order of its commands; those that say nothing may be missing
    core::Duration latency{0};  ///< from sending to the answer; 0: not measured
    double unix_now = 0;        ///< wall clock in seconds, to place operating_reset_at; 0: unknown
};

/// One hit, to be sent now.
struct Departure {
    std::uint64_t batch = 0;            ///< for record_batch(); 0: a plain call
    std::vector<std::uint64_t> aboard;  ///< one: a plain call; several: one batch of them, in this order
};

/// What the shell has to do now.
struct Turn {
    std::vector<Departure> granted;                          ///< in this order
    std::vector<std::uint64_t> expired;                      ///< deadline passed in the queue; no budget was spent
    std::vector<std::pair<std::uint64_t, Refused>> refused;  ///< had waited, and must not any longer
    std::optional<core::TimePoint> wake_at;                  ///< next() is due then; nothing: only after an event
};

/// For the RateLimit and RateLimit-Policy headers.
struct Quota {
    bool unlimited = false;
    std::uint64_t remaining = 0;  ///< hits that could leave at once
    std::uint64_t reset_s = 0;    ///< seconds until the whole burst is free again
    std::uint64_t burst = 0;
    std::uint64_t window_s = 0;  ///< seconds in which the burst leaks away
};

/// Whether batches were given up for a while, or taken up again, with this outcome.
struct BatchNews {
    BatchHealth::Change change = BatchHealth::Change::none;
    std::string why;                ///< of `off`; no secret in it
    core::Duration retry_after{0};  ///< of `off`: a batch is tried again then
};

struct Counters {
    std::uint64_t hits = 0;           ///< granted; a batch is one
    std::uint64_t rate_refusals = 0;  ///< by the portal: QUERY_LIMIT_EXCEEDED
    std::uint64_t operating_refusals = 0;
    std::uint64_t queued = 0;
    std::uint64_t requeued = 0;
    std::uint64_t expired = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t displaced = 0;
    std::array<std::uint64_t, refusal_reason_count> refused{};
    // observe mode: what would have been
    std::uint64_t would_delay = 0;
    double would_delay_s = 0;
    double would_delay_max_s = 0;
    std::uint64_t would_refuse = 0;
};

struct Snapshot {
    bool observe = false;
    bool unlimited = false;
    double level = 0;
    double burst = 0;
    double capacity = 0;
    double rate = 0;       ///< in force
    double plan_rate = 0;  ///< configured or learnt
    bool plan_learnt = false;
    core::Duration held_for{0};  ///< the whole portal, after a refusal
    std::size_t queue = 0;
    std::array<std::size_t, priority_count> queue_by_priority{};
    std::vector<FairQueue::FlowSize> queue_by_client;
    std::array<core::Duration, priority_count> predicted_wait{};  ///< of a client that has nothing waiting
    unsigned in_flight = 0;                                       ///< hits; a batch is one
    unsigned max_in_flight = 0;                                   ///< now
    unsigned max_in_flight_configured = 0;
    double slowdown = 1;  ///< latency against its usual
    std::vector<OperatingBudget::Counter> operating;
    struct BreakerState {
        std::string credential;
        Breaker::State state;
        std::string why;
        core::Duration retry_after{0};
    };
    std::vector<BreakerState> breakers;       ///< those that are not closed
    std::vector<Coalescer::Off> batches_off;  ///< credentials whose calls go singly for a while
    BatchCounters batches;
    Counters counters;
};

class Admission {
public:
    Admission(Settings, core::TimePoint now);

    Verdict submit(Submission, core::TimePoint now);
    [[nodiscard]] Turn next(core::TimePoint now);
    /// A waiting call may share a hit with others of its credential from now on. False: it does not wait. Costs it
    /// nothing: it departs no later than without.
    bool board(std::uint64_t id, const Boarding&);
    /// The caller hung up. True: the call waited and is gone; false: it does not wait (an in-flight call still needs
    /// its record).
    bool cancel(std::uint64_t id, core::TimePoint now);
    /// The outcome of a granted call: frees its slot and teaches. Of a call in a batch: it is done; that teaches
    /// nothing, and it may come before the batch's own outcome. Unknown ids are ignored.
    void record(std::uint64_t id, const Feedback&, core::TimePoint now);
    /// The outcome of a batch as a whole, the running times of its commands in `inner`: frees its slot and teaches.
    /// Once for each batch; unknown numbers are ignored.
    BatchNews record_batch(std::uint64_t batch, const Feedback& whole, core::TimePoint now);
    /// For a call that the portal refused for rate or operating time and that shall go again, and for one whose batch
    /// failed: it keeps its id, deadline and place, in front of its client's later calls, and no queue bound applies.
    /// `alone`: it no longer boards. Refused: as record. Of a call in a batch: after record_batch(), and the feedback
    /// is not looked at.
    Verdict requeue(std::uint64_t id, const Feedback&, core::TimePoint now, bool alone = false);

    void learn_plan(std::string_view license, core::TimePoint now);
    /// Level, queue and what was learnt stay; new bounds apply to new calls.
    void reconfigure(Settings, core::TimePoint now);
    /// The bucket's level as it was at `at`.
    void restore(double level, core::TimePoint at, core::TimePoint now) { limiter_.restore(level, at, now); }

    [[nodiscard]] Snapshot snapshot(core::TimePoint now);
    [[nodiscard]] Quota quota(core::TimePoint now);
    [[nodiscard]] double level(core::TimePoint now) { return limiter_.level(now); }
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }
    [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }

private:
    enum class Where {
        waiting,
        alone,   ///< in flight
        aboard,  ///< in flight in a batch
        landed,  ///< its batch's outcome is told, its own not yet
    };
    struct Call {
        Submission submission;
        Where where = Where::waiting;
        core::TimePoint granted;
        std::uint64_t ticket = 0;  ///< its place in the queue
        double fare = 1;           ///< what its last departure cost its client
        std::optional<Boarding> boarding;
        std::uint64_t batch = 0;                   ///< it is aboard
        std::pair<std::string, bool> batched_key;  ///< operating budget inside a batch; whether its grant was counted
        /// Of the operating budget: its own, then those of what is inside a batch; and whether its grant was counted.
        std::vector<std::pair<std::string, bool>> keys;
    };
    using Calls = std::unordered_map<std::uint64_t, Call>;
    struct Batch {
        core::TimePoint granted;
        std::string credential;
        std::string method;  ///< of its head
        std::uint64_t head = 0;
        std::size_t size = 0;
        std::vector<std::uint64_t> aboard;  ///< those that have not left it
    };
    struct Prediction {
        core::Duration wait;
        bool operating;  ///< the operating budget is what takes longest
    };

    Verdict observe(Call&, bool shut, core::TimePoint now);
    Verdict wait(Calls::iterator, bool again, core::TimePoint now);
    Refused refuse(RefusalReason, core::Duration retry_after, std::string detail);
    std::optional<Refused> make_room(const Submission&, core::TimePoint now);
    void grant(Call&, core::TimePoint now);
    void charge(core::TimePoint now);
    Departure depart(const FairQueue::Entry& head, std::size_t levels, core::TimePoint now);
    /// How many calls leave with this one.
    std::size_t seats_for(const Call& head, core::TimePoint now);
    std::uint32_t group_of(const Call&);
    bool opens(const std::string& key, core::TimePoint now);
    /// What part of a hit a waiting call costs, as things are.
    double usual_fare(core::TimePoint now);
    void settle(Call&, const Feedback&, core::TimePoint now);
    /// What the hit itself teaches. `method`: what its latency is compared with.
    void settle_hit(core::TimePoint granted, const std::string& method, const Feedback&, core::TimePoint now);
    void settle_operating(Call&, const Feedback&, core::TimePoint now);
    void settle_batch_operating(const Batch&, const Feedback&, core::TimePoint now);
    void tell_operating(const std::string& key, const bitrix::Timing&, bool refused, bool counted,
                        core::TimePoint granted, double unix_now, core::TimePoint now);
    void learn_running(const std::string& method, const Feedback&);
    void tell_breaker(const std::string& credential, std::uint64_t id, const Feedback&, core::TimePoint now);
    void leave_batch(Call&, core::TimePoint now);
    void refuse_waiting(const std::string& credential, core::TimePoint now);
    /// Takes a call out for good, without a departure.
    void drop(std::uint64_t id);
    void give_up_probe(const Submission&);
    /// The key that keeps the call back, and until when; nullptr: none.
    const std::string* blocked(const Call&, core::TimePoint now, core::TimePoint& until);
    void hold(const std::string& key, core::TimePoint until);
    void release(const std::string& key);
    void release_due(core::TimePoint now);
    Prediction predict(const Call*, double ahead, core::TimePoint now);
    /// How many of the priorities, from the highest, may take a slot now: long bulk calls must not fill all of them.
    [[nodiscard]] std::size_t levels_with_slot() const noexcept;
    /// Until the next call leaves the queue.
    core::Duration one_departure(core::TimePoint now);
    std::optional<core::TimePoint> wake_at(core::TimePoint now);

    Settings settings_;
    RateLimiter limiter_;
    FairQueue queue_;
    OperatingBudget operating_;
    Concurrency concurrency_;
    Coalescer coalescer_;
    std::map<std::string, Breaker, std::less<>> breakers_;  ///< of the credentials that are or were in trouble
    Calls calls_;
    std::unordered_map<std::uint64_t, Batch> batches_;  ///< in flight
    std::uint64_t last_batch_ = 0;
    std::map<std::string, std::uint32_t, std::less<>> groups_;  ///< by credential; two numbers each, reads and writes
    unsigned in_flight_ = 0;
    std::set<std::pair<core::TimePoint, std::string>> holds_;
    std::map<std::string, core::TimePoint, std::less<>> held_until_;
    std::vector<std::pair<std::uint64_t, Refused>> pending_refusals_;
    Counters counters_;
};

}  // namespace b24gate::admission
