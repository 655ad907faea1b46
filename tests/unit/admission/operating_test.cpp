// The operating budget on simulated time, against a portal that keeps the baskets itself.
#include <doctest/doctest.h>

#include "support/admission_world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using namespace std::chrono_literals;
using Kind = config::Plan::Kind;

namespace {

/// Keeps 15 calls of "crm.item.import" waiting; each runs `cost` seconds, more or less by `spread`.
struct Import {
    World& world;
    std::uint64_t id = 0;
    double worked = 0;  // seconds of accepted calls

    void start(double cost, double spread) {
        world.service = [this, cost, spread](const Submission& s) {
            if (s.method != "crm.item.import") return 0.2;
            const double work = cost * world.uniform(1 - spread, 1 + spread);
            worked += work;
            return work;
        };
        keep();
    }
    void keep() {
        while (world.gate.waiting() < 15) {
            auto call = call_of(++id, "import", config::Priority::bulk);
            call.method = "crm.item.import";
            world.submit(std::move(call));
        }
        world.in(1, [this] { keep(); });
    }
};

}  // namespace

TEST_CASE("a costly method uses at least 95 % of 480 s in ten minutes, is refused at most once an hour") {
    struct Case {
        double cost;
        double spread;
        double limit;
        double least;
    };
    const Case cases[] = {
        {20, 0, 480, 0.95}, {20, 0.3, 480, 0.95}, {5, 0.5, 480, 0.95}, {50, 0.2, 480, 0.92}, {20, 0.2, 420, 0.95}};
    for (const auto& c : cases) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            World world(plan_of(Kind::standard), seed);
            world.portal.operating_limit = c.limit;
            Import import{world};
            import.start(c.cost, c.spread);
            world.run(world.now + 20min);
            double area = 0;
            double next = 0;
            const double worked_before = import.worked;
            const auto refused_before = world.portal.operating_refusals;
            constexpr int hours = 4;
            for (; next < hours * 3600; next += 5) {
                world.run(world.now + 5s);
                area += world.portal.sum("main/crm.item.import", 1.7e9 + world.seconds()) * 5;
            }
            const double filled = area / next / c.limit;
            const double used = (import.worked - worked_before) / (c.limit * hours * 6);
            const double refused = static_cast<double>(world.portal.operating_refusals - refused_before) / hours;
            MESSAGE(c.cost << " s a call, spread " << c.spread << ", limit " << c.limit << ": used " << used
                           << ", window filled to " << filled << ", " << refused << " refusals an hour, "
                           << refused_before << " at first");
            CHECK(used >= c.least);
            CHECK(refused <= 1);
            CHECK(refused_before <= 3);
            CHECK(world.portal.rate_refusals == 0);
            for (const auto& [key, fate] : world.fates) CHECK_FALSE(fate.seen_limit);
            CHECK(world.doubled == 0);
        }
    }
}

TEST_CASE("a second method of the same client and credential keeps its latency") {
    for (const auto priority : {config::Priority::bulk, config::Priority::normal}) {
        World world(plan_of(Kind::standard));
        Import import{world};
        import.start(20, 0.2);
        std::uint64_t id = 1'000'000;
        std::function<void()> other = [&] {
            world.submit(call_of(++id, "import", priority));
            world.in(2, other);
        };
        // Of equal priority they share the slots fairly, as long as the import has its budget; then there is room.
        world.in(priority == config::Priority::bulk ? 900 : 5, other);
        world.run(world.now + 2h);
        core::Duration worst{0};
        for (const auto& [key, fate] : world.fates) {
            if (fate.submission.method == "crm.item.import" || !fate.end) continue;
            worst = std::max(worst, fate.granted - fate.submitted);
        }
        MESSAGE("worst wait of the second method: " << core::to_ms(worst) << " ms");
        CHECK(worst <= 500ms + world.timer_late);
    }
}

TEST_CASE("the ledger bears a portal that differs from the model") {
    struct Case {
        std::string name;
        double skew;         // of the gateway's wall clock, seconds
        bool whole_minutes;  // a basket leaves ten minutes after its minute ended
        bool reset_announced;
        double outside;  // seconds of work a minute by somebody else with the same credential
        double least_used;
        double most_refused;  // an hour
    };
    const Case cases[] = {{"clock 3 s fast", 3, false, true, 0, 0.95, 1},
                          {"clock 20 s fast", 20, false, true, 0, 0.9, 1},
                          {"clock 3 s slow", -3, false, true, 0, 0.95, 1},
                          {"whole minutes", 0, true, true, 0, 0.8, 1},
                          {"no reset announced", 0, false, false, 0, 0.95, 1},
                          {"clock an hour off", 3600, false, true, 0, 0.95, 1},
                          {"an outsider takes a quarter", 0, false, true, 12, 0.88, 10}};
    for (const auto& c : cases) {
        World world(plan_of(Kind::standard));
        world.wall_step = c.skew;
        world.portal.whole_minutes = c.whole_minutes;
        world.portal.reset_announced = c.reset_announced;
        Import import{world};
        import.start(20, 0.2);
        double outside = 0;
        std::function<void()> outsider = [&] {
            if (c.outside > 0 && world.portal.may_run("main/crm.item.import", 1.7e9 + world.seconds())) {
                world.portal.finished("main/crm.item.import", 1.7e9 + world.seconds(), c.outside);
                outside += c.outside;
            }
            world.in(60, outsider);
        };
        world.in(30, outsider);
        world.run(world.now + 1h);
        const double before = import.worked + outside;
        const auto refused_before = world.portal.operating_refusals;
        world.run(world.now + 6h);
        const double used = (import.worked + outside - before) / (480.0 * 36);
        const double refused = static_cast<double>(world.portal.operating_refusals - refused_before) / 6;
        MESSAGE(c.name << ": used " << used << ", " << refused << " refusals an hour");
        CHECK(used >= c.least_used);
        CHECK(refused <= c.most_refused);
        for (const auto& [key, fate] : world.fates) CHECK_FALSE(fate.seen_limit);
    }
}
