#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {
Request call(const char* method) {
    return World::request("POST", std::string("/rest/1/s3cr3tw3bh00kc0d/") + method, R"({"fields":{"TITLE":"x"}})",
                          "application/json");
}

std::string add(World& world, const char* spec) { return world.cloud.faults().add(json::parse(spec)).error; }
}  // namespace

TEST_CASE("each effect does what it says, and executes or does not") {
    struct Row {
        const char* spec;
        Delivery::Kind kind;
        int status;
        std::uint64_t executed;
    };
    using Kind = Delivery::Kind;
    const Row rows[] = {
        {R"({"effect":"reset"})", Kind::reset, 0, 0},
        {R"({"effect":"reset_before"})", Kind::reset, 0, 0},
        {R"({"effect":"reset_after"})", Kind::reset, 200, 1},
        {R"({"effect":"reset","execute":true})", Kind::reset, 200, 1},
        {R"({"effect":"close"})", Kind::close, 0, 0},
        {R"({"effect":"close_after"})", Kind::close, 200, 1},
        {R"({"effect":"hang"})", Kind::hang, 0, 0},
        {R"({"effect":"html"})", Kind::answer, 502, 0},
        {R"({"effect":"html","status":504,"execute":true})", Kind::answer, 504, 1},
        {R"({"effect":"captcha"})", Kind::answer, 403, 0},
        {R"({"effect":"empty"})", Kind::answer, 200, 0},
        {R"({"status":418,"body":"tea"})", Kind::answer, 418, 0},
        {R"({"code":"OVERLOAD_LIMIT"})", Kind::answer, 503, 0},
        {R"({"code":"OVERLOAD_LIMIT","status":401})", Kind::answer, 401, 0},
        {R"({"code":"WRONG_ENCODING","execute":true})", Kind::answer, 200, 1},
        {R"({"effect":"expired_token"})", Kind::answer, 401, 0},
        {R"({"effect":"redirect","location":"https://new.test"})", Kind::answer, 302, 0},
        {R"({"effect":"truncate"})", Kind::answer, 200, 1},
        {R"({"effect":"cut","bytes":10})", Kind::answer, 200, 1},
        {R"({"effect":"drip"})", Kind::answer, 200, 1},
        {R"({"effect":"garbage"})", Kind::raw, 0, 0},
        {R"({"raw_base64":"SFRUUC8xLjEgMjAwIE9LDQoNCg=="})", Kind::raw, 0, 0},
        {R"({"effect":"modify","status":299,"headers":{"X-A":"b"}})", Kind::answer, 299, 1},
        {R"({"effect":"latency","delay_ms":50})", Kind::answer, 200, 1},
    };
    for (const Row& row : rows) {
        CAPTURE(row.spec);
        World world;
        CHECK(add(world, row.spec).empty());
        const Delivery delivery = world.deliver(call("crm.deal.add"));
        CHECK(delivery.kind == row.kind);
        if (row.status) CHECK(delivery.response.status == row.status);
        const auto& executions = world.acme().stats.executions;
        CHECK((executions.contains("crm.deal.add") ? executions.at("crm.deal.add") : 0) == row.executed);
        CHECK(world.acme().stats.faults == 1);
        CHECK(world.deliver(call("crm.deal.add")).response.status == 200);
    }
}

TEST_CASE("details of single effects") {
    World world;
    add(world, R"({"effect":"redirect","location":"https://new.test","status":307})");
    CHECK(find_header(world.send(call("crm.deal.add")).headers, "Location") ==
          "https://new.test/rest/1/s3cr3tw3bh00kc0d/crm.deal.add");
    add(world, R"({"effect":"truncate","bytes":5,"rst":true})");
    Delivery delivery = world.deliver(call("crm.deal.get"));
    CHECK(*delivery.truncate_body == 5);
    CHECK(delivery.rst);
    add(world, R"({"raw_base64":"aGk=","keep":true})");
    delivery = world.deliver(call("crm.deal.get"));
    CHECK(delivery.raw == "hi");
    CHECK(delivery.keep_alive);
    add(world, R"({"effect":"latency","delay_ms":50,"delay_after_ms":70,"suffix_base64":"eA=="})");
    Exchange exchange = world.cloud.begin(world.connection, call("server.time"), world.now);
    CHECK(exchange.wait == std::chrono::milliseconds(50));
    delivery = world.cloud.finish(exchange, world.now + exchange.wait);
    CHECK(delivery.wait == std::chrono::milliseconds(70));
    CHECK(delivery.suffix == "x");
    add(world, R"({"code":"INTERNAL_SERVER_ERROR"})");
    const Response v3 = world.post_v3("tasks.task.get", R"({"id":1})");
    CHECK(v3.status == 500);
    CHECK(v3.body ==
          R"({"error":{"code":"BITRIX_REST_V3_EXCEPTION_INTERNAL_INTERNALEXCEPTION","message":"Internal error"}})");
}

TEST_CASE("which calls a fault strikes") {
    World world(R"({"plan":"none"})");
    add(world, R"({"method":"crm.deal.*","skip":2,"times":2,"status":599})");
    std::string pattern;
    for (int i = 0; i < 6; ++i) {
        CHECK(world.send(call("server.time")).status == 200);
        pattern += world.send(call("crm.deal.list")).status == 599 ? 'x' : '.';
    }
    CHECK(pattern == "..xx..");
    add(world, R"({"probability":0.25,"status":599})");
    int struck = 0;
    for (int i = 0; i < 2000; ++i) struck += world.send(call("server.time")).status == 599;
    CHECK(struck > 400);
    CHECK(struck < 600);
    CHECK(world.cloud.faults().remove(std::nullopt) == 2);
    add(world, R"({"portal":"other","status":599})");
    CHECK(world.send(call("server.time")).status == 200);
    add(world, R"({"portal":"oauth","effect":"reset"})");
    const Delivery lost = world.deliver(World::request("POST", "/oauth/token/",
                                                       "grant_type=refresh_token&client_id=local.b24sim&client_secret="
                                                       "b24sim-client-secret&refresh_token=b24sim-refresh-token",
                                                       "application/x-www-form-urlencoded"));
    CHECK(lost.kind == Delivery::Kind::reset);
    CHECK(world.cloud.oauth().stats().refreshes == 0);
    add(world, R"({"portal":"oauth","effect":"reset_after"})");
    world.deliver(World::request("POST", "/oauth/token/",
                                 "grant_type=refresh_token&client_id=local.b24sim&client_secret=b24sim-client-secret&"
                                 "refresh_token=b24sim-refresh-token",
                                 "application/x-www-form-urlencoded"));
    CHECK(world.cloud.oauth().stats().refreshes == 1);
}

TEST_CASE("a rate refusal is not a strike") {
    World world(R"({"burst":1,"rate":0,"count_refused":false})");
    CHECK(world.send(call("server.time")).status == 200);
    add(world, R"({"status":599})");
    CHECK(world.send(call("server.time")).status == 503);
    world.configure(R"({"burst":2})");
    CHECK(world.send(call("server.time")).status == 599);
}

TEST_CASE("a fault that makes no sense is refused in words") {
    World world;
    CHECK(add(world, R"({"effect":"explode"})").find("there are latency, answer") != std::string::npos);
    CHECK(add(world, R"({"efect":"reset"})") == "unknown key \"efect\" in a fault");
    CHECK(add(world, R"({"probability":2})") == "\"probability\" is from 0 to 1");
    CHECK(add(world, R"({"raw_base64":"%"})") == "\"raw_base64\" is no base64");
    CHECK(add(world, R"({"effect":"redirect"})").find("location") != std::string::npos);
    CHECK(add(world, "5") == "a fault is a JSON object");
}
