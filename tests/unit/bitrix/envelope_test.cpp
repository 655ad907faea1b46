// What a client gets: the table of classes, the shapes, what is kept of the portal's body.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/core/json_scan.hpp>

namespace {

using namespace b24gate;
using namespace b24gate::bitrix;
using namespace std::chrono_literals;
using enum ErrorClass;

Outcome outcome_of(ErrorClass c, Executed executed, std::string code = "CODE", unsigned upstream_status = 0) {
    Outcome outcome;
    outcome.error_class = c;
    outcome.executed = executed;
    outcome.code = std::move(code);
    outcome.description = "what happened";
    outcome.has_code = true;
    outcome.upstream_status = upstream_status;
    return outcome;
}

EnvelopeFacts facts_of(Api api = Api::v2, bool repeat_is_safe = false) {
    EnvelopeFacts facts;
    facts.api = api;
    facts.portal = "acme";
    facts.method = "crm.deal.add";
    facts.request_id = "r-1";
    facts.attempts = 3;
    facts.repeat_is_safe = repeat_is_safe;
    return facts;
}

/// Classifies a 400 and answers it.
std::string answered(std::string_view body, Api api = Api::v2, unsigned status = 400) {
    WireAnswer wire;
    wire.status = status;
    wire.body = body;
    wire.content_type = "application/json";
    const ErrorAnswer out = error_answer(classify(wire, {api, "crm.deal.add", true, false}), facts_of(api), body);
    CHECK_FALSE(core::json::validate(out.body));
    return out.body;
}

std::string gateway_member(const std::string& error_class, const std::string& rest) {
    return R"("gateway":{"class":")" + error_class + R"(","origin":"portal",)" + rest + "}";
}
const std::string usual = R"("retryable":false,"executed":"no","attempts":3,"portal":"acme","method":"crm.deal.add",)"
                          R"("upstream_status":400,"request_id":"r-1")";

TEST_CASE("the table of classes: status when the portal gave none, and whether to try again") {
    struct Row {
        ErrorClass error_class;
        const char* name;
        unsigned status;
        Executed executed;
        bool retry;        ///< of a call that is not safe to repeat
        bool retry_safe;   ///< of one that is
        long retry_after;  ///< seconds, by default
    };
    const std::vector<Row> rows{
        {rate_limit, "rate_limit", 503, Executed::no, true, true, 2},
        {overload, "overload", 503, Executed::no, true, true, 5},
        {operating_limit, "operating_limit", 429, Executed::no, true, true, 60},
        {auth_expired, "auth_expired", 401, Executed::no, false, false, 0},
        {auth_invalid, "auth_invalid", 401, Executed::no, false, false, 0},
        {permission, "permission", 403, Executed::no, false, false, 0},
        {plan, "plan", 402, Executed::no, false, false, 0},
        {validation, "validation", 400, Executed::no, false, false, 0},
        {not_found, "not_found", 404, Executed::no, false, false, 0},
        {method_unknown, "method_unknown", 404, Executed::no, false, false, 0},
        {business, "business", 400, Executed::no, false, false, 0},
        {business, "business", 400, Executed::unknown, false, false, 0},
        {business, "business", 400, Executed::yes, false, false, 0},
        {server, "server", 502, Executed::no, true, true, 1},
        {server, "server", 502, Executed::unknown, false, true, 1},
        {server, "server", 502, Executed::yes, false, true, 1},
        {network, "network", 502, Executed::no, true, true, 1},
        {network, "network", 502, Executed::unknown, false, true, 1},
        {timeout, "timeout", 504, Executed::unknown, false, true, 1},
        {portal_gone, "portal_gone", 410, Executed::no, false, false, 0},
        {operating_limit, "operating_limit", 429, Executed::unknown, false, true, 60},
    };
    for (const Row& row : rows)
        for (const bool safe : {false, true})
            for (const Api api : {Api::v2, Api::v3})
                for (const unsigned upstream : {0u, 200u, 418u, 599u, 600u}) {
                    CAPTURE(row.name);
                    CAPTURE(safe);
                    CAPTURE(upstream);
                    const Outcome outcome = outcome_of(row.error_class, row.executed, "CODE", upstream);
                    const ErrorAnswer out = error_answer(outcome, facts_of(api, safe));
                    const bool in_doubt = row.executed == Executed::unknown && !safe;
                    const bool portals = upstream == 418 || upstream == 599;
                    CHECK(out.status == (in_doubt ? 409 : portals ? upstream : row.status));
                    CHECK(out.code == (in_doubt ? "GATEWAY_OUTCOME_UNKNOWN" : "CODE"));
                    CHECK(out.error_class == row.error_class);
                    CHECK(to_string(out.error_class) == row.name);
                    CHECK(out.retryable == (safe ? row.retry_safe : row.retry));
                    CHECK(retryable(outcome, safe) == out.retryable);
                    CHECK(out.retry_after.has_value() == out.retryable);
                    if (out.retry_after) CHECK(out.retry_after->count() == row.retry_after);
                    CHECK_FALSE(core::json::validate(out.body));
                    const auto object = core::json::find(out.body, "gateway");
                    REQUIRE(object);
                    CHECK(core::json::find(*object, "retry_after_ms").has_value() == out.retryable);
                    CHECK(core::json::find(*object, "upstream_status").has_value() == (upstream != 0));
                    const auto error = core::json::find(out.body, "error");
                    REQUIRE(error);
                    CHECK(core::json::type_of(*error) ==
                          (api == Api::v3 ? core::json::Type::object : core::json::Type::string));
                }
}

TEST_CASE("the gateway's own codes") {
    struct Row {
        GatewayCode code;
        const char* name;
        unsigned status;
        bool retry;
        Fault fault;
    };
    const std::vector<Row> rows{
        {GatewayCode::unauthorized, "GATEWAY_UNAUTHORIZED", 401, false, Fault::refused},
        {GatewayCode::forbidden, "GATEWAY_FORBIDDEN", 403, false, Fault::refused},
        {GatewayCode::not_found, "GATEWAY_NOT_FOUND", 404, false, Fault::refused},
        {GatewayCode::bad_request, "GATEWAY_BAD_REQUEST", 400, false, Fault::refused},
        {GatewayCode::body_too_large, "GATEWAY_BODY_TOO_LARGE", 413, false, Fault::refused},
        {GatewayCode::headers_too_large, "GATEWAY_HEADERS_TOO_LARGE", 431, false, Fault::refused},
        {GatewayCode::queue_full, "GATEWAY_QUEUE_FULL", 503, true, Fault::limit},
        {GatewayCode::deadline, "GATEWAY_DEADLINE", 504, true, Fault::limit},
        {GatewayCode::upstream_unreachable, "GATEWAY_UPSTREAM_UNREACHABLE", 502, false, Fault::system},
        {GatewayCode::upstream_timeout, "GATEWAY_UPSTREAM_TIMEOUT", 504, false, Fault::system},
        {GatewayCode::bad_answer, "GATEWAY_BAD_ANSWER", 502, false, Fault::system},
        {GatewayCode::reauth_required, "GATEWAY_REAUTH_REQUIRED", 401, false, Fault::system},
        {GatewayCode::paused, "GATEWAY_PAUSED", 503, true, Fault::limit},
        {GatewayCode::draining, "GATEWAY_DRAINING", 503, true, Fault::limit},
        {GatewayCode::store, "GATEWAY_STORE", 503, true, Fault::system},
        {GatewayCode::outcome_unknown, "GATEWAY_OUTCOME_UNKNOWN", 409, false, Fault::system},
        {GatewayCode::conflict, "GATEWAY_CONFLICT", 409, false, Fault::refused},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(to_string(row.code) == row.name);
        CHECK(status_of(row.code) == row.status);
        const Outcome outcome = refusal(row.code, "Because.");
        CHECK(outcome.error_class == ErrorClass::gateway);
        CHECK(outcome.origin == Origin::gateway);
        CHECK(outcome.executed == (row.code == GatewayCode::outcome_unknown ? Executed::unknown : Executed::no));
        CHECK(fault_of(outcome.error_class, outcome.code) == row.fault);
        const ErrorAnswer out = error_answer(outcome, facts_of());
        CHECK(out.status == row.status);
        CHECK(out.code == row.name);
        CHECK(out.retryable == row.retry);
        CHECK(core::json::find(out.body, "error_description") == "\"Because.\"");
    }
}

TEST_CASE("whose fault it is") {
    for (const ErrorClass c : {rate_limit, operating_limit}) CHECK(fault_of(c, "") == Fault::limit);
    for (const ErrorClass c : {overload, auth_expired, auth_invalid, server, network, timeout, portal_gone})
        CHECK(fault_of(c, "") == Fault::system);
    for (const ErrorClass c : {permission, plan, validation, not_found, method_unknown, business})
        CHECK(fault_of(c, "GATEWAY_STORE") == Fault::refused);
    CHECK(fault_of(ok, "") == Fault::none);
    CHECK(to_string(Fault::none) == "none");
    CHECK(to_string(Fault::limit) == "limit");
    CHECK(to_string(ok) == "ok");
    CHECK(to_string(ErrorClass::gateway) == "gateway");
    CHECK(to_string(Origin::oauth) == "oauth");
}

TEST_CASE("the exact body of a refusal, in the shape of the api that was called") {
    const Outcome outcome = refusal(GatewayCode::forbidden, "The key may not call \"crm.deal.delete\".");
    EnvelopeFacts facts;
    facts.request_id = "r-1";
    CHECK(error_answer(outcome, facts).body ==
          R"({"error":"GATEWAY_FORBIDDEN","error_description":"The key may not call \"crm.deal.delete\".",)"
          R"("gateway":{"class":"gateway","origin":"gateway","retryable":false,"executed":"no","attempts":0,)"
          R"("request_id":"r-1"}})");
    facts.api = Api::v3;
    facts.portal = "acme";
    CHECK(error_answer(outcome, facts).body ==
          R"({"error":{"code":"GATEWAY_FORBIDDEN","message":"The key may not call \"crm.deal.delete\"."},)"
          R"("gateway":{"class":"gateway","origin":"gateway","retryable":false,"executed":"no","attempts":0,)"
          R"("portal":"acme","request_id":"r-1"}})");
}

