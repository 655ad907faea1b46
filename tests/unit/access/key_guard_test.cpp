#include <doctest/doctest.h>

#include <string>

#include <b24gate/access/key_guard.hpp>

using namespace b24gate;
using namespace b24gate::access;
using namespace std::chrono_literals;

namespace {

const core::TimePoint start = core::TimePoint{} + 1h;

}  // namespace

TEST_CASE("the more wrong keys, the longer the wait") {
    KeyGuard guard({.addresses = 8, .free = 3, .step = 250ms, .most = 5s, .forget = 30s});
    for (int i = 0; i < 3; ++i) CHECK(guard.wrong_key("10.0.0.1", start) == 0ms);
    for (const auto expected : {250ms, 500ms, 1000ms, 2000ms, 4000ms, 5000ms, 5000ms, 5000ms})
        CHECK(guard.wrong_key("10.0.0.1", start) == expected);
    // Another address starts afresh.
    CHECK(guard.wrong_key("10.0.0.2", start) == 0ms);
    CHECK(guard.size() == 2);
}

TEST_CASE("time forgives") {
    KeyGuard guard({.addresses = 8, .free = 1, .step = 1s, .most = 60s, .forget = 30s});
    CHECK(guard.wrong_key("a", start) == 0s);
    CHECK(guard.wrong_key("a", start) == 1s);
    CHECK(guard.wrong_key("a", start) == 2s);
    CHECK(guard.wrong_key("a", start + 29s) == 4s);
    CHECK(guard.wrong_key("a", start + 60s) == 2s);        // two forgiven, one more
    CHECK(guard.wrong_key("a", start + 1h) == 0s);         // all forgiven
    CHECK(guard.wrong_key("a", start + 1h - 5min) == 1s);  // a clock that went back changes nothing
}

TEST_CASE("a flood does not make the wait for forgiveness endless") {
    KeyGuard guard({.addresses = 8, .free = 10, .step = 250ms, .most = 5s, .forget = 30s});
    for (int i = 0; i < 100'000; ++i) (void)guard.wrong_key("10.0.0.1", start);
    CHECK(guard.wrong_key("10.0.0.1", start) == 5s);
    CHECK(guard.wrong_key("10.0.0.1", start + 64 * 30s) == 0s);
}

TEST_CASE("the table is bounded, and who was quiet the longest goes first") {
    KeyGuard guard({.addresses = 4, .free = 0, .step = 1s, .most = 8s, .forget = 1h});
    CHECK(guard.wrong_key("10.0.0.1", start) == 1s);
    CHECK(guard.wrong_key("10.0.0.2", start) == 1s);
    CHECK(guard.wrong_key("10.0.0.3", start) == 1s);
    CHECK(guard.wrong_key("10.0.0.4", start) == 1s);
    CHECK(guard.wrong_key("10.0.0.1", start) == 2s);
    CHECK(guard.wrong_key("10.0.0.5", start) == 1s);  // 10.0.0.2 goes
    CHECK(guard.size() == 4);
    CHECK(guard.wrong_key("10.0.0.1", start) == 4s);
    CHECK(guard.wrong_key("10.0.0.2", start) == 1s);
    for (int i = 0; i < 1000; ++i)
        (void)guard.wrong_key("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), start);
    CHECK(guard.size() == 4);

    KeyGuard tiny({.addresses = 0});
    CHECK(tiny.wrong_key("10.0.0.1", start) == 0s);
    CHECK(tiny.wrong_key("10.0.0.2", start) == 0s);
    CHECK(tiny.size() == 1);
}

TEST_CASE("an IPv6 caller counts by network, an IPv4 one by address") {
    KeyGuard guard({.addresses = 8, .free = 0, .step = 1s, .most = 8s, .forget = 1h});
    CHECK(guard.wrong_key("2001:db8:0:1::1", start) == 1s);
    CHECK(guard.wrong_key("2001:db8:0:1:ffff::2", start) == 2s);
    CHECK(guard.wrong_key("2001:db8:0:2::1", start) == 1s);
    CHECK(guard.wrong_key("10.0.0.1", start) == 1s);
    CHECK(guard.wrong_key("::ffff:10.0.0.1", start) == 2s);
    CHECK(guard.wrong_key("10.0.0.2", start) == 1s);
    CHECK(guard.wrong_key("no address", start) == 1s);
    CHECK(guard.wrong_key("", start) == 2s);
}
