#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include <b24gate/tokens/app_event.hpp>

#include "golden.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::tokens;
using core::Secret;
using Kind = AppEvent::Kind;

constexpr std::int64_t now = 1'790'000'000'000;
constexpr std::string_view form = "application/x-www-form-urlencoded";

boost::system::result<AppEvent, std::string> parsed(std::string_view body, std::string_view query = "") {
    return parse_app_event(form, query, body, now);
}

std::string fault_of(std::string_view body, std::string_view query = "") {
    const auto event = parsed(body, query);
    return event ? "" : event.error();
}

TEST_CASE("an installation event (G47)") {
    const auto event = parsed(golden("G47").body);
    REQUIRE(event.has_value());
    CHECK(event->kind == Kind::install);
    CHECK(event->event == "ONAPPINSTALL");
    CHECK(event->member_id == "a223c6b3710f85df22e9377d6c4f7553");
    CHECK(event->domain == "new-name.bitrix24.com");
    CHECK(event->client_endpoint == "https://new-name.bitrix24.com/rest/");
    CHECK(event->server_endpoint == "https://oauth.bitrix.info/rest/");
    CHECK(event->application_token.reveal() == "51856fefc120afa4b628cc82d3935cce");
    CHECK(event->ts_ms == 1'790'000'011'000);
    CHECK_FALSE(event->clean);
    REQUIRE(event->grant.has_value());
    CHECK(event->grant_fault.empty());
    CHECK(event->grant->pair.access.reveal() == "aaaa");
    CHECK(event->grant->pair.refresh.reveal() == "bbbb");
    CHECK(event->grant->pair.application_token.reveal() == "51856fefc120afa4b628cc82d3935cce");
    CHECK(event->grant->expires_in_ms == 3'600'000);
    CHECK(event->grant->scope == "crm,im");
    CHECK(event->grant->status == "L");
    CHECK(event->grant->member_id == event->member_id);
    CHECK(event->grant->client_endpoint == event->client_endpoint);
    CHECK(event->grant->server_endpoint == event->server_endpoint);
    CHECK(event->grant->user_id == 0);
}