TEST_CASE("how long to wait: what the gateway knows, then what the answer says, then what is usual") {
    Outcome outcome = outcome_of(rate_limit, Executed::no, "QUERY_LIMIT_EXCEEDED", 503);
    EnvelopeFacts facts = facts_of();
    const auto check = [&](long ms, long seconds) {
        const ErrorAnswer out = error_answer(outcome, facts);
        CHECK(out.retry_after == std::chrono::seconds(seconds));
        CHECK(out.body.find("\"executed\":\"no\",\"retry_after_ms\":" + std::to_string(ms) + ",\"attempts\":3,") !=
              std::string::npos);
    };
    check(2000, 2);
    outcome.retry_after = 7s;
    check(7000, 7);
    facts.retry_after = 1500ms;
    check(1500, 2);
    facts.retry_after = 2000ms;
    check(2000, 2);
    facts.retry_after = 0ms;
    check(0, 1);
    facts.retry_after = -5ms;
    check(0, 1);
    // Nothing is said of waiting when waiting does not help.
    outcome = outcome_of(validation, Executed::no);
    CHECK_FALSE(error_answer(outcome, facts).retry_after);
    CHECK(error_answer(outcome, facts).body.find("retry_after_ms") == std::string::npos);
}

TEST_CASE("the portal's v2 members stay as they came, and gateway is the last") {
    CHECK(answered(R"({"error":"ERROR_ARGUMENT","error_description":"x","argument":"LIMIT"})") ==
          R"({"error":"ERROR_ARGUMENT","error_description":"x","argument":"LIMIT",)" +
              gateway_member("validation", usual) + "}");
    CHECK(answered("\xEF\xBB\xBF { \"a\" : [1, {\"b\":2}] ,\n\"error\" : \"Error_Argument\" , "
                   "\"error_description\":\"\" }\n") ==
          " { \"a\" : [1, {\"b\":2}] ,\n\"error\" : \"Error_Argument\" , \"error_description\":\"\"," +
              gateway_member("validation", usual) + " }\n");
    CHECK(answered(R"({"error":"NEW","error_description":"\u043f\/x"})") ==
          R"({"error":"NEW","error_description":"\u043f\/x",)" + gateway_member("business", usual) + "}");
}

