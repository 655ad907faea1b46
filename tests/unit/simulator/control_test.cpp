#include "world.hpp"

#include <b24gate/simulator/config.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

using namespace b24gate::simulator;

namespace {
struct Desk {
    World world;
    SocketStats sockets;
    Control control{world.cloud, sockets};

    Response ask(const char* method, const char* target, const char* body = "") {
        return control.handle(World::request(method, target, body), world.now + control.clock_offset());
    }
    json::value json(const char* method, const char* target, const char* body = "") {
        return json::parse(ask(method, target, body).body);
    }
};
}  // namespace

TEST_CASE("stats show what came over the wire, byte for byte") {
    Desk desk;
    Request request = World::request("POST", "/rest/1/s3cr3tw3bh00kc0d/crm.deal.add?x=%20",
                                     R"({"fields": {"TITLE":"x"}})", "application/json");
    request.head = "POST /rest/1/s3cr3tw3bh00kc0d/crm.deal.add?x=%20 HTTP/1.1\r\nhost: A\r\nX-Strange:   v \r\n\r\n";
    desk.world.send(request);
    const json::value acme = desk.json("GET", "/stats").at("portals").at("acme");
    CHECK(acme.at("hits") == 1);
    CHECK(acme.at("executions").at("crm.deal.add") == 1);
    CHECK(acme.at("executions_total") == 1);
    CHECK(acme.at("duplicates") == 0);
    CHECK(acme.at("connections") == 1);
    const json::value seen = acme.at("requests").at(0);
    CHECK(seen.at("line") == "POST /rest/1/s3cr3tw3bh00kc0d/crm.deal.add?x=%20 HTTP/1.1");
    CHECK(encode(seen.at("headers")) == R"([["host","A"],["X-Strange","v"]])");
    CHECK(*base64_decode(php::to_string(seen.at("head_base64"))) == request.head);
    CHECK(*base64_decode(php::to_string(seen.at("body_base64"))) == request.body);
    CHECK(desk.json("GET", "/stats?requests=0").at("portals").at("acme").at("requests").as_array().empty());
    CHECK(desk.json("GET", "/requests?limit=1").as_array().size() == 1);
    CHECK(desk.json("GET", "/stats?portal=other").at("portals").as_object().empty());
    for (int i = 0; i < 60; ++i) desk.world.send(request);
    CHECK(desk.json("GET", "/requests").as_array().size() == 50);
    CHECK(desk.json("GET", "/stats").at("portals").at("acme").at("duplicate_markers").at("crm.deal.add TITLE=x") == 50);
    desk.world.cloud.closed(desk.world.connection);
    CHECK(desk.json("GET", "/stats").at("portals").at("acme").at("open_connections") == 0);
}

TEST_CASE("portals are changed, made and described in words when it goes wrong") {
    Desk desk;
    CHECK(desk.ask("POST", "/portals/acme",
                   R"({"plan":"enterprise","latency_ms":30,"methods":{"CRM.deal.list":{"operating_s":20}}})")
              .status == 200);
    CHECK(desk.world.acme().settings.plan.burst == 250);
    CHECK(desk.world.acme().settings.latency == std::chrono::milliseconds(30));
    CHECK(*desk.world.acme().settings.methods.at("crm.deal.list").operating == std::chrono::seconds(20));
    CHECK(desk.json("POST", "/portals/acme", R"({"rate":7,"brust":5})")
              .at("error")
              .as_string()
              .starts_with("portals.acme.brust is unknown; there are hosts,"));
    CHECK(desk.world.acme().settings.plan.rate == 5);
    CHECK(desk.json("POST", "/portals/acme", R"({"rate":"fast"})").at("error") ==
          "portals.acme.rate is a number, 0 or more");
    CHECK(desk.json("POST", "/portals/acme", R"({"plan":"gold"})").at("error") ==
          "portals.acme.plan is standard (50 and 2/s), enterprise (250 and 5/s) or none");
    CHECK(desk.json("POST", "/portals/acme", R"({"methods":{"a":{"latency":1}}})")
              .at("error")
              .as_string()
              .starts_with("portals.acme.methods.a.latency is unknown"));
    CHECK(desk.ask("POST", "/portals/acme", "{").status == 400);
    CHECK(desk.ask("POST", "/portals/new", R"({"webhooks":[{"user":1,"secret":"n"}]})").status == 200);
    CHECK(desk.world.send(World::request("GET", "/new/rest/1/n/server.time")).status == 200);
    CHECK(desk.ask("POST", "/portals/rest", "{}").status == 400);
    CHECK(desk.ask("POST", "/portals/bad", R"({"nope":1})").status == 400);
    CHECK(desk.world.cloud.find("bad") == nullptr);
}

