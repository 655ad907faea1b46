// A batch's answer becomes the answers of the single calls.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <b24gate/bitrix/batch_answer.hpp>
#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/core/json_scan.hpp>

using namespace b24gate::bitrix;
namespace json = b24gate::core::json;

namespace {

using Kind = PartAnswer::Kind;

struct Batch {
    explicit Batch(std::size_t n, bool writes = false) : commands(n) {
        for (Command& command : commands) {
            command.writes = writes;
            list.push_back(&command);
        }
    }
    std::vector<Command> commands;
    std::vector<const Command*> list;
};

std::vector<PartAnswer> split(std::string_view body, std::size_t n, bool writes = false) {
    const Batch batch(n, writes);
    auto parts = split_batch(body, batch.list);
    INFO(body);
    REQUIRE(parts.has_value());
    REQUIRE(parts->size() == n);
    return *std::move(parts);
}

std::string refused(std::string_view body, std::size_t n = 2) {
    const Batch batch(n);
    const auto parts = split_batch(body, batch.list);
    return parts ? std::string() : parts.error();
}

/// The five maps; what is left out is `[]`.
std::string answer(std::string_view result, std::string_view error = "[]", std::string_view total = "[]",
                   std::string_view next = "[]", std::string_view time = "[]", std::string_view outer = "") {
    std::string out = R"({"result":{"result":)";
    out.append(result).append(R"(,"result_error":)").append(error).append(R"(,"result_total":)").append(total);
    out.append(R"(,"result_next":)").append(next).append(R"(,"result_time":)").append(time).append("}");
    if (!outer.empty()) out.append(R"(,"time":)").append(outer);
    return out + "}";
}

}  // namespace

TEST_CASE("results, errors and pages, each as the single call would have had it") {
    // Reference G24.
    const std::string body =
        R"({"result":{"result":{"c0":{"ID":"1","NAME":"Anna"},"c2":[{"ID":"5"}]},
 "result_error":{"c1":{"error":"insufficient_scope","error_description":""}},
 "result_total":{"c2":73},"result_next":{"c2":50},
 "result_time":{"c0":{"start":1790000004.01,"finish":1790000004.02,"duration":0.01,"processing":0.009,"operating":0},
                "c2":{"start":1790000004.03,"finish":1790000004.33,"duration":0.3,"operating_reset_at":1790000604,"operating":12.77}}},
 "time":{"start":1790000004.0,"finish":1790000004.34,"duration":0.34,"operating_reset_at":1790000604,"operating":0}})";
    const auto parts = split(body, 3);
    CHECK(parts[0].kind == Kind::success);
    CHECK(parts[0].body ==
          R"({"result":{"ID":"1","NAME":"Anna"},"time":{"start":1790000004.01,"finish":1790000004.02,"duration":0.01,)"
          R"("processing":0.009,"operating":0}})");
    CHECK(parts[0].outcome.ok());
    CHECK(parts[0].outcome.upstream_status == 200);
    CHECK(parts[0].outcome.timing.duration == 0.01);
    CHECK(parts[0].outcome.timing.operating == 0.0);
    CHECK(!parts[0].outcome.timing.operating_reset_at);

    CHECK(parts[1].kind == Kind::error);
    CHECK(parts[1].body == R"({"error":"insufficient_scope","error_description":""})");
    CHECK(parts[1].outcome.error_class == ErrorClass::permission);
    CHECK(parts[1].outcome.executed == Executed::no);
    CHECK(error_answer(parts[1].outcome, EnvelopeFacts{}, parts[1].body).status == 403);

    CHECK(parts[2].body ==
          R"({"result":[{"ID":"5"}],"next":50,"total":73,"time":{"start":1790000004.03,"finish":1790000004.33,)"
          R"("duration":0.3,"operating_reset_at":1790000604,"operating":12.77}})");
    CHECK(parts[2].outcome.timing.operating == 12.77);
    CHECK(parts[2].outcome.timing.operating_reset_at == 1790000604.0);
}

