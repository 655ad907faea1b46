// What sharing hits brings, against a portal that counts exactly. Figures on simulated time.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "support/admission_world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using namespace std::chrono_literals;
using config::Priority;
using Kind = config::Plan::Kind;

namespace {

admission::Settings standard(double spent = 0) {
    auto out = plan_of(Kind::standard);
    out.max_queue = 100'000;
    out.initial_level = spent;
    return out;
}

void all_board(World& world) {
    world.boards = [](const Submission&) { return admission::Boarding{false, 200}; };
}

}  // namespace

TEST_CASE("1,000 reads of 30 ms at once") {
    for (const double spent : {0.0, 1.0}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            World world(standard(spent), seed);
            world.service = [](const Submission&) { return 0.03; };
            all_board(world);
            if (spent > 0) {
                for (int i = 0; i < 50; ++i) world.portal.hit(1.7e9);
            }
            for (std::uint64_t id = 1; id <= 1000; ++id) {
                world.submit(call_of(id, "client" + std::to_string(id % 5)));
            }
            world.run();
            const auto hits = world.portal.hits - (spent > 0 ? 50 : 0);
            MESSAGE(std::string(spent > 0 ? "nothing" : "all")
                    << " of the budget there: " << world.seconds() << " s, " << hits << " hits");
            CHECK(world.seconds() < (spent > 0 ? 13.5 : 6));
            CHECK(hits < 70);
            CHECK(world.portal.rate_refusals == 0);
            CHECK(world.count(World::End::answered) == 1000);
            CHECK(world.doubled == 0);
            CHECK(world.gate.in_flight() == 0);
        }
    }
}

