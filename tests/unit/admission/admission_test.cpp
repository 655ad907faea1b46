// The facade: what is granted, queued and refused, and what each answer teaches.
#include <doctest/doctest.h>

#include <b24gate/admission/admission.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using bitrix::ErrorClass;
using config::Priority;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

Submission call(std::uint64_t id, std::string client = "a", Priority priority = Priority::normal) {
    Submission out;
    out.id = id;
    out.client = std::move(client);
    out.priority = priority;
    out.credential = "main";
    out.method = "crm.deal.list";
    return out;
}

Feedback answer(ErrorClass error_class = ErrorClass::ok) {
    Feedback out;
    out.error_class = error_class;
    return out;
}

Settings settings(double burst = 50, double rate = 2) {
    Settings out;
    out.plan.kind = config::Plan::Kind::custom;
    out.plan.burst = burst;
    out.plan.rate = rate;
    return out;
}

/// Those that leave, each on its own.
std::vector<std::uint64_t> calls(const Turn& turn) {
    std::vector<std::uint64_t> out;
    for (const auto& departure : turn.granted) {
        REQUIRE(departure.batch == 0);
        REQUIRE(departure.aboard.size() == 1);
        out.push_back(departure.aboard.front());
    }
    return out;
}

bool granted(const Verdict& v) { return std::holds_alternative<Granted>(v); }
bool queued(const Verdict& v) { return std::holds_alternative<Queued>(v); }
RefusalReason reason(const Verdict& v) {
    REQUIRE(std::holds_alternative<Refused>(v));
    return std::get<Refused>(v).reason;
}

/// Spends the whole burst, nothing left in flight.
std::uint64_t spend(Admission& gate, core::TimePoint now, std::uint64_t id = 1'000'000) {
    while (granted(gate.submit(call(id, "spender"), now))) gate.record(id++, answer(), now);
    gate.cancel(id, now);
    return id;
}

}  // namespace

TEST_CASE("calls go at once while there is budget, then wait their turn") {
    Admission gate(settings(), start);
    for (std::uint64_t id = 1; id <= 49; ++id) {
        CHECK(granted(gate.submit(call(id), start)));
        gate.record(id, answer(), start);
    }
    const auto verdict = gate.submit(call(50), start);
    REQUIRE(queued(verdict));
    CHECK(core::to_ms(std::get<Queued>(verdict).predicted_wait) == 500);
    CHECK(core::to_ms(std::get<Queued>(verdict).wake_at - start) == 500);
    CHECK(gate.next(start + 499ms).granted.empty());
    const auto turn = gate.next(std::get<Queued>(verdict).wake_at);
    REQUIRE(turn.granted.size() == 1);
    CHECK(calls(turn) == std::vector<std::uint64_t>{50});
    CHECK_FALSE(turn.wake_at);
}

TEST_CASE("nobody overtakes: a new call waits behind one that may go now") {
    Admission gate(settings(), start);
    const auto waiting = spend(gate, start);
    REQUIRE(queued(gate.submit(call(1), start)));
    // The budget for one is there, but call 1 has not been served yet.
    CHECK(queued(gate.submit(call(2), start + 600ms)));
    const auto turn = gate.next(start + 600ms);
    CHECK(calls(turn) == std::vector<std::uint64_t>{1});
    REQUIRE(turn.wake_at);
    CHECK(calls(gate.next(*turn.wake_at)) == std::vector<std::uint64_t>{2});
    CHECK_FALSE(gate.cancel(waiting, start));
}

TEST_CASE("slots: as many in flight as configured, the last ones kept from lower priorities") {
    auto s = settings(1000, 100);
    s.max_in_flight = 10;
    Admission gate(s, start);
    std::uint64_t id = 0;
    const auto fill = [&](Priority p) {
        int n = 0;
        while (granted(gate.submit(call(++id, "c" + std::to_string(static_cast<int>(p)), p), start))) ++n;
        return n;
    };
    CHECK(fill(Priority::bulk) == 8);
    CHECK(fill(Priority::normal) == 1);
    CHECK(fill(Priority::interactive) == 1);
    CHECK(gate.in_flight() == 10);
    CHECK_FALSE(gate.next(start).wake_at);  // only an answer frees a slot
    gate.record(1, answer(), start + 1s);
    const auto turn = gate.next(start + 1s);
    REQUIRE(turn.granted.size() == 1);
    CHECK(gate.snapshot(start + 1s).queue_by_priority[0] == 0);
}

