#include <b24gate/observe/spending.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using b24gate::observe::Spending;

TEST_CASE("what methods have cost is summed up, the dearest first") {
    Spending spending;
    spending.add("crm.deal.list", 1, 0.5);
    spending.add("crm.deal.add", 2, 0.25);
    spending.add("crm.deal.list", 3, 1.5);
    spending.add("user.get", 2, 4);
    const auto rows = spending.rows();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].method == "crm.deal.list");
    CHECK(rows[0].hits == 4);
    CHECK(rows[0].seconds == 2);
    CHECK_MESSAGE(rows[1].method == "user.get", "of the same number of requests the longer ones");
    CHECK(rows[2].method == "crm.deal.add");
}

TEST_CASE("a call that has cost nothing, or says something impossible, is no row and spoils no sum") {
    Spending spending;
    spending.add("cached", 0, 0);
    spending.add("cached", 0, -1);
    spending.add("cached", 0, std::numeric_limits<double>::quiet_NaN());
    CHECK(spending.rows().empty());
    spending.add("aboard.of.a.batch", 0, 0.1);
    spending.add("sent", 1, std::numeric_limits<double>::quiet_NaN());
    REQUIRE(spending.rows().size() == 2);
    CHECK(spending.rows()[0].seconds == 0);
    CHECK(spending.rows()[1].seconds == 0.1);
}

TEST_CASE("methods beyond the bound are one") {
    Spending spending;
    for (std::size_t i = 0; i < 2 * Spending::most_methods; ++i) spending.add("m" + std::to_string(i), 1, 1);
    const auto rows = spending.rows();
    REQUIRE(rows.size() == Spending::most_methods + 1);
    CHECK(rows[0].method == Spending::others);
    CHECK(rows[0].hits == Spending::most_methods);
}
