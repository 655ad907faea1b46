// How well a portal's rate budget is spent, against a portal that counts exactly. Figures on simulated time.
#include <doctest/doctest.h>

#include <b24gate/admission/admission.hpp>

#include "support/admission_world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using namespace std::chrono_literals;
using Kind = config::Plan::Kind;

namespace {

enum class Arrivals { at_once, poisson, bursts };

/// Submits `n` calls so that the queue never runs dry.
void feed(World& world, std::uint64_t n, Arrivals pattern) {
    double when = 0;
    for (std::uint64_t id = 1; id <= n; ++id) {
        if (pattern == Arrivals::poisson) when += world.exponential(20);
        if (pattern == Arrivals::bursts && id % 100 == 0) when += world.uniform(0, 40);
        world.in(when, [&world, id] { world.submit(call_of(id, "client" + std::to_string(id % 5))); });
    }
}

}  // namespace

TEST_CASE("10,000 calls on 50 and 2/s finish within 1 % of the bound and the portal refuses none") {
    for (const auto pattern : {Arrivals::at_once, Arrivals::poisson, Arrivals::bursts}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            auto settings = plan_of(Kind::standard);
            settings.max_queue = 20'000;
            World world(settings, seed);
            // The wall clock steps; waits are monotonic and must not notice.
            world.in(100, [&] { world.wall_step = 3600; });
            world.in(900, [&] { world.wall_step = -7200; });
            constexpr std::uint64_t n = 10'000;
            feed(world, n, pattern);
            world.run();
            const double took = world.seconds();
            const double bound = (n - 50) / 2.0;
            MESSAGE("took " << took << " s, bound " << bound << " s, portal's highest level "
                            << world.portal.highest_level);
            CHECK(world.portal.rate_refusals == 0);
            CHECK(world.portal.highest_level <= 50);
            CHECK(took <= bound * 1.01);
            CHECK(world.count(World::End::answered) == n);
            CHECK(world.doubled == 0);
        }
    }
}

