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

std::string outgoing_head(const OutgoingFacts& facts, std::string_view path) {
    return outgoing_message(facts, path).head;
}

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

namespace {

/// Head and body together, as a portal reads them.
std::string sent_with_token(const bitrix::Call& call, const std::vector<net::Field>& fields = no_fields) {
    config::Credential oauth;
    oauth.type = config::Credential::Type::oauth;
    const core::Secret token("tok/1+x");
    const OutgoingFacts facts{call, &oauth, target, fields, {}, &token};
    const Outgoing message = outgoing_message(facts, outgoing_target(facts));
    const std::size_t end = message.head.find("\r\n\r\n") + 4;
    const std::size_t length = message.head.find("Content-Length: ");
    const std::size_t size = message.head.size() - end + message.body.size();
    if (length != std::string::npos) CHECK(std::stoul(message.head.substr(length + 16)) == size);
    if (length == std::string::npos) CHECK(size == 0);
    return message.head + std::string(message.body);
}

bool ends_with(const std::string& text, std::string_view tail) { return text.ends_with(tail); }

}  // namespace

TEST_CASE("an access token stands where the portal documents it, and the rest of the body stays as it came") {
    struct Case {
        const char *path, *verb, *body, *type, *line, *tail;
    };
    const char* json = "application/json";
    const char* form = "application/x-www-form-urlencoded";
    const Case cases[] = {
        {"/rest/1/KEY/crm.deal.add", "POST", R"({"fields":{"A":1.50}})", json, "POST /rest/crm.deal.add HTTP/1.1",
         R"({"auth":"tok/1+x","fields":{"A":1.50}})"},
        {"/rest/1/KEY/crm.deal.add", "POST", " { } ", json, "POST /rest/crm.deal.add ", "{\"auth\":\"tok/1+x\" } "},
        {"/rest/crm.deal.add", "POST", "auth=KEY&a[]=1", form, "POST /rest/crm.deal.add ", "auth=tok%2F1%2Bx&a[]=1"},
        {"/rest/1/KEY/crm.deal.get?id=5", "GET", "", "", "POST /rest/crm.deal.get?id=5 ", "\r\n\r\nauth=tok%2F1%2Bx"},
        {"/rest/1/KEY/task.item.add", "POST", R"([{"T":1},[]])", json, "POST /rest/task.item.add ", R"([{"T":1},[]])"},
        {"/rest/api/1/KEY/tasks.task.get", "POST", R"({"id":1})", json, "POST /rest/api/tasks.task.get ",
         R"({"auth":"tok/1+x","id":1})"},
        {"/rest/api/1/KEY/batch", "POST", R"([{"method":"a.b","query":{}}])", json, "POST /rest/api/batch ",
         R"([{"method":"a.b","query":{}}])"},
        // The token stood among the commands, and the portal refused the batch.
        {"/rest/api/1/KEY/batch", "POST", R"({"a":{"method":"a.b","query":{}}})", json, "POST /rest/api/batch ",
         R"({"a":{"method":"a.b","query":{}}})"},
        {"/rest/api/1/KEY/scopes", "GET", "", "", "GET /rest/api/scopes ", "\r\n\r\n"},
        {"/rest/1/KEY/download/?token=abc", "GET", "", "", "GET /rest/download.json?token=abc&auth=tok%2F1%2Bx ",
         "\r\n\r\n"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.path);
        CAPTURE(c.body);
        const std::string sent = sent_with_token(parsed(c.path, c.verb, c.body, c.type));
        CHECK(sent.starts_with(c.line));
        CHECK(ends_with(sent, c.tail));
        const bool in_header = sent.find("\r\nAuthorization: Bearer tok/1+x\r\n") != std::string::npos;
        CHECK(in_header == (std::string_view(c.tail).find("auth") == std::string_view::npos &&
                            sent.find("auth=") == std::string::npos));
    }
}

TEST_CASE("a multipart body gets the token as its first part") {
    const std::string body = "--B\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n5\r\n--B--\r\n";
    const bitrix::Call call = parsed("/rest/1/KEY/disk.x.y", "POST", body, "multipart/form-data; boundary=B");
    const std::vector<net::Field> fields = {{"Content-Type", "multipart/form-data; boundary=B"}};
    CHECK(ends_with(sent_with_token(call, fields),
                    "--B\r\nContent-Disposition: form-data; name=\"auth\"\r\n\r\ntok/1+x\r\n" + body));
}
