#include <doctest/doctest.h>

#include <b24gate/observe/recent_errors.hpp>

using namespace b24gate;
using namespace b24gate::observe;
using bitrix::ErrorClass;

namespace {

RecentError error(std::int64_t at, std::string code, std::string portal = "acme", std::string client = "shop") {
    RecentError out;
    out.at = at;
    out.request_id = "r" + std::to_string(at);
    out.code = std::move(code);
    out.portal = std::move(portal);
    out.client = std::move(client);
    out.method = "crm.deal.add";
    out.error_class = ErrorClass::server;
    return out;
}

std::string times(const std::vector<RecentError>& errors) {
    std::string out;
    for (const auto& one : errors) out += std::to_string(one.at) + " ";
    return out;
}

}  // namespace

TEST_CASE("the last ones are kept, the newest first") {
    RecentErrors errors(RecentErrors::Limits{.errors = 4, .groups = 10, .text = 100});
    CHECK(errors.list({}).empty());
    for (int i = 1; i <= 3; ++i) errors.add(error(i, "A"));
    CHECK(times(errors.list({})) == "3 2 1 ");
    for (int i = 4; i <= 10; ++i) errors.add(error(i, i % 2 == 0 ? "A" : "B"));
    CHECK(times(errors.list({})) == "10 9 8 7 ");
    CHECK(times(errors.list({.code = "A"})) == "10 8 ");
    CHECK(times(errors.list({.portal = "beta"})) == "");
    CHECK(times(errors.list({.error_class = ErrorClass::server, .limit = 1})) == "10 ");
    CHECK(times(errors.list({.error_class = ErrorClass::timeout})) == "");
    CHECK(times(errors.list({.client = "shop"})) == "10 9 8 7 ");
}

TEST_CASE("kinds are counted from the start, and their number has a bound") {
    RecentErrors errors(RecentErrors::Limits{.errors = 2, .groups = 2, .text = 100});
    for (int i = 1; i <= 5; ++i) errors.add(error(i, "A"));
    errors.add(error(6, "B"));
    auto groups = errors.groups();
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].code == "B");
    CHECK(groups[1].code == "A");
    CHECK(groups[1].count == 5);
    CHECK(groups[1].first == 1);
    CHECK(groups[1].last == 5);
    CHECK(groups[1].request_id == "r5");
    for (int i = 7; i <= 50; ++i) errors.add(error(i, "C" + std::to_string(i)));
    groups = errors.groups();
    REQUIRE(groups.size() == 3);
    CHECK(groups[0].code.empty());
    CHECK(groups[0].method.empty());
    CHECK(groups[0].count == 44);
}

TEST_CASE("long texts are cut between two characters") {
    RecentErrors errors(RecentErrors::Limits{.errors = 2, .groups = 2, .text = 5});
    auto one = error(1, "A");
    one.description = "ab\xD0\x96\xD0\x96\xD0\x96";
    errors.add(one);
    CHECK(errors.list({})[0].description == "ab\xD0\x96");
}