TEST_CASE("one slot serves every priority") {
    auto s = settings();
    s.max_in_flight = 1;
    Admission gate(s, start);
    CHECK(granted(gate.submit(call(1, "a", Priority::bulk), start)));
    CHECK(queued(gate.submit(call(2, "a", Priority::interactive), start)));
    gate.record(1, answer(), start);
    CHECK(calls(gate.next(start)) == std::vector<std::uint64_t>{2});
}

TEST_CASE("a deadline that cannot be met is refused at once, and Retry-After is true") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 20; ++id) REQUIRE(queued(gate.submit(call(id), start)));
    auto late = call(100);
    late.deadline.at = start + 4s;
    const auto verdict = gate.submit(late, start);
    CHECK(reason(verdict) == RefusalReason::deadline);
    const auto retry = std::get<Refused>(verdict).retry_after;
    CHECK(core::to_ms(retry) == 6500);  // 21 departures of half a second, less the four seconds it may wait
    CHECK_FALSE(std::get<Refused>(verdict).detail.empty());

    // Comes again then, with the same patience, and goes in time.
    auto now = start;
    std::vector<std::uint64_t> gone;
    const auto run_to = [&](core::TimePoint until) {
        while (true) {
            auto turn = gate.next(now);
            for (const auto id : calls(turn)) {
                gone.push_back(id);
                gate.record(id, answer(), now);
            }
            CHECK(turn.expired.empty());
            if (!turn.wake_at || *turn.wake_at > until) break;
            now = std::max(now, *turn.wake_at);
        }
        now = until;
    };
    run_to(start + retry);
    late.deadline.at = now + 4s;
    CHECK(queued(gate.submit(late, now)));
    run_to(now + 4s);
    CHECK(gone.back() == 100);
}

TEST_CASE("a deadline that passes in the queue costs no budget") {
    Admission gate(settings(), start);
    spend(gate, start);
    auto first = call(1, "a", Priority::bulk);
    first.deadline.at = start + 1s;
    REQUIRE(queued(gate.submit(first, start)));
    for (std::uint64_t id = 2; id <= 4; ++id) {
        REQUIRE(queued(gate.submit(call(id, "b", Priority::interactive), start)));
    }
    const auto hits = gate.snapshot(start).counters.hits;
    auto turn = gate.next(start + 501ms);
    CHECK(turn.granted.size() == 1);
    CHECK(turn.wake_at == start + 1s);
    turn = gate.next(start + 1s);
    CHECK(turn.expired == std::vector<std::uint64_t>{1});
    CHECK(gate.snapshot(start + 1s).counters.hits - hits <= 2);
    CHECK(gate.snapshot(start + 1s).counters.expired == 1);
    // One that has passed before it came is not even queued.
    auto dead = call(9);
    dead.deadline.at = start;
    CHECK(reason(gate.submit(dead, start + 1s)) == RefusalReason::deadline);
}

TEST_CASE("a caller that hangs up leaves the queue at once") {
    Admission gate(settings(), start);
    spend(gate, start);
    REQUIRE(queued(gate.submit(call(1), start)));
    REQUIRE(queued(gate.submit(call(2), start)));
    CHECK(gate.cancel(1, start));
    CHECK_FALSE(gate.cancel(1, start));
    CHECK(gate.waiting() == 1);
    CHECK(calls(gate.next(start + 600ms)) == std::vector<std::uint64_t>{2});
    CHECK_FALSE(gate.cancel(2, start + 600ms));  // in flight: it still needs its record
    CHECK(gate.in_flight() == 1);
    gate.record(2, answer(), start + 1s);
    gate.record(2, answer(), start + 1s);  // unknown by now
    CHECK(gate.in_flight() == 0);
}

