// All that the gateway knows of one portal while it runs: where it is, its budget, who waits for it. A monitor: every
// member may be called from any worker; one mutex guards the pure Admission inside, and is never held over I/O.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include <b24gate/admission/admission.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/server/handler.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

struct Expired {};
struct HungUp {};
struct Draining {};
struct Paused {};

/// The caller's time was up while its call travelled in a batch: the batch goes on without it.
struct Overdue {};
struct Passenger;
struct CarriedAnswer;

/// How a wait for budget ended. CarriedAnswer: it has travelled already, in a batch with others.
using Turn = std::variant<admission::Granted, admission::Refused, Expired, HungUp, Draining, Paused, Overdue,
                          std::shared_ptr<CarriedAnswer>>;

class Portal : public std::enable_shared_from_this<Portal> {
public:
    /// `owner`: the worker whose thread runs the portal's departure timer.
    Portal(const config::Portal& config, upstream::Target target, net::Worker& owner, core::TimePoint now);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] static std::uint64_t next_id() noexcept;

    using Wait = net::Waiter<Turn>;
    /// A call that leaves in a batch.
    struct Boarded {
        std::uint64_t id;
        std::shared_ptr<Wait> wait;
        std::shared_ptr<const Passenger> passenger;
    };
    /// Asks for the call to be sent: the answer, or nullopt and a place in the queue to wait for. A plain function,
    /// because most calls go straight through. `worker`: the caller's own.
    std::optional<Turn> submit(net::Worker& worker, admission::Submission submission, std::shared_ptr<Wait>& place);
    /// Waits for the end of that place. A caller that hangs up leaves the queue at once.
    boost::asio::awaitable<Turn> wait_for_turn(net::Worker& worker, server::Connection& connection, std::uint64_t id,
                                               core::Deadline deadline, std::shared_ptr<Wait> place);
    /// From now on the waiting call may leave in a batch with others. It does nothing to one that no longer waits.
    void board(std::uint64_t id, std::shared_ptr<const Passenger> passenger);
    /// Submits and waits again, at its old place: a call that the portal has refused for its rate or operating time
    /// (teaches `feedback` first), or whose batch did not bring it an answer. `passenger`: it may board again; null: it
    /// goes alone.
    boost::asio::awaitable<Turn> admit_again(net::Worker& worker, server::Connection& connection, std::uint64_t id,
                                             admission::Feedback feedback, core::Deadline deadline,
                                             std::shared_ptr<const Passenger> passenger);
    /// The outcome of a granted call.
    void record(std::uint64_t id, const admission::Feedback& feedback);
    /// The caller of a call that was submitted is gone, wherever it is now.
    void abandon(std::uint64_t id);
    /// The outcome of a batch as a whole, before its calls end each for itself.
    admission::BatchNews record_batch(std::uint64_t batch, const admission::Feedback& whole);

    /// A person has paused it, or lets it go on: while it is paused nobody gets a turn, and nobody waits for one.
    void pause(bool paused);
    [[nodiscard]] bool paused() const noexcept { return paused_.load(std::memory_order_relaxed); }
    /// Ends every wait for budget: the gateway stops.
    void refuse_waiting();
    /// Gives up the timer, which must not outlive its worker. On the owner's thread, or when that does not run.
    void stop() { timer_.reset(); }
    [[nodiscard]] net::Worker& owner() const noexcept { return owner_; }

    void reconfigure(const config::Portal& config, const upstream::Target& configured);

    /// Where the portal is now, with a number that changes whenever it moves.
    struct Location {
        upstream::Target target;
        std::uint64_t generation;
    };
    [[nodiscard]] Location location() const;
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    /// The portal was renamed. False: it is there already.
    bool move_to(const upstream::Target& target);
    /// `told` is called behind every move from now on, on the thread of whoever has noticed it, under no lock.
    void when_moved(std::function<void(const upstream::Target&)> told);
    /// Likewise when it is first seen to keep idempotency keys.
    void when_keyed(std::function<void()> told);
    void tell_keyed();

    /// Whether an answer of this portal has echoed an Idempotency-Key: only then a repeat under the same key is safe.
    /// True: that is news.
    bool keeps_idempotency_keys() noexcept { return !idempotency_keys_.exchange(true); }
    [[nodiscard]] bool has_idempotency_keys() const noexcept { return idempotency_keys_; }

    /// Whether somebody should ask the portal for its plan now: with plan = "auto" true once, and after an hour again
    /// unless learn_plan() was called.
    [[nodiscard]] bool claim_plan_reading(core::TimePoint now) noexcept;
    /// What the portal said its plan is. Calls that wait go by the new budget at once. The budget as it is then.
    admission::Snapshot learn_plan(std::string_view license);
    /// As last told by learn_plan(); empty: it was not.
    [[nodiscard]] std::string license() const;

    /// The bucket's level as it was so long ago, by whoever sent from it last.
    void restore(double level, core::Duration ago);
    [[nodiscard]] admission::Snapshot snapshot();
    [[nodiscard]] admission::Quota quota();

private:
    static constexpr core::TimePoint::rep never = core::TimePoint::max().time_since_epoch().count();
    // With the mutex held:
    void end_all_waits(const Turn& turn);
    void expect_plan(config::Plan::Kind kind);
    void dispatch(admission::Turn turn);
    void end_wait(std::uint64_t id, Turn turn);
    void depart_together(const admission::Departure& departure);
    void arm(core::TimePoint wake_at);

    void on_timer();
    void hang_up(std::uint64_t id);

    const std::string name_;
    net::Worker& owner_;
    std::optional<boost::asio::steady_timer> timer_;  ///< touched only on the owner's thread

    mutable std::mutex mutex_;
    admission::Admission admission_;
    struct Place {
        std::shared_ptr<Wait> wait;
        std::shared_ptr<const Passenger> passenger;  ///< null: it goes alone
    };
    std::unordered_map<std::uint64_t, Place> waiting_;
    core::TimePoint armed_ = core::TimePoint::max();
    upstream::Target configured_;
    upstream::Target target_;
    std::function<void(const upstream::Target&)> moved_;
    std::function<void()> keyed_;
    config::Plan::Kind plan_ = config::Plan::Kind::standard;
    std::string license_;
    std::atomic<core::TimePoint::rep> plan_due_{never};  ///< on the clock's own scale: read by every call
    std::atomic<std::uint64_t> generation_{1};
    std::atomic<bool> idempotency_keys_{false};
    std::atomic<bool> paused_{false};  ///< changed with the mutex held
};

/// The admission settings that a portal's config stands for.
[[nodiscard]] admission::Settings admission_settings(const config::Portal& config);

}  // namespace b24gate::gateway
