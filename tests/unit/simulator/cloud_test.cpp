#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

namespace {
std::string echo(World& world, const Request& request) {
    const json::value answer = world.json_of(world.send(request));
    const json::value* result = php::get(answer, "result");
    return encode(result ? *result : answer);
}
constexpr const char* hook = "/rest/1/s3cr3tw3bh00kc0d/";
}  // namespace

TEST_CASE("every way to send parameters") {
    World world;
    const auto send = [&](const char* method, const char* query, const char* body, const char* type) {
        return echo(world, World::request(method, std::string(hook) + "sim.echo" + query, body, type));
    };
    CHECK(send("GET", "?a=1&b[]=2", "", "") == R"({"a":"1","b":["2"]})");
    CHECK(send("POST", "", R"({"a":1,"b":{},"c":null})", "application/json") == R"({"a":1,"b":[],"c":null})");
    CHECK(send("POST", "", R"({"a":1})", "application/json; charset=utf-8") == R"({"a":1})");
    CHECK(send("POST", "?a=0&q=2", R"({"a":1})", "application/json") == R"({"a":1,"q":"2"})");
    CHECK(send("POST", "?a[x]=0", R"({"a":{"y":1}})", "application/json") == R"({"a":{"y":1}})");
    CHECK(send("POST", "?q=1", R"({"a":1)", "application/json") == R"({"q":"1"})");
    CHECK(send("POST", "", "\"text\"", "application/json") == "[]");
    CHECK(send("POST", "", "[5,6]", "application/json") == "[5,6]");
    CHECK(send("POST", "", "a=1&b[c]=2", "application/x-www-form-urlencoded") == R"({"a":"1","b":{"c":"2"}})");
    CHECK(send("POST", "", "a=1", "text/plain") == R"({"a":"1"})");
    CHECK(send("POST", "", R"({"a":1})", "text/plain") == R"({"{\"a\":1}":""})");
    CHECK(send("POST", "", "a=1", "") == R"({"a":"1"})");
    CHECK(send("GET", "?q=1", "a=1", "application/x-www-form-urlencoded") == R"({"q":"1"})");
    CHECK(send("POST", "", "--X\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\n1\r\n--X--\r\n",
               "multipart/form-data; boundary=X") == R"({"a":{"b":"1"}})");
    world.configure(R"({"max_input_vars":2})");
    CHECK(send("POST", "", "a=1&b=2&c=3", "application/x-www-form-urlencoded") == R"({"a":"1","b":"2"})");
}

TEST_CASE("every way to name a method and a portal") {
    World world(R"({"plan":"none"})");
    CHECK(world.cloud
              .configure_portal("beta", json::parse(R"({"hosts":["beta.test"],"webhooks":[{"user":5,"secret":"b"}]})"),
                                world.now)
              .empty());
    const auto status = [&](const std::string& target, const char* host = "acme.bitrix24.test",
                            const char* bound = "") {
        Request request = World::request("GET", target);
        request.headers[0].second = host;
        world.connection.bound_portal = bound;
        return world.send(request).status;
    };
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/server.time") == 200);
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/server.time/") == 200);
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/server.time.json") == 200);
    CHECK(status("/rest//1/s3cr3tw3bh00kc0d//server.time") == 200);
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/SERVER.Time") == 200);
    CHECK(status("/rest/2/s3cr3tw3bh00kc0d/server.time") == 401);
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/no.such") == 404);
    CHECK(status("/rest/1/wrong/no.such") == 404);
    CHECK(status("/") == 404);
    CHECK(status("/rest/a/b/c/d") == 404);
    CHECK(status("/acme/rest/1/s3cr3tw3bh00kc0d/server.time", "whatever") == 200);
    CHECK(status("/beta/rest/5/b/server.time") == 200);
    CHECK(status("/rest/5/b/server.time", "BETA.test:8443") == 200);
    CHECK(status("/rest/5/b/server.time", "unknown.test") == 401);
    CHECK(status("/rest/5/b/server.time", "unknown.test", "beta") == 200);
    world.cloud.default_portal.clear();
    CHECK(status("/rest/1/s3cr3tw3bh00kc0d/server.time", "unknown.test") == 404);
    const Response xml = world.send(World::request("GET", "/rest/1/wrong/server.time.xml"));
    CHECK(xml.body ==
          "<response><error>INVALID_CREDENTIALS</error><error_description>Invalid request "
          "credentials</error_description></response>");
    CHECK(find_header(xml.headers, "Content-Type") == "text/xml; charset=utf-8");
}

