// Random event sequences with calls that share hits: no call is lost or doubled, every hit has one slot, every bound of
// a batch holds.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <b24gate/admission/admission.hpp>

#include "support/portal_model.hpp"

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using bitrix::ErrorClass;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

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
    std::uint64_t batches() { return gate_.snapshot(now_).batches.batches; }

private:
    struct Known {
        Submission submission;
        std::optional<Boarding> boarding;
        bool again = false;
    };
    struct Batch {
        std::vector<std::uint64_t> aboard;  ///< whose end has not been told
    };

    int any(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

    Settings any_settings() {
        Settings out;
        out.plan.kind = config::Plan::Kind::custom;
        out.plan.burst = 2 + any(20);
        out.plan.rate = 0.5 + any(5);
        out.max_in_flight = 1 + static_cast<unsigned>(any(6));
        out.max_queue = 1 + static_cast<std::size_t>(any(200));
        out.operating.max_keys = 6;
        out.coalesce.max_calls = 1 + static_cast<unsigned>(any(50));
        out.coalesce.max_duration = std::chrono::milliseconds(any(10'000));
        out.coalesce.max_bytes = static_cast<std::size_t>(any(5000));
        return out;
    }

    void step() {
        switch (any(14)) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4:
                for (int n = any(8); n >= 0; --n) submit();
                break;
            case 5:
            case 6: answer(); break;
            case 7:
            case 8: land(); break;
            case 9: cancel(); break;
            case 10: now_ += std::chrono::milliseconds(any(1500)); break;
            case 11: now_ += std::chrono::milliseconds(any(20)); break;
            case 12: reconfigure(); break;
            default: turn(); break;
        }
    }

    void reconfigure() {
        if (any(20) != 0) return;
        settings_.coalesce.enabled = any(4) != 0;
        settings_.coalesce.max_calls = 1 + static_cast<unsigned>(any(50));
        gate_.reconfigure(settings_, now_);
    }

    void submit() {
        Known known;
        Submission& s = known.submission;
        s.id = next_id_++;
        s.client = std::string(1, static_cast<char>('a' + any(4)));
        s.priority = static_cast<config::Priority>(any(3));
        s.weight = static_cast<unsigned>(any(4));
        s.credential = any(3) ? "x" : "y";
        const char* methods[] = {"m1", "m2", "m3", "batch"};
        s.method = methods[any(4)];
        if (s.method == "batch") s.inner = {"m1", "m3"};
        if (any(3) == 0) s.deadline.at = now_ + std::chrono::milliseconds(any(20'000));
        take(known, gate_.submit(s, now_));
        if (!waiting_.contains(s.id) || any(5) == 0 || s.method == "batch") return;
        const Boarding boarding{any(3) == 0, static_cast<std::size_t>(any(500))};
        if (gate_.board(s.id, boarding)) waiting_[s.id].boarding = boarding;
    }

    void take(const Known& known, const Verdict& verdict) {
        const auto id = known.submission.id;
        if (std::holds_alternative<Granted>(verdict)) {
            alone(known);
        } else if (const auto* queued = std::get_if<Queued>(&verdict)) {
            REQUIRE(queued->predicted_wait >= core::Duration::zero());
            REQUIRE(queued->wake_at >= now_);
            REQUIRE_FALSE(waiting_.contains(id));
            waiting_[id] = known;
        } else {
            REQUIRE(std::get<Refused>(verdict).retry_after > core::Duration::zero());
        }
    }

    void hit() {
        REQUIRE(portal_.hit(core::to_seconds(now_ - start)));
        REQUIRE(slots() <= settings_.max_in_flight);
    }
    std::size_t slots() const { return alone_.size() + batches_.size(); }

    void alone(const Known& known) {
        REQUIRE_FALSE(known.submission.deadline.passed(now_));
        REQUIRE(alone_.emplace(known.submission.id, known).second);
        hit();
    }

    void together(const Departure& departure) {
        REQUIRE(settings_.coalesce.enabled);
        REQUIRE(departure.batch > last_batch_);
        last_batch_ = departure.batch;
        REQUIRE(departure.aboard.size() <= settings_.coalesce.max_calls);
        const Known head = waiting_.at(departure.aboard.front());
        std::size_t bytes = 0;
        std::set<std::uint64_t> seen;
        for (const auto id : departure.aboard) {
            REQUIRE(seen.insert(id).second);
            const Known& known = waiting_.at(id);
            REQUIRE(known.boarding);
            REQUIRE(known.boarding->writes == head.boarding->writes);
            REQUIRE(known.submission.credential == head.submission.credential);
            REQUIRE_FALSE(known.submission.deadline.passed(now_));
            bytes += known.boarding->bytes;
            aboard_[id] = known;
            waiting_.erase(id);
        }
        REQUIRE(bytes <= settings_.coalesce.max_bytes);
        batches_[departure.batch] = {departure.aboard};
        hit();
    }

    void serve(const Turn& turn) {
        for (const auto id : turn.expired) {
            REQUIRE(waiting_.at(id).submission.deadline.passed(now_));
            waiting_.erase(id);
        }
        for (const auto& [id, refused] : turn.refused) REQUIRE(waiting_.erase(id) == 1);
        for (const auto& departure : turn.granted) {
            REQUIRE_FALSE(departure.aboard.empty());
            REQUIRE((departure.batch != 0) == (departure.aboard.size() > 1));
            if (departure.batch) {
                together(departure);
            } else {
                const auto id = departure.aboard.front();
                const Known known = waiting_.at(id);
                waiting_.erase(id);
                alone(known);
            }
        }
        REQUIRE(gate_.waiting() == waiting_.size());
        REQUIRE((waiting_.empty() || turn.wake_at || slots() != 0));
    }
    void turn() { serve(gate_.next(now_)); }

    Feedback any_feedback() {
        Feedback f;
        const ErrorClass classes[] = {ErrorClass::ok,      ErrorClass::ok,       ErrorClass::ok,
                                      ErrorClass::network, ErrorClass::overload, ErrorClass::operating_limit,
                                      ErrorClass::timeout, ErrorClass::server,   ErrorClass::rate_limit};
        f.error_class = classes[any(any(3) ? 3 : 9)];
        f.coded = any(3) != 0;
        f.latency = std::chrono::milliseconds(any(3000));
        f.unix_now = 1.7e9 + core::to_seconds(now_ - start);
        if (any(3) == 0) f.timing.operating = any(500);
        if (any(2)) f.timing.duration = any(4) * 0.1;
        return f;
    }

    void answer() {
        if (alone_.empty()) return;
        auto it = alone_.begin();
        std::advance(it, any(static_cast<int>(alone_.size())));
        Known known = it->second;
        alone_.erase(it);
        const Feedback f = any_feedback();
        if (f.error_class == ErrorClass::rate_limit || f.error_class == ErrorClass::operating_limit) {
            known.again = true;
            const bool singly = any(2);
            if (singly) known.boarding.reset();
            take(known, gate_.requeue(known.submission.id, f, now_, singly));
        } else {
            gate_.record(known.submission.id, f, now_);
        }
    }

    /// A batch's outcome, and for each aboard an end of its own; some of them before, some never asked for again.
    void land() {
        if (batches_.empty()) return;
        auto it = batches_.begin();
        std::advance(it, any(static_cast<int>(batches_.size())));
        const auto number = it->first;
        auto ids = it->second.aboard;
        std::shuffle(ids.begin(), ids.end(), random_);
        if (any(3) == 0) {
            aboard_.erase(ids.back());
            gate_.record(ids.back(), {}, now_);
            ids.pop_back();
        }
        Feedback whole = any_feedback();
        for (const auto id : ids) {
            Feedback::Inner inner{aboard_.at(id).submission.method, {}, any(20) == 0, any(40) == 0};
            if (any(2)) inner.timing.duration = any(30) * 0.01;
            if (any(3) == 0) inner.timing.operating = any(500);
            if (any(5)) whole.inner.push_back(inner);
        }
        gate_.record_batch(number, whole, now_);
        batches_.erase(it);
        for (const auto id : ids) {
            Known known = aboard_.at(id);
            aboard_.erase(id);
            if (any(3) == 0) {
                known.again = true;
                const bool singly = any(2);
                if (singly) known.boarding.reset();
                take(known, gate_.requeue(id, {}, now_, singly));
            } else {
                gate_.record(id, {}, now_);
            }
        }
    }

    void cancel() {
        if (waiting_.empty()) return;
        auto it = waiting_.begin();
        std::advance(it, any(static_cast<int>(waiting_.size())));
        if (gate_.cancel(it->first, now_)) {
            waiting_.erase(it);
        } else {
            turn();
        }
    }

    void check() {
        const auto seen = gate_.snapshot(now_);
        REQUIRE(seen.in_flight == slots());
        REQUIRE(seen.level >= 0);
        REQUIRE(seen.queue <= waiting_.size());
        std::size_t again = 0;
        for (const auto& [id, known] : waiting_) again += known.again;
        REQUIRE(seen.queue <= settings_.max_queue + again);
        REQUIRE(seen.batches.calls >= 2 * seen.batches.batches);
        std::uint64_t sizes = 0;
        for (const auto n : seen.batches.sizes) sizes += n;
        REQUIRE(sizes == seen.batches.batches);
        for (const auto wait : seen.predicted_wait) REQUIRE(wait >= core::Duration::zero());
    }

    void drain() {
        for (int i = 0; i < 20'000 && !(waiting_.empty() && slots() == 0); ++i) {
            for (auto it = alone_.begin(); it != alone_.end(); it = alone_.erase(it)) gate_.record(it->first, {}, now_);
            for (auto it = batches_.begin(); it != batches_.end(); it = batches_.erase(it)) {
                gate_.record_batch(it->first, {}, now_);
                for (const auto id : it->second.aboard) {
                    aboard_.erase(id);
                    gate_.record(id, {}, now_);
                }
            }
            const auto todo = gate_.next(now_);
            serve(todo);
            if (todo.wake_at) now_ = std::max(now_, *todo.wake_at);
        }
        REQUIRE(waiting_.empty());
        REQUIRE(alone_.empty());
        REQUIRE(batches_.empty());
        REQUIRE(aboard_.empty());
        REQUIRE(gate_.waiting() == 0);
        REQUIRE(gate_.in_flight() == 0);
    }

    std::mt19937 random_;
    Settings settings_;
    Admission gate_;
    test::PortalModel portal_;
    core::TimePoint now_ = start;
    std::uint64_t next_id_ = 1;
    std::uint64_t last_batch_ = 0;
    std::map<std::uint64_t, Known> waiting_;
    std::map<std::uint64_t, Known> alone_;
    std::map<std::uint64_t, Known> aboard_;
    std::map<std::uint64_t, Batch> batches_;
};

}  // namespace

TEST_CASE("random event sequences with batches") {
    std::uint64_t batches = 0;
    for (unsigned seed = 1; seed <= 1500; ++seed) {
        CAPTURE(seed);
        Driver driver(seed);
        driver.run(200);
        batches += driver.batches();
    }
    MESSAGE(batches << " batches");
    CHECK(batches > 1000);
}

TEST_CASE("long random sequences with batches") {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        Driver(seed * 104'729).run(10'000);
    }
}