TEST_CASE("a number becomes a string, and a missing description a sentence") {
    CHECK(answered(R"({"error":0,"error_description":"Access denied"})") ==
          R"({"error":"0","error_description":"Access denied",)" + gateway_member("permission", usual) + "}");
    CHECK(answered(R"({"error":"NEW"})") == R"({"error":"NEW","error_description":"The portal refused the call.",)" +
                                                gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":100,"error_description":null})") ==
          R"({"error":"100","error_description":"The portal refused the parameters.",)" +
              gateway_member("validation", usual) + "}");
    CHECK(answered(R"({"error":null})") == R"({"error":"","error_description":"The portal refused the call.",)" +
                                               gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":["a"],"error_description":"b"})") ==
          R"({"error":"","error_description":"b",)" + gateway_member("business", usual) + "}");
}

TEST_CASE("a description that may not be shown is cleaned") {
    CHECK(answered(R"({"error":"NEW","error_description":"<b>No<\/b><br>way","x":"<b>"})") ==
          R"({"error":"NEW","error_description":"No way","x":"<b>",)" + gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":"NEW","error_description":"<hr>"})") ==
          R"({"error":"NEW","error_description":"The portal refused the call.",)" + gateway_member("business", usual) +
              "}");
    CHECK(answered(R"--({"error":"NEW","error_description":"no\nStack trace:\n#0 /opt/x.php(1)"})--") ==
          R"({"error":"NEW","error_description":"no",)" + gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":"NEW","error_description":["a","b"]})") ==
          R"({"error":"NEW","error_description":"[\"a\",\"b\"]",)" + gateway_member("business", usual) + "}");
    const std::string longest =
        answered(R"({"error":"NEW","error_description":")" + std::string(100000, 'x') + R"("})");
    CHECK(longest.size() < 1000);
}

