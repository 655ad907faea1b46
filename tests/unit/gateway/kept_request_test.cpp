#include <doctest/doctest.h>

#include <b24gate/gateway/kept_request.hpp>

using namespace b24gate;
using namespace b24gate::gateway;

namespace {

struct Case {
    const char *verb, *target, *content_type;
    std::string body;
};

bitrix::Call parsed(const Case& c) {
    bitrix::RawCall raw;
    raw.verb = c.verb;
    raw.target = c.target;
    raw.content_type = c.content_type;
    raw.body = c.body;
    auto call = bitrix::parse_call(raw);
    REQUIRE(call.has_value());
    return *std::move(call);
}

}  // namespace

TEST_CASE("a call that was kept is the call that came, without its key") {
    const Case cases[] = {
        {"POST", "/rest/1/secretkey/crm.deal.add.json", "application/json", R"({"fields":{"TITLE":"a\nb"},"n":1.50})"},
        {"POST", "/rest/crm.deal.add", "application/json", R"({"auth":"secretkey","fields":{"TITLE":"x"}})"},
        {"POST", "/rest/crm.deal.add", "application/x-www-form-urlencoded", "auth=secretkey&fields[A]=1&b=%00"},
        {"GET", "/portals/acme/rest/1/secretkey/crm.deal.list?filter[ID]=1&auth=secretkey", "", ""},
        {"GET", "/rest/1/secretkey/crm.deal.list", "application/json", R"({"filter":{"ID":1}})"},
        {"POST", "/rest/1/secretkey/crm.deal.list", "", ""},
        {"POST", "/rest/api/1/secretkey/tasks.task.add", "application/json", R"({"fields":{"title":"x"}})"},
        {"POST", "/rest/1/secretkey/batch", "application/json", R"({"halt":1,"cmd":{"a":"crm.deal.get?id=1"}})"},
        {"POST", "/rest/1/secretkey/user.current.xml", "", ""},
        {"POST", "/rest/1/secretkey/disk.file.x", "multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name=\"auth\"\r\n\r\nsecretkey\r\n--b\r\n"
         "Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n\x01\n\n\xFF\r\n--b--\r\n"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.target);
        const bitrix::Call call = parsed(c);
        const std::string text = keep_request(
            call, {{"Content-Type", c.content_type}, {"User-Agent", "sdk"}, {"Authorization", "Bearer secretkey"}});
        CHECK(text.find("secretkey") == std::string::npos);
        KeptRequest kept;
        REQUIRE(read_request(text, kept));
        const auto again = call_of(kept);
        REQUIRE(again.has_value());
        CHECK(again->api == call.api);
        CHECK(again->method == call.method);
        CHECK(again->suffix == call.suffix);
        CHECK(again->query == call.query);
        CHECK(again->body() == call.body());
        CHECK(again->is_batch == call.is_batch);
        CHECK(again->commands.size() == call.commands.size());
        CHECK(again->batch_halt == call.batch_halt);
        CHECK(again->send_as_post == call.send_as_post);
        if (!call.body().empty()) CHECK(again->body_kind == call.body_kind);
        CHECK(net::find_field(kept.fields, "user-agent") == "sdk");
        CHECK(net::find_field(kept.fields, "authorization").empty());
        CHECK(keep_request(*again, kept.fields) == text);
    }
}

TEST_CASE("other bytes are no call") {
    const std::string good = keep_request(parsed({"POST", "/rest/1/k/crm.deal.add", "", ""}), {});
    KeptRequest kept;
    CHECK(read_request(good, kept));
    for (std::size_t end = 0; end + 1 < good.size(); ++end) CHECK_FALSE(read_request(good.substr(0, end), kept));
    CHECK_FALSE(read_request("b24gate-call 2" + good.substr(14), kept));
    CHECK_FALSE(read_request("", kept));
}

TEST_CASE("what cannot be kept") {
    const bitrix::Call call = parsed({"POST", "/rest/1/k/crm.deal.add", "", ""});
    CHECK_FALSE(why_not_kept(call, false));
    CHECK(why_not_kept(call, true)->message.find("passthrough") != std::string::npos);
    bitrix::Call link = parsed({"GET", "/rest/1/k/download/?token=x", "", ""});
    CHECK(why_not_kept(link, false)->message.find("link") != std::string::npos);
}