TEST_CASE("10,000 reads with the budget spent: at least 95 calls a second") {
    World world(standard(1));
    world.service = [&](const Submission&) { return world.uniform(0.015, 0.045); };
    all_board(world);
    for (int i = 0; i < 50; ++i) world.portal.hit(1.7e9);
    for (std::uint64_t id = 1; id <= 10'000; ++id) world.submit(call_of(id, "client" + std::to_string(id % 5)));
    world.run();
    MESSAGE((10'000 / world.seconds()) << " calls a second");
    CHECK(10'000 / world.seconds() >= 95);
    CHECK(world.portal.rate_refusals == 0);
    CHECK(world.count(World::End::answered) == 10'000);
}

TEST_CASE("slow methods: batches keep within max_duration") {
    World world(standard(1));
    world.portal.operating_counters = false;
    world.service = [&](const Submission&) { return world.uniform(0.8, 1.2); };
    all_board(world);
    for (int i = 0; i < 50; ++i) world.portal.hit(1.7e9);
    for (std::uint64_t id = 1; id <= 500; ++id) world.submit(call_of(id, "a"));
    world.run();
    std::size_t largest = 0;
    for (const auto& [when, size] : world.sizes) {
        if (when > World::origin() + 10s) largest = std::max(largest, size);
    }
    MESSAGE("500 calls of 1 s: " << world.seconds() << " s, largest batch " << largest);
    CHECK(largest <= 5);
    CHECK(world.seconds() < 500 / 6.0);  // nine slots bear nine a second, two hits a second no more than two
    CHECK(world.count(World::End::answered) == 500);
}

TEST_CASE("few calls, or budget enough: hardly anything is batched, nothing waits for it") {
    World world(standard());
    world.service = [](const Submission&) { return 0.03; };
    all_board(world);
    std::uint64_t id = 0;
    std::function<void()> arrive = [&] {
        world.submit(call_of(++id, "a"));
        world.in(world.exponential(1.2), arrive);
    };
    world.in(0, arrive);
    world.run(world.now + 10min);
    for (const auto& [when, size] : world.sizes) CHECK(size <= 3);
    for (const auto& [key, fate] : world.fates) {
        if (fate.end) CHECK(fate.granted - fate.submitted < 1s);
    }
}

TEST_CASE("eight equal clients, one with a hundred times the load: calls of all that wait are served alike") {
    World world(standard(1));
    world.service = [](const Submission&) { return 0.03; };
    all_board(world);
    std::uint64_t id = 0;
    // Each alone is more than its share of the hundred a second that the portal bears.
    std::function<void(int)> arrive = [&](int client) {
        world.submit(call_of(++id, "client" + std::to_string(client)));
        world.in(world.exponential(client == 0 ? 400 : 30), [&arrive, client] { arrive(client); });
    };
    for (int client = 0; client < 8; ++client) world.in(world.uniform(0, 1), [&arrive, client] { arrive(client); });
    world.run(world.now + 3min);
    double worst = 1;
    for (auto from = World::origin() + 30s; from + 60s <= world.now; from += 1s) {
        std::map<std::string, double> shares;
        for (const auto& [when, client] : world.departures) {
            if (when >= from && when < from + 60s) shares[client] += 1;
        }
        double sum = 0;
        double squares = 0;
        for (const auto& [client, share] : shares) {
            sum += share;
            squares += share * share;
        }
        worst = std::min(worst, sum * sum / (8 * squares));
    }
    MESSAGE("worst Jain index over 60 s: " << worst);
    CHECK(worst >= 0.99);
}

TEST_CASE("a hog cannot fill the batch while others wait, and cannot keep a light client out") {
    World world(standard(1));
    world.service = [](const Submission&) { return 0.03; };
    all_board(world);
    for (std::uint64_t id = 1; id <= 5000; ++id) world.submit(call_of(id, "hog"));
    std::uint64_t id = 100'000;
    std::function<void()> light = [&] {
        world.submit(call_of(++id, "light"));
        world.in(world.exponential(5), light);
    };
    world.in(5, light);
    world.run(world.now + 40s);
    core::Duration worst{0};
    for (const auto& [key, fate] : world.fates) {
        if (fate.submission.client == "light" && fate.attempts) {
            worst = std::max(worst, fate.granted - fate.submitted);
        }
    }
    MESSAGE("longest wait of the light client: " << core::to_ms(worst) << " ms");
    CHECK(worst <= 1100ms);
}

TEST_CASE("a client whose calls cannot board leaves as often as if nobody's could") {
    for (const bool coalesce : {false, true}) {
        World world(standard(1));
        world.service = [](const Submission&) { return 0.03; };
        world.boards = [&](const Submission& s) -> std::optional<admission::Boarding> {
            if (!coalesce || s.client == "single") return std::nullopt;
            return admission::Boarding{};
        };
        for (std::uint64_t id = 1; id <= 8000; ++id) world.submit(call_of(id, id % 2 ? "single" : "boards"));
        world.run(world.now + 60s);
        std::map<std::string, int> served;
        for (const auto& [when, client] : world.departures) served[client] += 1;
        MESSAGE("single " << served["single"] << ", boards " << served["boards"]);
        CHECK(served["single"] >= 58);
        CHECK(served["single"] <= 62);
        CHECK(served["boards"] >= (coalesce ? 2500 : 58));
    }
}

TEST_CASE("an interactive call that cannot board is not delayed by batches of bulk calls") {
    World world(standard(1));
    world.service = [&](const Submission& s) { return s.client == "screen" ? 0.05 : world.uniform(0.1, 0.3); };
    world.boards = [](const Submission& s) -> std::optional<admission::Boarding> {
        if (s.client == "screen") return std::nullopt;
        return admission::Boarding{};
    };
    for (std::uint64_t id = 1; id <= 20'000; ++id) world.submit(call_of(id, "import", Priority::bulk));
    std::uint64_t id = 100'000;
    std::function<void()> screen = [&] {
        world.submit(call_of(++id, "screen", Priority::interactive));
        world.in(world.uniform(2, 10), screen);
    };
    world.in(30, screen);
    world.run(world.now + 10min);
    core::Duration worst{0};
    for (const auto& [key, fate] : world.fates) {
        if (fate.submission.client == "screen" && fate.attempts) {
            worst = std::max(worst, fate.granted - fate.submitted);
        }
    }
    MESSAGE("longest wait: " << core::to_ms(worst) << " ms");
    CHECK(worst <= 520ms);
}

TEST_CASE("deadlines: no call that boards is answered late because of the company it keeps") {
    World world(standard(1));
    world.portal.operating_counters = false;
    world.service = [&](const Submission& s) { return s.method == "crm.deal.list" ? 0.03 : world.uniform(0.2, 0.6); };
    all_board(world);
    std::uint64_t id = 0;
    std::function<void()> arrive = [&] {
        ++id;
        auto call = call_of(id, "client" + std::to_string(id % 4));
        if (id % 5 == 0) call.method = "crm.report";
        if (id % 3 == 0) call.deadline.at = world.now + core::from_seconds(world.uniform(2, 12));
        world.submit(call);
        world.in(world.exponential(25), arrive);
    };
    world.in(0, arrive);
    world.run(world.now + 5min);
    std::size_t ended = 0;
    std::size_t lost = 0;
    for (const auto& [key, fate] : world.fates) {
        if (fate.submission.deadline.at == core::TimePoint::max() || !fate.end) continue;
        ++ended;
        lost += fate.end != World::End::answered;
    }
    MESSAGE(ended << " with a deadline: " << lost << " refused or expired, " << world.late << " answered late");
    CHECK(ended > 1000);
    CHECK(static_cast<double>(world.late) <= 0.01 * static_cast<double>(ended));
    CHECK(static_cast<double>(lost) <= 0.01 * static_cast<double>(ended));
}

TEST_CASE("operating time: batches use it up and do not run into it") {
    World world(standard(1));
    world.service = [](const Submission&) { return 0.5; };
    all_board(world);
    std::uint64_t id = 0;
    std::function<void()> fill = [&] {
        while (world.gate.waiting() < 100) world.submit(call_of(++id, "a"));
        world.in(1, fill);
    };
    world.in(0, fill);
    world.run(world.now + 1h);
    MESSAGE(world.portal.operating_refusals << " refusals, " << world.count(World::End::answered) << " answered");
    CHECK(world.portal.operating_refusals <= 10);
    // Two counters, the direct and the batched one, of 480 s each in ten minutes. From four fifths of it on, calls of
    // the method leave apart, so not in batches.
    CHECK(world.count(World::End::answered) >= 0.85 * 6 * 2 * 960);
    for (const auto& [key, fate] : world.fates) CHECK_FALSE(fate.seen_limit);
    CHECK(world.doubled == 0);
}

TEST_CASE("a portal whose batches fail: single calls, a probe now and then, and back") {
    World world(standard(1));
    world.service = [](const Submission&) { return 0.03; };
    all_board(world);
    bool broken = true;
    std::uint64_t failed = 0;
    world.whole = [&](const admission::Departure&) -> std::optional<bitrix::ErrorClass> {
        if (!broken) return std::nullopt;
        ++failed;
        return bitrix::ErrorClass::server;
    };
    std::uint64_t id = 0;
    std::function<void()> fill = [&] {
        while (world.gate.waiting() < 100) world.submit(call_of(++id, "a"));
        world.in(1, fill);
    };
    world.in(0, fill);
    world.run(world.now + 20min);
    MESSAGE(failed << " batches failed in 20 minutes");
    CHECK(failed <= 8);
    REQUIRE(world.gate.snapshot(world.now).batches_off.size() == 1);
    CHECK(world.count(World::End::answered) >= 2 * 20 * 60 - 60);
    broken = false;
    const auto before = world.count(World::End::answered);
    world.run(world.now + 20min);
    CHECK(world.gate.snapshot(world.now).batches_off.empty());
    CHECK(world.count(World::End::answered) - before > 10'000);
    CHECK(world.doubled == 0);
}

TEST_CASE("an outsider on the same address: refused batches go again, no caller sees it, nothing is lost") {
    World world(standard());
    world.service = [](const Submission&) { return 0.03; };
    all_board(world);
    std::function<void()> outsider = [&] {
        for (int i = 0; i < 10; ++i) world.portal.hit(1.7e9 + world.seconds());
        world.in(10, outsider);
    };
    world.in(0, outsider);
    for (std::uint64_t id = 1; id <= 5000; ++id) world.submit(call_of(id, "client" + std::to_string(id % 3)));
    world.run(world.now + 10min);
    MESSAGE(world.portal.rate_refusals << " refusals");
    CHECK(world.portal.rate_refusals > 0);
    CHECK(world.count(World::End::answered) == 5000);
    for (const auto& [key, fate] : world.fates) CHECK_FALSE(fate.seen_limit);
    CHECK(world.doubled == 0);
    CHECK(world.gate.in_flight() == 0);
}
