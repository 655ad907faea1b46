#include <doctest/doctest.h>

#include <b24gate/admin/minutes.hpp>

using namespace b24gate::admin;

namespace {

constexpr std::int64_t noon = 1'790'000'040 - 1'790'000'040 % 60;

using Totals = std::map<std::string, FaultTotals>;

}  // namespace

TEST_CASE("what has come since the last look belongs to its minute") {
    Minutes minutes;
    minutes.sample({{"acme", {5, 1, 0, 0}}}, noon);
    minutes.sample({{"acme", {8, 1, 2, 0}}}, noon + 30);
    minutes.sample({{"acme", {8, 1, 2, 0}}, {"beta", {1, 0, 0, 4}}}, noon + 60);
    const auto all = minutes.all(noon + 70);
    REQUIRE(all.size() == Minutes::kept);
    CHECK(all.back().begin == noon + 60);
    CHECK(all.front().begin == noon - 58 * 60);
    CHECK(all[58].calls == FaultTotals{8, 1, 2, 0});
    CHECK(all[59].calls == FaultTotals{1, 0, 0, 4});
    CHECK(all[57].calls == FaultTotals{});
    CHECK(minutes.of("acme", 1, noon + 70) == FaultTotals{});
    CHECK(minutes.of("acme", 5, noon + 70) == FaultTotals{8, 1, 2, 0});
    CHECK(minutes.of("beta", 5, noon + 70) == FaultTotals{1, 0, 0, 4});
    CHECK(minutes.of("nobody", 5, noon + 70) == FaultTotals{});
}

TEST_CASE("an hour is kept, and what is older forgotten") {
    Minutes minutes;
    for (int i = 0; i < 200; ++i)
        minutes.sample({{"acme", {static_cast<std::uint64_t>(i + 1), 0, 0, 0}}}, noon + 60 * i);
    const auto all = minutes.all(noon + 60 * 199);
    for (const auto& minute : all) CHECK(minute.calls == FaultTotals{1, 0, 0, 0});
    CHECK(minutes.of("acme", 60, noon + 60 * 199)[0] == 60);
    const auto later = minutes.all(noon + 60 * 229);
    CHECK(later[29].calls[0] == 1);
    CHECK(later[30].calls[0] == 0);
}

TEST_CASE("a total that begins anew, and a clock that is set back, lose nothing and make nothing up") {
    Minutes minutes;
    minutes.sample(Totals{{"acme", {100, 0, 0, 0}}}, noon);
    minutes.sample(Totals{{"acme", {3, 0, 0, 0}}}, noon + 60);
    CHECK(minutes.all(noon + 60).back().calls[0] == 3);
    minutes.sample(Totals{{"acme", {5, 0, 0, 0}}}, noon - 600);
    CHECK(minutes.all(noon + 60).back().calls[0] == 5);
}
