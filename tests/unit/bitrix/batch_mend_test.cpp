#include <doctest/doctest.h>

#include <b24gate/bitrix/batch_mend.hpp>

using namespace b24gate::bitrix;

namespace {

Call batch(std::string_view body, std::string_view type = "application/json") {
    RawCall raw;
    raw.verb = "POST";
    raw.target = "/rest/1/KEY/batch";
    raw.body = body;
    raw.content_type = type;
    auto call = parse_call(raw);
    REQUIRE(call.has_value());
    return std::move(*call);
}

constexpr std::string_view three =
    R"({"halt":0,"cmd":{"a":"crm.deal.get?id=1","b":"crm.deal.list","c":"user.current"}})";
constexpr std::string_view b_refused =
    R"({"result":{"result":{"a":{"ID":"1"},"c":[]},"result_error":{"b":{"error":"OPERATION_TIME_LIMIT","error_description":"Method is blocked due to operation time limit."}},"result_total":[],"result_next":[],"result_time":{"a":{"duration":0.1},"c":{"duration":0.2}}},"time":{"start":1.5}})";

}  // namespace

TEST_CASE("what was refused for want of budget goes again, and one answer comes of it") {
    const Call call = batch(three);
    auto mend = BatchMend::look(call, b_refused);
    REQUIRE(mend.has_value());
    CHECK_FALSE(mend->done());
    const Call rest = mend->rest();
    CHECK(rest.body() == R"({"halt":0,"cmd":{"c0":"crm.deal.list"}})");
    CHECK(rest.is_batch);
    REQUIRE(rest.commands.size() == 1);
    CHECK(rest.commands[0].method == "crm.deal.list");
    CHECK(mend->merge(
        R"({"result":{"result":{"c0":[{"ID":"7"}]},"result_error":[],"result_total":{"c0":73},"result_next":{"c0":50},"result_time":{"c0":{"duration":0.3}}},"time":{"start":9}})"));
    CHECK(mend->done());
    CHECK(
        mend->body() ==
        R"({"result":{"result":{"a":{"ID":"1"},"b":[{"ID":"7"}],"c":[]},"result_error":[],"result_total":{"b":73},"result_next":{"b":50},"result_time":{"a":{"duration":0.1},"b":{"duration":0.3},"c":{"duration":0.2}}},"time":{"start":1.5}})");
}

TEST_CASE("numeric keys become a list again when all of them are there") {
    const Call call = batch("cmd[0]=user.current&cmd[1]=crm.deal.list", "application/x-www-form-urlencoded");
    auto mend = BatchMend::look(
        call,
        R"({"result":{"result":{"1":[]},"result_error":[{"error":"QUERY_LIMIT_EXCEEDED","error_description":"x"}],"result_total":[],"result_next":[],"result_time":{"1":{}}}})");
    REQUIRE(mend.has_value());
    CHECK(mend->merge(R"({"result":{"result":{"c0":true},"result_error":[],"result_time":{"c0":{}}}})"));
    CHECK(
        mend->body() ==
        R"({"result":{"result":[true,[]],"result_error":[],"result_total":[],"result_next":[],"result_time":[{},{}]}})");
}

TEST_CASE("what may not be taken apart stays as it is") {
    const auto untouched = [](std::string_view body, std::string_view answer) {
        return !BatchMend::look(batch(body), answer).has_value();
    };
    CHECK(untouched(R"({"halt":1,"cmd":{"a":"crm.deal.get?id=1","b":"crm.deal.list","c":"user.current"}})", b_refused));
    for (const char* refers : {"crm.deal.get?id=$result[b]", "crm.deal.get?id=%24result[b]", "crm.deal.get?id=%2524x"})
        CHECK(untouched(R"({"cmd":{"a":")" + std::string(refers) + R"(","b":"crm.deal.list","c":"user.current"}})",
                        b_refused));
    CHECK(untouched(R"({"cmd":{"a":"crm.deal.get?id=1","b":["crm.deal.list"],"c":"user.current"}})", b_refused));
    CHECK(untouched(R"({"cmd":{"a":"crm.deal.get","b":"crm.deal.list"}})", b_refused));  // an answer for nobody
    CHECK(untouched(three, R"({"result":{"result":{"a":1},"result_error":{"b":{"error":"ACCESS_DENIED_LIMIT"}}}})"));
    CHECK(untouched(three, R"({"result":{"result_error":{"b":{"error":"OPERATION_TIME_LIMIT"})"));
    CHECK(untouched(three, R"({"result":["OPERATION_TIME_LIMIT"]})"));
}

TEST_CASE("a second attempt without an answer is not called unexecuted") {
    auto mend = BatchMend::look(batch(three), b_refused);
    REQUIRE(mend.has_value());
    CHECK_FALSE(mend->merge("{}"));
    CHECK_FALSE(mend->merge(R"({"result":{"result":{"c7":1}}})"));
    mend->lose();
    CHECK(mend->done());
    CHECK(mend->body().find(R"("b":{"error":"GATEWAY_OUTCOME_UNKNOWN")") != std::string::npos);
    CHECK(mend->body().find("OPERATION_TIME_LIMIT") == std::string::npos);
}
