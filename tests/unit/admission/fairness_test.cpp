// Who gets how much of a scarce portal: figures on simulated time.
#include <doctest/doctest.h>

#include <map>

#include "support/admission_world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using namespace std::chrono_literals;
using config::Priority;
using Kind = config::Plan::Kind;

namespace {

double jain(const std::map<std::string, double>& shares, double n) {
    double sum = 0;
    double squares = 0;
    for (const auto& [client, share] : shares) {
        sum += share;
        squares += share * share;
    }
    return sum * sum / (n * squares);
}

/// Departures by client in [from, from + span).
std::map<std::string, double> served(const World& world, core::TimePoint from, core::Duration span) {
    std::map<std::string, double> out;
    for (const auto& [when, client] : world.departures) {
        if (when >= from && when < from + span) out[client] += 1;
    }
    return out;
}

}  // namespace

TEST_CASE("eight equal clients, one with a hundred times the load: Jain's index over any 60 s is at least 0.99") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        auto settings = plan_of(Kind::standard);
        settings.max_queue = 100'000;
        World world(settings, seed);
        std::uint64_t id = 0;
        std::function<void(int)> arrive = [&](int client) {
            world.submit(call_of(++id, "client" + std::to_string(client)));
            world.in(world.exponential(client == 0 ? 40 : 0.4), [&arrive, client] { arrive(client); });
        };
        for (int client = 0; client < 8; ++client) world.in(world.uniform(0, 1), [&arrive, client] { arrive(client); });
        world.run(world.now + 20min);
        double worst = 1;
        // From when the burst is gone and all of them have calls waiting.
        for (auto from = World::origin() + 2min; from + 60s <= world.now; from += 1s) {
            worst = std::min(worst, jain(served(world, from, 60s), 8));
        }
        MESSAGE("worst Jain index over 60 s: " << worst);
        CHECK(worst >= 0.99);
    }
}

TEST_CASE("a full queue: the hog's calls give way, the others are not refused") {
    auto settings = plan_of(Kind::standard);
    settings.max_queue = 200;
    World world(settings);
    std::uint64_t id = 0;
    std::function<void(int)> arrive = [&](int client) {
        world.submit(call_of(++id, "client" + std::to_string(client)));
        world.in(world.exponential(client == 0 ? 100 : 0.2), [&arrive, client] { arrive(client); });
    };
    for (int client = 0; client < 8; ++client) world.in(0.1, [&arrive, client] { arrive(client); });
    world.run(world.now + 10min);
    for (const auto& [key, fate] : world.fates) {
        if (fate.end == World::End::refused) CHECK(fate.submission.client == "client0");
    }
    CHECK(world.gate.waiting() <= 200);
    CHECK(world.doubled == 0);
}

TEST_CASE("weights 1:2:4 give 1:2:4 within 3 %") {
    auto settings = plan_of(Kind::standard);
    World world(settings);
    std::uint64_t id = 0;
    std::function<void()> fill = [&] {
        for (const auto& [client, weight] : {std::pair("one", 1u), {"two", 2u}, {"four", 4u}}) {
            for (int i = 0; i < 4; ++i) world.submit(call_of(++id, client, Priority::normal, weight));
        }
        world.in(1, fill);
    };
    world.in(0, fill);
    world.run(world.now + 10min);
    auto got = served(world, World::origin() + 1min, 9min);
    const double total = got["one"] + got["two"] + got["four"];
    CHECK(got["one"] / total == doctest::Approx(1.0 / 7).epsilon(0.03));
    CHECK(got["two"] / total == doctest::Approx(2.0 / 7).epsilon(0.03));
    CHECK(got["four"] / total == doctest::Approx(4.0 / 7).epsilon(0.03));
}

TEST_CASE("an interactive call behind 5,000 bulk calls leaves within one departure interval") {
    World world(plan_of(Kind::standard));
    for (std::uint64_t id = 1; id <= 5'000; ++id) world.submit(call_of(id, "import", Priority::bulk));
    std::uint64_t id = 100'000;
    std::function<void()> screen = [&] {
        world.submit(call_of(++id, "screen", Priority::interactive));
        world.in(world.uniform(2, 20), screen);
    };
    world.in(60, screen);
    world.run(world.now + 30min);
    core::Duration worst{0};
    int screens = 0;
    for (const auto& [key, fate] : world.fates) {
        if (fate.submission.client != "screen" || !fate.end) continue;
        ++screens;
        worst = std::max(worst, fate.granted - fate.submitted);
    }
    MESSAGE("worst wait of " << screens << " interactive calls: " << core::to_ms(worst) << " ms");
    CHECK(screens > 100);
    CHECK(worst <= 500ms + world.timer_late);
}

TEST_CASE("bulk keeps its reserved share while interactive calls never stop") {
    World world(plan_of(Kind::standard));
    for (std::uint64_t id = 1; id <= 5'000; ++id) world.submit(call_of(id, "import", Priority::bulk));
    std::uint64_t id = 100'000;
    std::function<void()> screens = [&] {
        for (int i = 0; i < 5; ++i) world.submit(call_of(++id, "screen", Priority::interactive));
        world.in(1, screens);
    };
    world.in(30, screens);
    world.run(world.now + 20min);
    auto got = served(world, World::origin() + 2min, 18min);
    CHECK(got["import"] / (got["import"] + got["screen"]) >= 0.049);
    CHECK(got["import"] / (got["import"] + got["screen"]) <= 0.06);
}

TEST_CASE("the predicted wait is true while nobody else comes") {
    World world(plan_of(Kind::standard));
    std::uint64_t id = 0;
    for (int i = 0; i < 400; ++i) {
        const auto priority = static_cast<Priority>(i % 3);
        world.submit(call_of(++id, "client" + std::to_string(i % 4), priority));
    }
    // Each caller stands where the ones after it may still pass; the last of each client and priority are passed by
    // none of their own, and of others only within the priority.
    world.run();
    double worst = 0;
    for (std::uint64_t late = id - 11; late <= id; ++late) {
        const auto& fate = world.fates.at(late);
        const double promised = core::to_seconds(fate.promised);
        const double waited = core::to_seconds(fate.granted - fate.submitted);
        worst = std::max(worst, std::abs(promised - waited) / std::max(5.0, waited));
    }
    MESSAGE("worst error of the last dozen predictions: " << worst);
    CHECK(worst < 0.15);
}

TEST_CASE("when the portal answers ten times more slowly, fewer calls are sent at once, until it is well again") {
    auto settings = plan_of(Kind::enterprise, 250, 5);
    World world(settings);
    world.portal.burst = 250;
    world.portal.rate = 5;
    world.portal.operating_counters = false;
    double work = 0.3;
    world.service = [&](const Submission&) { return work * world.uniform(0.5, 2); };
    std::uint64_t id = 0;
    std::function<void()> fill = [&] {
        while (world.gate.waiting() < 30) world.submit(call_of(++id, "a"));
        world.in(1, fill);
    };
    world.in(0, fill);
    world.run(world.now + 5min);
    CHECK(world.gate.snapshot(world.now).max_in_flight == 10);
    work = 6;
    world.run(world.now + 2min);
    const auto slow = world.gate.snapshot(world.now);
    CHECK(slow.max_in_flight <= 3);
    CHECK(slow.slowdown > 3);
    work = 0.3;
    world.run(world.now + 2min);
    CHECK(world.gate.snapshot(world.now).max_in_flight == 10);
    CHECK(world.doubled == 0);
}