TEST_CASE("every way to carry a token, and their order") {
    World world;
    const auto status = [&](const char* query, const char* body, const char* type, const char* bearer = "") {
        Request request = World::request("POST", std::string("/rest/server.time") + query, body, type);
        if (*bearer) request.headers.emplace_back("Authorization", std::string("Bearer ") + bearer);
        return world.send(request).status;
    };
    CHECK(status("?auth=b24sim-access-token", "", "") == 200);
    CHECK(status("?access_token=b24sim-access-token", "", "") == 200);
    CHECK(status("", "auth=b24sim-access-token", "application/x-www-form-urlencoded") == 200);
    CHECK(status("", R"({"auth":"b24sim-access-token"})", "application/json") == 200);
    CHECK(status("", "", "", "b24sim-access-token") == 200);
    CHECK(status("?auth=b24sim-access-token", "", "", "wrong") == 401);
    CHECK(status("?auth=wrong", "", "", "b24sim-access-token") == 200);
    CHECK(status("?auth=b24sim-access-token", R"({"auth":"wrong"})", "application/json") == 401);
    const Response none =
        world.send(World::request("POST", "/rest/server.time", R"({"auth":"b24sim-access-token")", "application/json"));
    CHECK(none.status == 401);
    CHECK(none.body == R"({"error":"NO_AUTH_FOUND","error_description":"Wrong authorization data"})");
    CHECK(encode(world.json_of(world.send(World::request("GET", "/rest/sim.echo?auth=b24sim-access-token&x=1")))
                     .at("result")) == R"({"x":"1"})");
}

TEST_CASE("the envelope of a success") {
    World world(R"({"methods":{"crm.deal.add":{"latency_ms":780}}})");
    const Response response = world.post("crm.deal.add", R"({"fields":{"TITLE":"x"}})");
    CHECK(
        response.body ==
        R"({"result":174,"time":{"start":1790000000,"finish":1790000000.78,"duration":0.78,"processing":0.78,"date_start":"2026-09-21T17:13:20+03:00","date_finish":"2026-09-21T17:13:20+03:00","operating_reset_at":1790000601,"operating":0.78}})");
    CHECK(find_header(response.headers, "X-Bitrix-Rest-Time") == "0.7800000000");
    CHECK(find_header(response.headers, "Content-Type") == "application/json; charset=utf-8");
    const Response app = world.send(World::request("GET", "/rest/server.time?auth=b24sim-access-token"));
    CHECK(find_header(app.headers, "X-Bitrix-Rest-Application") == "local.b24sim");
    world.configure(R"({"self_hosted":true})");
    const Response box = world.post("server.time");
    CHECK(find_header(box.headers, "X-Bitrix-Rest-Time").empty());
    CHECK_FALSE(world.json_of(box).at("time").as_object().contains("operating"));
}

TEST_CASE("the rate limit is per source address and portal") {
    World world;
    int refused = 0;
    for (int i = 0; i < 60; ++i) refused += world.post("server.time").status == 503;
    CHECK(refused == 10);
    const Response full = world.post("server.time");
    CHECK(full.status == 503);
    CHECK(full.body == R"({"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"})");
    CHECK(find_header(full.headers, "X-Bitrix-Rest-Time").empty());
    world.connection.address = "192.0.2.2";
    CHECK(world.post("server.time").status == 200);
    CHECK(world.acme().stats.hits == 62);
    CHECK(world.acme().stats.refused_rate == 11);
    CHECK(world.acme().stats.executions.at("server.time") == 51);
}

TEST_CASE("the operating limit blocks one method of one credential") {
    World world(R"({"plan":"none","methods":{"crm.deal.list":{"operating_s":241}},
                    "webhooks":[{"user":1,"secret":"s3cr3tw3bh00kc0d"},{"user":2,"secret":"two"}]})");
    CHECK(world.post("crm.deal.list").status == 200);
    const json::value crossing = world.json_of(world.post("crm.deal.list"));
    CHECK(crossing.at("time").at("operating") == 482);
    const Response blocked = world.post("crm.deal.list");
    CHECK(blocked.status == 429);
    CHECK(blocked.body ==
          R"({"error":"OPERATION_TIME_LIMIT","error_description":"Method is blocked due to operation time limit."})");
    CHECK(world.post("crm.deal.get", R"({"id":1})").status == 200);
    CHECK(world.send(World::request("GET", "/rest/2/two/crm.deal.list")).status == 200);
    CHECK(world.acme().stats.refused_operating == 1);
    world.pass(600);
    CHECK(world.post("crm.deal.list").status == 200);
}

