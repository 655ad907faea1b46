// The facade with calls that share hits: who leaves together, and what each outcome teaches.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include <b24gate/admission/admission.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using bitrix::ErrorClass;
using config::Priority;
using Ids = std::vector<std::uint64_t>;

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

Settings settings(double burst = 50, double rate = 2) {
    Settings out;
    out.plan.kind = config::Plan::Kind::custom;
    out.plan.burst = burst;
    out.plan.rate = rate;
    return out;
}

Feedback answer(ErrorClass error_class = ErrorClass::ok) {
    Feedback out;
    out.error_class = error_class;
    return out;
}

bool granted(const Verdict& v) { return std::holds_alternative<Granted>(v); }
bool queued(const Verdict& v) { return std::holds_alternative<Queued>(v); }

/// Spends the whole burst on calls of 30 ms, nothing left in flight.
void spend(Admission& gate, core::TimePoint now, const std::string& method = "crm.deal.list") {
    for (std::uint64_t id = 1'000'000;; ++id) {
        auto c = call(id, "spender");
        c.method = method;
        if (!granted(gate.submit(c, now))) {
            gate.cancel(id, now);
            return;
        }
        auto ok = answer();
        ok.timing.duration = 0.03;
        ok.latency = 190ms;
        gate.record(id, ok, now);
    }
}

void board(Admission& gate, Submission submission, core::TimePoint now, bool writes = false, std::size_t bytes = 100) {
    const auto id = submission.id;
    REQUIRE(queued(gate.submit(std::move(submission), now)));
    REQUIRE(gate.board(id, {writes, bytes}));
}

Departure only(const Turn& turn) {
    REQUIRE(turn.granted.size() == 1);
    return turn.granted.front();
}

}  // namespace

