// The bucket itself: arithmetic, refusals, plans.
#include <doctest/doctest.h>

#include <b24gate/admission/rate_limiter.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using Kind = config::Plan::Kind;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;

config::Plan plan(Kind kind, double burst = 50, double rate = 2) {
    config::Plan out;
    out.kind = kind;
    out.burst = burst;
    out.rate = rate;
    return out;
}

int take_all(RateLimiter& limiter, core::TimePoint now) {
    int n = 0;
    for (; n < 100'000 && limiter.ready(now); ++n) limiter.charge(now);
    return n;
}

}  // namespace

TEST_CASE("the burst less the margin goes at once, then one each 1/rate") {
    struct Case {
        double burst;
        double rate;
        int at_once;
    };
    // The margin is what 0.3 s of jitter can squeeze together, at least one hit, and never the whole bucket.
    const Case cases[] = {{50, 2, 49}, {250, 5, 248}, {1, 1, 1}, {2, 1, 1}, {10, 10, 7}, {100, 0.5, 99}};
    for (const auto& c : cases) {
        CAPTURE(c.burst);
        RateLimiter limiter(plan(Kind::custom, c.burst, c.rate), 0, start);
        CHECK(take_all(limiter, start) == c.at_once);
        auto now = start;
        for (int i = 0; i < 100; ++i) {
            now = limiter.ready_at(now);
            REQUIRE(limiter.ready(now));
            limiter.charge(now);
            REQUIRE_FALSE(limiter.ready(now));
        }
        CHECK(core::to_seconds(now - start) >= 99 / c.rate);
        CHECK(core::to_seconds(now - start) <= 101 / c.rate);
    }
}

