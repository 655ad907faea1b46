#include <b24gate/gateway/portal.hpp>

#include <b24gate/gateway/batch_run.hpp>

#include <boost/asio/post.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;

/// After a question for the plan that brought no answer.
constexpr auto plan_retry = std::chrono::hours(1);

/// Whoever waits in the queue is told by the admission when its time is up; this is for those who travel in a batch.
class OverdueGuard final : net::Swept {
public:
    OverdueGuard(net::Worker& worker, core::Deadline deadline, std::shared_ptr<Portal::Wait> wait)
        : wait_(std::move(wait)) {
        constexpr core::Duration for_the_queue = std::chrono::milliseconds(100);
        deadline_ = deadline.at < TimePoint::max() - for_the_queue ? deadline.at + for_the_queue : deadline.at;
        worker.sweeper.add(*this);
    }

private:
    void on_deadline() override { wait_->fulfil(Turn(Overdue{})); }
    std::shared_ptr<Portal::Wait> wait_;
};

}  // namespace

admission::Settings admission_settings(const config::Portal& config) {
    admission::Settings settings;
    settings.plan = config.plan;
    settings.observe = config.mode == config::Portal::Mode::observe;
    settings.initial_level = config.assume_spent ? 1 : 0;
    settings.max_in_flight = config.max_in_flight;
    settings.max_queue = config.max_queue;
    settings.coalesce.enabled = config.coalesce.enabled;
    settings.coalesce.max_calls = config.coalesce.max_calls;
    settings.coalesce.max_duration = config.coalesce.max_duration;
    return settings;
}

Portal::Portal(const config::Portal& config, upstream::Target target, net::Worker& owner, TimePoint now)
    : name_(config.name),
      owner_(owner),
      timer_(owner.io),
      admission_(admission_settings(config), now),
      configured_(target),
      target_(std::move(target)) {
    expect_plan(config.plan.kind);
}

std::uint64_t Portal::next_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

std::optional<Turn> Portal::submit(net::Worker& worker, admission::Submission submission,
                                   std::shared_ptr<Wait>& place) {
    const std::uint64_t id = submission.id;
    const std::lock_guard lock(mutex_);
    if (paused()) return Turn(Paused{});
    auto verdict = admission_.submit(std::move(submission), Clock::now());
    if (auto* refused = std::get_if<admission::Refused>(&verdict)) return Turn(std::move(*refused));
    // As it is: in observe mode it says what enforcing would have done.
    if (const auto* granted = std::get_if<admission::Granted>(&verdict)) return Turn(*granted);
    place = std::make_shared<Wait>(worker.io.get_executor());
    waiting_.emplace(id, Place{place, nullptr});
    dispatch(admission_.next(Clock::now()));
    return std::nullopt;
}

void Portal::board(std::uint64_t id, std::shared_ptr<const Passenger> passenger) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    const admission::Boarding boarding{passenger->command.writes, passenger->command.text.size()};
    if (admission_.board(id, boarding)) found->second.passenger = std::move(passenger);
}

asio::awaitable<Turn> Portal::admit_again(net::Worker& worker, server::Connection& connection, std::uint64_t id,
                                          admission::Feedback feedback, core::Deadline deadline,
                                          std::shared_ptr<const Passenger> passenger) {
    std::shared_ptr<Wait> wait;
    {
        const std::lock_guard lock(mutex_);
        if (paused()) {
            admission_.record(id, feedback, Clock::now());
            co_return Turn(Paused{});
        }
        auto verdict = admission_.requeue(id, feedback, Clock::now(), passenger == nullptr);
        if (auto* refused = std::get_if<admission::Refused>(&verdict)) {
            dispatch(admission_.next(Clock::now()));
            co_return Turn(std::move(*refused));
        }
        if (std::holds_alternative<admission::Queued>(verdict)) {
            wait = std::make_shared<Wait>(worker.io.get_executor());
            waiting_.emplace(id, Place{wait, std::move(passenger)});
        }
        dispatch(admission_.next(Clock::now()));
    }
    if (!wait) co_return Turn(admission::Granted{});
    co_return co_await wait_for_turn(worker, connection, id, deadline, std::move(wait));
}

asio::awaitable<Turn> Portal::wait_for_turn(net::Worker& worker, server::Connection& connection, std::uint64_t id,
                                            core::Deadline deadline, std::shared_ptr<Wait> wait) {
    connection.watch_hangup([this, id] { hang_up(id); });
    const OverdueGuard guard(worker, deadline, wait);
    Turn turn = co_await wait->wait();
    connection.unwatch_hangup();
    co_return turn;
}

void Portal::record(std::uint64_t id, const admission::Feedback& feedback) {
    const std::lock_guard lock(mutex_);
    admission_.record(id, feedback, Clock::now());
    if (admission_.waiting() != 0 || !waiting_.empty()) dispatch(admission_.next(Clock::now()));
}

admission::BatchNews Portal::record_batch(std::uint64_t batch, const admission::Feedback& whole) {
    const std::lock_guard lock(mutex_);
    admission::BatchNews news = admission_.record_batch(batch, whole, Clock::now());
    dispatch(admission_.next(Clock::now()));
    return news;
}

void Portal::abandon(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(id);
    if (!admission_.cancel(id, Clock::now())) admission_.record(id, admission::Feedback{}, Clock::now());
    dispatch(admission_.next(Clock::now()));
}

