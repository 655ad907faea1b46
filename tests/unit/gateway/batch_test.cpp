#include <doctest/doctest.h>

#include <b24gate/gateway/batch.hpp>

using namespace b24gate;
using namespace b24gate::gateway;

namespace {

bitrix::Call batch(std::string_view body) {
    bitrix::RawCall raw;
    raw.verb = "POST";
    raw.target = "/rest/1/KEY/batch";
    raw.content_type = "application/json";
    raw.body = body;
    auto call = bitrix::parse_call(raw);
    REQUIRE(call.has_value());
    return std::move(*call);
}

const bitrix::Methods methods;

}  // namespace

TEST_CASE("a batch may be repeated when all of it may") {
    CHECK(repeat_is_safe(batch(R"({"cmd":{"a":"crm.deal.list","b":"user.current?x=1"}})"), methods));
    CHECK_FALSE(repeat_is_safe(batch(R"({"cmd":{"a":"crm.deal.list","b":"crm.deal.add?x=1"}})"), methods));
    CHECK_FALSE(writes(batch(R"({"cmd":["crm.deal.list"]})"), methods));
    CHECK(writes(batch(R"({"cmd":["crm.deal.list","crm.deal.delete?id=1"]})"), methods));
}

TEST_CASE("each method inside a batch is named once, in lower case") {
    CHECK(inner_methods(batch(R"({"cmd":["crm.Deal.list","crm.deal.list","a.b"]})")) ==
          std::vector<std::string>{"a.b", "crm.deal.list"});
}

TEST_CASE("the portal's accounting is read per command, in either of PHP's shapes") {
    const bitrix::Call call = batch(R"({"cmd":{"a":"crm.deal.list","b":"crm.deal.get","c":"x.y"}})");
    const auto inner = inner_feedback(
        call,
        R"({"result":{"result":{"a":[]},"result_error":{"b":{"error":"OPERATION_TIME_LIMIT","error_description":""},)"
        R"("c":{"error":"insufficient_scope"}},"result_time":{"a":{"duration":0.5,"operating":12.5,)"
        R"("operating_reset_at":1790000604}}}})");
    REQUIRE(inner.size() == 2);
    CHECK(inner[0].method == "crm.deal.list");
    CHECK(inner[0].timing.operating == doctest::Approx(12.5));
    CHECK(inner[0].timing.operating_reset_at == doctest::Approx(1790000604));
    CHECK(inner[1].method == "crm.deal.get");
    CHECK(inner[1].operating_limit);

    const bitrix::Call list = batch(R"({"cmd":["crm.deal.list","crm.deal.get"]})");
    const auto numbered = inner_feedback(
        list, R"({"result":{"result":[1,2],"result_error":[],"result_time":[{"operating":1},{"operating":2}]}})");
    REQUIRE(numbered.size() == 2);
    CHECK(numbered[1].method == "crm.deal.get");
    CHECK(numbered[1].timing.operating == doctest::Approx(2));
    CHECK(inner_feedback(list, "nonsense").empty());
    CHECK(inner_feedback(list, R"({"result":7})").empty());
}