TEST_CASE("what waits leaves together: one hit, one slot; the rest of the turn is as ever") {
    Admission gate(settings(), start);
    spend(gate, start);
    const auto hits = gate.snapshot(start).counters.hits;
    for (std::uint64_t id = 1; id <= 10; ++id) board(gate, call(id), start);
    const auto now = start + 501ms;
    const auto departure = only(gate.next(now));
    CHECK(departure.aboard == Ids{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(departure.batch != 0);
    CHECK(gate.in_flight() == 1);
    CHECK(gate.waiting() == 0);
    CHECK(gate.snapshot(now).counters.hits - hits == 1);
    CHECK_FALSE(gate.board(1, {}));  // it no longer waits
    CHECK_FALSE(gate.cancel(1, now));

    gate.record_batch(departure.batch, answer(), now + 400ms);
    CHECK(gate.in_flight() == 0);
    for (const auto id : departure.aboard) gate.record(id, answer(), now + 400ms);
    gate.record_batch(departure.batch, answer(), now + 400ms);  // unknown by now
    CHECK(gate.in_flight() == 0);
    const auto seen = gate.snapshot(now + 400ms);
    CHECK(seen.batches.batches == 1);
    CHECK(seen.batches.calls == 10);
    CHECK(seen.batches.hits_saved == 9);
    CHECK(seen.batches.sizes[1] == 1);
    CHECK(seen.counters.hits - hits == 1);
}

TEST_CASE("with budget at hand, switched off, in observe mode or alone, calls go as they ever did") {
    for (const int which : {0, 1, 2, 3}) {
        CAPTURE(which);
        auto s = settings();
        s.coalesce.enabled = which != 1;
        Admission gate(s, start);
        spend(gate, start);
        for (std::uint64_t id = 1; id <= (which == 3 ? 1 : 4); ++id) board(gate, call(id), start);
        if (which == 2) {
            s.observe = true;
            gate.reconfigure(s, start);
        }
        // Two seconds: four hits have come back, one for each.
        const auto turn = gate.next(start + (which == 3 ? 501ms : 2001ms));
        CHECK(turn.granted.size() == (which == 3 ? 1 : 4));
        for (const auto& departure : turn.granted) {
            CHECK(departure.batch == 0);
            CHECK(departure.aboard.size() == 1);
        }
    }
}

TEST_CASE("credentials, reads and writes, and calls that may not board do not mix") {
    Admission gate(settings(), start);
    spend(gate, start);
    const auto of = [](std::uint64_t id, std::string credential) {
        auto out = call(id);
        out.credential = std::move(credential);
        return out;
    };
    board(gate, call(1), start);
    board(gate, call(2), start, true);
    REQUIRE(queued(gate.submit(call(3), start)));
    board(gate, of(4, "second"), start);
    board(gate, call(5), start);
    board(gate, call(6), start, true);
    board(gate, of(7, "second"), start);
    auto now = start;
    std::vector<Ids> left;
    while (gate.waiting() != 0) {
        now += 501ms;
        for (const auto& departure : gate.next(now).granted) left.push_back(departure.aboard);
    }
    CHECK(left == std::vector<Ids>{{1, 5}, {2, 6}, {3}, {4, 7}});
}

TEST_CASE("bounds of a batch: calls, bytes, running time, deadlines") {
    auto s = settings();
    s.coalesce.max_bytes = 1000;
    s.coalesce.max_calls = 8;
    Admission gate(s, start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 12; ++id) board(gate, call(id), start, false, id == 2 ? 995 : 10);
    auto now = start + 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{1, 3, 4, 5, 6, 7, 8, 9});
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{2});
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{10, 11, 12});

    // An unknown method is taken for 0.3 s: sixteen of them in five seconds.
    Admission slow(settings(), start);
    spend(slow, start, "other");
    for (std::uint64_t id = 1; id <= 40; ++id) board(slow, call(id), start);
    CHECK(only(slow.next(start + 501ms)).aboard.size() == 16);

    Admission tight(settings(), start);
    spend(tight, start, "other");
    for (std::uint64_t id = 1; id <= 40; ++id) {
        auto c = call(id);
        if (id == 3) c.deadline.at = start + 1100ms;  // could not bear a third call
        if (id == 4) c.deadline.at = start + 2501ms;  // could not bear a sixth
        board(tight, c, start);
    }
    CHECK(only(tight.next(start + 501ms)).aboard == Ids{1, 2, 4, 5, 6});
    CHECK(tight.next(start + 1002ms).granted.front().aboard == Ids{3});  // its turn: it leaves at once, alone
}

TEST_CASE("the head's priority has the seats, others only while the batch is short; nobody overtakes for it") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 101; id <= 200; ++id) board(gate, call(id, "import", Priority::bulk), start);
    for (std::uint64_t id = 11; id <= 13; ++id) board(gate, call(id, "b"), start);
    for (std::uint64_t id = 1; id <= 2; ++id) board(gate, call(id, "screen", Priority::interactive), start);
    REQUIRE(queued(gate.submit(call(3, "screen", Priority::interactive), start)));
    auto now = start + 501ms;
    const auto first = only(gate.next(now));
    CHECK(Ids(first.aboard.begin(), first.aboard.begin() + 5) == Ids{1, 2, 11, 12, 13});
    CHECK(first.aboard.size() > 30);  // 1.25 s
    CHECK(first.aboard.size() < 43);
    // The interactive call that cannot board has the very next hit.
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{3});
    now += 501ms;
    CHECK(only(gate.next(now)).aboard.size() == 50);
}

TEST_CASE("whole batch refused for rate: nobody is lost, the order stays, it boards again") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 60; ++id) board(gate, call(id, id % 2 ? "a" : "b"), start);
    auto now = start + 501ms;
    const auto refused = only(gate.next(now));
    REQUIRE(refused.aboard.size() == 50);
    now += 200ms;
    CHECK(gate.record_batch(refused.batch, answer(ErrorClass::rate_limit), now).change == BatchHealth::Change::none);
    // In whatever order their threads come.
    for (auto id = refused.aboard.rbegin(); id != refused.aboard.rend(); ++id) {
        CHECK(queued(gate.requeue(*id, answer(ErrorClass::rate_limit), now)));
    }
    CHECK(gate.in_flight() == 0);
    CHECK(gate.waiting() == 60);
    CHECK(gate.snapshot(now).counters.rate_refusals == 1);
    CHECK(gate.next(now + 900ms).granted.empty());
    now = *gate.next(now).wake_at;
    CHECK(only(gate.next(now)).aboard == refused.aboard);
    CHECK(gate.in_flight() == 1);
}

