#include <b24gate/admission/admission.hpp>

#include <algorithm>

namespace b24gate::admission {

namespace {

using bitrix::ErrorClass;

// A call that waits for one of its own kind to end is let go by that end; this is for when the limit moves.
constexpr core::Duration slot_recheck = std::chrono::seconds(1);
constexpr core::Duration least_retry = std::chrono::milliseconds(1);

/// Did the portal itself answer?
bool answered(const Feedback& feedback) {
    if (!feedback.hit_sent) return false;
    switch (feedback.error_class) {
        case ErrorClass::network:
        case ErrorClass::timeout:
        case ErrorClass::gateway: return false;
        default: return true;
    }
}

Breaker::Sign sign_of(const Feedback& feedback) {
    if (!answered(feedback)) return Breaker::Sign::none;
    const bool overload = feedback.error_class == ErrorClass::overload;
    const bool rate = feedback.error_class == ErrorClass::rate_limit;
    if ((overload || rate) && !feedback.coded) return Breaker::Sign::page;
    if (overload) return Breaker::Sign::overload;
    // The front refused it before anybody looked at the credential.
    if (rate) return Breaker::Sign::none;
    return Breaker::Sign::willing;
}

}  // namespace

std::string_view to_string(RefusalReason reason) noexcept {
    switch (reason) {
        case RefusalReason::queue_full: return "queue_full";
        case RefusalReason::client_queue_full: return "client_queue_full";
        case RefusalReason::deadline: return "deadline";
        case RefusalReason::operating: return "operating";
        case RefusalReason::breaker_open: return "breaker_open";
        case RefusalReason::duplicate_id: return "duplicate_id";
        case RefusalReason::observing: return "observing";
    }
    return "unknown";
}

Admission::Admission(Settings settings, core::TimePoint now)
    : settings_(std::move(settings)),
      limiter_(settings_.plan, settings_.initial_level, now),
      queue_(settings_.shares),
      operating_(settings_.operating),
      concurrency_(settings_.max_in_flight),
      coalescer_(settings_.coalesce) {}

Refused Admission::refuse(RefusalReason reason, core::Duration retry_after, std::string detail) {
    counters_.refused[static_cast<std::size_t>(reason)] += 1;
    return Refused{reason, std::max(retry_after, least_retry), std::move(detail)};
}

Verdict Admission::submit(Submission submission, core::TimePoint now) {
    if (calls_.contains(submission.id)) {
        return refuse(RefusalReason::duplicate_id, least_retry, "this call waits or is in flight already");
    }
    release_due(now);
    bool shut = false;
    if (const auto it = breakers_.find(submission.credential); it != breakers_.end()) {
        if (settings_.observe) {
            shut = it->second.state(now) != Breaker::State::closed;
        } else if (!it->second.admit(submission.id, now)) {
            return refuse(RefusalReason::breaker_open, it->second.retry_at(now) - now,
                          "the portal turns this credential away: " + it->second.why());
        }
    }
    const auto it = calls_.emplace(submission.id, Call{}).first;
    Call& call = it->second;
    call.keys.reserve(1 + submission.inner.size());
    call.keys.emplace_back(OperatingBudget::key(submission.credential, submission.method), false);
    for (const auto& method : submission.inner) {
        call.keys.emplace_back(OperatingBudget::key(submission.credential, method, true), false);
    }
    call.submission = std::move(submission);
    if (settings_.observe) return observe(call, shut, now);
    return wait(it, false, now);
}

/// `shut`: the breaker would not have let the call through.
Verdict Admission::observe(Call& call, bool shut, core::TimePoint now) {
    Granted granted;
    granted.would_wait = predict(&call, 0, now).wait;
    granted.would_refuse = shut || (granted.would_wait > core::Duration::zero() &&
                                    call.submission.deadline.passed(now + granted.would_wait));
    if (granted.would_refuse) {
        granted.would_wait = core::Duration::zero();
        counters_.would_refuse += 1;
    } else if (granted.would_wait > core::Duration::zero()) {
        const double seconds = core::to_seconds(granted.would_wait);
        counters_.would_delay += 1;
        counters_.would_delay_s += seconds;
        counters_.would_delay_max_s = std::max(counters_.would_delay_max_s, seconds);
    }
    call.ticket = queue_.ticket();
    grant(call, now);
    return granted;
}

/// Lets the call go at once, or gives it its place in the queue, or refuses it and forgets it.
Verdict Admission::wait(Calls::iterator it, bool again, core::TimePoint now) {
    Call& call = it->second;
    const Submission& submission = call.submission;
    core::TimePoint until;
    const std::string* key = blocked(call, now, until);
    const std::size_t levels = levels_with_slot();
    const bool slot = static_cast<std::size_t>(submission.priority) < levels;
    const bool free = slot && limiter_.ready(now) && !queue_.peek(levels);
    if (!key && free && !submission.deadline.passed(now)) {
        if (!again) call.ticket = queue_.ticket();
        grant(call, now);
        return Granted{};
    }
    std::optional<Refused> refused;
    const double ahead =
        queue_.ahead_of_new(submission.priority, submission.client, submission.weight, again, usual_fare(now));
    const auto predicted = predict(&call, ahead, now);
    if (submission.deadline.passed(now + predicted.wait)) {
        const auto late = predicted.wait - submission.deadline.left(now);
        refused = predicted.operating
                      ? refuse(RefusalReason::operating, late,
                               "the portal's operating time for " + submission.method + " is used up until later")
                      : refuse(RefusalReason::deadline, late, "the portal's queue is longer than the call may wait");
    } else if (!again) {
        refused = make_room(submission, now);
    }
    if (refused) {
        give_up_probe(submission);
        calls_.erase(it);
        return *std::move(refused);
    }
    FairQueue::Entry entry{submission.id,     submission.client,      submission.priority,
                           submission.weight, submission.deadline.at, key ? *key : call.keys.front().first,
                           group_of(call)};
    call.where = Where::waiting;
    if (again) {
        queue_.push_again(std::move(entry), call.ticket, call.fare);
        counters_.requeued += 1;
    } else {
        queue_.push(std::move(entry));
        counters_.queued += 1;
    }
    if (key) hold(*key, until);
    return Queued{predicted.wait, wake_at(now).value_or(now)};
}

std::optional<Refused> Admission::make_room(const Submission& submission, core::TimePoint now) {
    const std::size_t own = queue_.size(submission.client);
    const std::size_t bound = settings_.max_queue_per_client ? settings_.max_queue_per_client : settings_.max_queue;
    if (own >= bound) {
        return refuse(RefusalReason::client_queue_full, one_departure(now),
                      "as many calls of this client wait as may (" + std::to_string(bound) + ")");
    }
    if (queue_.size() < settings_.max_queue) return std::nullopt;
    const std::string why = "as many calls wait for this portal as may (" + std::to_string(settings_.max_queue) + ")";
    // Above the bound, because refused calls went back, nobody else gets in.
    const bool above = queue_.size() > settings_.max_queue;
    const auto victim = above ? std::nullopt : queue_.displaceable(submission.priority, own);
    if (!victim) return refuse(RefusalReason::queue_full, one_departure(now), why);
    drop(*victim);
    counters_.displaced += 1;
    pending_refusals_.emplace_back(*victim, refuse(RefusalReason::queue_full, one_departure(now), why));
    return std::nullopt;
}

void Admission::charge(core::TimePoint now) {
    in_flight_ += 1;
    counters_.hits += 1;
    limiter_.charge(now);
}

void Admission::grant(Call& call, core::TimePoint now) {
    call.where = Where::alone;
    call.granted = now;
    call.fare = 1;
    charge(now);
    for (auto& [key, counted] : call.keys) counted = operating_.granted(key, now);
}

Turn Admission::next(core::TimePoint now) {
    Turn turn;
    release_due(now);
    while (const auto id = queue_.take_expired(now)) {
        const auto it = calls_.find(*id);
        give_up_probe(it->second.submission);
        calls_.erase(it);
        counters_.expired += 1;
        turn.expired.push_back(*id);
    }
    turn.refused.swap(pending_refusals_);
    while (settings_.observe || limiter_.ready(now)) {
        const std::size_t levels = settings_.observe ? priority_count : levels_with_slot();
        const FairQueue::Entry* entry = queue_.peek(levels);
        if (!entry) break;
        const std::uint64_t id = entry->id;
        Call& call = calls_.find(id)->second;
        core::TimePoint until;
        const std::string* key = settings_.observe ? nullptr : blocked(call, now, until);
        if (key) {
            queue_.rekey(id, *key);
            hold(*key, until);
            continue;
        }
        turn.granted.push_back(depart(*entry, levels, now));
    }
    turn.wake_at = wake_at(now);
    return turn;
}

bool Admission::cancel(std::uint64_t id, core::TimePoint) {
    if (!queue_.contains(id)) return false;
    drop(id);
    counters_.cancelled += 1;
    return true;
}

void Admission::record(std::uint64_t id, const Feedback& feedback, core::TimePoint now) {
    const auto it = calls_.find(id);
    if (it == calls_.end() || it->second.where == Where::waiting) return;
    if (it->second.where == Where::alone) settle(it->second, feedback, now);
    if (it->second.where == Where::aboard) leave_batch(it->second, now);
    calls_.erase(it);
}

Verdict Admission::requeue(std::uint64_t id, const Feedback& feedback, core::TimePoint now, bool alone) {
    const auto it = calls_.find(id);
    if (it == calls_.end() || (it->second.where != Where::alone && it->second.where != Where::landed)) {
        return refuse(RefusalReason::duplicate_id, least_retry, "only a call in flight can go again");
    }
    if (it->second.where == Where::alone) settle(it->second, feedback, now);
    if (alone) it->second.boarding.reset();
    if (settings_.observe) {
        const auto delay = predict(&it->second, 0, now).wait;
        calls_.erase(it);
        return refuse(RefusalReason::observing, delay, "in observe mode nothing is sent again");
    }
    const auto breaker = breakers_.find(it->second.submission.credential);
    if (breaker != breakers_.end() && !breaker->second.admit(id, now)) {
        auto refused = refuse(RefusalReason::breaker_open, breaker->second.retry_at(now) - now,
                              "the portal turns this credential away: " + breaker->second.why());
        calls_.erase(it);
        return refused;
    }
    return wait(it, true, now);
}

void Admission::settle(Call& call, const Feedback& feedback, core::TimePoint now) {
    settle_hit(call.granted, call.submission.method, feedback, now);
    settle_operating(call, feedback, now);
    learn_running(call.submission.method, feedback);
    tell_breaker(call.submission.credential, call.submission.id, feedback, now);
}

void Admission::settle_hit(core::TimePoint granted, const std::string& method, const Feedback& feedback,
                           core::TimePoint now) {
    in_flight_ -= 1;
    const bool whole = feedback.error_class == ErrorClass::rate_limit;
    const bool part =
        std::any_of(feedback.inner.begin(), feedback.inner.end(), [](const auto& i) { return i.rate_limit; });
    const bool overload = feedback.error_class == ErrorClass::overload;
    if (!feedback.hit_sent) {
        counters_.hits -= 1;
        limiter_.refund(granted, now);
    } else if (whole || part) {
        counters_.rate_refusals += 1;
        limiter_.refused(granted, now);
    } else if (answered(feedback) && !overload) {
        limiter_.accepted(granted, now);
    }
    // Refusals come from the front, quickly: they say nothing about how busy the portal is.
    const bool worked = feedback.hit_sent && !whole && !overload;
    if (worked && feedback.latency > core::Duration::zero()) concurrency_.record(method, feedback.latency);
}

void Admission::tell_operating(const std::string& key, const bitrix::Timing& timing, bool refused, bool counted,
                               core::TimePoint granted, double unix_now, core::TimePoint now) {
    const OperatingBudget::Report report{timing, granted, counted, unix_now};
    if (refused) {
        counters_.operating_refusals += 1;
        operating_.refused(key, report, now);
    } else {
        operating_.record(key, report, now);
    }
}

void Admission::settle_operating(Call& call, const Feedback& feedback, core::TimePoint now) {
    auto& [own, own_counted] = call.keys.front();
    tell_operating(own, feedback.timing, feedback.error_class == ErrorClass::operating_limit, own_counted, call.granted,
                   feedback.unix_now, now);
    own_counted = false;
    for (const auto& inner : feedback.inner) {
        const std::string key = OperatingBudget::key(call.submission.credential, inner.method, true);
        const auto known =
            std::find_if(call.keys.begin() + 1, call.keys.end(), [&](const auto& item) { return item.first == key; });
        const bool counted = known != call.keys.end() && std::exchange(known->second, false);
        tell_operating(key, inner.timing, inner.operating_limit, counted, call.granted, feedback.unix_now, now);
    }
    for (auto& [key, counted] : call.keys) {
        if (std::exchange(counted, false)) operating_.record(key, {{}, call.granted, true, 0}, now);
        release(key);
    }
}

void Admission::tell_breaker(const std::string& credential, std::uint64_t id, const Feedback& feedback,
                             core::TimePoint now) {
    const auto sign = sign_of(feedback);
    auto it = breakers_.find(credential);
    if (it == breakers_.end()) {
        if (sign != Breaker::Sign::overload && sign != Breaker::Sign::page) return;
        it = breakers_.emplace(credential, Breaker(settings_.breaker)).first;
    }
    const bool opened = it->second.record(id, sign, now);
    if (opened && !settings_.observe) refuse_waiting(credential, now);
    if (it->second.idle()) breakers_.erase(it);
}

void Admission::refuse_waiting(const std::string& credential, core::TimePoint now) {
    const Breaker& breaker = breakers_.find(credential)->second;
    auto ids = queue_.ids();
    std::sort(ids.begin(), ids.end());
    for (const auto id : ids) {
        if (calls_.find(id)->second.submission.credential != credential) continue;
        drop(id);
        pending_refusals_.emplace_back(id, refuse(RefusalReason::breaker_open, breaker.retry_at(now) - now,
                                                  "the portal turns this credential away: " + breaker.why()));
    }
}

void Admission::drop(std::uint64_t id) {
    queue_.erase(id);
    const auto it = calls_.find(id);
    give_up_probe(it->second.submission);
    calls_.erase(it);
}

void Admission::give_up_probe(const Submission& submission) {
    const auto it = breakers_.find(submission.credential);
    if (it != breakers_.end()) it->second.give_up(submission.id);
}

const std::string* Admission::blocked(const Call& call, core::TimePoint now, core::TimePoint& until) {
    const std::string* key = nullptr;
    until = now;
    for (const auto& item : call.keys) {
        auto open = operating_.open_at(item.first, now);
        if (open <= now && operating_.fills_slots(item.first, concurrency_.limit())) open = now + slot_recheck;
        if (open <= until) continue;
        until = open;
        key = &item.first;
    }
    return key;
}

void Admission::hold(const std::string& key, core::TimePoint until) {
    queue_.hold(key);
    const auto [it, added] = held_until_.try_emplace(key, until);
    if (!added) {
        holds_.erase({it->second, key});
        it->second = until;
    }
    holds_.emplace(until, key);
}

void Admission::release(const std::string& key) {
    const auto it = held_until_.find(key);
    if (it == held_until_.end()) return;
    holds_.erase({it->second, key});
    held_until_.erase(it);
    queue_.release(key);
}

void Admission::release_due(core::TimePoint now) {
    while (!holds_.empty() && (holds_.begin()->first <= now || settings_.observe)) {
        const std::string key = holds_.begin()->second;
        release(key);
    }
}

Admission::Prediction Admission::predict(const Call* call, double ahead, core::TimePoint now) {
    auto at = limiter_.ready_at(now, ahead + 1);
    const double limit = concurrency_.limit();
    const double free = std::max(0.0, limit - in_flight_);
    if (ahead >= free && !settings_.observe) {
        const double rounds = (ahead - free + 1) / limit;
        at = std::max(at, now + core::from_seconds(rounds * core::to_seconds(concurrency_.latency())));
    }
    bool operating = false;
    if (call) {
        for (const auto& item : call->keys) {
            const auto open = operating_.predict(item.first, queue_.waiting_for(item.first), now);
            if (open <= at) continue;
            at = open;
            operating = true;
        }
    }
    return {at - now, operating};
}

std::size_t Admission::levels_with_slot() const noexcept {
    const unsigned limit = concurrency_.limit();
    if (in_flight_ >= limit) return 0;
    const unsigned free = limit - in_flight_;
    const unsigned kept_from_normal = limit >= 4 ? 1 : 0;
    const unsigned kept_from_bulk = limit >= 4 ? 2 : limit >= 2 ? 1 : 0;
    if (free > kept_from_bulk) return 3;
    return free > kept_from_normal ? 2 : 1;
}

core::Duration Admission::one_departure(core::TimePoint now) {
    const auto wait = predict(nullptr, 0, now).wait;
    const auto deadline = queue_.next_deadline();
    return deadline && *deadline > now ? std::min(wait, *deadline - now) : wait;
}

std::optional<core::TimePoint> Admission::wake_at(core::TimePoint now) {
    if (!pending_refusals_.empty()) return now;
    auto at = core::TimePoint::max();
    if (const auto deadline = queue_.next_deadline()) at = std::min(at, *deadline);
    if (!holds_.empty()) at = std::min(at, holds_.begin()->first);
    if (queue_.peek(levels_with_slot())) at = std::min(at, limiter_.ready_at(now));
    if (at == core::TimePoint::max()) return std::nullopt;
    return std::max(at, now);
}

void Admission::learn_plan(std::string_view license, core::TimePoint now) { limiter_.learn_plan(license, now); }

void Admission::reconfigure(Settings settings, core::TimePoint now) {
    limiter_.reconfigure(settings.plan, now);
    concurrency_.reconfigure(settings.max_in_flight);
    operating_.reconfigure(settings.operating);
    queue_.set_shares(settings.shares);
    coalescer_.reconfigure(settings.coalesce);
    settings_ = std::move(settings);
}

}  // namespace b24gate::admission