TEST_CASE("tokens, codes, files, rows, faults, clock and reset") {
    Desk desk;
    const json::value pair = desk.json("POST", "/portals/acme/tokens", R"({"user":3,"expires_in":60})");
    CHECK(pair.at("expires") == 1790000060);
    const std::string target = "/rest/user.current?auth=" + php::to_string(pair.at("access_token"));
    CHECK(desk.world.json_of(desk.world.send(World::request("GET", target))).at("result").at("ID") == "3");
    CHECK(desk.json("GET", "/portals/acme/tokens").as_array().size() == 2);
    CHECK(desk.json("POST", "/portals/acme/codes", "{}").as_object().contains("code"));
    CHECK(desk.json("POST", "/portals/acme/files", R"({"name":"x","size":5000000000})").at("id") == 4);
    CHECK(desk.world.result("disk.file.get", R"({"id":4})").at("SIZE") == "5000000000");
    CHECK(desk.ask("POST", "/portals/nobody/codes", "{}").status == 404);
    CHECK(desk.json("GET", "/crm/deal").as_array().size() == 173);
    CHECK(desk.json("GET", "/crm/nothing").as_array().empty());
    CHECK(desk.json("POST", "/faults", R"([{"effect":"reset"},{"effect":"hang"}])").at("ids") == json::parse("[1,2]"));
    CHECK(desk.json("GET", "/faults").at(0).at("effect") == "reset");
    CHECK(desk.json("DELETE", "/faults/1").at("removed") == 1);
    CHECK(desk.json("DELETE", "/faults").at("removed") == 1);
    CHECK(desk.ask("POST", "/faults", R"({"effect":"x"})").status == 400);
    CHECK(desk.ask("POST", "/clock", R"({"advance_s":600})").status == 200);
    CHECK(desk.control.clock_offset() == std::chrono::seconds(600));
    CHECK(desk.ask("POST", "/clock", "{}").status == 400);
    desk.world.post("crm.deal.add", R"({"fields":{"TITLE":"x"}})");
    CHECK(desk.ask("POST", "/reset").status == 200);
    CHECK(desk.json("GET", "/crm/deal").as_array().size() == 173);
    CHECK(desk.json("GET", "/stats").at("portals").at("acme").at("hits") == 0);
    CHECK(desk.ask("POST", "/oauth", R"({"access_life_s":5})").status == 200);
    CHECK(desk.ask("POST", "/oauth", R"({"life":5})").status == 400);
    CHECK(desk.ask("GET", "/healthz").status == 200);
    CHECK(desk.ask("GET", "/nothing").status == 404);
}

TEST_CASE("the config file that comes along loads, and says what it says") {
    const Config config = load_config(B24GATE_SOURCE_DIR "/conf/b24sim.toml");
    World world;
    CHECK(world.cloud.configure_oauth(config.oauth) == "");
    REQUIRE(config.portals.size() >= 2);
    for (const Config::Portal& portal : config.portals)
        CHECK(world.cloud.configure_portal(portal.name, portal.settings, world.now) == "");
    CHECK(world.cloud.find("enterprise")->settings.plan.burst == 250);
}

TEST_CASE("a wrong config file is told with its place") {
    const auto error = [](const char* text) {
        try {
            (void)parse_config(text, "f.toml");
        } catch (const std::runtime_error& wrong) {
            return std::string(wrong.what());
        }
        return std::string();
    };
    CHECK(error("[server]\nhttp = \"127.0.0.1:0\"\n[portals.a]\n").empty());
    CHECK(error("[server]\nhttp = \n").starts_with("f.toml:2:"));
    CHECK(error("[server]\nhtpp = \"x\"\n").starts_with("f.toml: server.htpp is unknown; there are http,"));
    CHECK(error("[sever]\n").starts_with("f.toml: [sever] is unknown"));
    CHECK(error("[server]\nkeep_requests = \"x\"\n") == "f.toml: server.keep_requests is a number");
    CHECK(error("x = 1\n").find("outside of") != std::string::npos);
}