TEST_CASE("a member called gateway is the gateway's alone") {
    const std::string tail = gateway_member("business", usual) + "}";
    CHECK(answered(R"({"gateway":{"class":"ok"},"error":"N","error_description":"d"})") ==
          R"({"error":"N","error_description":"d",)" + tail);
    CHECK(answered(R"({"error":"N","gateway":1,"error_description":"d"})") ==
          R"({"error":"N","error_description":"d",)" + tail);
    CHECK(answered(R"({"error":"N","error_description":"d","gateway":null})") ==
          R"({"error":"N","error_description":"d",)" + tail);
}

TEST_CASE("v3 keeps its shape, and takes a v2 error into it") {
    CHECK(answered(R"({"error":{"code":"NEW","message":"m","validation":[{"field":"id"}]},"x":1})", Api::v3) ==
          R"({"error":{"code":"NEW","message":"m","validation":[{"field":"id"}]},"x":1,)" +
              gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":{"code":"NEW","message":"<i>m</i>"}})", Api::v3) ==
          R"({"error":{"code":"NEW","message":"m"},)" + gateway_member("business", usual) + "}");
    CHECK(answered(R"({"error":{"code":"NEW"}})", Api::v3) ==
          R"({"error":{"code":"NEW","message":"The portal refused the call."},)" + gateway_member("business", usual) +
              "}");
    CHECK(answered(R"({"error":{}})", Api::v3) ==
          R"({"error":{"message":"The portal refused the call."},)" + gateway_member("business", usual) + "}");
    const std::string limited =
        answered(R"({"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many"})", Api::v3, 503);
    CHECK(limited == R"({"error":{"code":"QUERY_LIMIT_EXCEEDED","message":"Too many"},)" +
                         gateway_member("rate_limit",
                                        R"("retryable":true,"executed":"no","retry_after_ms":2000,"attempts":3,)"
                                        R"("portal":"acme","method":"crm.deal.add","upstream_status":503,)"
                                        R"("request_id":"r-1")") +
                         "}");
    // And the other way round.
    CHECK(answered(R"({"error":{"code":"NEW","message":"m"}})", Api::v2) ==
          R"({"error":"NEW","error_description":"m",)" + gateway_member("business", usual) + "}");
}

