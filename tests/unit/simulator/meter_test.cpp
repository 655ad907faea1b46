#include <b24gate/simulator/meter.hpp>

#include <doctest/doctest.h>

using namespace b24gate::simulator;
using namespace std::chrono_literals;

TEST_CASE("the bucket takes its burst and then its rate") {
    const LeakyBucket::Plan plan{50, 2, false};
    LeakyBucket bucket;
    Moment now{1790000000s};
    for (int i = 0; i < 50; ++i) CHECK(bucket.hit(plan, now));
    CHECK_FALSE(bucket.hit(plan, now));
    CHECK(bucket.level(plan, now) == doctest::Approx(50));
    now += 499ms;
    CHECK_FALSE(bucket.hit(plan, now));
    now += 1ms;
    CHECK(bucket.hit(plan, now));
    CHECK_FALSE(bucket.hit(plan, now));
    now += 25s;
    CHECK(bucket.level(plan, now) == doctest::Approx(0));
}

TEST_CASE("at its rate the bucket refuses nothing, for as long as one likes") {
    for (const double rate : {2.0, 5.0, 3.0, 7.0}) {
        const LeakyBucket::Plan plan{1, rate, true};
        LeakyBucket bucket;
        const Micros apart(static_cast<long long>(1e6 / rate) + 1);
        for (int i = 0; i < 20000; ++i) {
            CAPTURE(i);
            REQUIRE(bucket.hit(plan, Moment{1790000000s} + i * apart));
        }
    }
}

TEST_CASE("a refused hit counts or does not, as the plan says") {
    const Moment now{1790000000s};
    for (const bool count : {true, false}) {
        const LeakyBucket::Plan plan{10, 1, count};
        LeakyBucket bucket;
        for (int i = 0; i < 30; ++i) bucket.hit(plan, now);
        CHECK(bucket.level(plan, now) == doctest::Approx(count ? 30 : 10));
        CHECK(bucket.hit(plan, now + 1s) == !count);
    }
}

TEST_CASE("no burst is no limit, and time that goes back does no harm") {
    LeakyBucket bucket;
    for (int i = 0; i < 1000; ++i) CHECK(bucket.hit({0, 0, true}, Moment{1790000000s}));
    LeakyBucket other;
    const LeakyBucket::Plan plan{1, 1, false};
    CHECK(other.hit(plan, Moment{1790000000s}));
    CHECK_FALSE(other.hit(plan, Moment{1789999000s}));
    CHECK(other.hit(plan, Moment{1790000001s}));
}

TEST_CASE("baskets leave one by one, ten minutes after their first call") {
    OperatingBaskets baskets;
    const Moment start{std::chrono::floor<std::chrono::minutes>(Moment{1790000000s}) + 10s};
    CHECK_FALSE(baskets.reset_at(start));
    baskets.add(20s, start);
    baskets.add(20s, start + 40s);
    baskets.add(5s, start + 60s);
    CHECK(baskets.sum(start + 60s) == 45s);
    CHECK(*baskets.reset_at(start + 60s) == (start + 600s).time_since_epoch() / 1s);
    CHECK(baskets.sum(start + 599s) == 45s);
    CHECK(baskets.sum(start + 600s) == 5s);
    CHECK(*baskets.reset_at(start + 600s) == (start + 660s).time_since_epoch() / 1s);
    CHECK(baskets.sum(start + 660s) == 0s);
    CHECK_FALSE(baskets.reset_at(start + 660s));
}

TEST_CASE("short calls are not added") {
    OperatingBaskets baskets;
    const Moment now{1790000000s};
    baskets.add(99ms, now);
    CHECK(baskets.sum(now) == 0s);
    baskets.add(100ms, now);
    CHECK(baskets.sum(now) == 100ms);
}

TEST_CASE("dates carry the portal's offset") {
    CHECK(iso8601(Moment{1790000000s}, 180) == "2026-09-21T17:13:20+03:00");
    CHECK(iso8601(Moment{1790000000s}, 0) == "2026-09-21T14:13:20+00:00");
    CHECK(iso8601(Moment{1790000000s}, -210) == "2026-09-21T10:43:20-03:30");
}
