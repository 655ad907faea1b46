#include <b24gate/admin/operation_jobs.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

#include <b24gate/admin/json_text.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
using core::Clock;

constexpr auto store_patience = std::chrono::seconds(10);
constexpr auto store_pause = std::chrono::seconds(1);
/// A store that is away so often in a row will not be back soon.
constexpr unsigned most_failures = 30;

std::string_view name_of(OperationJob::State state) noexcept {
    switch (state) {
        case OperationJob::State::running: return "running";
        case OperationJob::State::finished: return "finished";
        case OperationJob::State::cancelled: return "cancelled";
        case OperationJob::State::failed: return "failed";
    }
    return "failed";
}

}  // namespace

void OperationJob::end(State state, storage::UnixMs now, std::string error) {
    const std::lock_guard lock(mutex_);
    state_ = state;
    ended_ = now;
    error_ = std::move(error);
}

OperationJob::State OperationJob::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

boost::json::object OperationJob::json() const {
    const std::lock_guard lock(mutex_);
    boost::json::object out;
    out["id"] = id;
    out["action"] = to_string(action);
    out["state"] = name_of(state_);
    out["filter"] = filter;
    out["total"] = total;
    out["done"] = done.load();
    out["skipped"] = skipped.load();
    out["actor"] = actor;
    out["reason"] = reason;
    out["started"] = time_value(started);
    out["ended"] = time_value(ended_);
    out["error"] = text_or_null(error_);
    return out;
}

void OperationJobs::put(std::string token, std::shared_ptr<const Plan> plan, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    plans_.remove_if([&](const Waiting& waiting) { return waiting.until <= now; });
    while (plans_.size() >= limits_.plans) plans_.pop_front();
    plans_.push_back({std::move(token), std::move(plan), now + limits_.lifetime});
}

std::shared_ptr<const Plan> OperationJobs::take(std::string_view token, BulkAction action, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(plans_.begin(), plans_.end(), [&](const Waiting& waiting) { return waiting.token == token; });
    if (found == plans_.end() || found->plan->action != action) return nullptr;
    std::shared_ptr<const Plan> out = found->until > now ? found->plan : nullptr;
    plans_.erase(found);
    return out;
}

bool OperationJobs::add(std::shared_ptr<OperationJob> job) {
    const std::lock_guard lock(mutex_);
    const auto running = static_cast<std::size_t>(std::count_if(
        jobs_.begin(), jobs_.end(), [](const auto& one) { return one->state() == OperationJob::State::running; }));
    if (closed_ || running >= limits_.running) return false;
    jobs_.push_front(std::move(job));
    while (jobs_.size() > limits_.remembered) {
        const auto old = std::find_if(jobs_.rbegin(), jobs_.rend(),
                                      [](const auto& one) { return one->state() != OperationJob::State::running; });
        if (old == jobs_.rend()) break;
        jobs_.erase(std::next(old).base());
    }
    return true;
}

std::shared_ptr<OperationJob> OperationJobs::find(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->id == id; });
    return found == jobs_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<OperationJob>> OperationJobs::all() const {
    const std::lock_guard lock(mutex_);
    return {jobs_.begin(), jobs_.end()};
}

void OperationJobs::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    plans_.clear();
    for (const auto& job : jobs_) job->cancel = true;
}

asio::awaitable<void> run_job(OperationClerk clerk, std::shared_ptr<OperationJob> job, std::shared_ptr<const Plan> plan,
                              std::function<operations::Rules()> rules,
                              std::function<void(const std::string&)> changed) {
    using State = OperationJob::State;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    unsigned failures = 0;
    std::size_t at = 0;
    while (at < plan->operations.size()) {
        if (job->cancel) {
            job->end(State::cancelled, core::unix_ms());
            co_return;
        }
        OperationClerk::Order order;
        order.action = job->action;
        order.id = plan->operations[at].id;
        order.actor = job->actor;
        order.reason = job->reason;
        order.as_bulk = true;
        order.seen = plan->operations[at];
        auto verdict = co_await clerk.act(std::move(order), rules(), core::Deadline{Clock::now() + store_patience});
        if (verdict) {
            failures = 0;
            ++at;
            if (verdict->kind != OperationClerk::Verdict::Kind::done) {
                ++job->skipped;
            } else {
                ++job->done;
                changed(verdict->portal);
            }
            continue;
        }
        if (++failures >= most_failures) {
            job->end(State::failed, core::unix_ms(), verdict.error().message);
            co_return;
        }
        timer.expires_after(store_pause);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    job->end(State::finished, core::unix_ms());
}

}  // namespace b24gate::admin
