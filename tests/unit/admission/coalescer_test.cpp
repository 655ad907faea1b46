// Sizes of batches: by scarcity, running time, bytes and deadlines.
#include <doctest/doctest.h>

#include <limits>

#include <b24gate/admission/coalescer.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using Fit = Coalescer::Load::Fit;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

Coalescer with(Coalescer::Settings settings = {}) {
    Coalescer out(std::move(settings));
    for (int i = 0; i < 100; ++i) {
        out.ran("quick", 0.03);
        out.ran("slow", 2);
        out.overhead(0.16);
    }
    return out;
}

}  // namespace

TEST_CASE("running times: mean and deviation; nonsense is ignored, the unknown is guessed") {
    RunningTimes times;
    CHECK(times.expected("a") == RunningTimes::unknown);
    times.record("a", 0.1);
    CHECK(times.expected("a") == doctest::Approx(0.15));
    for (int i = 0; i < 100; ++i) times.record("a", 0.1);
    CHECK(times.expected("a") == doctest::Approx(0.1).epsilon(0.01));
    for (const double odd : {-1.0, 1e9, std::numeric_limits<double>::quiet_NaN()}) times.record("a", odd);
    CHECK(times.expected("a") == doctest::Approx(0.1).epsilon(0.01));
    for (int i = 0; i < 50; ++i) {
        times.record("a", 0.05);
        times.record("a", 0.15);
    }
    CHECK(times.expected("a") > 0.13);
    CHECK(times.expected("a") < 0.17);
    for (int i = 0; i < 3000; ++i) times.record("m" + std::to_string(i), 1);
    CHECK(times.expected("m2999") == RunningTimes::unknown);
}

TEST_CASE("the hits at hand are shared out among what waits") {
    const auto coalescer = with();
    struct Case {
        Coalescer::Scarcity scarcity;
        const char* method;
        std::size_t seats;
    };
    const double endless = std::numeric_limits<double>::infinity();
    const Case cases[] = {
        // mates, others, hits, rate, slots, free
        {{1000, 0, 1, 2, 10, 10}, "quick", 50},       // one hit, no end of calls
        {{7, 0, 1, 2, 10, 10}, "quick", 7},           // what waits
        {{7, 3, 1, 2, 10, 10}, "quick", 7},           // others need hits too
        {{8, 0, 9, 2, 10, 10}, "quick", 1},           // enough for all
        {{8, 4, 9, 2, 10, 10}, "quick", 2},           // enough for all but for the others
        {{1000, 0, 40, 2, 10, 1}, "quick", 25},       // many hits, a slot is missing
        {{30, 0, 40, 2, 10, 1}, "quick", 2},          // hits enough: only round trips are saved
        {{30, 0, 40, 2, 10, 1}, "slow", 1},           // which would be small change here
        {{1000, 0, endless, 2, 10, 1}, "quick", 16},  // self-hosted: no rate limit at all
        {{8, 0, endless, 2, 10, 9}, "quick", 1},      // and a slot for each
        {{5, 0, 1, 100, 10, 10}, "quick", 2},         // the next hits are there in no time
        {{4, 0, 1, 2, 10, 10}, "slow", 1},            // sooner done one after another
    };
    for (const auto& c : cases) {
        CAPTURE(c.scarcity.mates);
        CAPTURE(c.scarcity.hits);
        CHECK(coalescer.seats(c.scarcity, c.method) == c.seats);
    }
    Coalescer::Settings twenty;
    twenty.max_calls = 20;
    CHECK(with(twenty).seats(cases[0].scarcity, "quick") == 20);
}

TEST_CASE("a load: running time, bytes, deadlines, guests") {
    Coalescer::Settings settings;
    settings.max_bytes = 1000;
    const auto coalescer = with(settings);
    const core::Deadline never;
    {
        Coalescer::Load load(coalescer, "slow", {}, never, start);
        CHECK(load.add("slow", {}, never, false) == Fit::yes);
        CHECK(load.add("slow", {}, never, false) == Fit::nor_alike);  // six seconds
        CHECK(load.add("quick", {}, never, false) == Fit::yes);
        CHECK(load.add("quick", {}, never, true) == Fit::nor_alike);
    }
    {
        Coalescer::Load load(coalescer, "quick", {false, 600}, never, start);
        CHECK(load.add("quick", {false, 500}, never, false) == Fit::no);
        CHECK(load.add("quick", {false, 400}, never, false) == Fit::yes);
        CHECK(load.add("quick", {false, 1}, never, false) == Fit::no);
    }
    {
        // Its own deadline, then that of one who is aboard.
        Coalescer::Load load(coalescer, "quick", {}, never, start);
        CHECK(load.add("slow", {}, {start + 2s}, false) == Fit::no);
        CHECK(load.add("quick", {}, {start + 1s}, false) == Fit::yes);
        CHECK(load.add("slow", {}, never, false) == Fit::nor_alike);
        CHECK(load.add("quick", {}, never, false) == Fit::yes);
    }
    {
        Coalescer::Load load(coalescer, "quick", {}, never, start);
        int guests = 0;
        while (load.add("quick", {}, never, true) == Fit::yes) ++guests;
        CHECK(guests >= 39);  // 1.25 s
        CHECK(guests <= 41);
        CHECK(load.add("quick", {}, never, false) == Fit::yes);
    }
}

TEST_CASE("what is counted, and the usual size") {
    Coalescer coalescer({});
    CHECK(coalescer.usual_size() == 16);  // 5 s of unknown methods
    using Sign = BatchHealth::Sign;
    std::uint64_t number = 0;
    const auto batch = [&](std::size_t size, Sign sign) {
        coalescer.left("main", ++number, size, 50, true);
        coalescer.landed("main", number, size, sign, sign != Sign::none, -1, start);
    };
    for (const std::size_t size : {2, 5, 6, 10, 11, 20, 21, 35, 36, 50}) batch(size, Sign::carried);
    CHECK(coalescer.counters().batches == 10);
    CHECK(coalescer.counters().calls == 196);
    CHECK(coalescer.counters().hits_saved == 186);
    for (const auto n : coalescer.counters().sizes) CHECK(n == 2);
    batch(50, Sign::none);
    CHECK(coalescer.counters().batches == 10);
    batch(50, Sign::failed);
    CHECK(coalescer.counters().batches == 11);
    CHECK(coalescer.counters().hits_saved == 186);
    CHECK(coalescer.counters().failed == 1);
    for (int i = 0; i < 50; ++i) batch(40, Sign::carried);
    CHECK(coalescer.usual_size() == doctest::Approx(40).epsilon(0.01));
    // One that took all there was, or was meant to be small, says nothing.
    coalescer.left("main", ++number, 3, 50, false);
    coalescer.left("main", ++number, 3, 3, true);
    CHECK(coalescer.usual_size() == doctest::Approx(40).epsilon(0.01));
    CHECK(coalescer.off(start).empty());
}
