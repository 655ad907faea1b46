#include <doctest/doctest.h>

#include <random>
#include <set>

#include <b24gate/operations/callback_lanes.hpp>

using namespace b24gate;
using namespace std::chrono_literals;
using operations::CallbackLanes;
using Kind = CallbackLanes::Kind;

namespace {

constexpr core::TimePoint start{1h};

/// Hands over `count` callbacks, numbered from `first`; answers how many were sent, wait, were postponed.
struct Taken {
    std::size_t sent = 0, waiting = 0, postponed = 0;
    std::chrono::milliseconds first_pause{0}, last_pause{0};
};
Taken put(CallbackLanes& lanes, const std::string& origin, std::int64_t first, int count, double random = 0) {
    Taken out;
    for (int i = 0; i < count; ++i) {
        const auto verdict = lanes.admit(origin, first + i, start, random);
        if (verdict.kind == Kind::send) ++out.sent;
        if (verdict.kind == Kind::wait) ++out.waiting;
        if (verdict.kind != Kind::postpone) continue;
        if (out.postponed++ == 0) out.first_pause = verdict.pause;
        out.last_pause = verdict.pause;
    }
    return out;
}

}  // namespace

TEST_CASE("a few at once to one receiver, the next ones in order") {
    CallbackLanes lanes;
    const Taken taken = put(lanes, "https://a", 0, 20);
    CHECK(taken.sent == CallbackLanes::at_once);
    CHECK(taken.waiting == 12);
    CHECK(lanes.held() == 20);
    for (std::int64_t next = 8; next < 20; ++next) CHECK(lanes.finished("https://a", 50ms) == next);
    for (int i = 0; i < 8; ++i) CHECK_FALSE(lanes.finished("https://a", 50ms).has_value());
    CHECK(lanes.held() == 0);
    CHECK_FALSE(lanes.finished("https://a", 50ms).has_value());
    CHECK_FALSE(lanes.finished("https://unknown", 50ms).has_value());
    CHECK(lanes.held() == 0);
    lanes.forget(start);
    CHECK(lanes.lanes() == 0);
}

TEST_CASE("a receiver that is owed very many leaves room for others") {
    CallbackLanes lanes;
    const Taken many = put(lanes, "https://busy", 0, 10'000);
    CHECK(many.sent == CallbackLanes::at_once);
    CHECK(many.waiting == CallbackLanes::most_waiting);
    CHECK(many.postponed == 10'000 - many.sent - many.waiting);
    CHECK(lanes.room() == CallbackLanes::most_held - many.sent - many.waiting);
    CHECK(put(lanes, "https://other", 20'000, 1).sent == 1);
    // Those that go back come as the receiver gets through, and not all at once.
    CHECK(many.first_pause >= 1s);
    CHECK(many.last_pause == 10min);
    CHECK(many.first_pause < many.last_pause);
    CHECK(lanes.admit("https://busy", 1, start, 0.999).pause > 14min);
}

TEST_CASE("behind a slow receiver fewer wait, and for longer") {
    CallbackLanes lanes;
    put(lanes, "https://slow", 0, 8);
    // 8 at once, 15 s each: one every 1.9 s or so.
    for (int i = 0; i < 40; ++i) {
        static_cast<void>(lanes.finished("https://slow", 15s));
        put(lanes, "https://slow", 100 + i, 1);
    }
    const Taken taken = put(lanes, "https://slow", 1'000, 50);
    CHECK(taken.sent == 0);
    CHECK(taken.waiting <= 6);
    CHECK(taken.waiting >= 5);
    CHECK(taken.first_pause > 10s);
    CHECK(taken.first_pause < 15s);
    CHECK(taken.last_pause > 80s);
    CHECK(lanes.held() == 8 + taken.waiting);
    // It is remembered while some are away.
    for (std::size_t i = 0; i < 8 + taken.waiting; ++i) static_cast<void>(lanes.finished("https://slow", 15s));
    lanes.forget(start);
    CHECK(lanes.lanes() == 1);
    lanes.forget(start + 10min);
    CHECK(lanes.lanes() == 0);
}

TEST_CASE("a stop takes those that wait") {
    CallbackLanes lanes;
    put(lanes, "https://a", 0, 10);
    put(lanes, "https://b", 10, 9);
    const auto waiting = lanes.take_waiting();
    CHECK(std::set<std::int64_t>(waiting.begin(), waiting.end()) == std::set<std::int64_t>{8, 9, 18});
    CHECK(lanes.held() == 16);
    CHECK_FALSE(lanes.finished("https://a", 1s).has_value());
    CHECK(lanes.held() == 15);
}

TEST_CASE("whatever happens, what is held is what runs and waits") {
    std::mt19937 random(7);
    CallbackLanes lanes;
    std::map<std::string, std::size_t> running, waiting;
    const std::string origins[] = {"a", "b", "c"};
    std::int64_t number = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string& origin = origins[random() % 3];
        if (random() % 2 == 0) {
            const auto verdict = lanes.admit(origin, ++number, start, 0.5);
            if (verdict.kind == Kind::send) ++running[origin];
            if (verdict.kind == Kind::wait) ++waiting[origin];
            REQUIRE((verdict.kind == Kind::send) == (verdict.pause == 0ms && verdict.kind != Kind::wait));
        } else if (running[origin] > 0) {
            if (lanes.finished(origin, std::chrono::milliseconds(random() % 20'000)))
                --waiting[origin];
            else
                --running[origin];
        }
        std::size_t sum = 0;
        for (const auto& name : origins) {
            REQUIRE(running[name] <= CallbackLanes::at_once);
            REQUIRE(waiting[name] <= CallbackLanes::most_waiting);
            REQUIRE((waiting[name] == 0 || running[name] == CallbackLanes::at_once));
            sum += running[name] + waiting[name];
        }
        REQUIRE(lanes.held() == sum);
    }
}