TEST_CASE("what a portal refuses, with the statuses of the sources") {
    World world(R"({"plan":"none"})");
    const auto expect = [&](const char* changes, int status, const char* body) {
        CAPTURE(changes);
        CHECK(world.configure(changes).empty());
        const Response response = world.post("crm.deal.list");
        CHECK(response.status == status);
        CHECK(response.body == body);
    };
    expect(R"({"refuse":"OVERLOAD_LIMIT"})", 503,
           R"({"error":"OVERLOAD_LIMIT","error_description":"REST API is blocked due to overload."})");
    expect(R"({"statuses":{"OVERLOAD_LIMIT":401}})", 401,
           R"({"error":"OVERLOAD_LIMIT","error_description":"REST API is blocked due to overload."})");
    expect(R"({"refuse":"PORTAL_DELETED"})", 403,
           R"({"error":"PORTAL_DELETED","error_description":"Portal was deleted"})");
    expect(R"({"refuse":"ACCESS_DENIED"})", 403,
           R"({"error":"ACCESS_DENIED","error_description":"REST is available only by subscription."})");
    expect(R"({"refuse":"CONNECTION_ERROR"})", 401,
           R"({"error":"CONNECTION_ERROR","error_description":"Error connecting to authorization server"})");
    expect(R"({"refuse":"NO_APPLICATION_ID"})", 200,
           R"({"error":"NO_APPLICATION_ID","error_description":"Application context required"})");
    expect(R"({"refuse":"INTERNAL_SERVER_ERROR"})", 500,
           R"({"error":"INTERNAL_SERVER_ERROR","error_description":"Internal server error"})");
    expect(R"({"refuse":"","methods":{"crm.deal.list":{"refuse":"METHOD_CONFIRM_WAITING"}}})", 401,
           R"({"error":"METHOD_CONFIRM_WAITING","error_description":"Waiting for confirmation"})");
    expect(
        R"({"methods":{"crm.deal.list":null},"webhooks":[{"user":1,"secret":"s3cr3tw3bh00kc0d","scope":["im"]}]})", 403,
        R"({"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the webhook token"})");
    expect(R"({"revoke_webhook":true})", 401,
           R"({"error":"INVALID_CREDENTIALS","error_description":"Invalid request credentials"})");
    expect(R"({"https_only":true})", 400, R"({"error":"INVALID_REQUEST","error_description":"Https required."})");
}

