#include "world.hpp"

#include <b24gate/simulator/batch.hpp>

#include <doctest/doctest.h>

using namespace b24gate::simulator;

TEST_CASE("references in commands") {
    BatchMaps maps;
    maps.result["u"] = json::parse(R"({"ID":"7","DEP":[3,4],"NAME":"Anna","FLAG":true,"NONE":null})");
    maps.result["n"] = 174;
    maps.total["l"] = 73;
    maps.next["l"] = 50;
    maps.error["e"] = json::parse(R"({"error":"X","error_description":""})");
    struct Row {
        const char *text, *json;
    };
    const Row rows[] = {
        {"plain", R"("plain")"},
        {"$result[u][ID]", R"("7")"},
        {"$result[u][DEP]", "[3,4]"},
        {"$result[u][DEP][1]", "4"},
        {"$result[n]", "174"},
        {"$total[l]", "73"},
        {"$next[l]", "50"},
        {"$error[e][error]", R"("X")"},
        {"id is $result[u][ID] now", R"("id is 7 now")"},
        {"$result[n]/x", "174"},  // The tail runs to the next space, the path is what stands in brackets.
        {"a $result[u][DEP] b", R"("a $result[u][DEP] b")"},
        {"$result[u][ID] $result[n]", R"("7 174")"},
        {"$result[u][ID] $result[u][ID]", R"("7 7")"},
        {"$result[u][FLAG]", "true"},
        {"x $result[u][FLAG]", R"("x $result[u][FLAG]")"},
        {"$result", R"("$result")"},
        {"$result ", R"("$result ")"},
        {"$result[]", R"("$result[]")"},
        {"$nothing[a]", R"("$nothing[a]")"},
        {"$RESULT[u][ID]", "null"},
        {"a $RESULT[u][ID]", R"("a $RESULT[u][ID]")"},
        {"$result[u][NOPE]", R"({"ID":"7","DEP":[3,4],"NAME":"Anna","FLAG":true,"NONE":null})"},
        {"$result[u][NONE][x]", R"({"ID":"7","DEP":[3,4],"NAME":"Anna","FLAG":true,"NONE":null})"},
        {"$result[u][NAME][0]", R"("A")"},
        {"$result[u][NAME][9]", R"("Anna")"},
        {"$total[x]", R"({"l":73})"},
        {"5$ and $", R"("5$ and $")"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(encode(maps.substitute(json::value(row.text))) == row.json);
    }
    CHECK(encode(maps.substitute(json::parse(R"({"a":["$result[n]",{"b":"$total[l]"}]})"))) ==
          R"({"a":[174,{"b":73}]})");
}

TEST_CASE("a batch runs in order and reports by key") {
    World world;
    const json::value answer = world.result("batch", R"({"halt":0,"cmd":{
        "add":"crm.deal.add?fields[TITLE]=A%20%26%20B&fields[PHONE][0][VALUE]=1",
        "get":"crm.deal.get?id=$result[add]",
        "list":"crm.deal.list?filter[>ID]=100&select[]=ID",
        "miss":"crm.deal.get?id=99999"}})");
    CHECK(answer.at("result").at("add") == 174);
    CHECK(answer.at("result").at("get").at("TITLE") == "A & B");
    CHECK(answer.at("result").at("list").as_array().size() == 50);
    CHECK(answer.at("result_total").at("list") == 74);
    CHECK(answer.at("result_next").at("list") == 50);
    CHECK(encode(answer.at("result_error")) == R"({"miss":{"error":"","error_description":"Not found"}})");
    CHECK(answer.at("result_time").as_object().size() == 3);
    CHECK(world.acme().stats.hits == 1);
    CHECK(world.acme().stats.executions.at("crm.deal.get") == 2);
}

TEST_CASE("PHP's array shapes in a batch") {
    World world;
    json::value answer = world.result("batch", R"({"cmd":["server.time","user.admin"]})");
    CHECK(answer.at("result").is_array());
    CHECK(encode(answer.at("result_error")) == "[]");
    CHECK(encode(answer.at("result_total")) == "[]");
    answer = world.result("batch", R"({"cmd":["no.such","server.time","user.admin"]})");
    CHECK(answer.at("result").is_object());
    CHECK(answer.at("result").at("2") == true);
    CHECK(encode(answer.at("result_error")) ==
          R"([{"error":"ERROR_METHOD_NOT_FOUND","error_description":"Method not found!"}])");
    CHECK(encode(world.result("batch", R"({"cmd":{}})")) ==
          R"({"result":[],"result_error":[],"result_total":[],"result_next":[],"result_time":[]})");
    CHECK(encode(world.result("batch", R"({"cmd":{"a":5,"b":["x"]}})").at("result")) == "[]");
    CHECK(encode(world.result("batch", R"({"CMD":{"a":"user.admin"}})").at("result")) == R"({"a":true})");
}

