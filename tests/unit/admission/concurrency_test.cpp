#include <doctest/doctest.h>

#include <random>

#include <b24gate/admission/concurrency.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;

namespace {

struct Traffic {
    std::mt19937 random{5};
    /// Methods whose usual latencies lie a hundredfold apart, each spread threefold, all `times` slower.
    void run(Concurrency& limit, int answers, double times = 1) {
        const std::pair<const char*, double> methods[] = {
            {"user.current", 0.04}, {"crm.deal.list", 0.3}, {"batch", 4.0}, {"crm.deal.add", 0.6}};
        for (int i = 0; i < answers; ++i) {
            const auto& [method, usual] = methods[random() % 4];
            const double spread = std::lognormal_distribution<double>(0, 0.5)(random);
            limit.record(method, core::from_seconds(usual * spread * times));
        }
    }
};

}  // namespace

TEST_CASE("methods of very different latency in any order do not look like a climb") {
    Concurrency limit(10);
    Traffic traffic;
    for (int i = 0; i < 200; ++i) {
        traffic.run(limit, 20);
        REQUIRE(limit.limit() == 10);
    }
    for (int i = 0; i < 100; ++i) limit.record("batch", 4s);  // only slow ones for a while
    CHECK(limit.limit() == 10);
    CHECK(limit.slowdown() < 1.5);
}

TEST_CASE("a portal ten times slower is asked less at once, down to one; well again, as much as configured") {
    Concurrency limit(10);
    Traffic traffic;
    traffic.run(limit, 1000);
    REQUIRE(limit.limit() == 10);
    traffic.run(limit, 100, 10);
    CHECK(limit.limit() <= 2);
    CHECK(limit.limit() >= 1);
    CHECK(limit.slowdown() > 3);
    traffic.run(limit, 200);
    CHECK(limit.limit() == 10);
}

TEST_CASE("twice as slow is not far above") {
    Concurrency limit(10);
    Traffic traffic;
    traffic.run(limit, 1000);
    traffic.run(limit, 300, 2);
    CHECK(limit.limit() == 10);
}

TEST_CASE("a lasting change becomes the new usual, slowly") {
    Concurrency limit(10);
    Traffic traffic;
    traffic.run(limit, 1000);
    traffic.run(limit, 200, 10);
    CHECK(limit.limit() == 1);
    traffic.run(limit, 8000, 10);
    CHECK(limit.limit() == 10);
}

TEST_CASE("one very slow call is no climb") {
    Concurrency limit(10);
    Traffic traffic;
    traffic.run(limit, 1000);
    limit.record("user.current", 60s);
    traffic.run(limit, 50);
    CHECK(limit.limit() == 10);
}

TEST_CASE("bounds: at least one, and a table that garbage cannot fill") {
    Concurrency none(0);
    CHECK(none.limit() == 1);
    Concurrency limit(10);
    for (int i = 0; i < 100'000; ++i) limit.record("garbage" + std::to_string(i), 1s);
    CHECK(limit.limit() == 10);
    CHECK(core::to_seconds(limit.latency()) == doctest::Approx(1));
    limit.record("garbage1", 0s);
    CHECK(limit.limit() == 10);
}

TEST_CASE("reconfigure: a limit that had not been lowered follows, a lowered one stays until it grows back") {
    Concurrency limit(10);
    limit.reconfigure(20);
    CHECK(limit.limit() == 20);
    limit.reconfigure(5);
    CHECK(limit.limit() == 5);
    Traffic traffic;
    traffic.run(limit, 1000);
    traffic.run(limit, 100, 10);
    const auto lowered = limit.limit();
    CHECK(lowered < 5);
    limit.reconfigure(50);
    CHECK(limit.limit() == lowered);
}
