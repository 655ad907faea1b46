#include <doctest/doctest.h>

#include <b24gate/admission/breaker.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;
using State = Breaker::State;
using Sign = Breaker::Sign;

namespace {
const core::TimePoint start = core::TimePoint{} + 1000h;
}

TEST_CASE("OVERLOAD_LIMIT opens at once; the time doubles with each failed probe to 15 minutes") {
    Breaker breaker;
    CHECK(breaker.idle());
    CHECK(breaker.admit(1, start));
    CHECK(breaker.record(1, Sign::overload, start));
    auto now = start;
    std::uint64_t id = 2;
    for (const auto length : {5s, 10s, 20s, 40s, 80s, 160s, 320s, 640s, 900s, 900s}) {
        CHECK(breaker.state(now) == State::open);
        CHECK(breaker.retry_at(now) == now + length);
        CHECK_FALSE(breaker.admit(id, now));
        CHECK_FALSE(breaker.admit(id, now + length - 1ms));
        now += length;
        CHECK(breaker.state(now) == State::half_open);
        CHECK(breaker.retry_at(now) == now);
        CHECK(breaker.admit(id, now));
        CHECK_FALSE(breaker.admit(id + 1, now));
        CHECK(breaker.retry_at(now) == now + 1s);
        CHECK(breaker.record(id, Sign::overload, now));
        id += 2;
    }
}

TEST_CASE("a successful probe closes it, and the next opening starts at 5 s again") {
    Breaker breaker;
    breaker.record(1, Sign::overload, start);
    CHECK(breaker.admit(2, start + 5s));
    CHECK(breaker.record(2, Sign::overload, start + 5s));
    CHECK(breaker.admit(3, start + 15s));
    CHECK_FALSE(breaker.record(3, Sign::willing, start + 15s));
    CHECK(breaker.state(start + 15s) == State::closed);
    CHECK(breaker.why().empty());
    CHECK(breaker.idle());
    breaker.record(4, Sign::overload, start + 20s);
    CHECK(breaker.retry_at(start + 20s) == start + 25s);
}

TEST_CASE("three pages in a row open it, an answer in between does not let them add up") {
    Breaker breaker;
    CHECK_FALSE(breaker.record(1, Sign::page, start));
    CHECK_FALSE(breaker.record(2, Sign::page, start));
    CHECK_FALSE(breaker.record(3, Sign::willing, start));
    CHECK_FALSE(breaker.record(4, Sign::page, start));
    CHECK_FALSE(breaker.record(5, Sign::none, start));
    CHECK_FALSE(breaker.record(6, Sign::page, start));
    CHECK_FALSE(breaker.idle());
    CHECK(breaker.record(7, Sign::page, start));
    CHECK(breaker.state(start) == State::open);
    CHECK_FALSE(breaker.why().empty());
}

TEST_CASE("a page is enough to fail a probe") {
    Breaker breaker;
    breaker.record(1, Sign::overload, start);
    CHECK(breaker.admit(2, start + 5s));
    CHECK(breaker.record(2, Sign::page, start + 5s));
    CHECK(breaker.retry_at(start + 5s) == start + 15s);
}

TEST_CASE("answers to calls from before it opened tell nothing") {
    Breaker breaker;
    breaker.record(1, Sign::overload, start);
    CHECK_FALSE(breaker.record(2, Sign::overload, start + 1s));
    CHECK_FALSE(breaker.record(3, Sign::willing, start + 1s));
    CHECK(breaker.state(start + 1s) == State::open);
    CHECK(breaker.retry_at(start + 1s) == start + 5s);
}

TEST_CASE("a probe that is given up or never arrives leaves its place to the next") {
    Breaker breaker;
    breaker.record(1, Sign::overload, start);
    CHECK(breaker.admit(2, start + 5s));
    breaker.give_up(3);  // not the probe
    CHECK_FALSE(breaker.admit(4, start + 5s));
    breaker.give_up(2);
    CHECK(breaker.admit(4, start + 5s));
    CHECK(breaker.admit(4, start + 5s));  // it is the probe still
    CHECK_FALSE(breaker.record(4, Sign::none, start + 6s));
    CHECK(breaker.state(start + 6s) == State::half_open);
    CHECK(breaker.admit(5, start + 6s));
}