TEST_CASE("a renamed portal answers 302 with the whole target") {
    World world(R"({"renamed_to":"https://new.bitrix24.test"})");
    const Response response =
        world.send(World::request("POST", "/acme/rest/1/s/crm.deal.add?a=1", "{}", "application/json"));
    CHECK(response.status == 302);
    CHECK(response.reason.empty());
    CHECK(find_header(response.headers, "Location") == "https://new.bitrix24.test/rest/1/s/crm.deal.add?a=1");
    CHECK(world.acme().stats.executions.empty());
}

TEST_CASE("a call takes effect at the end of its time, or at once") {
    for (const bool at_end : {true, false}) {
        World world(std::string(R"({"latency_ms":100,"commit_at_end":)") + (at_end ? "true}" : "false}"));
        const Request request = World::request("POST", std::string(hook) + "crm.deal.add",
                                               R"({"fields":{"TITLE":"x"}})", "application/json");
        Exchange exchange = world.cloud.begin(world.connection, request, world.now);
        CHECK(world.acme().table("deal").size() == (at_end ? 173 : 174));
        const Delivery done = world.cloud.finish(exchange, world.now + exchange.wait);
        CHECK(world.acme().table("deal").size() == 174);
        CHECK(world.json_of(done.response).at("time").at("duration").to_number<double>() == doctest::Approx(0.1));
    }
}

TEST_CASE("links to files work, and only as they were given out") {
    World world;
    const std::string url = php::to_string(world.result("disk.file.get", R"({"id":1})").at("DOWNLOAD_URL"));
    const std::string prefix = "http://acme.bitrix24.test";
    REQUIRE(url.starts_with(prefix + hook + "download/?token="));
    const Response file = world.send(World::request("GET", url.substr(prefix.size())));
    CHECK(file.status == 200);
    REQUIRE(file.generated);
    CHECK(file.generated->size == 1000);
    const Response broken =
        world.send(World::request("GET", url.substr(prefix.size(), url.size() - prefix.size() - 6)));
    CHECK(broken.status == 403);

    const json::value offer = world.result("disk.folder.uploadfile", R"({"id":1,"data":{"NAME":"a.txt"}})");
    CHECK(offer.at("field") == "file");
    const std::string upload = php::to_string(offer.at("uploadUrl"));
    const json::value stored =
        world
            .json_of(world.send(World::request(
                "POST", upload.substr(prefix.size()),
                "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.txt\"\r\n\r\ncontent\r\n--X--\r\n",
                "multipart/form-data; boundary=X")))
            .at("result");
    CHECK(stored.at("NAME") == "a.txt");
    CHECK(world.send(World::request("GET", php::to_string(stored.at("DOWNLOAD_URL")).substr(prefix.size()))).body ==
          "content");

    const json::value app =
        world.json_of(world.send(World::request("GET", "/rest/disk.file.get?id=1&auth=b24sim-access-token")))
            .at("result");
    const std::string app_url = php::to_string(app.at("DOWNLOAD_URL"));
    CHECK(app_url.starts_with(prefix + "/rest/download.json?auth=b24sim-access-token&token="));
    CHECK(world.send(World::request("GET", app_url.substr(prefix.size()))).status == 200);
    const json::value once = world.result("disk.folder.uploadfile", R"({"id":1,"fileContent":["n.txt","aGk="]})");
    CHECK(once.at("SIZE") == "2");
}

TEST_CASE("made up file bodies are a fixed function of place and file") {
    const GeneratedBody body{1000, 3};
    std::string whole(1000, '\0'), parts(1000, '\0');
    body.fill(whole.data(), 1000, 0);
    body.fill(parts.data(), 333, 0);
    body.fill(parts.data() + 333, 667, 333);
    CHECK(whole == parts);
    CHECK(static_cast<unsigned char>(whole[300]) == ((300 ^ (300 >> 8) ^ 3) & 255));
}

TEST_CASE("users, profile, scopes, notifications") {
    World world(R"({"plan":"none"})");
    CHECK(world.result("user.current").at("ID") == "1");
    CHECK(world.result("profile").at("ADMIN") == true);
    CHECK(world.result("user.get", R"({"ID":2})").as_array().size() == 1);
    CHECK(world.result("user.get", R"({"sort":"ID","order":"DESC"})").at(0).at("ID") == "3");
    CHECK(encode(world.result("method.get", R"({"name":"crm.deal.add"})")) ==
          R"({"isExisting":true,"isAvailable":true})");
    CHECK(encode(world.result("method.get", R"({"name":"CRM.deal.add"})")) ==
          R"({"isExisting":false,"isAvailable":false})");
    CHECK(world.result("methods").as_array().size() > 40);
    CHECK(world.text("im.notify.system.add", R"({"USER_ID":1,"MESSAGE":"hi"})") == "1");
    CHECK(world.json_of(world.post("im.notify.system.add", R"({"MESSAGE":"hi"})")).at("error") == "USER_ID_EMPTY");
    CHECK(world.json_of(world.post("im.notify.system.add", R"({"USER_ID":1,"MESSAGE":" "})")).at("error") ==
          "MESSAGE_EMPTY");
    for (const char* text : {"a", "b"})
        world.send(World::request(
            "GET", std::string("/rest/im.notify.system.add?auth=b24sim-access-token&USER_ID=1&TAG=t&MESSAGE=") + text));
    CHECK(world.acme().table("notification").size() == 2);
    CHECK(encode(world.result("crm.deal.fields").at("ORIGIN_ID").at("type")) == "\"string\"");
    world.configure(R"({"methods":{"my.own":{"result":{"a":[1]}}}})");
    CHECK(world.text("my.own") == R"({"a":[1]})");
}

TEST_CASE("gzip, chunks and escapes on request") {
    World world(R"({"gzip":true,"chunked":true,"escape_unicode":true})");
    Request request = World::request("GET", std::string(hook) + "server.time");
    CHECK(find_header(world.send(request).headers, "Content-Encoding").empty());
    request.headers.emplace_back("Accept-Encoding", "gzip, deflate");
    const Delivery packed = world.deliver(request);
    CHECK(find_header(packed.response.headers, "Content-Encoding") == "gzip");
    CHECK(packed.response.body.substr(0, 2) == "\x1f\x8b");
    CHECK(packed.chunked);
    CHECK(world.post("sim.echo", "{\"a\":\"\xD0\x96/\"}").body.starts_with(R"({"result":{"a":"\u0416\/"})"));
}