TEST_CASE("enterprise: 250 and 5/s") {
    auto settings = plan_of(Kind::enterprise, 250, 5);
    settings.max_queue = 20'000;
    World world(settings);
    feed(world, 5'000, Arrivals::at_once);
    world.run();
    CHECK(world.portal.rate_refusals > 0);  // an ordinary portal, to see that the judge judges
    World right(settings);
    right.portal.burst = 250;
    right.portal.rate = 5;
    feed(right, 5'000, Arrivals::at_once);
    right.run();
    CHECK(right.portal.rate_refusals == 0);
    CHECK(right.seconds() <= (5'000 - 250) / 5.0 * 1.01);
}

TEST_CASE("an outsider on the same address: what is left is used, refusals stay rare, no caller sees one") {
    struct Case {
        std::string name;
        double each;   // hits at once
        double every;  // seconds
        bool random;
        bool refused_count;
    };
    const Case cases[] = {
        {"one a second", 1, 1, false, true},
        {"one a second, refused hits uncounted", 1, 1, false, false},
        {"random, one a second", 1, 1, true, true},
        {"random, refused hits uncounted", 1, 1, true, false},
        {"ten every ten seconds", 10, 10, false, true},
    };
    for (const auto& c : cases) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            World world(plan_of(Kind::standard), seed);
            world.portal.refused_hits_count = c.refused_count;
            std::uint64_t outside = 0;
            std::uint64_t outside_refused = 0;
            std::function<void()> outsider = [&] {
                for (int i = 0; i < c.each; ++i) {
                    outside += 1;
                    outside_refused += !world.portal.hit(1.7e9 + world.seconds());
                }
                world.in(c.random ? world.exponential(1 / c.every) : c.every, outsider);
            };
            world.in(0, outsider);
            std::uint64_t id = 0;
            std::function<void()> callers = [&] {
                while (world.gate.waiting() < 20) world.submit(call_of(++id, "a"));
                world.in(1, callers);
            };
            world.in(0, callers);
            // The first quarter of an hour is for learning; then four hours are judged.
            world.run(world.now + 900s);
            const auto hits_before = world.portal.hits - outside;
            const auto refused_before = world.portal.rate_refusals - outside_refused;
            const auto outside_before = outside;
            const double from = world.seconds();
            world.run(world.now + 4h);
            const double span = world.seconds() - from;
            const double hits = static_cast<double>(world.portal.hits - outside - hits_before);
            const double refused = static_cast<double>(world.portal.rate_refusals - outside_refused - refused_before);
            const double left = 2 * span - static_cast<double>(outside - outside_before);
            MESSAGE(c.name << ": used " << (hits - refused) / left << " of what is left, refused " << refused / hits
                           << " of hits");
            CHECK((hits - refused) / left >= 0.90);
            CHECK(refused / hits < 0.02);
            for (const auto& [key, fate] : world.fates) CHECK_FALSE(fate.seen_limit);
            CHECK(world.doubled == 0);
        }
    }
}

TEST_CASE("when the outsider leaves, the whole rate is won back within ten minutes") {
    World world(plan_of(Kind::standard));
    bool there = true;
    std::function<void()> outsider = [&] {
        world.portal.hit(1.7e9 + world.seconds());
        if (there) world.in(1, outsider);
    };
    world.in(0, outsider);
    std::uint64_t id = 0;
    std::function<void()> callers = [&] {
        while (world.gate.waiting() < 20) world.submit(call_of(++id, "a"));
        world.in(1, callers);
    };
    world.in(0, callers);
    world.run(world.now + 1h);
    CHECK(world.gate.snapshot(world.now).rate < 1.3);
    there = false;
    world.run(world.now + 10min);
    CHECK(world.gate.snapshot(world.now).rate == doctest::Approx(2));
    const auto before = world.portal.hits;
    world.run(world.now + 10min);
    CHECK(static_cast<double>(world.portal.hits - before) >= 1190);
}

TEST_CASE("plan auto finds 250 and 5/s within minutes") {
    for (const double spent : {0.0, 1.0}) {
        auto settings = plan_of(Kind::automatic);
        settings.initial_level = spent;
        World world(settings);
        world.portal.burst = 250;
        world.portal.rate = 5;
        std::uint64_t id = 0;
        std::function<void()> callers = [&] {
            while (world.gate.waiting() < 50) world.submit(call_of(++id, "a"));
            world.in(1, callers);
        };
        world.in(0, callers);
        double found = 0;
        while (found == 0 && world.seconds() < 600) {
            world.run(world.now + 1s);
            const auto seen = world.gate.snapshot(world.now);
            if (seen.plan_learnt && seen.burst == 250 && seen.rate == 5) found = world.seconds();
        }
        MESSAGE("found after " << found << " s");
        CHECK(found > 0);
        CHECK(found <= 180);
        world.run(world.now + 10min);
        CHECK(world.portal.rate_refusals == 0);
    }
}

TEST_CASE("plan auto on an ordinary portal: hardly a refusal is spent on looking, and no throughput") {
    World world(plan_of(Kind::automatic));
    std::uint64_t id = 0;
    std::function<void()> callers = [&] {
        while (world.gate.waiting() < 50) world.submit(call_of(++id, "a"));
        world.in(1, callers);
    };
    world.in(0, callers);
    world.run(world.now + 24h);
    const auto seen = world.gate.snapshot(world.now);
    MESSAGE(world.portal.rate_refusals << " refusals in " << world.portal.hits << " hits of a saturated day");
    CHECK_FALSE(seen.plan_learnt);
    CHECK(seen.burst == 50);
    CHECK(seen.plan_rate <= 2.5);
    CHECK(world.portal.rate_refusals <= 60);
    CHECK(static_cast<double>(world.portal.hits) >= 0.995 * 2 * 24 * 3600);
}

TEST_CASE("a fresh process that does not know the level: assumed spent, no refusal; assumed empty, one correction") {
    for (const double assumed : {1.0, 0.0}) {
        auto settings = plan_of(Kind::standard);
        settings.initial_level = assumed;
        World world(settings);
        for (int i = 0; i < 50; ++i) world.portal.hit(1.7e9);  // the process before it
        for (std::uint64_t id = 1; id <= 200; ++id) world.submit(call_of(id, "a"));
        world.run();
        CHECK(world.count(World::End::answered) == 200);
        if (assumed == 1.0) CHECK(world.portal.rate_refusals == 0);
        // What was in flight when the first refusal came, and not one more.
        CHECK(world.portal.rate_refusals <= 10);
        CHECK(world.gate.snapshot(world.now).rate == 2);  // one event: the level was wrong, not the rate
        CHECK(world.seconds() < 115);
    }
}
