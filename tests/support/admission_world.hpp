// Event-driven simulation of one portal behind one Admission: callers, network jitter, the portal's verdicts, the one
// timer of the shell. Time is made up, so hours take milliseconds and every run is the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <b24gate/admission/admission.hpp>

#include "support/portal_model.hpp"

namespace b24gate::test {

using admission::Admission;
using admission::Feedback;
using admission::Submission;

class World {
public:
    enum class End { answered, refused, expired, cancelled };
    struct Fate {
        Submission submission;
        core::TimePoint submitted;
        core::TimePoint granted;
        core::Duration promised{0};  ///< the predicted wait
        unsigned attempts = 0;
        std::optional<End> end;
        bool seen_limit = false;  ///< the caller saw QUERY_LIMIT_EXCEEDED or OPERATION_TIME_LIMIT
        core::TimePoint ended;
    };

    explicit World(admission::Settings settings, std::uint64_t seed = 1)
        : gate(std::move(settings), origin()), now(origin()), random_(seed) {}

    static core::TimePoint origin() { return core::TimePoint{} + std::chrono::hours(10'000); }

    Admission gate;
    PortalModel portal;
    core::TimePoint now;
    core::Duration one_way = std::chrono::milliseconds(80);
    core::Duration jitter = std::chrono::milliseconds(50);  ///< each way takes one_way +- jitter
    core::Duration timer_late = std::chrono::milliseconds(2);
    double wall_step = 0;  ///< what the gateway's wall clock is off by; the portal's is right
    std::function<double(const Submission&)> service = [](const Submission&) { return 0.05; };  ///< seconds
    /// Whether a call that has to wait may board.
    std::function<std::optional<admission::Boarding>(const Submission&)> boards;
    /// What becomes of a batch as a whole, if not what the portal's accounting says.
    std::function<std::optional<bitrix::ErrorClass>(const admission::Departure&)> whole;
    std::function<void(const Fate&)> on_end;
    std::unordered_map<std::uint64_t, Fate> fates;
    std::vector<std::pair<core::TimePoint, std::string>> departures;  ///< when and whose
    std::vector<std::pair<core::TimePoint, std::size_t>> sizes;       ///< of the departures from the queue
    std::uint64_t doubled = 0;                                        ///< ends or grants that must not be
    std::uint64_t late = 0;                                           ///< answers after their deadline

    double seconds() const { return core::to_seconds(now - origin()); }
    double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
    double exponential(double rate) { return std::exponential_distribution<double>(rate)(random_); }
    std::mt19937_64& random() { return random_; }

    void at(core::TimePoint when, std::function<void()> what) {
        events_.push({std::max(when, now), order_++, std::move(what)});
    }
    void in(double seconds, std::function<void()> what) { at(now + core::from_seconds(seconds), std::move(what)); }

    void submit(Submission submission) {
        const std::uint64_t id = submission.id;
        Fate fate;
        fate.submission = submission;
        fate.submitted = now;
        fates.emplace(id, std::move(fate));
        serve(id, gate.submit(std::move(submission), now));
    }
    void cancel(std::uint64_t id) {
        if (gate.cancel(id, now)) finish(id, End::cancelled);
        turn();
    }
    /// Runs until nothing is left to happen or `until`.
    void run(core::TimePoint until = core::TimePoint::max()) {
        while (!events_.empty() && events_.top().when <= until) {
            Event event = events_.top();
            events_.pop();
            now = event.when;
            event.what();
        }
        if (until != core::TimePoint::max()) now = until;
    }

    std::size_t count(End end) const {
        std::size_t n = 0;
        for (const auto& [id, fate] : fates) n += fate.end == end;
        return n;
    }
    std::size_t open() const {
        std::size_t n = 0;
        for (const auto& [id, fate] : fates) n += !fate.end;
        return n;
    }

private:
    struct Event {
        core::TimePoint when;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };

    core::Duration leg() {
        const double j = core::to_seconds(jitter);
        return one_way + core::from_seconds(uniform(-j, j));
    }
    double portal_time() const { return 1.7e9 + seconds(); }

    void serve(std::uint64_t id, const admission::Verdict& verdict) {
        if (std::holds_alternative<admission::Granted>(verdict)) {
            leave(id);
        } else if (const auto* queued = std::get_if<admission::Queued>(&verdict)) {
            Fate& fate = fates.at(id);
            fate.promised = queued->predicted_wait;
            if (fate.attempts == 0 && boards) {
                if (const auto boarding = boards(fate.submission)) gate.board(id, *boarding);
            }
            arm(queued->wake_at);
        } else {
            finish(id, End::refused);
        }
    }
    void arm(std::optional<core::TimePoint> wake) {
        if (!wake) return;
        if (armed_ && *armed_ <= *wake) return;
        armed_ = *wake;
        at(*wake + core::from_seconds(uniform(0, core::to_seconds(timer_late))), [this, wake] {
            if (armed_ == wake) armed_.reset();
            turn();
        });
    }
    void turn() {
        const auto todo = gate.next(now);
        for (const auto& departure : todo.granted) {
            sizes.emplace_back(now, departure.aboard.size());
            if (departure.batch == 0) {
                leave(departure.aboard.front());
            } else {
                leave_together(departure);
            }
        }
        for (const auto id : todo.expired) finish(id, End::expired);
        for (const auto& [id, refused] : todo.refused) finish(id, End::refused);
        arm(todo.wake_at);
    }
    void depart(std::uint64_t id) {
        Fate& fate = fates.at(id);
        if (fate.end) ++doubled;
        fate.attempts += 1;
        fate.granted = now;
        departures.emplace_back(now, fate.submission.client);
    }
    void leave_together(const admission::Departure& departure) {
        for (const auto id : departure.aboard) depart(id);
        at(now + leg(), [this, departure] { arrive_together(departure); });
    }
    /// The commands run one after another; the answer comes when the last has ended.
    void arrive_together(const admission::Departure& departure) {
        Feedback feedback;
        if (!portal.hit(portal_time())) {
            feedback.error_class = bitrix::ErrorClass::rate_limit;
            return reply_together(departure, feedback, 0, {});
        }
        if (const auto verdict = whole ? whole(departure) : std::nullopt) {
            feedback.error_class = *verdict;
            return reply_together(departure, feedback, 0, {});
        }
        double work = 0;
        std::vector<std::uint64_t> refused;
        for (const auto id : departure.aboard) {
            const Submission& submission = fates.at(id).submission;
            const std::string key = submission.credential + "/*" + submission.method;
            Feedback::Inner inner{submission.method, {}, false, false};
            if (portal.may_run(key, portal_time() + work)) {
                const double own = service(submission);
                work += own;
                inner.timing.duration = own;
                if (portal.operating_counters) {
                    const auto charge = portal.finished(key, portal_time() + work, own);
                    inner.timing.operating = charge.operating;
                    if (portal.reset_announced) inner.timing.operating_reset_at = charge.reset_at;
                }
            } else {
                inner.operating_limit = true;
                refused.push_back(id);
            }
            feedback.inner.push_back(inner);
        }
        feedback.timing.duration = work;
        in(work, [this, departure, feedback, work, refused] { reply_together(departure, feedback, work, refused); });
    }
    void reply_together(const admission::Departure& departure, Feedback feedback, double work,
                        const std::vector<std::uint64_t>& refused) {
        feedback.latency = core::from_seconds(work) + 2 * one_way;
        at(now + leg(), [this, departure, feedback, refused]() mutable {
            feedback.unix_now = portal_time() + wall_step;
            gate.record_batch(departure.batch, feedback, now);
            for (const auto id : departure.aboard) {
                const bool again = std::find(refused.begin(), refused.end(), id) != refused.end();
                const bool limit = feedback.error_class == bitrix::ErrorClass::rate_limit;
                if (feedback.error_class == bitrix::ErrorClass::ok && !again) {
                    gate.record(id, {}, now);
                    finish(id, End::answered);
                } else {
                    serve(id, gate.requeue(id, {}, now, !limit && !again));
                }
            }
            turn();
        });
    }
    void leave(std::uint64_t id) {
        depart(id);
        at(now + leg(), [this, id] { arrive(id); });
    }
    void arrive(std::uint64_t id) {
        const Submission& submission = fates.at(id).submission;
        const std::string key = submission.credential + "/" + submission.method;
        if (!portal.hit(portal_time())) return reply(id, bitrix::ErrorClass::rate_limit, {}, 0);
        if (!portal.may_run(key, portal_time())) return reply(id, bitrix::ErrorClass::operating_limit, {}, 0);
        const double work = service(submission);
        in(work, [this, id, key, work] {
            bitrix::Timing timing;
            timing.duration = work;
            if (portal.operating_counters) {
                const auto charge = portal.finished(key, portal_time(), work);
                timing.operating = charge.operating;
                if (portal.reset_announced) timing.operating_reset_at = charge.reset_at;
            }
            reply(id, bitrix::ErrorClass::ok, timing, work);
        });
    }
    void reply(std::uint64_t id, bitrix::ErrorClass error_class, bitrix::Timing timing, double work) {
        const auto back = leg();
        at(now + back, [this, id, error_class, timing, work] {
            Feedback feedback;
            feedback.error_class = error_class;
            feedback.timing = timing;
            feedback.latency = core::from_seconds(work) + 2 * one_way;
            feedback.unix_now = portal_time() + wall_step;
            const bool limit = error_class != bitrix::ErrorClass::ok;
            if (limit) {
                const auto verdict = gate.requeue(id, feedback, now);
                if (std::holds_alternative<admission::Refused>(verdict)) fates.at(id).seen_limit = true;
                serve(id, verdict);
            } else {
                gate.record(id, feedback, now);
                finish(id, End::answered);
            }
            turn();
        });
    }
    void finish(std::uint64_t id, End end) {
        Fate& fate = fates.at(id);
        if (fate.end) ++doubled;
        fate.end = end;
        fate.ended = now;
        late += end == End::answered && fate.submission.deadline.passed(now);
        if (on_end) on_end(fate);
    }

    std::mt19937_64 random_;
    std::priority_queue<Event> events_;
    std::uint64_t order_ = 0;
    std::optional<core::TimePoint> armed_;
};

inline Submission call_of(std::uint64_t id, std::string client, config::Priority priority = config::Priority::normal,
                          unsigned weight = 1) {
    Submission out;
    out.id = id;
    out.client = std::move(client);
    out.priority = priority;
    out.weight = weight;
    out.credential = "main";
    out.method = "crm.deal.list";
    return out;
}

inline admission::Settings plan_of(config::Plan::Kind kind, double burst = 50, double rate = 2) {
    admission::Settings out;
    out.plan.kind = kind;
    out.plan.burst = burst;
    out.plan.rate = rate;
    return out;
}

}  // namespace b24gate::test