TEST_CASE("the kinds of events") {
    const std::string auth =
        "&auth[member_id]=m1&auth[application_token]=tttt&auth[access_token]=aaaa&auth[refresh_token]=bbbb"
        "&auth[expires]=1790000060&auth[user_id]=67";
    struct Row {
        std::string_view event;
        Kind kind;
        bool grant;
    };
    for (const Row& row : {Row{"ONAPPINSTALL", Kind::install, true}, Row{"onAppInstall", Kind::install, true},
                           Row{"ONAPPUPDATE", Kind::update, true}, Row{"ONAPPUNINSTALL", Kind::uninstall, false},
                           // Tokens of the acting user: none of ours.
                           Row{"ONCRMDEALUPDATE", Kind::other, false}, Row{"ONAPPTEST", Kind::other, false},
                           Row{"ONAPPINSTALL2", Kind::other, false}}) {
        CAPTURE(row.event);
        const auto event = parsed("event=" + std::string(row.event) + auth);
        REQUIRE(event.has_value());
        CHECK(to_string(event->kind) == to_string(row.kind));
        CHECK(event->grant.has_value() == row.grant);
        CHECK(event->grant_fault.empty());
        if (!row.grant) continue;
        CHECK(event->grant->expires_in_ms == 60'000);
        CHECK(event->grant->user_id == 67);
    }
    CHECK(to_string(Kind::install) == "install");
    CHECK(to_string(Kind::update) == "update");
    CHECK(to_string(Kind::uninstall) == "uninstall");
    CHECK(to_string(Kind::frame) == "frame");
    CHECK(to_string(Kind::other) == "other");
}

TEST_CASE("a removal") {
    const std::string removal =
        "event=ONAPPUNINSTALL&data%5BLANGUAGE_ID%5D=en&ts=1790000011&auth%5Bdomain%5D=Acme.bitrix24.com"
        "&auth%5Bmember_id%5D=m1&auth%5Bapplication_token%5D=tttt&data%5BCLEAN%5D=";
    for (const auto& [text, clean] :
         {std::pair<std::string, bool>{"1", true}, {"0", false}, {"", false}, {"10", false}}) {
        const auto event = parsed(removal + text);
        REQUIRE(event.has_value());
        CHECK(event->kind == Kind::uninstall);
        CHECK(event->clean == clean);
        CHECK(event->domain == "acme.bitrix24.com");
        CHECK(event->application_token.reveal() == "tttt");
        CHECK_FALSE(event->grant.has_value());
    }
}

TEST_CASE("an event without a usable pair says why") {
    const auto event = parsed("event=ONAPPINSTALL&auth[member_id]=m1&auth[access_token]=aaaa");
    REQUIRE(event.has_value());
    CHECK_FALSE(event->grant.has_value());
    CHECK(event->grant_fault == "refresh_token is missing");
    const auto odd =
        parsed("event=ONAPPINSTALL&auth[member_id]=m1&auth[access_token][]=aaaa&auth[refresh_token]=b%00b");
    REQUIRE(odd.has_value());
    CHECK(odd->grant_fault == "access_token is missing");
}

TEST_CASE("what is malformed beside the identity is left out") {
    const auto event = parsed(
        "event=ONX&ts=soon&auth[domain]=a%20b&auth[client_endpoint]=https%3A%2F%2Fa%0D%0Ab&auth[server_endpoint]=" +
        std::string(3000, 'x'));
    REQUIRE(event.has_value());
    CHECK(event->ts_ms == 0);
    CHECK(event->domain.empty());
    CHECK(event->client_endpoint.empty());
    CHECK(event->server_endpoint.empty());
    CHECK(event->member_id.empty());
    for (const std::string_view ts : {"-5", "0", "99999999999999999999", "100000000000", "1e9", "1x", " 1"}) {
        const auto dated = parsed("event=ONX&ts=" + std::string(ts));
        REQUIRE(dated.has_value());
        CHECK(dated->ts_ms == 0);
    }
}

const std::string frame_query = "DOMAIN=acme.bitrix24.com&PROTOCOL=1&LANG=en&APP_SID=0123";
const std::string frame_body =
    "AUTH_ID=aaaa&AUTH_EXPIRES=3600&REFRESH_ID=bbbb&SERVER_ENDPOINT=https%3A%2F%2Foauth.bitrix.info%2Frest%2F"
    "&APPLICATION_TOKEN=tttt&APPLICATION_SCOPE=crm%2Cim&member_id=m1&status=L&PLACEMENT=DEFAULT&PLACEMENT_OPTIONS=%7B%"
    "7D";

TEST_CASE("the page of a local application") {
    const auto event = parsed(frame_body, frame_query);
    REQUIRE(event.has_value());
    CHECK(event->kind == Kind::frame);
    CHECK(event->event == "DEFAULT");
    CHECK(event->member_id == "m1");
    CHECK(event->domain == "acme.bitrix24.com");
    CHECK(event->client_endpoint == "https://acme.bitrix24.com/rest/");
    CHECK(event->server_endpoint == "https://oauth.bitrix.info/rest/");
    CHECK(event->application_token.reveal() == "tttt");
    REQUIRE(event->grant.has_value());
    CHECK(event->grant->pair.access.reveal() == "aaaa");
    CHECK(event->grant->pair.refresh.reveal() == "bbbb");
    CHECK(event->grant->pair.application_token.reveal() == "tttt");
    CHECK(event->grant->expires_in_ms == 3'600'000);
    CHECK(event->grant->scope == "crm,im");
    CHECK(event->grant->status == "L");
    CHECK(event->grant->client_endpoint == "https://acme.bitrix24.com/rest/");
    CHECK(event->grant->member_id == "m1");
}

TEST_CASE("where a page says its portal is") {
    struct Row {
        std::string_view query, endpoint, fault;
    };
    for (const Row& row : {
             Row{"DOMAIN=acme.bitrix24.com", "https://acme.bitrix24.com/rest/", ""},
             Row{"DOMAIN=Acme.Bitrix24.com&PROTOCOL=1", "https://acme.bitrix24.com/rest/", ""},
             Row{"DOMAIN=acme.bitrix24.com%3A443&PROTOCOL=1", "https://acme.bitrix24.com/rest/", ""},
             Row{"DOMAIN=box.local%3A8080&PROTOCOL=0", "http://box.local:8080/rest/", ""},
             Row{"", "", "DOMAIN is missing in the query: Bitrix24 puts the portal's host there."},
             Row{"DOMAIN[]=acme", "", "DOMAIN is missing in the query: Bitrix24 puts the portal's host there."},
             Row{"DOMAIN=a&PROTOCOL=2", "", "PROTOCOL in the query is neither 1 (https) nor 0 (http)."},
             Row{"DOMAIN=acme/x", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=u@acme", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=acme%3Fx", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=acme%23", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=a%0D%0Ab", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=a%250D", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
             Row{"DOMAIN=acme%3A99999", "", "DOMAIN in the query is no host name; it looks like acme.bitrix24.com."},
         }) {
        CAPTURE(row.query);
        const auto event = parsed(frame_body, row.query);
        CHECK(event.has_value() == row.fault.empty());
        if (event)
            CHECK(event->client_endpoint == row.endpoint);
        else
            CHECK(event.error() == row.fault);
    }
    // What stands in the body says nothing of it.
    CHECK_FALSE(fault_of(frame_body + "&DOMAIN=acme.bitrix24.com&PROTOCOL=1").empty());
    const auto bare = parsed("AUTH_ID=&member_id=m1", frame_query);
    REQUIRE(bare.has_value());
    CHECK(bare->grant_fault == "access_token is missing");
}

TEST_CASE("what is refused, and in which words") {
    CHECK(fault_of("").starts_with("The body is neither an event"));
    CHECK(fault_of("a=1").starts_with("The body is neither an event"));
    CHECK(fault_of("event[]=ONAPPINSTALL").starts_with("The body is neither an event"));
    CHECK(fault_of("event=ON%20X") == "event is no name of an event.");
    CHECK(fault_of("event=" + std::string(129, 'X')) == "event is no name of an event.");
    CHECK(fault_of("event=ONAPPINSTALL") == "auth[member_id] is missing: nobody knows which portal this is about.");
    CHECK(fault_of("event=ONAPPUNINSTALL&auth=x") ==
          "auth[member_id] is missing: nobody knows which portal this is about.");
    CHECK(fault_of("event=ONX&auth[member_id]=a%20b") == "auth[member_id] is no portal id.");
    CHECK(fault_of("event=ONX&auth[member_id]=" + std::string(65, 'a')) == "auth[member_id] is no portal id.");
    CHECK(fault_of("event=ONX&auth[application_token]=a%0Ab") ==
          "auth[application_token] holds a character that no token has, or too many.");
    CHECK(fault_of("AUTH_ID=a", frame_query) == "member_id is missing: nobody knows which portal this is about.");
    CHECK(fault_of("AUTH_ID=a&member_id=m1&APPLICATION_TOKEN=a%0Ab", frame_query) ==
          "APPLICATION_TOKEN holds a character that no token has, or too many.");
    CHECK(fault_of(std::string(largest_app_event + 1, 'a')) == "The body is longer than 256 KiB.");
    CHECK(fault_of("event=ONX", std::string(16 * 1024 + 1, 'a')) == "The query is longer than 16 KiB.");
}

TEST_CASE("only forms are taken") {
    const auto fault = [](std::string_view type) {
        const auto event = parse_app_event(type, "", "event=ONX", now);
        return event ? "" : event.error();
    };
    CHECK(fault("application/x-www-form-urlencoded").empty());
    CHECK(fault("Application/X-WWW-Form-Urlencoded ; charset=UTF-8").empty());
    CHECK(fault("application/json; charset=utf-8").starts_with("The body is JSON; Bitrix24 posts "));
    CHECK(fault("multipart/form-data; boundary=x").starts_with("The body is multipart; Bitrix24 posts "));
    CHECK(fault("").starts_with("The body has no content type that is taken here; "));
    CHECK(fault("text/plain").starts_with("The body has no content type that is taken here; "));
    CHECK(fault("application/x-www-form-urlencodedx").starts_with("The body has no content type that is taken here; "));
}

TEST_CASE("a form without a bound stops at one") {
    std::string many;
    for (int i = 0; i < 5000; ++i) many += "a" + std::to_string(i) + "=1&";
    CHECK(fault_of(many + "event=ONX").starts_with("The body is neither an event"));
    std::string deep = "event=ONX&auth";
    for (int i = 0; i < 60'000; ++i) deep += "[a]";
    CHECK(parsed(deep + "=1").has_value());
}

TEST_CASE("an application token proves something only when both have one") {
    CHECK(application_token_matches(Secret("tttt"), Secret("tttt")));
    CHECK_FALSE(application_token_matches(Secret("tttt"), Secret("ttts")));
    CHECK_FALSE(application_token_matches(Secret("tttt"), Secret("ttttt")));
    CHECK_FALSE(application_token_matches(Secret(), Secret()));
    CHECK_FALSE(application_token_matches(Secret(), Secret("tttt")));
    CHECK_FALSE(application_token_matches(Secret("tttt"), Secret()));
}

}  // namespace