TEST_CASE("bounds of the queue, per client and per portal") {
    auto s = settings();
    s.max_queue = 10;
    s.max_queue_per_client = 6;
    Admission gate(s, start);
    spend(gate, start);
    std::uint64_t id = 0;
    for (int i = 0; i < 6; ++i) REQUIRE(queued(gate.submit(call(++id, "a"), start)));
    CHECK(reason(gate.submit(call(++id, "a"), start)) == RefusalReason::client_queue_full);
    for (int i = 0; i < 4; ++i) REQUIRE(queued(gate.submit(call(++id, "b"), start)));
    // Full: b, who has fewer, displaces a's newest; then they are level.
    const auto verdict = gate.submit(call(++id, "b"), start);
    REQUIRE(queued(verdict));
    CHECK(std::get<Queued>(verdict).wake_at == start);
    const auto turn = gate.next(start);
    REQUIRE(turn.refused.size() == 1);
    CHECK(turn.refused[0].first == 6);
    CHECK(turn.refused[0].second.reason == RefusalReason::queue_full);
    const auto full = gate.submit(call(++id, "b"), start);
    CHECK(reason(full) == RefusalReason::queue_full);
    CHECK(core::to_ms(std::get<Refused>(full).retry_after) <= 500);
    CHECK(gate.waiting() == 10);
    CHECK(gate.snapshot(start).counters.displaced == 1);
}

TEST_CASE("a refused call goes again first, its client's later calls after it, and no bound applies") {
    auto s = settings();
    s.max_queue = 3;
    Admission gate(s, start);
    REQUIRE(granted(gate.submit(call(1), start)));
    spend(gate, start, 2'000'000);
    for (std::uint64_t id = 2; id <= 4; ++id) REQUIRE(queued(gate.submit(call(id), start)));
    REQUIRE(queued(gate.requeue(1, answer(ErrorClass::rate_limit), start + 100ms)));
    CHECK(gate.waiting() == 4);
    CHECK(gate.in_flight() == 0);
    auto now = start + 100ms;
    CHECK(gate.next(start + 1s).granted.empty());  // the portal is left alone for a moment
    std::vector<std::uint64_t> order;
    while (order.size() < 4) {
        auto turn = gate.next(now);
        for (const auto id : calls(turn)) {
            order.push_back(id);
            gate.record(id, answer(), now);
        }
        if (order.size() < 4) now = *turn.wake_at;
    }
    CHECK(order == std::vector<std::uint64_t>{1, 2, 3, 4});
    CHECK(gate.snapshot(now).counters.rate_refusals == 1);
    CHECK(gate.snapshot(now).counters.requeued == 1);
}