TEST_CASE("a batch that failed: its calls go singly, in front, in their order") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 4; ++id) board(gate, call(id), start);
    auto now = start + 501ms;
    const auto failed = only(gate.next(now));
    REQUIRE(failed.aboard == Ids{1, 2, 3, 4});
    for (std::uint64_t id = 5; id <= 7; ++id) board(gate, call(id), now);
    now += 100ms;
    gate.record_batch(failed.batch, answer(ErrorClass::timeout), now);
    for (const std::uint64_t id : {4, 2, 3}) CHECK(queued(gate.requeue(id, {}, now, true)));
    gate.record(1, {}, now);  // a write that may have been carried out
    std::vector<Ids> left;
    while (gate.waiting() != 0) {
        now += 501ms;
        for (const auto& departure : gate.next(now).granted) left.push_back(departure.aboard);
    }
    CHECK(left == std::vector<Ids>{{2}, {3}, {4}, {5, 6, 7}});
}

TEST_CASE("refusals of single commands: for operating time the method waits, for rate everybody") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 4; ++id) {
        auto c = call(id);
        if (id > 2) c.method = "crm.deal.get";
        board(gate, c, start);
    }
    auto now = start + 501ms;
    const auto departure = only(gate.next(now));
    REQUIRE(departure.aboard.size() == 4);
    auto mixed = answer();
    mixed.unix_now = 1.7e9;
    bitrix::Timing spent{10.0, 100.0, 1.7e9 + 300};
    mixed.inner = {{"crm.deal.list", spent, false, false},
                   {"crm.deal.list", {}, true, false},
                   {"crm.deal.get", {0.02, 0.02, 1.7e9 + 300}, false, false}};
    gate.record_batch(departure.batch, mixed, now);
    gate.record(1, {}, now);
    gate.record(3, {}, now);
    gate.record(4, {}, now);
    REQUIRE(queued(gate.requeue(2, {}, now)));
    CHECK(gate.snapshot(now).counters.operating_refusals == 1);
    const auto& counters = gate.snapshot(now).operating;
    REQUIRE(counters.size() == 2);
    for (const auto& counter : counters) CHECK(counter.batched);
    // The counter of batched calls is held: the direct one is another.
    for (std::uint64_t id = 5; id <= 8; ++id) {
        auto c = call(id);
        if (id > 6) c.method = "crm.deal.get";
        board(gate, c, now);
    }
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{2});
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{5});
    now += 501ms;
    CHECK(only(gate.next(now)).aboard == Ids{6});
    now += 501ms;
    const auto quick = only(gate.next(now));
    CHECK(quick.aboard == Ids{7, 8});
    auto rate = answer();
    rate.inner = {{"crm.deal.get", {}, false, true}, {"crm.deal.get", {}, false, true}};
    gate.record_batch(quick.batch, rate, now);
    for (const auto id : quick.aboard) CHECK(queued(gate.requeue(id, {}, now)));
    CHECK(gate.snapshot(now).held_for > 0s);
    CHECK(gate.level(now) == doctest::Approx(50));  // one event, not two
}

