// Admission's part that lets several waiting calls share one hit.
#include <b24gate/admission/admission.hpp>

#include <algorithm>

namespace b24gate::admission {

namespace {

using bitrix::ErrorClass;

constexpr std::string_view batch_method = "batch";

/// Latencies are compared among batches of like size and kind.
std::string latency_name(std::size_t size, const std::string& method) {
    const auto range = std::lower_bound(batch_size_bounds.begin(), batch_size_bounds.end() - 1, size);
    return "batch of " + std::to_string(*range) + " " + method;
}

}  // namespace

std::uint32_t Admission::group_of(const Call& call) {
    if (!call.boarding) return 0;
    auto it = groups_.find(call.submission.credential);
    if (it == groups_.end()) {
        const auto number = static_cast<std::uint32_t>(2 * groups_.size() + 1);
        it = groups_.emplace(call.submission.credential, number).first;
    }
    return it->second + (call.boarding->writes ? 1 : 0);
}

bool Admission::board(std::uint64_t id, const Boarding& boarding) {
    if (!queue_.contains(id)) return false;
    Call& call = calls_.find(id)->second;
    call.boarding = boarding;
    queue_.regroup(id, group_of(call));
    return true;
}

bool Admission::opens(const std::string& key, core::TimePoint now) {
    return operating_.open_at(key, now) <= now && !operating_.fills_slots(key, concurrency_.limit());
}

std::size_t Admission::seats_for(const Call& head, core::TimePoint now) {
    const Submission& submission = head.submission;
    if (settings_.observe || !head.boarding || head.boarding->bytes > coalescer_.settings().max_bytes) return 1;
    if (!coalescer_.allows(submission.credential, now)) return 1;
    const auto ready = queue_.ready();
    const auto mates = std::min(ready, queue_.size_of_group(group_of(head)));
    if (mates < 2) return 1;
    const double limit = concurrency_.limit();
    Coalescer::Scarcity scarcity;
    scarcity.mates = static_cast<double>(mates);
    scarcity.others = static_cast<double>(ready - mates);
    scarcity.hits = limiter_.spare(now);
    scarcity.rate = limiter_.rate();
    scarcity.slots = limit;
    scarcity.free = std::max(0.0, limit - in_flight_);
    const std::size_t seats = coalescer_.seats(scarcity, submission.method);
    if (seats < 2 || !opens(OperatingBudget::key(submission.credential, batch_method), now)) return 1;
    return opens(OperatingBudget::key(submission.credential, submission.method, true), now) ? seats : 1;
}

Departure Admission::depart(const FairQueue::Entry& entry, std::size_t levels, core::TimePoint now) {
    Call& head = calls_.find(entry.id)->second;
    const Submission& first = head.submission;
    const std::size_t seats = seats_for(head, now);
    Departure out;
    out.aboard.push_back(first.id);
    if (seats < 2) {
        head.ticket = queue_.take(levels);
        grant(head, now);
        return out;
    }
    Coalescer::Load load(coalescer_, first.method, *head.boarding, first.deadline, now);
    const auto enter = [&](Call& call) {
        call.batched_key.first = OperatingBudget::key(call.submission.credential, call.submission.method, true);
        call.batched_key.second = operating_.granted(call.batched_key.first, now);
    };
    enter(head);
    const auto taken = queue_.take_together(levels, seats, [&](const FairQueue::Entry& candidate) {
        using Offer = FairQueue::Offer;
        Call& call = calls_.find(candidate.id)->second;
        const Submission& submission = call.submission;
        if (!opens(OperatingBudget::key(submission.credential, submission.method, true), now)) return Offer::skip_alike;
        const bool guest = submission.priority != first.priority;
        switch (load.add(submission.method, *call.boarding, submission.deadline, guest)) {
            case Coalescer::Load::Fit::no: return Offer::skip;
            case Coalescer::Load::Fit::nor_alike: return Offer::skip_alike;
            case Coalescer::Load::Fit::yes: break;
        }
        enter(call);
        return Offer::take;
    });
    if (taken.size() == 1) {
        if (std::exchange(head.batched_key.second, false)) {
            operating_.record(head.batched_key.first, {{}, now, true, 0}, now);
        }
        head.ticket = taken.front().ticket;
        grant(head, now);
        return out;
    }
    charge(now);
    out.batch = ++last_batch_;
    out.aboard.clear();
    for (const auto& [id, ticket] : taken) {
        Call& call = calls_.find(id)->second;
        call.where = Where::aboard;
        call.granted = now;
        call.ticket = ticket;
        call.fare = 1.0 / static_cast<double>(taken.size());
        call.batch = out.batch;
        out.aboard.push_back(id);
    }
    batches_.emplace(out.batch, Batch{now, first.credential, first.method, first.id, taken.size(), out.aboard});
    coalescer_.left(first.credential, out.batch, taken.size(), seats, queue_.size_of_group(group_of(head)) > 0);
    return out;
}

double Admission::usual_fare(core::TimePoint now) {
    const double ready = static_cast<double>(queue_.ready());
    if (settings_.observe || ready < 2) return 1;
    double boarded = 0;
    for (const auto& [credential, group] : groups_) {
        if (!coalescer_.allows(credential, now)) continue;
        boarded += static_cast<double>(queue_.size_of_group(group) + queue_.size_of_group(group + 1));
    }
    boarded = std::min(boarded, ready);
    if (boarded < 2) return 1;
    return (ready - boarded + std::max(1.0, boarded / coalescer_.usual_size())) / ready;
}

void Admission::leave_batch(Call& call, core::TimePoint now) {
    if (std::exchange(call.batched_key.second, false)) {
        operating_.record(call.batched_key.first, {{}, call.granted, true, 0}, now);
    }
    std::erase(batches_.at(call.batch).aboard, call.submission.id);
}

BatchNews Admission::record_batch(std::uint64_t number, const Feedback& whole, core::TimePoint now) {
    const auto it = batches_.find(number);
    if (it == batches_.end()) return {};
    const Batch batch = std::move(it->second);
    batches_.erase(it);
    settle_hit(batch.granted, latency_name(batch.size, batch.method), whole, now);
    settle_batch_operating(batch, whole, now);
    learn_running(std::string(batch_method), whole);
    tell_breaker(batch.credential, batch.head, whole, now);
    const auto breaker = breakers_.find(batch.credential);
    for (const auto id : batch.aboard) {
        calls_.find(id)->second.where = Where::landed;
        if (breaker != breakers_.end()) breaker->second.give_up(id);
    }
    BatchNews news;
    news.change =
        coalescer_.landed(batch.credential, number, batch.size, BatchHealth::sign_of(whole.error_class, whole.hit_sent),
                          whole.hit_sent, whole.timing.operating.value_or(-1), now);
    if (news.change == BatchHealth::Change::off) {
        const BatchHealth& health = *coalescer_.health(batch.credential);
        news.why = health.why();
        news.retry_after = health.length();
    }
    return news;
}

void Admission::settle_batch_operating(const Batch& batch, const Feedback& whole, core::TimePoint now) {
    const std::string own = OperatingBudget::key(batch.credential, batch_method);
    tell_operating(own, whole.timing, whole.error_class == ErrorClass::operating_limit, false, batch.granted,
                   whole.unix_now, now);
    release(own);
    for (const auto& inner : whole.inner) {
        const std::string key = OperatingBudget::key(batch.credential, inner.method, true);
        bool counted = false;
        for (const auto id : batch.aboard) {
            auto& [name, open] = calls_.find(id)->second.batched_key;
            if (!open || name != key) continue;
            open = false;
            counted = true;
            break;
        }
        tell_operating(key, inner.timing, inner.operating_limit, counted, batch.granted, whole.unix_now, now);
    }
    for (const auto id : batch.aboard) {
        auto& [key, open] = calls_.find(id)->second.batched_key;
        if (std::exchange(open, false)) operating_.record(key, {{}, batch.granted, true, 0}, now);
        release(key);
    }
}

void Admission::learn_running(const std::string& method, const Feedback& feedback) {
    for (const auto& inner : feedback.inner) {
        if (inner.timing.duration) coalescer_.ran(inner.method, *inner.timing.duration);
    }
    const double latency = core::to_seconds(feedback.latency);
    if (feedback.timing.duration) {
        if (method != batch_method) coalescer_.ran(method, *feedback.timing.duration);
        if (latency > 0) coalescer_.overhead(latency - *feedback.timing.duration);
        return;
    }
    // At least that long.
    if (feedback.error_class == ErrorClass::timeout && latency > 0 && method != batch_method) {
        coalescer_.ran(method, latency);
    }
}

}  // namespace b24gate::admission
