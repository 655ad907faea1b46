// When batches are given up for a while, and taken up again.
#include <doctest/doctest.h>

#include <b24gate/admission/batch_health.hpp>

using namespace b24gate::admission;
using namespace std::chrono_literals;
using b24gate::bitrix::ErrorClass;
using Sign = BatchHealth::Sign;
using Change = BatchHealth::Change;

namespace {

const b24gate::core::TimePoint start = b24gate::core::TimePoint{} + 1000h;

/// Sends batch `number` and tells its outcome.
Change run(BatchHealth& health, std::uint64_t number, Sign sign, b24gate::core::TimePoint now, double operating = -1) {
    health.left(number);
    return health.record(number, sign, operating, now);
}

}  // namespace

TEST_CASE("what an outcome says about batches") {
    for (const auto error : {ErrorClass::server, ErrorClass::network, ErrorClass::timeout, ErrorClass::operating_limit,
                             ErrorClass::method_unknown, ErrorClass::permission}) {
        CHECK(BatchHealth::sign_of(error, true) == Sign::failed);
    }
    for (const auto error : {ErrorClass::rate_limit, ErrorClass::overload, ErrorClass::auth_expired,
                             ErrorClass::auth_invalid, ErrorClass::portal_gone, ErrorClass::gateway}) {
        CHECK(BatchHealth::sign_of(error, true) == Sign::none);
    }
    CHECK(BatchHealth::sign_of(ErrorClass::ok, true) == Sign::carried);
    CHECK(BatchHealth::sign_of(ErrorClass::network, false) == Sign::none);
}

TEST_CASE("two failures in a row switch to single calls; one, or one between successes, does not") {
    BatchHealth health;
    CHECK(run(health, 1, Sign::failed, start) == Change::none);
    CHECK(run(health, 2, Sign::carried, start) == Change::none);
    CHECK(run(health, 3, Sign::failed, start) == Change::none);
    CHECK(run(health, 4, Sign::none, start) == Change::none);
    CHECK(health.allows(start));
    CHECK(run(health, 5, Sign::failed, start) == Change::off);
    CHECK_FALSE(health.allows(start + 59s));
    CHECK_FALSE(health.why().empty());
    CHECK(health.until() == start + 1min);
}

TEST_CASE("one probe after the pause; each failed one doubles it, to half an hour; a good one ends it") {
    BatchHealth health;
    run(health, 1, Sign::failed, start);
    run(health, 2, Sign::failed, start);
    auto now = start;
    std::uint64_t number = 2;
    for (const auto pause : {1min, 2min, 4min, 8min, 16min, 30min, 30min}) {
        CHECK(health.until() == now + pause);
        now = health.until();
        CHECK(health.allows(now));
        health.left(++number);
        CHECK_FALSE(health.allows(now));  // the probe is out
        CHECK(health.probing());
        CHECK(health.record(number, Sign::failed, -1, now) == Change::off);
    }
    now = health.until();
    health.left(++number);
    CHECK(health.record(number, Sign::none, -1, now) == Change::none);  // rate limit: somebody else may be the probe
    CHECK(health.allows(now));
    CHECK(run(health, ++number, Sign::carried, now) == Change::on);
    CHECK(health.allows(now));
    CHECK(health.why().empty());

    // It goes on where it was, unless it went well for a while.
    run(health, ++number, Sign::failed, now);
    CHECK(run(health, ++number, Sign::failed, now) == Change::off);
    CHECK(health.length() == 30min);
    now = health.until();
    for (int i = 0; i < 10; ++i) run(health, ++number, Sign::carried, now);
    run(health, ++number, Sign::failed, now);
    CHECK(run(health, ++number, Sign::failed, now) == Change::off);
    CHECK(health.length() == 1min);
}

TEST_CASE("batches that left before it was off say nothing new") {
    BatchHealth health;
    for (std::uint64_t number = 1; number <= 5; ++number) health.left(number);
    health.record(1, Sign::failed, -1, start);
    CHECK(health.record(2, Sign::failed, -1, start) == Change::off);
    CHECK(health.record(3, Sign::failed, -1, start + 1s) == Change::none);
    CHECK(health.record(4, Sign::carried, -1, start + 2s) == Change::none);
    CHECK_FALSE(health.allows(start + 59s));
    health.left(6);
    CHECK(health.record(5, Sign::failed, -1, start + 61s) == Change::none);
    CHECK(health.record(6, Sign::carried, -1, start + 62s) == Change::on);
}

TEST_CASE("the operating time of batch itself") {
    BatchHealth health;
    CHECK(run(health, 1, Sign::carried, start, 239) == Change::none);
    CHECK(run(health, 2, Sign::carried, start, 240) == Change::off);
    CHECK(health.why().find("operating") != std::string::npos);
    CHECK(run(health, 3, Sign::carried, start + 1min, 300) == Change::off);
    CHECK(health.until() == start + 3min);
    CHECK(run(health, 4, Sign::carried, start + 3min, 100) == Change::on);
}