TEST_CASE("an outcome that is not known, of a call that may not be repeated") {
    Outcome outcome = outcome_of(server, Executed::unknown, "INTERNAL_SERVER_ERROR", 500);
    outcome.description = "Internal server error";
    outcome.json_error = true;
    const std::string portal = R"({"error":"INTERNAL_SERVER_ERROR","error_description":"Internal server error"})";
    const ErrorAnswer out = error_answer(outcome, facts_of(), portal);
    CHECK(out.status == 409);
    CHECK(out.body == R"({"error":"GATEWAY_OUTCOME_UNKNOWN","error_description":"The portal answered 500 )"
                      R"(INTERNAL_SERVER_ERROR: Internal server error. The call may have been carried out, and )"
                      R"(sending it again could do it twice: look on the portal first.","gateway":{"class":"server",)"
                      R"("origin":"portal","retryable":false,"executed":"unknown","attempts":3,"portal":"acme",)"
                      R"("method":"crm.deal.add","upstream_status":500,"request_id":"r-1"}})");
    // What may be repeated keeps the portal's word and status.
    const ErrorAnswer safe = error_answer(outcome, facts_of(Api::v2, true), portal);
    CHECK(safe.status == 500);
    CHECK(safe.code == "INTERNAL_SERVER_ERROR");
    CHECK(safe.retryable);
}

TEST_CASE("the code for the header is one word of visible ASCII") {
    CHECK(error_answer(outcome_of(business, Executed::no, "A B\r\nX: y\xD0"), facts_of()).code == "A_B__X:_y_");
    CHECK(error_answer(outcome_of(business, Executed::no, ""), facts_of()).code.empty());
    CHECK(error_answer(outcome_of(business, Executed::no, std::string(5000, 'x')), facts_of()).code.size() == 128);
}

class AnyCommand : public BatchMethods {
public:
    std::string_view method(std::string_view) const override { return "m"; }
    bool writes(std::string_view) const override { return true; }
    bool repeat_is_safe(std::string_view) const override { return false; }
};

TEST_CASE("batches that have nothing to annotate, and odd ones") {
    const AnyCommand commands;
    for (const char* body :
         {"", "[]", "{}", "null", R"({"result":[]})", R"({"result":{}})", R"({"result":{"result_error":[]}})",
          R"({"result":{"result_error":{}}})", R"({"result":{"result_error":null}})",
          R"({"result":{"result_error":{"a":"text","b":null}}})", R"({"result":[{"item":{}}]})", R"({"error":"X"})",
          R"({"result":{"result_error":{"a":{"error":"X")"}) {
        CAPTURE(body);
        CHECK_FALSE(annotate_batch(body, facts_of(), commands));
    }
    EnvelopeFacts facts = facts_of();
    facts.portal = "";
    facts.request_id = "";
    const auto out = annotate_batch(
        R"({"result":{"result_error":{ "a" : { "error" : "ERROR_CORE" } , "b":"text","c":{"gateway":1,"error":"X"},"d":{}}}} )",
        facts, commands);
    REQUIRE(out);
    CHECK(
        *out ==
        R"({"result":{"result_error":{ "a" : { "error" : "ERROR_CORE","gateway":{"class":"business","origin":"portal",)"
        R"("retryable":false,"executed":"unknown","attempts":3,"method":"m"} } , "b":"text","c":{"error":"X","gateway":)"
        R"({"class":"business","origin":"portal","retryable":false,"executed":"no","attempts":3,"method":"m"}},)"
        R"("d":{"gateway":{"class":"business","origin":"portal","retryable":false,"executed":"no","attempts":3,)"
        R"("method":"m"}}}}} )");
}

}  // namespace