void Portal::hang_up(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (!admission_.cancel(id, Clock::now())) return;
    end_wait(id, Turn(HungUp{}));
    dispatch(admission_.next(Clock::now()));
}

void Portal::refuse_waiting() {
    const std::lock_guard lock(mutex_);
    end_all_waits(Turn(Draining{}));
}

void Portal::pause(bool paused) {
    const std::lock_guard lock(mutex_);
    if (paused_.exchange(paused) == paused || !paused) return;
    end_all_waits(Turn(Paused{}));
}

void Portal::end_all_waits(const Turn& turn) {
    for (auto& [id, place] : waiting_) {
        admission_.cancel(id, Clock::now());
        place.wait->fulfil(turn);
    }
    waiting_.clear();
}

void Portal::dispatch(admission::Turn turn) {
    for (const admission::Departure& departure : turn.granted) {
        if (departure.batch == 0)
            end_wait(departure.aboard.front(), Turn(admission::Granted{}));
        else
            depart_together(departure);
    }
    for (const std::uint64_t id : turn.expired) end_wait(id, Turn(Expired{}));
    for (auto& [id, refused] : turn.refused) end_wait(id, Turn(std::move(refused)));
    if (turn.wake_at) arm(*turn.wake_at);
}

void Portal::depart_together(const admission::Departure& departure) {
    std::vector<Boarded> aboard;
    for (const std::uint64_t id : departure.aboard) {
        const auto found = waiting_.find(id);
        if (found == waiting_.end()) continue;
        aboard.push_back(Boarded{id, std::move(found->second.wait), std::move(found->second.passenger)});
        waiting_.erase(found);
    }
    begin_batch(shared_from_this(), departure.batch, std::move(aboard));
}

void Portal::end_wait(std::uint64_t id, Turn turn) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    found->second.wait->fulfil(std::move(turn));
    waiting_.erase(found);
}

void Portal::arm(TimePoint wake_at) {
    if (wake_at >= armed_) return;  // the timer that is set comes first and will arm anew
    armed_ = wake_at;
    asio::post(owner_.io, [self = shared_from_this(), wake_at] {
        if (!self->timer_) return;
        self->timer_->expires_at(wake_at);
        self->timer_->async_wait([self](boost::system::error_code error) {
            if (!error) self->on_timer();
        });
    });
}

void Portal::on_timer() {
    const std::lock_guard lock(mutex_);
    armed_ = TimePoint::max();
    dispatch(admission_.next(Clock::now()));
}

void Portal::reconfigure(const config::Portal& config, const upstream::Target& configured) {
    const std::lock_guard lock(mutex_);
    admission_.reconfigure(admission_settings(config), Clock::now());
    if (plan_ != config.plan.kind) expect_plan(config.plan.kind);
    if (configured_ != configured) {
        configured_ = configured;
        target_ = configured;
        ++generation_;
    }
    dispatch(admission_.next(Clock::now()));
}

Portal::Location Portal::location() const {
    const std::lock_guard lock(mutex_);
    Location location{target_, generation_};
    return location;
}

bool Portal::move_to(const upstream::Target& target) {
    std::function<void(const upstream::Target&)> told;
    {
        const std::lock_guard lock(mutex_);
        if (target_ == target) return false;
        target_ = target;
        ++generation_;
        told = moved_;
    }
    if (told) told(target);
    return true;
}

void Portal::when_keyed(std::function<void()> told) {
    const std::lock_guard lock(mutex_);
    keyed_ = std::move(told);
}

void Portal::tell_keyed() {
    std::function<void()> told;
    {
        const std::lock_guard lock(mutex_);
        told = keyed_;
    }
    if (told) told();
}

void Portal::when_moved(std::function<void(const upstream::Target&)> told) {
    const std::lock_guard lock(mutex_);
    moved_ = std::move(told);
}

void Portal::expect_plan(config::Plan::Kind kind) {
    plan_ = kind;
    license_.clear();
    plan_due_ = kind == config::Plan::Kind::automatic ? TimePoint::min().time_since_epoch().count() : never;
}

bool Portal::claim_plan_reading(TimePoint now) noexcept {
    auto due = plan_due_.load(std::memory_order_relaxed);
    if (due > now.time_since_epoch().count()) return false;
    return plan_due_.compare_exchange_strong(due, (now + plan_retry).time_since_epoch().count());
}

admission::Snapshot Portal::learn_plan(std::string_view license) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = Clock::now();
    // A reload may have set another plan since the question was asked.
    if (plan_ == config::Plan::Kind::automatic) {
        plan_due_ = never;
        license_ = license;
        admission_.learn_plan(license, now);
        dispatch(admission_.next(now));
    }
    return admission_.snapshot(now);
}

std::string Portal::license() const {
    const std::lock_guard lock(mutex_);
    return license_;
}

void Portal::restore(double level, core::Duration ago) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = Clock::now();
    admission_.restore(level, now - std::max(ago, core::Duration::zero()), now);
}

admission::Snapshot Portal::snapshot() {
    const std::lock_guard lock(mutex_);
    return admission_.snapshot(Clock::now());
}

admission::Quota Portal::quota() {
    const std::lock_guard lock(mutex_);
    return admission_.quota(Clock::now());
}

}  // namespace b24gate::gateway