TEST_CASE("halt stops at the first failure") {
    World world;
    for (const auto& [halt, expected] : {std::pair{"0", 2}, {"1", 1}, {"true", 1}, {"\"0\"", 2}, {"\"1\"", 1}}) {
        CAPTURE(halt);
        const json::value answer =
            world.result("batch", std::string(R"({"halt":)") + halt +
                                      R"(,"cmd":{"a":"user.admin","b":"no.such","c":"user.admin"}})");
        CHECK(answer.at("result").as_object().size() == static_cast<std::size_t>(expected));
    }
}

TEST_CASE("fifty commands, and an error for each further one") {
    World world;
    std::string body = R"({"cmd":{)";
    for (int i = 0; i < 53; ++i) body += (i ? "," : "") + std::string("\"c") + std::to_string(i) + R"(":"user.admin")";
    const json::value answer = world.result("batch", body + "}}");
    CHECK(answer.at("result").as_object().size() == 50);
    CHECK(answer.at("result_error").as_object().size() == 3);
    CHECK(answer.at("result_error").at("c50").at("error") == "ERROR_BATCH_LENGTH_EXCEEDED");
    CHECK(world.acme().stats.executions.at("user.admin") == 50);
}

TEST_CASE("what a batch may not hold, and scopes per command") {
    World world(R"({"webhooks":[{"user":1,"secret":"s3cr3tw3bh00kc0d","scope":["crm"]}]})");
    const json::value errors =
        world
            .result(
                "batch",
                R"({"cmd":{"a":"batch?cmd[x]=server.time","b":"download","c":"upload","d":"im.notify?x=1","e":"user.current"}})")
            .at("result_error");
    for (const char* key : {"a", "b", "c"}) CHECK(errors.at(key).at("error") == "ERROR_BATCH_METHOD_NOT_ALLOWED");
    for (const char* key : {"d", "e"})
        CHECK(encode(errors.at(key)) == R"({"error":"insufficient_scope","error_description":""})");
}

TEST_CASE("values in a command are strings, a fragment ends it, the batch's credential stays") {
    World world;
    const json::value answer = world
                                   .result("batch", R"({"cmd":{
        "a":"sim.echo?x=1&y=true&z=null&a.b=1&e[]=&auth=planted",
        "b":"sim.echo?t=100%25#cut&u=1",
        "c":"sim.echo?t=1%2B1+1",
        "d":"sim.echo"}})")
                                   .at("result");
    CHECK(encode(answer.at("a")) == R"({"x":"1","y":"true","z":"null","a_b":"1","e":[""]})");
    CHECK(encode(answer.at("b")) == R"({"t":"100%"})");
    CHECK(encode(answer.at("c")) == R"({"t":"1+1 1"})");
    CHECK(encode(answer.at("d")) == "[]");
}

TEST_CASE("a batch in a form body is encoded twice") {
    World world;
    const Response response = world.send(World::request("POST", "/rest/1/s3cr3tw3bh00kc0d/batch",
                                                        "halt=0&cmd%5Ba%5D=sim.echo%3Fx%3D1%2526y%26z%3D2",
                                                        "application/x-www-form-urlencoded"));
    CHECK(encode(world.json_of(response).at("result").at("result")) == R"({"a":{"x":"1&y","z":"2"}})");
}

TEST_CASE("operating time inside a batch") {
    World world(R"({"plan":"none","operating_limit_s":100,"methods":{"crm.deal.list":{"operating_s":60}}})");
    const std::string body =
        R"({"cmd":{"a":"crm.deal.list","b":"crm.deal.list","c":"crm.deal.list","d":"crm.deal.get?id=1"}})";
    json::value answer = world.json_of(world.post("batch", body));
    CHECK(answer.at("result").at("result_error").at("c").at("error") == "OPERATION_TIME_LIMIT");
    CHECK(answer.at("result").at("result").as_object().contains("d"));
    CHECK(answer.at("result").at("result_time").at("b").at("operating") == 120);
    CHECK(answer.at("result").at("result_time").at("b").as_object().contains("operating_reset_at"));
    CHECK(answer.at("time").at("operating") == 0);
    // Direct calls of a webhook have an account of their own.
    CHECK(world.post("crm.deal.list").status == 200);
    world.pass(600);
    answer = world.json_of(world.post("batch", body));
    CHECK(answer.at("result").at("result").as_object().contains("a"));
}

TEST_CASE("a batch runs as long as its commands together") {
    World world(R"({"methods":{"crm.deal.get":{"latency_ms":30},"crm.*":{"latency_ms":10}}})");
    const Request request = World::request(
        "POST", "/rest/1/s3cr3tw3bh00kc0d/batch",
        R"({"cmd":["crm.deal.get?id=1","crm.deal.get?id=2","crm.lead.list","server.time"]})", "application/json");
    Exchange exchange = world.cloud.begin(world.connection, request, world.now);
    CHECK(exchange.wait == std::chrono::milliseconds(70));
    const Delivery done = world.cloud.finish(exchange, world.now + exchange.wait);
    const json::value time = world.json_of(done.response).at("result").at("result_time");
    CHECK(time.at(1).at("duration").to_number<double>() == doctest::Approx(0.03));
    CHECK(time.at(1).at("start").to_number<double>() == doctest::Approx(1790000000.03));
}
