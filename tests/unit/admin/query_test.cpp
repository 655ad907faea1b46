#include <doctest/doctest.h>

#include <b24gate/admin/query.hpp>

using namespace b24gate::admin;

namespace {

/// What is wrong; empty: nothing.
std::string problem(const Query& query) {
    constexpr std::string_view known[] = {"state", "portal"};
    return query.check(known).value_or("");
}

Query parsed(std::string_view target) {
    auto query = Query::parse(target);
    REQUIRE(query.has_value());
    return *query;
}

}  // namespace

TEST_CASE("a query is decoded, and its mistakes are told") {
    const Query query = parsed("/api?state=held%2Cdead&portal=a+b%21&&empty");
    CHECK(query.value("state") == "held,dead");
    CHECK(query.value("portal") == "a b!");
    CHECK(query.find("empty") != nullptr);
    CHECK(query.find("nothing") == nullptr);
    CHECK(query.value("nothing").empty());
    CHECK(parsed("/api").all().empty());
    CHECK(parsed("/api?").all().empty());
    CHECK_FALSE(Query::parse("/api?a=%4").has_value());
    CHECK_FALSE(Query::parse("/api?a=%zz").has_value());
    CHECK(parsed("/api?a=%41").value("a") == "A");
    std::string many = "/api?";
    for (int i = 0; i < 65; ++i) many += "a=1&";
    CHECK(Query::parse(many).error() == "more than 64 parameters");
}

TEST_CASE("unknown names come with the one that was meant") {
    CHECK(problem(parsed("/?state=dead")).empty());
    CHECK(problem(parsed("/?stat=dead")) == R"(unknown parameter "stat"; did you mean "state"?)");
    CHECK(problem(parsed("/?zebra=1")) == R"(unknown parameter "zebra"; known are state, portal)");
    CHECK(problem(parsed("/?state=a&state=b")).find("stands twice") != std::string::npos);
}

TEST_CASE("a body is an object") {
    CHECK(body_object("")->empty());
    CHECK(body_object("  \r\n")->empty());
    CHECK(body_object(R"({"a": 1})")->size() == 1);
    CHECK(body_object("[]").error() == "the body must be a JSON object");
    CHECK(body_object("{").error().starts_with("the body is no JSON"));
    CHECK_FALSE(body_object(R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}").has_value());
    const auto query = Query::from(*body_object(R"({"state": ["held", "dead"], "limit": 5, "all": true})"));
    REQUIRE(query.has_value());
    CHECK(query->value("state") == "held,dead");
    CHECK(query->value("limit") == "5");
    CHECK(query->value("all") == "true");
    CHECK_FALSE(Query::from(*body_object(R"({"state": [1]})")).has_value());
    CHECK_FALSE(Query::from(*body_object(R"({"state": {}})")).has_value());
    CHECK_FALSE(Query::from(*body_object(R"({"state": 1.5})")).has_value());
}

TEST_CASE("times in the forms that people write") {
    CHECK(parse_time("2026-01-31T23:59:59Z") == 1769903999000);
    CHECK(parse_time("2026-01-31T23:59:59.25Z") == 1769903999250);
    CHECK(parse_time("2026-01-31T23:59:59.123456Z") == 1769903999123);
    CHECK(parse_time("2026-02-01T02:59:59+03:00") == 1769903999000);
    CHECK(parse_time("2026-01-31T20:59-03:00") == 1769903940000);
    CHECK(parse_time("2026-01-31") == 1769817600000);
    CHECK(parse_time("1769903999000") == 1769903999000);
    for (const char* wrong : {"", "now", "2026", "2026-02-30", "2026-13-01", "2026-01-31T24:00Z", "2026-01-31T23:59",
                              "2026-01-31T23:59:59", "2026-01-31T23:59:59.Z", "2026-01-31T23:59:59Zx", "1969-01-01",
                              "99999999999999999999", "2026-01-31T23:59:59+3"})
        CHECK_FALSE_MESSAGE(parse_time(wrong).has_value(), wrong);
}

TEST_CASE("cursors come back, and nothing else is one") {
    for (const std::int64_t position : {std::int64_t{1}, std::int64_t{42}, std::int64_t{1} << 61}) {
        const std::string cursor = encode_cursor(position);
        CHECK(decode_cursor(cursor) == position);
        CHECK(percent_encoded(cursor) == cursor);
    }
    CHECK(encode_cursor(0).empty());
    CHECK(decode_cursor("") == 0);
    for (const char* wrong : {"1", "42", "abc", "YjI0", "YjI0LTE", "YjI0MA"})
        CHECK_FALSE_MESSAGE(decode_cursor(wrong).has_value(), wrong);
}

TEST_CASE("what is encoded for a path is decoded to itself") {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    CHECK(percent_decoded(percent_encoded(all), true) == all);
    CHECK(path_of("/api/v1/x/?a=/") == "/api/v1/x");
    CHECK(path_of("/") == "/");
}
