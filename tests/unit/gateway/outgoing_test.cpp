#include <doctest/doctest.h>

#include <b24gate/gateway/outgoing.hpp>

using namespace b24gate;
using namespace b24gate::gateway;

namespace {

bitrix::Call parsed(std::string_view target, std::string_view verb = "GET", std::string_view body = {},
                    std::string_view type = {}, bool passthrough = false) {
    bitrix::RawCall raw;
    raw.verb = verb;
    raw.target = target;
    raw.body = body;
    raw.content_type = type;
    raw.passthrough = passthrough;
    auto call = bitrix::parse_call(raw);
    REQUIRE(call.has_value());
    return std::move(*call);
}

config::Credential webhook() {
    config::Credential credential;
    credential.user = "7";
    credential.secret = core::Secret("portalsecret");
    return credential;
}

const upstream::Target target = *upstream::parse_target("https://acme.bitrix24.com");
const std::vector<net::Field> no_fields;

std::string sent_target(const bitrix::Call& call, const config::Credential* credential) {
    return outgoing_target({call, credential, target, no_fields, {}});
}

}  // namespace

TEST_CASE("the portal's credential stands where the client's key stood") {
    const config::Credential own = webhook();
    const std::pair<const char*, const char*> cases[] = {
        {"/rest/1/KEY/crm.deal.list", "/rest/7/portalsecret/crm.deal.list"},
        {"/rest/1/KEY/crm.deal.list.json?start=50", "/rest/7/portalsecret/crm.deal.list?start=50"},
        {"/rest/1/KEY/crm.deal.list.xml", "/rest/7/portalsecret/crm.deal.list.xml"},
        {"/portals/acme/rest/1/KEY/user.current/", "/rest/7/portalsecret/user.current"},
        {"/rest/user.current?auth=KEY&x=1", "/rest/7/portalsecret/user.current?x=1"},
        {"/rest/api/1/KEY/tasks.task.get", "/rest/api/7/portalsecret/tasks.task.get"},
        {"/rest/api/tasks.task.get?auth=KEY", "/rest/api/7/portalsecret/tasks.task.get"},
        {"/rest/1/KEY/download/?token=abc", "/rest/7/portalsecret/download/?token=abc"},
        {"/rest/download.json?auth=KEY&token=abc", "/rest/7/portalsecret/download/?token=abc"},
    };
    for (const auto& [from, to] : cases) CHECK(sent_target(parsed(from), &own) == to);
}

TEST_CASE("a passthrough client's own credential stays where it is") {
    CHECK(sent_target(parsed("/rest/5/own/user.current", "GET", {}, {}, true), nullptr) == "/rest/5/own/user.current");
    CHECK(sent_target(parsed("/rest/user.current?auth=own", "GET", {}, {}, true), nullptr) ==
          "/rest/user.current?auth=own");
}

TEST_CASE("only fields from the allow-list reach a portal") {
    const config::Credential own = webhook();
    const std::string body = "{}";
    const bitrix::Call call = parsed("/rest/1/KEY/crm.deal.add", "POST", body, "application/json");
    const std::vector<net::Field> fields = {{"Host", "gw"},
                                            {"Content-Type", "Application/JSON; charset=utf-8"},
                                            {"User-Agent", "sdk/1"},
                                            {"Cookie", "a=b"},
                                            {"Authorization", "Bearer KEY"},
                                            {"X-Forwarded-For", "1.2.3.4"},
                                            {"X-Bitrix-Csrf-Token", "t"},
                                            {"Accept-Encoding", "br, gzip;q=0.5"},
                                            {"Connection", "X-Mine"},
                                            {"X-Mine", "1"},
                                            {"Content-Length", "2"},
                                            {"X-B24-Timeout-Ms", "5"},
                                            {"Range", "bytes=0-1"}};
    CHECK(outgoing_head({call, &own, target, fields, {}}, "/t") ==
          "POST /t HTTP/1.1\r\nHost: acme.bitrix24.com\r\nUser-Agent: sdk/1\r\nContent-Type: application/json\r\n"
          "Accept-Encoding: gzip\r\nContent-Length: 2\r\n\r\n");
    CHECK(outgoing_head({call, &own, target, fields, "k1"}, "/t").find("\r\nIdempotency-Key: k1\r\n") !=
          std::string::npos);
    const bitrix::Call file = parsed("/rest/1/KEY/download/?token=t");
    const std::string head = outgoing_head({file, &own, target, fields, {}}, "/t");
    CHECK(head.starts_with("GET /t HTTP/1.1\r\n"));
    CHECK(head.find("Range: bytes=0-1\r\n") != std::string::npos);
    CHECK(head.find("Content-Length") == std::string::npos);
    CHECK(outgoing_head({file, &own, target, no_fields, {}}, "/t").find("User-Agent: b24gate/") != std::string::npos);
}

TEST_CASE("gzip is asked for only by who takes it") {
    for (const char* yes : {"gzip", "GZIP", "br, gzip", "gzip;q=0.1", "deflate , gzip ; q=1"})
        CHECK_MESSAGE(accepts_gzip(yes), yes);
    for (const char* no : {"", "br", "gzip;q=0", "gzip; q=0.000", "x-gzipped", "identity"})
        CHECK_FALSE_MESSAGE(accepts_gzip(no), no);
}