TEST_CASE("several calls that had not waited go again in the order they came") {
    Admission gate(settings(), start);
    for (std::uint64_t id = 1; id <= 4; ++id) {
        auto c = call(id);
        c.method = "method" + std::to_string(id % 2);
        REQUIRE(granted(gate.submit(c, start)));
    }
    for (const std::uint64_t id : {3, 1, 4, 2}) gate.requeue(id, answer(ErrorClass::rate_limit), start);
    CHECK(gate.waiting() == 4);
    CHECK(calls(gate.next(start + 1min)) == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("a refused call that cannot make it any more is told so") {
    Admission gate(settings(), start);
    auto brief = call(1);
    brief.deadline.at = start + 500ms;
    REQUIRE(granted(gate.submit(brief, start)));
    CHECK(reason(gate.requeue(1, answer(ErrorClass::rate_limit), start + 100ms)) == RefusalReason::deadline);
    CHECK(gate.in_flight() == 0);
    CHECK(reason(gate.requeue(1, answer(ErrorClass::rate_limit), start)) == RefusalReason::duplicate_id);
}

TEST_CASE("an id in use is refused, and free again afterwards") {
    Admission gate(settings(), start);
    REQUIRE(granted(gate.submit(call(1), start)));
    CHECK(reason(gate.submit(call(1), start)) == RefusalReason::duplicate_id);
    gate.record(1, answer(), start);
    CHECK(granted(gate.submit(call(1), start)));
}

TEST_CASE("a request that never left spends no budget") {
    Admission gate(settings(), start);
    REQUIRE(granted(gate.submit(call(1), start)));
    CHECK(gate.level(start) == 1);
    auto unsent = answer(ErrorClass::network);
    unsent.hit_sent = false;
    gate.record(1, unsent, start);
    CHECK(gate.level(start) == 0);
    CHECK(gate.snapshot(start).counters.hits == 0);
    REQUIRE(granted(gate.submit(call(2), start)));
    gate.record(2, answer(ErrorClass::timeout), start);
    CHECK(gate.level(start) == 1);
}

TEST_CASE("overload: waiting and new calls of that credential are answered at once, others go on, one probe") {
    Admission gate(settings(), start);
    REQUIRE(granted(gate.submit(call(1), start)));
    spend(gate, start, 2'000'000);
    auto other = call(50);
    other.credential = "second";
    REQUIRE(queued(gate.submit(call(2), start)));
    REQUIRE(queued(gate.submit(other, start)));
    gate.record(1, answer(ErrorClass::overload), start);
    auto turn = gate.next(start);
    REQUIRE(turn.refused.size() == 1);
    CHECK(turn.refused[0].first == 2);
    CHECK(turn.refused[0].second.reason == RefusalReason::breaker_open);
    CHECK(turn.refused[0].second.retry_after == 5s);
    const auto verdict = gate.submit(call(3), start + 2s);
    CHECK(reason(verdict) == RefusalReason::breaker_open);
    CHECK(std::get<Refused>(verdict).retry_after == 3s);
    CHECK(calls(gate.next(start + 600ms)) == std::vector<std::uint64_t>{50});

    const auto seen = gate.snapshot(start + 2s);
    REQUIRE(seen.breakers.size() == 1);
    CHECK(seen.breakers[0].credential == "main");
    CHECK(seen.breakers[0].state == Breaker::State::open);
    CHECK(seen.breakers[0].why.find("OVERLOAD_LIMIT") != std::string::npos);
    CHECK(seen.breakers[0].retry_after == 3s);

    REQUIRE(granted(gate.submit(call(4), start + 6s)));
    CHECK(reason(gate.submit(call(5), start + 6s)) == RefusalReason::breaker_open);
    gate.record(4, answer(), start + 7s);
    CHECK(granted(gate.submit(call(5), start + 7s)));
    CHECK(gate.snapshot(start + 7s).breakers.empty());
}

TEST_CASE("a probe that waits for budget and is cancelled, expires or is displaced leaves its place to the next") {
    auto s = settings();
    s.max_queue = 1;
    Admission gate(s, start);
    REQUIRE(granted(gate.submit(call(1), start)));
    gate.record(1, answer(ErrorClass::overload), start);
    auto now = start + 5s;
    auto blocker = [&](std::uint64_t id) {
        auto c = call(id);
        c.credential = "other";
        return c;
    };
    for (std::uint64_t id = 1000; granted(gate.submit(blocker(id), now)); ++id) gate.record(id, answer(), now);
    gate.cancel(1048, now);
    for (std::uint64_t id = 1040; id < 1060; ++id) gate.cancel(id, now);
    REQUIRE(queued(gate.submit(call(2), now)));
    CHECK(reason(gate.submit(call(3), now)) == RefusalReason::breaker_open);
    gate.cancel(2, now);
    auto brief = call(4);
    brief.deadline.at = now + 600ms;
    REQUIRE(queued(gate.submit(brief, now)));
    now += 2s;
    CHECK(gate.next(now).expired == std::vector<std::uint64_t>{4});
    CHECK(granted(gate.submit(call(5), now)));
}

TEST_CASE("three pages without a code open the breaker, coded refusals for rate do not") {
    auto page = answer(ErrorClass::overload);
    page.coded = false;
    Admission gate(settings(), start);
    for (std::uint64_t id = 1; id <= 3; ++id) {
        REQUIRE(granted(gate.submit(call(id), start)));
        gate.record(id, page, start);
    }
    CHECK(reason(gate.submit(call(4), start)) == RefusalReason::breaker_open);
    Admission busy(settings(), start);
    auto now = start;
    for (std::uint64_t id = 1; id <= 5; ++id) {
        REQUIRE(granted(busy.submit(call(id), now)));
        busy.record(id, answer(ErrorClass::rate_limit), now);
        now += 10s;
    }
    CHECK(busy.snapshot(now).breakers.empty());
}

TEST_CASE("operating time: the method is held under its credential, everything else goes on") {
    Admission gate(settings(), start);
    const auto report = [](double operating, double reset_in) {
        auto out = answer();
        out.timing.duration = 20;
        out.timing.operating = operating;
        out.timing.operating_reset_at = 1.7e9 + reset_in;
        out.unix_now = 1.7e9;
        return out;
    };
    REQUIRE(granted(gate.submit(call(1), start)));
    gate.record(1, report(475, 300), start);
    auto same = call(2);
    same.deadline.at = start + 60s;
    const auto verdict = gate.submit(same, start);
    CHECK(reason(verdict) == RefusalReason::operating);
    CHECK(core::to_seconds(std::get<Refused>(verdict).retry_after) == doctest::Approx(241).epsilon(0.01));
    REQUIRE(queued(gate.submit(call(3), start)));
    auto other_method = call(4);
    other_method.method = "crm.deal.get";
    CHECK(granted(gate.submit(other_method, start)));
    auto other_credential = call(5);
    other_credential.credential = "second";
    CHECK(granted(gate.submit(other_credential, start)));
    const auto seen = gate.snapshot(start);
    REQUIRE(seen.operating.size() == 1);
    CHECK(seen.operating[0].credential == "main");
    CHECK(seen.operating[0].method == "crm.deal.list");
    CHECK(seen.operating[0].left == doctest::Approx(5));
    CHECK(core::to_seconds(seen.operating[0].held_for) == doctest::Approx(301).epsilon(0.01));
    const auto turn = gate.next(start);
    CHECK(turn.granted.empty());
    REQUIRE(turn.wake_at);
    CHECK(core::to_seconds(*turn.wake_at - start) == doctest::Approx(301).epsilon(0.01));
    CHECK(calls(gate.next(*turn.wake_at)) == std::vector<std::uint64_t>{3});
}

TEST_CASE("OPERATION_TIME_LIMIT without counters: sixty seconds, then one call to try") {
    Admission gate(settings(), start);
    for (std::uint64_t id = 1; id <= 3; ++id) REQUIRE(granted(gate.submit(call(id), start)));
    for (std::uint64_t id = 1; id <= 3; ++id) {
        REQUIRE(queued(gate.requeue(id, answer(ErrorClass::operating_limit), start)));
    }
    auto turn = gate.next(start + 59s);
    CHECK(turn.granted.empty());
    turn = gate.next(start + 60s);
    CHECK(calls(turn) == std::vector<std::uint64_t>{1});
    CHECK(gate.next(start + 65s).granted.empty());
    auto passed = answer();
    passed.timing.operating = 100;
    passed.timing.duration = 1;
    gate.record(1, passed, start + 66s);
    CHECK(calls(gate.next(start + 66s)) == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("methods inside a batch have counters of their own and hold the batches that use them") {
    Admission gate(settings(), start);
    const auto batch = [](std::uint64_t id, std::vector<std::string> inner) {
        auto out = call(id);
        out.method = "batch";
        out.inner = std::move(inner);
        return out;
    };
    REQUIRE(granted(gate.submit(batch(1, {"crm.deal.add", "crm.deal.get"}), start)));
    auto done = answer();
    done.unix_now = 1.7e9;
    bitrix::Timing spent;
    spent.operating = 479.9;
    spent.duration = 10;
    spent.operating_reset_at = 1.7e9 + 200;
    done.inner.push_back({"crm.deal.add", spent, false});
    gate.record(1, done, start);
    CHECK(queued(gate.submit(batch(2, {"crm.deal.add"}), start)));
    CHECK(granted(gate.submit(batch(3, {"crm.deal.get"}), start)));
    auto direct = call(4);
    direct.method = "crm.deal.add";
    CHECK(granted(gate.submit(direct, start)));
    const auto seen = gate.snapshot(start);
    REQUIRE(seen.operating.size() == 1);
    CHECK(seen.operating[0].batched);
    CHECK(seen.operating[0].method == "crm.deal.add");
    CHECK(calls(gate.next(start + 202s)) == std::vector<std::uint64_t>{2});
}

TEST_CASE("observe: everything goes at once, and what would have been is counted") {
    auto s = settings();
    s.observe = true;
    s.max_in_flight = 2;
    Admission gate(s, start);
    for (std::uint64_t id = 1; id <= 59; ++id) {
        const auto verdict = gate.submit(call(id), start);
        REQUIRE(granted(verdict));
        const double expected = id <= 49 ? 0 : static_cast<double>(id - 49) / 2;
        CHECK(core::to_seconds(std::get<Granted>(verdict).would_wait) == doctest::Approx(expected));
        CHECK_FALSE(std::get<Granted>(verdict).would_refuse);
    }
    const auto seen = gate.snapshot(start);
    CHECK(seen.observe);
    CHECK(seen.counters.hits == 59);
    CHECK(seen.counters.would_delay == 10);
    CHECK(seen.counters.would_delay_max_s == doctest::Approx(5));
    CHECK(seen.counters.would_delay_s == doctest::Approx(27.5));
    auto brief = call(100);
    brief.deadline.at = start + 1s;
    const auto hasty = gate.submit(brief, start);
    REQUIRE(granted(hasty));
    CHECK(std::get<Granted>(hasty).would_refuse);
    CHECK(gate.snapshot(start).counters.would_refuse == 1);
    CHECK(reason(gate.requeue(1, answer(ErrorClass::rate_limit), start)) == RefusalReason::observing);
    gate.record(2, answer(ErrorClass::overload), start);
    const auto shut = gate.submit(call(101), start);
    REQUIRE(granted(shut));
    CHECK(std::get<Granted>(shut).would_refuse);
    CHECK(gate.snapshot(start).counters.would_refuse == 2);
    CHECK(gate.snapshot(start).counters.would_delay == 10);
    CHECK_FALSE(gate.next(start).wake_at);
}

TEST_CASE("switching to observe lets everything go that waits, held or not") {
    Admission gate(settings(), start);
    REQUIRE(granted(gate.submit(call(1), start)));
    REQUIRE(queued(gate.requeue(1, answer(ErrorClass::operating_limit), start)));
    spend(gate, start);
    for (std::uint64_t id = 2; id <= 5; ++id) gate.submit(call(id), start);
    auto s = settings();
    s.observe = true;
    gate.reconfigure(s, start);
    CHECK(gate.next(start).granted.size() == 5);
}

TEST_CASE("reconfigure keeps level and queue") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 5; ++id) REQUIRE(queued(gate.submit(call(id), start)));
    const double level = gate.level(start);
    auto s = settings(100, 10);
    s.max_queue = 2;
    gate.reconfigure(s, start);
    CHECK(gate.level(start) == level);
    CHECK(gate.waiting() == 5);
    CHECK(gate.next(start).granted.size() == 5);
}

TEST_CASE("the quota for the answer's headers") {
    Admission gate(settings(), start);
    auto quota = gate.quota(start);
    CHECK(quota.remaining == 49);
    CHECK(quota.burst == 50);
    CHECK(quota.window_s == 25);
    CHECK(quota.reset_s == 0);
    spend(gate, start);
    quota = gate.quota(start);
    CHECK(quota.remaining == 0);
    CHECK(quota.reset_s == 25);
    auto none = settings();
    none.plan.kind = config::Plan::Kind::none;
    CHECK(Admission(none, start).quota(start).unlimited);
}

TEST_CASE("the snapshot shows who waits and how long another call would") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 10; ++id) REQUIRE(queued(gate.submit(call(id, "a"), start)));
    for (std::uint64_t id = 11; id <= 14; ++id) {
        REQUIRE(queued(gate.submit(call(id, "b", Priority::bulk), start)));
    }
    const auto seen = gate.snapshot(start);
    CHECK(seen.queue == 14);
    CHECK(seen.queue_by_priority[1] == 10);
    CHECK(seen.queue_by_priority[2] == 4);
    CHECK(seen.queue_by_client.size() == 2);
    CHECK(core::to_ms(seen.predicted_wait[0]) == 500);
    CHECK(core::to_ms(seen.predicted_wait[1]) == 1000);  // a's turn and its own alternate
    CHECK(core::to_ms(seen.predicted_wait[2]) >= 6000);
    CHECK(seen.level == doctest::Approx(49));
    CHECK(seen.rate == 2);
}
