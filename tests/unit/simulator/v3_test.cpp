#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {
std::string code_of(World& world, const Response& response) {
    return php::to_string(world.json_of(response).at("error").at("code"));
}
Request keyed(const std::string& key, const std::string& body) {
    Request out = World::request("POST", "/rest/api/1/s3cr3tw3bh00kc0d/tasks.task.add", body, "application/json");
    out.headers.emplace_back("Idempotency-Key", key);
    return out;
}
}  // namespace

TEST_CASE("envelopes of REST 3") {
    World world;
    CHECK(encode(world.json_of(world.post_v3("tasks.task.get", R"({"id":1,"select":["id","title"]})")).at("result")) ==
          R"({"item":{"id":1,"title":"Task 1"}})");
    json::value list = world.json_of(
        world.post_v3("tasks.task.list", R"({"filter":[["id",">",100]],"select":["id"],"order":{"id":"DESC"}})"));
    CHECK(list.at("result").at("items").as_array().size() == 20);
    CHECK(list.at("result").at("items").at(0).at("id") == 120);
    CHECK_FALSE(list.as_object().contains("total"));
    CHECK_FALSE(list.as_object().contains("next"));
    CHECK(encode(world.json_of(world.post_v3("tasks.task.add", R"({"fields":{"title":"N"}})")).at("result")) ==
          R"({"id":121})");
    CHECK(encode(
              world.json_of(world.post_v3("tasks.task.update", R"({"id":121,"fields":{"title":"M"}})")).at("result")) ==
          "true");
    CHECK(encode(world.json_of(world.post_v3("tasks.task.delete", R"({"id":121})")).at("result")) == "true");
    CHECK(world.json_of(world.post_v3("rest.documentation.openapi", "{}")).as_object().contains("openapi"));
}

TEST_CASE("pages of REST 3") {
    World world;
    const auto first = [&](const char* pagination) {
        const Response response =
            world.post_v3("tasks.task.list", std::string(R"({"select":["id"],"pagination":)") + pagination + "}");
        if (response.status != 200) return code_of(world, response);
        const json::value page = world.json_of(response);
        const auto& items = page.at("result").at("items").as_array();
        return items.empty() ? "-" : php::to_string(items.front().at("id")) + "+" + std::to_string(items.size());
    };
    CHECK(first("{}") == "1+50");
    CHECK(first(R"({"page":2})") == "51+50");
    CHECK(first(R"({"page":3,"limit":50})") == "101+20");
    CHECK(first(R"({"limit":5000})") == "1+120");
    CHECK(first(R"({"offset":10,"limit":5})") == "11+5");
    CHECK(first(R"({"offset":10,"page":2,"limit":5})") == "6+5");
    CHECK(first(R"({"limit":0})") == "BITRIX_REST_V3_EXCEPTION_INVALIDPAGINATIONEXCEPTION");
    CHECK(first(R"({"limit":"x"})") == "BITRIX_REST_V3_EXCEPTION_INVALIDPAGINATIONEXCEPTION");
    const json::value tail =
        world.json_of(world.post_v3("tasks.task.tail", R"({"cursor":{"field":"id","value":118},"select":["id"]})"));
    CHECK(encode(tail.at("result")) == R"({"items":[{"id":119},{"id":120}]})");
}

TEST_CASE("errors of REST 3") {
    World world;
    const auto check = [&](const Response& response, int status, const char* code) {
        CAPTURE(code);
        CHECK(response.status == status);
        CHECK(code_of(world, response) == std::string("BITRIX_REST_V3_") + code);
        CHECK_FALSE(world.json_of(response).as_object().contains("time"));
    };
    check(world.post_v3("no.such", "{}"), 404, "EXCEPTION_METHODNOTFOUNDEXCEPTION");
    check(world.post_v3("tasks.task.get.json", "{}"), 404, "EXCEPTION_METHODNOTFOUNDEXCEPTION");
    check(world.post_v3("tasks.task.get", R"({"id":999})"), 400, "EXCEPTION_ENTITYNOTFOUNDEXCEPTION");
    check(world.post_v3("tasks.task.get", R"({"id":)"), 400, "EXCEPTION_INVALIDJSONEXCEPTION");
    check(world.post_v3("tasks.task.list", R"({"filter":[["id","~",1]]})"), 400,
          "EXCEPTION_UNKNOWNFILTEROPERATOREXCEPTION");
    check(world.send(World::request("POST", "/rest/api/1/s3cr3tw3bh00kc0d/tasks.task.get", "id=1",
                                    "application/x-www-form-urlencoded")),
          400, "EXCEPTION_INVALIDJSONEXCEPTION");
    check(world.send(World::request("GET", "/rest/api/1/s3cr3tw3bh00kc0d/tasks.task.get?id=1")), 400,
          "EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION");
    check(world.send(World::request("POST", "/rest/api/1/wrong/tasks.task.get", "{}", "application/json")), 401,
          "EXCEPTION_ACCESSDENIEDEXCEPTION");
    world.configure(R"({"operating_limit_s":1,"methods":{"tasks.task.get":{"operating_s":2}}})");
    CHECK(world.post_v3("tasks.task.get", R"({"id":1})").status == 200);
    check(world.post_v3("tasks.task.get", R"({"id":1})"), 429, "EXCEPTION_RATELIMITEXCEPTION");
    world.configure(R"({"refuse":"ACCESS_DENIED"})");
    check(world.post_v3("tasks.task.get", R"({"id":1})"), 402, "EXCEPTION_MARKETSUBSCRIPTIONREQUIREDEXCEPTION");
}

