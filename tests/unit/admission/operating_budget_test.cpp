// The ledger: a cumulative counter taken apart into baskets.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <b24gate/admission/operating_budget.hpp>

using namespace b24gate;
using namespace b24gate::admission;
using namespace std::chrono_literals;

namespace {

const core::TimePoint start = core::TimePoint{} + 1000h;
constexpr double unix_start = 1'700'000'040;  // a whole minute
const std::string key = OperatingBudget::key("main", "crm.deal.list");

/// One call that left a moment ago and reports `operating`, the oldest basket leaving at `reset` seconds from start.
void report(OperatingBudget& budget, core::TimePoint now, double operating, std::optional<double> reset,
            double duration = 10) {
    OperatingBudget::Report r;
    r.granted = now - 1ms;
    r.counted = budget.granted(key, r.granted);
    r.unix_now = unix_start + core::to_seconds(now - start);
    r.timing.operating = operating;
    r.timing.duration = duration;
    if (reset) r.timing.operating_reset_at = unix_start + *reset;
    budget.record(key, r, now);
}

double used(OperatingBudget& budget, core::TimePoint now) {
    const auto counters = budget.counters(now);
    return counters.empty() ? 0 : counters.front().used;
}

}  // namespace

TEST_CASE("the counter is cumulative: reports are not summed, their growth fills the baskets") {
    OperatingBudget budget;
    report(budget, start + 10s, 10, 610);
    report(budget, start + 20s, 20, 610);
    report(budget, start + 80s, 50, 610);
    report(budget, start + 150s, 90, 610);
    CHECK(used(budget, start + 150s) == doctest::Approx(90));
    CHECK(used(budget, start + 609s) == doctest::Approx(90));
    CHECK(used(budget, start + 611s) == doctest::Approx(70));  // the first minute's 20
    CHECK(used(budget, start + 681s) == doctest::Approx(40));  // the second's 30
    CHECK(used(budget, start + 751s) == 0);
}

TEST_CASE("a sum that fell has lost its oldest basket; one that grew by itself is believed too") {
    OperatingBudget budget;
    report(budget, start + 10s, 100, 610);
    report(budget, start + 80s, 150, 610);
    report(budget, start + 90s, 60, 680);  // the first basket was gone early
    CHECK(used(budget, start + 90s) == doctest::Approx(60));
    CHECK(used(budget, start + 681s) == 0);
    report(budget, start + 700s, 300, 1300);  // somebody else
    CHECK(used(budget, start + 700s) == doctest::Approx(300));
}

TEST_CASE("an answer that was overtaken does not take back what a later one reported") {
    OperatingBudget budget;
    report(budget, start + 10s, 100, 610);
    OperatingBudget::Report old;
    old.granted = start + 5s;
    old.unix_now = unix_start + 11;
    old.timing.operating = 60;
    old.timing.operating_reset_at = unix_start + 610;
    budget.record(key, old, start + 11s);
    CHECK(used(budget, start + 11s) == doctest::Approx(100));
}

TEST_CASE("short calls that report zero say nothing about the sum") {
    OperatingBudget budget;
    report(budget, start + 10s, 100, 610);
    report(budget, start + 12s, 0, std::nullopt, 0.05);
    CHECK(used(budget, start + 12s) == doctest::Approx(100));
}

TEST_CASE("slower from 80 %, stopped before the limit, on again when the basket leaves") {
    OperatingBudget budget;
    report(budget, start + 10s, 300, 610);
    CHECK(budget.open_at(key, start + 10s) == start + 10s);
    report(budget, start + 70s, 430, 610);
    budget.granted(key, start + 71s);
    const auto slowed = budget.open_at(key, start + 71s);
    CHECK(slowed > start + 71s);
    CHECK(slowed < start + 80s);
    report(budget, start + 90s, 479, 610);
    const auto open = budget.open_at(key, start + 91s);
    CHECK(open >= start + 610s);
    CHECK(open <= start + 612s);
    CHECK(budget.open_at(OperatingBudget::key("main", "other"), start + 91s) == start + 91s);
    CHECK(budget.open_at(OperatingBudget::key("second", "crm.deal.list"), start + 91s) == start + 91s);
    CHECK(budget.open_at(OperatingBudget::key("main", "crm.deal.list", true), start + 91s) == start + 91s);
}