TEST_CASE("ready_at of many hits is the sum of the waits") {
    RateLimiter limiter(plan(Kind::standard), 0, start);
    CHECK(limiter.ready_at(start, 49) == start);
    CHECK(core::to_ms(limiter.ready_at(start, 50) - start) == 500);
    CHECK(core::to_ms(limiter.ready_at(start, 149) - start) == 50'000);
}

TEST_CASE("a hit that never arrived is given back, unless it has leaked away") {
    RateLimiter limiter(plan(Kind::standard), 0, start);
    take_all(limiter, start);
    limiter.refund(start, start + 100ms);
    limiter.refund(start, start + 100ms);
    CHECK(limiter.level(start + 100ms) == doctest::Approx(46.8));
    // Ten connects hang; meanwhile the bucket empties and fills with hits that do arrive. Those must stay counted.
    RateLimiter hung(plan(Kind::standard), 0, start);
    for (int i = 0; i < 10; ++i) hung.charge(start);
    const auto later = start + 10s;
    CHECK(take_all(hung, later) == 49);
    for (int i = 0; i < 10; ++i) hung.refund(start, later);
    CHECK(hung.level(later) == 49);
}

TEST_CASE("a now from before the last one leaks nothing and breaks nothing") {
    RateLimiter limiter(plan(Kind::standard), 0, start);
    take_all(limiter, start);
    const double level = limiter.level(start);
    CHECK(limiter.level(start - 5s) == level);
    CHECK_FALSE(limiter.ready(start - 1h));
    CHECK(limiter.level(start + 1s) == doctest::Approx(level - 2));
}

TEST_CASE("one refusal corrects the level, a second soon after lowers the rate, those in flight together count once") {
    RateLimiter limiter(plan(Kind::standard), 0, start);
    limiter.charge(start);
    limiter.refused(start, start + 1s);
    CHECK(limiter.level(start + 1s) == 50);
    CHECK(limiter.rate() == 2);
    CHECK(core::to_ms(limiter.ready_at(start + 1s) - (start + 1s)) >= 1000);
    for (int i = 0; i < 9; ++i) limiter.refused(start + 500ms, start + 1100ms);  // were in flight at the first refusal
    CHECK(limiter.rate() == 2);
    CHECK(limiter.level(start + 1100ms) >= 58);  // the portal may have counted them
    limiter.refused(start + 20s, start + 21s);
    CHECK(limiter.rate() == doctest::Approx(1.6));
    limiter.refused(start + 20s, start + 21s);
    CHECK(limiter.rate() == doctest::Approx(1.6));
    for (int i = 2; i < 40; ++i) limiter.refused(start + i * 20s, start + i * 20s + 1s);
    CHECK(limiter.rate() == 0.25);
    // Long after, a single refusal is news about the level again.
    limiter.refused(start + 1h, start + 1h + 1s);
    CHECK(limiter.rate() == 0.25);
}

TEST_CASE("rate is won back by accepted hits, to the plan's and no further") {
    RateLimiter limiter(plan(Kind::standard), 0, start);
    limiter.refused(start, start + 1s);
    limiter.refused(start + 10s, start + 11s);
    const double cut = limiter.rate();
    limiter.accepted(start + 10s, start + 12s);  // from before the refusal: no news
    CHECK(limiter.rate() == cut);
    auto now = start + 20s;
    limiter.accepted(now, now + 1s);
    CHECK(limiter.rate() > cut);
    CHECK(limiter.rate() - cut < 0.01);
    for (int i = 0; i < 2000; ++i) limiter.accepted(now += 1s, now);
    CHECK(limiter.rate() == 2);
}

TEST_CASE("plan none is unlimited, but a refusal still pauses") {
    RateLimiter limiter(plan(Kind::none), 0, start);
    CHECK(take_all(limiter, start) == 100'000);
    limiter.refused(start, start);
    CHECK_FALSE(limiter.ready(start));
    CHECK(limiter.ready(start + 1s));
}

TEST_CASE("app.info settles an automatic plan, and only that") {
    struct Case {
        Kind kind;
        const char* license;
        double burst;
        double rate;
        bool learnt;
    };
    const Case cases[] = {{Kind::automatic, "ent250", 250, 5, true}, {Kind::automatic, "ENT_holding", 250, 5, true},
                          {Kind::automatic, "pro100", 50, 2, true},  {Kind::automatic, "", 50, 2, false},
                          {Kind::automatic, "en", 50, 2, true},      {Kind::standard, "ent250", 50, 2, false}};
    for (const auto& c : cases) {
        CAPTURE(c.license);
        RateLimiter limiter(plan(c.kind), 0, start);
        limiter.learn_plan(c.license, start);
        CHECK(limiter.burst() == c.burst);
        CHECK(limiter.rate() == c.rate);
        CHECK(limiter.learnt() == c.learnt);
    }
}

TEST_CASE("reconfigure keeps the level; the same plan changes nothing") {
    RateLimiter limiter(plan(Kind::enterprise, 250, 5), 0, start);
    for (int i = 0; i < 40; ++i) limiter.charge(start);
    limiter.reconfigure(plan(Kind::standard), start);
    CHECK(limiter.level(start) == 40);
    CHECK(limiter.burst() == 50);
    limiter.refused(start, start + 1s);
    limiter.refused(start + 2s, start + 3s);
    const double rate = limiter.rate();
    limiter.reconfigure(plan(Kind::standard), start + 4s);
    CHECK(limiter.rate() == rate);
}

TEST_CASE("a bucket that is taken to be spent is spent whole, also when its plan is found out later") {
    RateLimiter limiter(plan(Kind::automatic), 1, start);
    CHECK(limiter.level(start) == 50);
    limiter.learn_plan("ent250", start + 1s);
    CHECK(limiter.level(start + 1s) == doctest::Approx(245));  // 250 at the start, 5 have leaked
    RateLimiter late(plan(Kind::automatic), 1, start);
    late.learn_plan("ent250", start + 40s);
    CHECK(late.level(start + 40s) == doctest::Approx(50));  // the bucket of 50 was empty after 25 s
    RateLimiter later(plan(Kind::automatic), 1, start);
    later.learn_plan("ent250", start + 60s);
    CHECK(later.level(start + 60s) == 0);
    RateLimiter fresh(plan(Kind::automatic), 0, start);
    fresh.learn_plan("ent250", start + 1s);
    CHECK(fresh.level(start + 1s) == 0);
    RateLimiter reloaded(plan(Kind::standard), 1, start);
    reloaded.reconfigure(plan(Kind::enterprise, 250, 5), start + 10s);
    CHECK(reloaded.level(start + 10s) == doctest::Approx(200));
}

TEST_CASE("the level survives a restart, less what leaked meanwhile") {
    RateLimiter limiter(plan(Kind::standard), 1, start);
    CHECK(limiter.level(start) == 50);
    limiter.restore(45, start - 10s, start);
    CHECK(limiter.level(start) == doctest::Approx(25));
    limiter.restore(1000, start + 10s, start);  // a clock from the future, a level from nowhere
    CHECK(limiter.level(start) == 50);
    limiter.restore(-5, start, start);
    CHECK(limiter.level(start) == 0);
}