TEST_CASE("a rebuilt success is classified as the single one is") {
    const auto parts = split(answer(R"({"c0":[]})", "[]", R"({"c0":0})", "[]", R"({"c0":{"duration":0.5}})"), 1);
    WireAnswer wire;
    wire.status = 200;
    wire.content_type = "application/json; charset=utf-8";
    wire.body = parts[0].body;
    const Outcome outcome = classify(wire, CallFacts{Api::v2, "crm.deal.list", false, false});
    CHECK(outcome.ok());
    CHECK(outcome.timing.duration == parts[0].outcome.timing.duration);
}

TEST_CASE("a result is kept byte for byte, whatever it is") {
    for (const char* result :
         {"null", "false", "0", "-1.50e+2", "\"\"", "\"\\u0416\\/\\u003C\"", "[]", "{}", "[ 1 , 2 ]",
          R"({"b":1,"a":2,"error":"x","result":{"result_error":1}})", R"({"a":1,"a":2})"}) {
        CAPTURE(result);
        const auto parts = split(answer(std::string("{\"c0\": ") + result + " }"), 1);
        CHECK(parts[0].kind == Kind::success);
        CHECK(parts[0].body == std::string(R"({"result":)") + result + "}");
    }
}

TEST_CASE("zero is a page and a total") {
    const auto parts = split(answer(R"({"c0":[]})", "[]", R"({"c0":0})", R"({"c0":0})"), 1);
    CHECK(parts[0].body == R"({"result":[],"next":0,"total":0})");
}

TEST_CASE("a command without a time of its own gets the batch's, without what it does not mean") {
    const std::string outer =
        R"({"start":1790000004.0,"operating_reset_at":1790000604,"duration":0.34,"operating":0,"date_start":"x"})";
    const auto parts = split(answer(R"({"c0":1})", "[]", "[]", "[]", "[]", outer), 1);
    CHECK(parts[0].body == R"({"result":1,"time":{"start":1790000004.0,"duration":0.34,"date_start":"x"}})");
    CHECK(!parts[0].outcome.timing.duration);
    CHECK(!parts[0].outcome.timing.operating);
    CHECK(split(answer(R"({"c0":1})", "[]", "[]", "[]", "[]", "7"), 1)[0].body == R"({"result":1})");
}

TEST_CASE("errors keep every member, and writes are judged as writes") {
    const std::string entry =
        R"({"error":"ERROR_ARGUMENT","error_description":"The value of an argument 'LIMIT'","argument":"LIMIT"})";
    CHECK(split(answer("[]", R"({"c0":)" + entry + "}"), 1)[0].body == entry);
    CHECK(split(answer("[]", R"({"c0":)" + entry + "}"), 1)[0].outcome.error_class == ErrorClass::validation);

    const std::string core = answer("[]", R"({"c0":{"error":"ERROR_CORE","error_description":"Boom"}})");
    CHECK(split(core, 1, false)[0].outcome.executed == Executed::no);
    CHECK(split(core, 1, true)[0].outcome.executed == Executed::unknown);

    const auto blocked =
        split(answer("[]", R"({"c0":{"error":"OPERATION_TIME_LIMIT","error_description":"Method is blocked"}})"), 1);
    CHECK(blocked[0].outcome.error_class == ErrorClass::operating_limit);
    CHECK(error_answer(blocked[0].outcome, EnvelopeFacts{}, blocked[0].body).status == 429);

    // A code may be empty.
    const auto blank = split(answer("[]", R"({"c0":{"error":"","error_description":"Not found"}})"), 1);
    CHECK(blank[0].kind == Kind::error);
    CHECK(blank[0].outcome.error_class == ErrorClass::not_found);

    // A handler's own error with a result beside it: the single answer held both.
    const auto both = split(answer(R"({"c0":1})", R"({"c0":{"error":"E","error_description":"d","result":1}})"), 1);
    CHECK(both[0].kind == Kind::error);
    CHECK(both[0].body == R"({"error":"E","error_description":"d","result":1})");
}