TEST_CASE("calls in flight count with their expected cost") {
    OperatingBudget budget;
    report(budget, start + 10s, 360, 610, 40);
    for (int i = 0; i < 2; ++i) budget.granted(key, start + 11s);
    CHECK(budget.open_at(key, start + 40s) <= start + 45s);
    budget.granted(key, start + 12s);
    CHECK(budget.open_at(key, start + 40s) >= start + 600s);
}

TEST_CASE("without counters nothing is held, and a refusal holds for a minute at a time") {
    OperatingBudget budget;
    for (int i = 0; i < 1000; ++i) {
        budget.granted(key, start);
        budget.record(key, {{}, start, false, 0}, start);
    }
    CHECK(budget.open_at(key, start) == start);
    CHECK(budget.counters(start).empty());
    budget.refused(key, {{}, start, false, 0}, start + 1s);
    CHECK(budget.open_at(key, start + 1s) == start + 61s);
    budget.refused(key, {{}, start, false, 0}, start + 2s);  // was in flight with the first
    CHECK(budget.open_at(key, start + 2s) == start + 61s);
    budget.granted(key, start + 61s);
    CHECK(budget.open_at(key, start + 61s) > start + 61s);  // one at a time
    budget.refused(key, {{}, start + 61s, true, 0}, start + 62s);
    CHECK(budget.open_at(key, start + 62s) == start + 122s);
}

TEST_CASE("a refusal below the limit teaches a lower one, a tenth at the most") {
    OperatingBudget budget;
    report(budget, start + 10s, 425, 610);
    budget.refused(key, {{}, start + 11s, false, unix_start + 12}, start + 12s);
    CHECK(budget.counters(start + 12s).front().limit == doctest::Approx(432));
    OperatingBudget other;
    report(other, start + 10s, 100, 610);  // too far below: somebody else has used it
    other.refused(key, {{}, start + 11s, false, unix_start + 12}, start + 12s);
    CHECK(other.counters(start + 12s).front().limit == 480);
    CHECK(other.open_at(key, start + 12s) > start + 12s);
}

TEST_CASE("nonsense does no harm") {
    OperatingBudget budget;
    const double nan = std::nan("");
    const double inf = std::numeric_limits<double>::infinity();
    for (const double operating : {nan, inf, -5.0, 1e300}) {
        for (const double reset : {nan, inf, -inf, 0.0, 1e300, -1e300}) {
            OperatingBudget::Report r;
            r.timing.operating = operating;
            r.timing.operating_reset_at = reset;
            r.timing.duration = operating;
            r.unix_now = reset;
            r.granted = start;
            budget.record(key, r, start);
            budget.refused(key, r, start);
            const auto open = budget.open_at(key, start);
            CHECK(open >= start);
            CHECK(open <= start + 20min);
        }
    }
}

TEST_CASE("the table is bounded and forgets the least used") {
    OperatingBudget::Settings settings;
    settings.max_keys = 64;
    OperatingBudget budget(settings);
    const auto big = OperatingBudget::key("main", "big");
    for (int i = 0; i < 10'000; ++i) {
        OperatingBudget::Report r;
        r.granted = start;
        r.timing.operating = i == 0 ? 400 : 1;
        budget.record(i == 0 ? big : OperatingBudget::key("main", "m" + std::to_string(i)), r, start);
    }
    const auto counters = budget.counters(start);
    CHECK(counters.size() <= 64);
    bool kept = false;
    for (const auto& counter : counters) kept = kept || counter.method == "big";
    CHECK(kept);
}
