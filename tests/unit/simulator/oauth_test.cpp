#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {
constexpr const char* client = "client_id=local.b24sim&client_secret=b24sim-client-secret";

Response token(World& world, const std::string& query, bool post = true) {
    return world.send(post ? World::request("POST", "/oauth/token/", query, "application/x-www-form-urlencoded")
                           : World::request("GET", "/oauth/token/?" + query));
}
Response with(World& world, const std::string& access, const char* method = "server.time") {
    return world.send(World::request("GET", std::string("/rest/") + method + "?auth=" + access));
}
std::string error_of(World& world, const Response& response) {
    return php::to_string(world.json_of(response).at("error"));
}
}  // namespace

TEST_CASE("a refresh rotates the pair and kills the old one at once") {
    for (const bool post : {true, false}) {
        World world;
        CHECK(with(world, "b24sim-access-token").status == 200);
        const Response response =
            token(world, std::string(client) + "&grant_type=refresh_token&refresh_token=b24sim-refresh-token", post);
        CHECK(response.status == 200);
        const json::value pair = world.json_of(response);
        for (const char* key : {"access_token", "refresh_token", "expires", "expires_in", "scope", "domain",
                                "server_endpoint", "client_endpoint", "member_id", "status", "user_id"})
            CHECK(pair.as_object().contains(key));
        CHECK(pair.at("expires_in") == 3600);
        CHECK(pair.at("expires") == 1790003600);
        CHECK(pair.at("member_id") == world.acme().settings.member_id.c_str());
        CHECK(pair.at("client_endpoint") == "http://acme.bitrix24.test/rest/");
        const Response old = with(world, "b24sim-access-token");
        CHECK(old.status == 401);
        CHECK(old.body == R"({"error":"invalid_token","error_description":"Unable to get application by token"})");
        CHECK(with(world, php::to_string(pair.at("access_token"))).status == 200);
        const Response again =
            token(world, std::string(client) + "&grant_type=refresh_token&refresh_token=b24sim-refresh-token", post);
        CHECK(again.status == 400);
        CHECK(again.body == R"({"error":"invalid_grant"})");
        CHECK(world.cloud.oauth().stats().refreshes == 1);
        CHECK(world.cloud.oauth().stats().refused.at("invalid_grant") == 1);
    }
}

TEST_CASE("tokens expire") {
    World world;
    world.pass(3599);
    CHECK(with(world, "b24sim-access-token").status == 200);
    world.pass(1);
    const Response expired = with(world, "b24sim-access-token");
    CHECK(expired.status == 401);
    CHECK(expired.body == R"({"error":"expired_token","error_description":"The access token provided has expired"})");
    world.pass(180.0 * 86400 - 3600);
    CHECK(error_of(world, token(world, std::string(client) +
                                           "&grant_type=refresh_token&refresh_token=b24sim-refresh-token")) ==
          "invalid_grant");
}

TEST_CASE("expire, revoke and a grace time on request") {
    World world;
    world.configure(R"({"expire_tokens":true})");
    CHECK(error_of(world, with(world, "b24sim-access-token")) == "expired_token");
    CHECK(world.cloud.configure_oauth(json::parse(R"({"refresh_grace_s":10})")).empty());
    const std::string refresh = std::string(client) + "&grant_type=refresh_token&refresh_token=b24sim-refresh-token";
    const json::value first = world.json_of(token(world, refresh));
    world.pass(9);
    const json::value repeat = world.json_of(token(world, refresh));
    CHECK(first.at("refresh_token") == repeat.at("refresh_token"));
    CHECK(world.cloud.oauth().stats().replays == 1);
    world.pass(1);
    CHECK(error_of(world, token(world, refresh)) == "invalid_grant");
    world.configure(R"({"revoke_tokens":true})");
    CHECK(error_of(world, with(world, php::to_string(first.at("access_token")))) == "invalid_token");
}