TEST_CASE("a command that nothing is said of") {
    const auto parts = split(answer(R"({"c1":1})", R"({"c2":"text","c3":[],"c4":{"error_description":"no code"}})",
                                    R"({"c0":5})", "[]", R"({"c0":{"duration":1}})"),
                             5);
    for (const std::size_t i : {0, 2, 3, 4}) {
        CAPTURE(i);
        CHECK(parts[i].kind == Kind::missing);
        CHECK(parts[i].body.empty());
        CHECK(parts[i].outcome.executed == Executed::unknown);
        CHECK(!parts[i].outcome.ok());
    }
    CHECK(parts[1].kind == Kind::success);
    CHECK(split(answer("[]"), 2)[1].kind == Kind::missing);
    CHECK(split(answer("{}", "{}"), 1)[0].kind == Kind::missing);
}

TEST_CASE("keys beyond nine") {
    std::string result = "{";
    for (int i = 49; i >= 0; --i)
        result += (i == 49 ? "" : ",") + ("\"c" + std::to_string(i)) + "\":" + std::to_string(i * 7);
    const auto parts = split(answer(result + "}"), 50);
    for (std::size_t i = 0; i < 50; ++i) CHECK(parts[i].body == "{\"result\":" + std::to_string(i * 7) + "}");
    CHECK(split(answer(R"({"\u00630":1})"), 1)[0].kind == Kind::success);
}

TEST_CASE("old portals have fewer maps, and some begin with a byte order mark") {
    CHECK(split("\xEF\xBB\xBF"
                R"({"result":{"result":{"c0":1},"result_error":[]}})",
                1)[0]
              .body == R"({"result":1})");
    CHECK(split(R"({"result":{"result":{"c0":1},"result_error":[],"more":{"x":1}}})", 1)[0].kind == Kind::success);
}

TEST_CASE("what is no answer to this batch is not taken apart") {
    CHECK(refused(answer(R"({"c0":1,"c1":2})")).empty());
    for (const char* body :
         {"", " ", "<html>", "null", "[]", "5", "{", R"({"result":)", R"({"result":{"result":{"c0":1}})",
          R"({"result":{"result":{"c0":1},"result_error":[]}} x)",
          "{\"result\":{\"result\":{\"c0\":\"\xFF\"},\"result_error\":[]}}"}) {
        CAPTURE(body);
        CHECK(refused(body).find("is no JSON object") != std::string::npos);
    }
    CHECK(refused(R"({"error":"expired_token","error_description":"secret"})") ==
          "the portal refused a batch as a whole");
    CHECK(!refused(R"({"result":{"result":{"c0":1},"result_error":[]},"error":""})").empty());
    for (const std::string& body :
         {std::string(R"({})"),
          std::string(R"({"result":[]})"),
          std::string(R"({"result":null})"),
          std::string(R"({"result":{}})"),
          std::string(R"({"result":{"result":{"c0":1}}})"),
          std::string(R"({"result":{"result_error":[]}})"),
          answer(R"([1])"),
          answer("5"),
          answer("null"),
          answer(R"("c0")"),
          answer(R"({"c0":1})", "[{}]"),
          answer(R"({"c2":1})"),
          answer(R"({"0":1})"),
          answer(R"({"c00":1})"),
          answer(R"({"c":1})"),
          answer(R"({"C0":1})"),
          answer(R"({"c-1":1})"),
          answer(R"({"c18446744073709551616":1})"),
          answer(R"({"c0":1,"c0":2})"),
          answer(R"({"c0":1,"\u00630":2})"),
          answer(R"({"c0":1})", "[]", R"({"c9":1})"),
          answer(R"({"c0":1})", "[]", "[]", R"({"c0":1,"c0":1})"),
          answer(R"({"c0":1})", "[]", "[]", "[]", "[1]"),
          std::string(R"({"result":{"result":[],"result_error":[]},"result":{"result":{"c0":1},"result_error":[]}})"),
          std::string(R"({"result":{"result":[],"result":{"c0":1},"result_error":[]}})")}) {
        CAPTURE(body);
        CHECK(refused(body).starts_with("the portal's answer to a batch is broken: "));
    }
}