TEST_CASE("the missing field is named") {
    World world;
    CHECK(
        world.post_v3("tasks.task.get", "{}").body ==
        R"({"error":{"code":"BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION","message":"Error validating request object","validation":[{"message":"Required field `id` is not specified","field":"id"}]}})");
}

TEST_CASE("a v3 token in body, query or header; the front's refusal keeps the classic shape") {
    World world;
    CHECK(world
              .send(World::request("POST", "/rest/api/tasks.task.get", R"({"id":1,"auth":"b24sim-access-token"})",
                                   "application/json"))
              .status == 200);
    CHECK(world
              .send(World::request("POST", "/rest/api/tasks.task.get?auth=b24sim-access-token", R"({"id":1})",
                                   "application/json"))
              .status == 200);
    Request request = World::request("POST", "/rest/api/batch", R"([{"method":"tasks.task.get","query":{"id":1}}])",
                                     "application/json");
    request.headers.emplace_back("Authorization", "Bearer b24sim-access-token");
    CHECK(world.send(request).status == 200);
    world.pass(3600);
    CHECK(world.send(request).body ==
          R"({"error":{"code":"BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION","message":"Access denied"}})");
    world.configure(R"({"burst":1,"rate":0})");
    CHECK(world.post_v3("tasks.task.get", R"({"id":1})").body ==
          R"({"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"})");
}

TEST_CASE("batch of REST 3: references, and all or nothing in the report") {
    World world;
    const json::value ok = world.json_of(world.post_v3("batch", R"([
        {"method":"tasks.task.get","query":{"id":2},"as":"t"},
        {"method":"tasks.task.get","query":{"id":{"$ref":"t.id"},"select":["id"]}},
        {"method":"tasks.task.list","query":{"filter":[["id","<",3]],"select":["id"]},"as":"l"},
        {"method":"tasks.task.list","query":{"filter":[["id","in",{"$refArray":"l.id"}]],"select":["id"]}}])"));
    CHECK(ok.at("result").as_array().size() == 4);
    CHECK(ok.at("result").at(1).at("item").at("id") == 2);
    CHECK(encode(ok.at("result").at(3)) == R"({"items":[{"id":1},{"id":2}]})");

    world.acme().stats.executions.clear();
    Response response = world.post_v3(
        "batch",
        R"([{"method":"tasks.task.add","query":{"fields":{"title":"A"}}},{"method":"tasks.task.get","query":{"id":429}}])");
    CHECK(response.status == 400);
    CHECK(
        response.body ==
        R"({"error":{"code":"BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION","message":"Entity with id `429` not found"}})");
    CHECK(world.acme().stats.executions.at("tasks.task.add") == 1);
    response = world.post_v3(
        "batch", R"([{"method":"tasks.task.add","query":{"fields":{"title":"A"}}},{"method":"no.such","query":{}}])");
    CHECK(response.status == 404);
    CHECK(world.acme().stats.executions.at("tasks.task.add") == 1);
    for (
        const char* bad :
        {R"({"cmd":{"a":"server.time"}})", R"([{"method":"tasks.task.get"}])", R"([{"query":{}}])",
         R"([{"method":"tasks.task.get","query":{"id":1},"as":"a"},{"method":"tasks.task.get","query":{"id":1},"as":"a"}])",
         R"([{"method":"tasks.task.get","query":{"id":{"$ref":"nobody.id"}}}])"}) {
        CAPTURE(bad);
        response = world.post_v3("batch", bad);
        CHECK(response.status == 400);
        CHECK(code_of(world, response) == "BITRIX_REST_V3_EXCEPTION_INVALIDSELECTEXCEPTION");
    }
}

TEST_CASE("idempotency keys") {
    World world;
    const std::string body = R"({"fields":{"title":"once"}})";
    const Response first = world.send(keyed("k1", body));
    CHECK(first.status == 200);
    CHECK(find_header(first.headers, "Idempotency-Key") == "k1");
    CHECK(find_header(first.headers, "Idempotent-Replayed").empty());
    const Response second = world.send(keyed("k1", body));
    CHECK(second.body == first.body);
    CHECK(find_header(second.headers, "Idempotent-Replayed") == "true");
    CHECK(world.acme().stats.executions.at("tasks.task.add") == 1);
    CHECK(world.acme().stats.duplicates == 0);
    const Response other = world.send(keyed("k1", R"({"fields":{"title":"two"}})"));
    CHECK(other.status == 422);
    CHECK(code_of(world, other) == "BITRIX_REST_V3_EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION");
    CHECK(world.send(keyed(std::string(256, 'x'), body)).status == 400);
    CHECK(world.send(keyed("k2", R"({"fields":{}})")).status == 400);
    CHECK(world.send(keyed("k2", R"({"fields":{"title":"after an error"}})")).status == 200);
    world.pass(24 * 3600);
    CHECK(find_header(world.send(keyed("k1", body)).headers, "Idempotent-Replayed").empty());
    CHECK(world.acme().stats.executions.at("tasks.task.add") == 4);
}