TEST_CASE("the operating ledger stops a batch from crossing the limit") {
    Admission gate(settings(), start);
    spend(gate, start);
    board(gate, call(1), start);
    board(gate, call(2), start);
    auto now = start + 501ms;
    const auto first = only(gate.next(now));
    REQUIRE(first.aboard.size() == 2);
    auto done = answer();
    done.unix_now = 1.7e9;
    done.inner = {{"crm.deal.list", {0.9, 360.9, 1.7e9 + 300}, false, false},
                  {"crm.deal.list", {0.9, 361.8, 1.7e9 + 300}, false, false}};
    gate.record_batch(first.batch, done, now);
    for (const auto id : first.aboard) gate.record(id, {}, now);
    for (std::uint64_t id = 3; id <= 52; ++id) board(gate, call(id), now);
    // Close to 80 % of 480 s calls slow down; a batch is no way around.
    std::size_t sent = 0;
    for (int i = 0; i < 30; ++i) {
        now += 501ms;
        for (const auto& departure : gate.next(now).granted) sent += departure.batch ? departure.aboard.size() : 0;
    }
    CHECK(sent * 0.9 + 361.8 < 480);
    CHECK(sent >= 2);
}

TEST_CASE("batches that fail switch the credential to single calls, a probe switches it back") {
    Admission gate(settings(1000, 2), start);
    spend(gate, start);
    std::uint64_t id = 0;
    auto now = start;
    const auto round = [&](ErrorClass error_class) {
        for (int i = 0; i < 3; ++i) board(gate, call(++id), now);
        now += 501ms;
        const auto departure = only(gate.next(now));
        BatchNews news;
        if (departure.batch) news = gate.record_batch(departure.batch, answer(error_class), now);
        for (const auto aboard : departure.aboard) gate.record(aboard, answer(), now);
        const auto size = departure.aboard.size();
        for (auto waiting = id; waiting > id - 3; --waiting) gate.cancel(waiting, now);
        return std::pair(size, news);
    };
    CHECK(round(ErrorClass::server).first == 3);
    const auto [size, news] = round(ErrorClass::network);
    CHECK(size == 3);
    CHECK(news.change == BatchHealth::Change::off);
    CHECK_FALSE(news.why.empty());
    CHECK(news.retry_after == 1min);
    CHECK(round(ErrorClass::ok).first == 1);
    const auto off = gate.snapshot(now).batches_off;
    REQUIRE(off.size() == 1);
    CHECK(off[0].credential == "main");
    CHECK(off[0].held_for > 50s);
    now += 60s;
    spend(gate, now);
    for (int i = 0; i < 6; ++i) board(gate, call(++id), now);
    const auto probe = [&] {
        now += 501ms;
        auto turn = gate.next(now);
        return turn.granted.front();
    };
    const auto first = probe();
    CHECK(first.aboard.size() == 6);
    CHECK(gate.snapshot(now).batches_off[0].probing);
    for (int i = 0; i < 3; ++i) board(gate, call(++id), now);
    CHECK(probe().aboard.size() == 1);
    CHECK(gate.record_batch(first.batch, answer(), now).change == BatchHealth::Change::on);
    CHECK(gate.snapshot(now).batches_off.empty());
    CHECK(probe().aboard.size() == 2);
}

TEST_CASE("a batch that never left spends nothing; one that meets overload opens the breaker once") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 5; ++id) board(gate, call(id), start);
    auto now = start + 501ms;
    const auto first = only(gate.next(now));
    const double level = gate.level(now);
    auto unsent = answer(ErrorClass::network);
    unsent.hit_sent = false;
    CHECK(gate.record_batch(first.batch, unsent, now).change == BatchHealth::Change::none);
    CHECK(gate.level(now) == doctest::Approx(level - 1));
    CHECK(gate.snapshot(now).batches.batches == 0);
    // The hit that was not spent is there for the first of them.
    for (const auto id : first.aboard) CHECK(granted(gate.requeue(id, {}, now)) == (id == 1));
    gate.record(1, answer(), now);
    now += 501ms;
    const auto second = only(gate.next(now));
    CHECK(second.aboard == Ids{2, 3, 4, 5});
    gate.record_batch(second.batch, answer(ErrorClass::overload), now);
    for (const auto id : second.aboard) CHECK(std::holds_alternative<Refused>(gate.requeue(id, {}, now)));
    REQUIRE(gate.snapshot(now).breakers.size() == 1);
    CHECK(gate.snapshot(now).breakers[0].retry_after == 5s);
    CHECK(gate.in_flight() == 0);
}

