// Thousands of random event sequences: whatever happens in whatever order, no call is lost or doubled, no bucket
// overflows, no bound is passed.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include <b24gate/admission/admission.hpp>

#include "support/portal_model.hpp"

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using bitrix::ErrorClass;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

/// Drives one Admission with random events and keeps its own account of where every call must be.
class Driver {
public:
    explicit Driver(unsigned seed) : random_(seed), settings_(any_settings()), gate_(settings_, start) {
        portal_.burst = settings_.plan.burst;
        portal_.rate = settings_.plan.rate;
    }

    void run(int events) {
        for (int i = 0; i < events; ++i) {
            step();
            check();
        }
        drain();
    }

private:
    struct Known {
        core::TimePoint deadline;
        std::string client;
        bool again = false;
        bool unsent = false;  ///< will fail before it leaves
    };

    int any(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

    Settings any_settings() {
        Settings out;
        out.plan.kind = config::Plan::Kind::custom;
        out.plan.burst = 2 + any(60);
        out.plan.rate = 0.5 + any(10);
        out.max_in_flight = 1 + static_cast<unsigned>(any(12));
        out.max_queue = 1 + static_cast<std::size_t>(any(60));
        out.max_queue_per_client = any(2) ? 0 : 1 + static_cast<std::size_t>(any(20));
        out.operating.max_keys = 4;
        return out;
    }

    void step() {
        switch (any(12)) {
            case 0:
            case 1:
            case 2:
            case 3: submit(); break;
            case 4:
            case 5: answer(); break;
            case 6: cancel(); break;
            case 7: now_ += std::chrono::milliseconds(any(2000)); break;
            case 8: now_ += std::chrono::milliseconds(any(20)); break;
            case 9: {
                // A call that got its time before another one took the lock.
                const auto before = now_;
                now_ -= std::chrono::milliseconds(any(3));
                submit();
                now_ = before;
                break;
            }
            default: turn(); break;
        }
    }

    void submit() {
        Submission s;
        s.id = next_id_++;
        s.client = std::string(1, static_cast<char>('a' + any(4)));
        s.priority = static_cast<config::Priority>(any(3));
        s.weight = static_cast<unsigned>(any(4));
        s.credential = any(2) ? "x" : "y";
        const char* methods[] = {"m1", "m2", "m3", "batch"};
        s.method = methods[any(4)];
        if (s.method == "batch") s.inner = {"m1", "m3"};
        if (any(3)) s.deadline.at = now_ + std::chrono::milliseconds(any(20'000));
        const auto id = s.id;
        const Known known{s.deadline.at, s.client, false, any(10) == 0};
        take(id, known, gate_.submit(std::move(s), now_));
    }

    void take(std::uint64_t id, const Known& known, const Verdict& verdict) {
        if (std::holds_alternative<Granted>(verdict)) {
            depart(id, known);
        } else if (const auto* queued = std::get_if<Queued>(&verdict)) {
            REQUIRE(queued->predicted_wait >= core::Duration::zero());
            REQUIRE(queued->wake_at >= now_);
            REQUIRE(known.deadline > now_ + queued->predicted_wait);
            waiting_[id] = known;
        } else {
            const auto& refused = std::get<Refused>(verdict);
            REQUIRE(refused.retry_after > core::Duration::zero());
            REQUIRE_FALSE(refused.detail.empty());
        }
    }

    void depart(std::uint64_t id, const Known& known) {
        REQUIRE_FALSE(in_flight_.contains(id));
        REQUIRE(known.deadline > now_);
        in_flight_[id] = known;
        REQUIRE(in_flight_.size() <= settings_.max_in_flight);
        // The time of the lock's holder may lie a little before the last one: the portal's does not.
        portal_time_ = std::max(portal_time_, core::to_seconds(now_ - start));
        if (!known.unsent) REQUIRE(portal_.hit(portal_time_));
    }

    void turn() {
        const auto turn = gate_.next(now_);
        for (const auto id : turn.expired) {
            REQUIRE(waiting_.contains(id));
            REQUIRE(waiting_[id].deadline <= now_);
            waiting_.erase(id);
        }
        for (const auto& [id, refused] : turn.refused) {
            REQUIRE(waiting_.contains(id));
            REQUIRE((refused.reason == RefusalReason::queue_full || refused.reason == RefusalReason::breaker_open));
            waiting_.erase(id);
        }
        for (const auto& departure : turn.granted) {
            REQUIRE(departure.aboard.size() == 1);
            const auto id = departure.aboard.front();
            REQUIRE(waiting_.contains(id));
            const Known known = waiting_[id];
            waiting_.erase(id);
            depart(id, known);
        }
        REQUIRE((!turn.wake_at || *turn.wake_at >= now_));
        REQUIRE(gate_.waiting() == waiting_.size());
        // Whoever waits is woken some day: by time, or by an answer to what is in flight.
        REQUIRE((waiting_.empty() || turn.wake_at || !in_flight_.empty()));
    }

    void answer() {
        if (in_flight_.empty()) return;
        auto it = in_flight_.begin();
        std::advance(it, any(static_cast<int>(in_flight_.size())));
        const auto id = it->first;
        Known known = it->second;
        in_flight_.erase(it);
        Feedback f;
        const ErrorClass classes[] = {ErrorClass::ok,      ErrorClass::ok,       ErrorClass::ok,
                                      ErrorClass::network, ErrorClass::overload, ErrorClass::operating_limit,
                                      ErrorClass::timeout, ErrorClass::business, ErrorClass::rate_limit};
        f.error_class = classes[any(9)];
        if (known.unsent) {
            f.error_class = ErrorClass::network;
            f.hit_sent = false;
        }
        f.coded = any(3) != 0;
        f.latency = std::chrono::milliseconds(any(3000));
        f.unix_now = any(5) ? 1.7e9 + core::to_seconds(now_ - start) : any(2) * 4e9;
        if (any(3)) f.timing.operating = any(600);
        if (any(3)) f.timing.operating_reset_at = f.unix_now + any(700) - 50;
        if (any(3)) f.timing.duration = any(60);
        if (any(4) == 0) f.inner.push_back({"m" + std::to_string(any(9)), f.timing, any(5) == 0});
        const bool limit = f.error_class == ErrorClass::rate_limit || f.error_class == ErrorClass::operating_limit;
        if (limit && any(4)) {
            known.again = true;
            take(id, known, gate_.requeue(id, f, now_));
        } else {
            gate_.record(id, f, now_);
        }
    }

    void cancel() {
        if (waiting_.empty()) return;
        auto it = waiting_.begin();
        std::advance(it, any(static_cast<int>(waiting_.size())));
        const bool was = gate_.cancel(it->first, now_);
        if (was) {
            waiting_.erase(it);
        } else {
            turn();  // it had been refused already and not told yet
        }
    }

    void check() {
        const auto seen = gate_.snapshot(now_);
        REQUIRE(seen.in_flight == in_flight_.size());
        REQUIRE(seen.in_flight <= settings_.max_in_flight);
        REQUIRE(seen.level >= 0);
        REQUIRE(seen.rate > 0);
        REQUIRE(seen.rate <= settings_.plan.rate);
        REQUIRE(seen.max_in_flight >= 1);
        REQUIRE(seen.operating.size() <= settings_.operating.max_keys);
        // Those that go again may stand above the bounds.
        std::size_t again = 0;
        std::map<std::string, std::size_t> again_by;
        for (const auto& [id, known] : waiting_) {
            again += known.again;
            again_by[known.client] += known.again;
        }
        REQUIRE(seen.queue <= settings_.max_queue + again);
        if (settings_.max_queue_per_client) {
            std::map<std::string, std::size_t> own;
            for (const auto& flow : seen.queue_by_client) own[flow.client] += flow.size;
            for (const auto& [client, size] : own) {
                REQUIRE(size <= settings_.max_queue_per_client + again_by[client]);
            }
        }
        std::size_t sum = 0;
        for (const auto size : seen.queue_by_priority) sum += size;
        for (const auto& flow : seen.queue_by_client) sum -= flow.size;
        REQUIRE(sum == 0);
        // What was refused while it waited is told at the next turn; apart from that the two accounts agree.
        REQUIRE(seen.queue <= waiting_.size());
    }

    /// Everybody gets an end: answers come, time passes.
    void drain() {
        for (int i = 0; i < 20'000 && !(waiting_.empty() && in_flight_.empty()); ++i) {
            turn();
            std::vector<std::uint64_t> ids;
            for (const auto& [id, known] : in_flight_) ids.push_back(id);
            for (const auto id : ids) {
                Feedback f;
                f.hit_sent = !in_flight_[id].unsent;
                if (f.hit_sent) f.latency = 50ms;
                gate_.record(id, f, now_);
                in_flight_.erase(id);
            }
            const auto turn = gate_.next(now_);
            for (const auto& departure : turn.granted) {
                REQUIRE(departure.aboard.size() == 1);
                const auto id = departure.aboard.front();
                REQUIRE(waiting_.contains(id));
                const Known known = waiting_[id];
                waiting_.erase(id);
                depart(id, known);
            }
            for (const auto id : turn.expired) REQUIRE(waiting_.erase(id) == 1);
            for (const auto& [id, refused] : turn.refused) REQUIRE(waiting_.erase(id) == 1);
            if (turn.wake_at) now_ = std::max(now_, *turn.wake_at);
        }
        REQUIRE(waiting_.empty());
        REQUIRE(in_flight_.empty());
        REQUIRE(gate_.waiting() == 0);
        REQUIRE(gate_.in_flight() == 0);
    }

    std::mt19937 random_;
    Settings settings_;
    Admission gate_;
    test::PortalModel portal_;
    core::TimePoint now_ = start;
    double portal_time_ = 0;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Known> waiting_;
    std::map<std::uint64_t, Known> in_flight_;
};

}  // namespace

TEST_CASE("random event sequences: no call lost or doubled, no overflow, no negative level, bounds hold") {
    for (unsigned seed = 1; seed <= 2000; ++seed) {
        CAPTURE(seed);
        Driver(seed).run(150);
    }
}

TEST_CASE("long random sequences") {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        Driver(seed * 7919).run(10'000);
    }
}
