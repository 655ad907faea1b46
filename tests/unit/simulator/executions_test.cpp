#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {

json::array log_of(World& world, std::uint64_t after = 0, std::size_t limit = 1000) {
    return world.acme().executions.page(after, limit).at("executions").as_array();
}

void fault(World& world, const char* spec) { REQUIRE(world.cloud.faults().add(json::parse(spec)).error.empty()); }

}  // namespace

TEST_CASE("what was carried out is noted, in the order in which it took effect") {
    World world(R"({"methods":{"crm.deal.add":{"latency_ms":400}}})");
    world.post("crm.deal.add", R"({"fields":{"TITLE":"a","ORIGIN_ID":"origin-1"}})");
    world.post("crm.deal.update", R"({"id":174,"fields":{"TITLE":"b"}})");
    world.post("crm.deal.get", R"({"id":174,"UF_MARK":"reads"})");
    world.post("crm.deal.delete", R"({"id":999})");
    world.post("no.such.method");
    const json::array log = log_of(world);
    REQUIRE(log.size() == 4);
    CHECK(log[0].at("number") == 1);
    CHECK(log[0].at("method") == "crm.deal.add");
    CHECK(log[0].at("record") == 174);
    CHECK(log[0].at("marker") == "origin-1");
    CHECK(log[0].at("credential") == "webhook 1");
    CHECK(log[0].at("error") == "");
    CHECK(log[0].at("ended").as_double() - log[0].at("started").as_double() == doctest::Approx(0.4));
    CHECK(log[1].at("record") == 174);
    CHECK(log[1].at("marker") == "b");
    CHECK(log[2].at("marker") == "reads");
    CHECK(log[3].at("error") == "Not found");
    CHECK(log[1].at("body") != log[0].at("body"));

    CHECK(log_of(world, 1, 2).size() == 2);
    CHECK(log_of(world, 1, 2).at(0).at("number") == 2);
    CHECK(world.acme().executions.page(1, 2).at("next") == 3);
    CHECK(world.acme().executions.page(4, 2).at("next") == 4);
    world.cloud.reset(world.now);
    CHECK(log_of(world).empty());
    world.post("crm.deal.get", R"({"id":1})");
    CHECK(log_of(world).at(0).at("number") == 5);
}

TEST_CASE("the commands of a batch are noted one by one") {
    World world;
    world.post("batch", R"({"cmd":{"a":"crm.deal.add?fields[TITLE]=one","b":"crm.deal.get?id=1"}})");
    const json::array log = log_of(world);
    REQUIRE(log.size() == 2);
    CHECK(log[0].at("marker") == "one");
    CHECK(log[0].at("batched") == true);
    CHECK(log[1].at("method") == "crm.deal.get");
}

TEST_CASE("only the last ones are kept") {
    World world;
    world.acme().executions.keep = 3;
    for (int i = 0; i < 5; ++i) world.post("server.time");
    const json::array log = log_of(world);
    REQUIRE(log.size() == 3);
    CHECK(log[0].at("number") == 3);
}

TEST_CASE("a fault that strikes behind a call lets it be carried out, one before does not") {
    World world;
    const auto carried_out = [&](const char* spec) {
        const std::size_t before = log_of(world).size();
        fault(world, spec);
        world.post("crm.deal.add", R"({"fields":{"TITLE":"x"}})");
        return log_of(world).size() - before;
    };
    CHECK(carried_out(R"({"effect":"reset_before"})") == 0);
    CHECK(carried_out(R"({"effect":"html","status":502})") == 0);
    CHECK(carried_out(R"({"code":"QUERY_LIMIT_EXCEEDED"})") == 0);
    CHECK(carried_out(R"({"effect":"expired_token"})") == 0);
    CHECK(carried_out(R"({"effect":"reset_after"})") == 1);
    CHECK(carried_out(R"({"effect":"html","status":502,"execute":true})") == 1);
    CHECK(carried_out(R"({"effect":"error","code":"INTERNAL_SERVER_ERROR","execute":true})") == 1);
    CHECK(carried_out(R"({"effect":"latency","delay_ms":2000})") == 1);
    const json::value last = log_of(world).back();
    CHECK(last.at("ended").as_double() - last.at("started").as_double() == doctest::Approx(2));
}

TEST_CASE("a record is found by what its origin says") {
    World world;
    world.post("crm.contact.add", R"({"fields":{"NAME":"n","ORIGINATOR_ID":"shop","ORIGIN_ID":"77"}})");
    world.post("crm.contact.add", R"({"fields":{"NAME":"n","ORIGINATOR_ID":"shop","ORIGIN_ID":"78"}})");
    const json::array found = world
                                  .result("crm.contact.list", R"({"filter":{"=ORIGINATOR_ID":"shop","=ORIGIN_ID":"77"},
                                             "select":["ID","ORIGIN_ID","DATE_CREATE"],"start":-1})")
                                  .as_array();
    REQUIRE(found.size() == 1);
    CHECK(found[0].at("ID") == "61");
    CHECK(found[0].as_object().contains("DATE_CREATE"));

    world.post("crm.item.add", R"({"entityTypeId":150,"fields":{"title":"t","xmlId":"x-1"}})");
    world.post("crm.item.add", R"({"entityTypeId":150,"fields":{"title":"t","xmlId":"x-2"}})");
    const json::value items = world
                                  .result("crm.item.list", R"({"entityTypeId":150,"filter":{"=xmlId":"x-2"},
                                                                "select":["*"],"start":-1})")
                                  .at("items");
    REQUIRE(items.as_array().size() == 1);
    CHECK(items.at(0).at("xmlId") == "x-2");
    CHECK(items.at(0).at("id") == 2);
}

TEST_CASE("a key is replayed only to calls that came after the first one had ended") {
    World world;
    Request request = World::request("POST", "/rest/api/1/s3cr3tw3bh00kc0d/tasks.task.add",
                                     R"({"fields":{"title":"once"}})", "application/json");
    request.headers.emplace_back("Idempotency-Key", "k1");
    Exchange first = world.cloud.begin(world.connection, request, world.now);
    world.pass(0.1);
    Exchange second = world.cloud.begin(world.connection, request, world.now);
    world.pass(1);
    CHECK(world.cloud.finish(first, world.now).response.status == 200);
    CHECK(world.cloud.finish(second, world.now).response.status == 200);
    CHECK(log_of(world).size() == 2);
    CHECK(log_of(world).at(0).at("key") == "k1");
    world.pass(1);
    const Response third = world.send(request);
    CHECK(find_header(third.headers, "Idempotent-Replayed") == "true");
    CHECK(log_of(world).size() == 2);
}