TEST_CASE("codes are good once and for thirty seconds") {
    World world;
    const std::string code = world.cloud.oauth().make_code({"acme", "local.b24sim", 2}, world.now);
    const std::string exchange = std::string(client) + "&grant_type=authorization_code&code=" + code;
    const json::value pair = world.json_of(token(world, exchange));
    CHECK(pair.at("user_id") == 2);
    CHECK_FALSE(pair.as_object().contains("expires"));
    CHECK(error_of(world, token(world, exchange)) == "invalid_grant");
    const std::string late = world.cloud.oauth().make_code({"acme", "local.b24sim", 2}, world.now);
    world.pass(30);
    CHECK(error_of(world, token(world, std::string(client) + "&grant_type=authorization_code&code=" + late)) ==
          "invalid_grant");
}

TEST_CASE("the token endpoint's errors") {
    World world;
    const auto check = [&](const std::string& query, int status, const char* code) {
        CAPTURE(query);
        const Response response = token(world, query);
        CHECK(response.status == status);
        CHECK(error_of(world, response) == code);
    };
    check("", 400, "invalid_request");
    check("grant_type=password", 400, "invalid_request");
    check("grant_type=refresh_token&client_id=nobody&client_secret=x", 200, "wrong_client");
    check("grant_type=refresh_token&client_id=local.b24sim&client_secret=x", 400, "invalid_client");
    check(std::string("grant_type=refresh_token&") + client, 400, "invalid_request");
    check(std::string("grant_type=refresh_token&refresh_token=x&") + client, 400, "invalid_grant");
    world.cloud.oauth().app("local.b24sim").refuse = "NOT_INSTALLED";
    check(std::string("grant_type=refresh_token&refresh_token=x&") + client, 401, "NOT_INSTALLED");
    world.cloud.oauth().app("local.b24sim").refuse = "PAYMENT_REQUIRED";
    check(std::string("grant_type=refresh_token&refresh_token=x&") + client, 401, "PAYMENT_REQUIRED");
    CHECK(error_of(world, with(world, "b24sim-access-token")) == "PAYMENT_REQUIRED");
}

TEST_CASE("a token belongs to one portal, an application has its scope") {
    World world;
    CHECK(world.cloud.configure_portal("other", json::object{}, world.now).empty());
    CHECK(error_of(world, world.send(World::request("GET", "/other/rest/server.time?auth=b24sim-access-token"))) ==
          "invalid_token");
    world.cloud.oauth().app("local.b24sim").scope = {"crm"};
    const Response refused = with(world, "b24sim-access-token", "user.current");
    CHECK(refused.status == 403);
    CHECK(error_of(world, refused) == "insufficient_scope");
    CHECK(with(world, "b24sim-access-token", "crm.deal.list").status == 200);
}

TEST_CASE("app.info, at the portal and at the authorization server") {
    World world(R"({"plan":"enterprise"})");
    const json::value info = world.json_of(with(world, "b24sim-access-token", "app.info")).at("result");
    CHECK(info.at("LICENSE_FAMILY") == "ent");
    CHECK(info.at("STATUS") == "L");
    const auto hits = world.acme().stats.hits;
    Request request = World::request("GET", "/rest/app.info?auth=b24sim-access-token");
    request.headers[0].second = "oauth.bitrix.test:443";
    CHECK(world.json_of(world.send(request)).at("result").at("CODE") == "local.b24sim");
    CHECK(world.acme().stats.hits == hits);
    CHECK(encode(world.result("app.info")) ==
          R"({"SCOPE":["crm","task","tasks","im","disk","user"],"LICENSE":"ru_ent250"})");
}

TEST_CASE("the authorization page sends the browser back with a code") {
    World world;
    CHECK(world.cloud
              .configure_oauth(
                  json::parse(R"({"apps":{"local.b24sim":{"redirect_uri":"https://gate.test/oauth/callback"}}})"))
              .empty());
    const Response response = world.send(World::request("GET", "/oauth/authorize/?client_id=local.b24sim&state=a%2Fb"));
    CHECK(response.status == 302);
    const std::string location(find_header(response.headers, "Location"));
    CHECK(location.starts_with("https://gate.test/oauth/callback?code="));
    CHECK(location.find("&state=a%2Fb&") != std::string::npos);
    const std::string code = location.substr(38, location.find('&') - 38);
    CHECK(token(world, std::string(client) + "&grant_type=authorization_code&code=" + code).status == 200);
    CHECK(world.send(World::request("GET", "/oauth/authorize/?client_id=nobody")).status == 404);
}