TEST_CASE("a caller that is gone leaves its batch, before or after the answer") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 3; ++id) board(gate, call(id), start);
    const auto now = start + 501ms;
    const auto departure = only(gate.next(now));
    REQUIRE(departure.aboard.size() == 3);
    CHECK(std::holds_alternative<Refused>(gate.requeue(1, {}, now)));  // the whole comes first
    for (const auto id : departure.aboard) gate.record(id, {}, now);
    CHECK(gate.in_flight() == 1);  // the hit is still out
    CHECK(queued(gate.submit(call(1), now)));
    gate.record_batch(departure.batch, answer(), now);
    CHECK(gate.in_flight() == 0);
}

TEST_CASE("the prediction knows that a queue leaves in batches") {
    Admission gate(settings(), start);
    spend(gate, start);
    for (std::uint64_t id = 1; id <= 1000; ++id) board(gate, call(id), start);
    const auto wait_of = [&](std::uint64_t id, core::TimePoint now) {
        const auto verdict = gate.submit(call(id), now);
        REQUIRE(queued(verdict));
        gate.cancel(id, now);
        return core::to_seconds(std::get<Queued>(verdict).predicted_wait);
    };
    // 1,000 in batches, two a second; how many one takes is not known yet.
    CHECK(wait_of(2000, start) > 10);
    CHECK(wait_of(2000, start) < 35);
    CHECK(gate.snapshot(start).predicted_wait[1] < 1s);  // of another client: its turn comes next
    auto hasty = call(2001);
    hasty.deadline.at = start + 5s;
    CHECK(std::holds_alternative<Refused>(gate.submit(hasty, start)));
    // After the first full ones it is.
    auto now = start;
    for (int i = 0; i < 10; ++i) {
        now += 501ms;
        const auto departure = only(gate.next(now));
        CHECK(departure.aboard.size() == 50);
        gate.record_batch(departure.batch, answer(), now);
        for (const auto id : departure.aboard) gate.record(id, {}, now);
    }
    CHECK(wait_of(2000, now) == doctest::Approx(5.5).epsilon(0.1));
    // Switched off, it is a hit for each again.
    auto s = settings();
    s.coalesce.enabled = false;
    gate.reconfigure(s, now);
    CHECK(wait_of(2000, now) == doctest::Approx(250).epsilon(0.01));
}

TEST_CASE("ten thousand waiting calls: a departure looks at few of them") {
    for (const int boarded_every : {1, 100}) {
        auto s = settings(50, 1000);
        s.max_queue = 20'000;
        s.max_in_flight = 10'000;
        Admission gate(s, start);
        auto now = start;
        spend(gate, now);
        for (std::uint64_t id = 1; id <= 10'000; ++id) {
            auto c = call(id, "client" + std::to_string(id % 300));
            if (id % static_cast<std::uint64_t>(boarded_every) == 0) {
                board(gate, c, now);
            } else {
                REQUIRE(queued(gate.submit(c, now)));
            }
        }
        std::size_t departures = 0;
        const auto before = std::chrono::steady_clock::now();
        while (gate.waiting() != 0 && departures < 1000) {
            now += 1ms;
            for (const auto& departure : gate.next(now).granted) {
                ++departures;
                gate.record_batch(departure.batch, answer(), now);
                for (const auto id : departure.aboard) gate.record(id, answer(), now);
            }
        }
        const auto took = std::chrono::steady_clock::now() - before;
        const double each = core::to_seconds(took) / static_cast<double>(departures) * 1e6;
        MESSAGE(departures << " departures, " << each << " microseconds each");
        CHECK(each < 2000);
    }
}
