#include <b24gate/gateway/install_rules.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include <b24gate/gateway/portal_places.hpp>

using namespace b24gate;
using namespace b24gate::gateway;
using namespace std::chrono_literals;
using core::Secret;
using tokens::AppEvent;

namespace {

upstream::Target target(std::string_view url) {
    auto parsed = upstream::parse_target(url);
    REQUIRE(parsed.has_value());
    return *parsed;
}

PortalFacts portal(std::string name, std::string_view url, std::string member_id = "") {
    PortalFacts facts;
    facts.name = std::move(name);
    facts.configured = facts.current = target(url);
    facts.member_id = std::move(member_id);
    facts.credentials = {"main"};
    return facts;
}

AppEvent event(AppEvent::Kind kind, std::string member_id = "m1", std::string endpoint = "") {
    AppEvent made;
    made.kind = kind;
    made.member_id = std::move(member_id);
    made.client_endpoint = std::move(endpoint);
    return made;
}

}  // namespace

TEST_CASE("whether an address is the portal's own") {
    struct Row {
        std::string_view place, address;
        bool same;
    };
    for (const Row& row : {
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com/rest/", true},
             Row{"https://acme.bitrix24.com", "https://ACME.bitrix24.com/rest/", true},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com", true},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com/", true},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com:443/rest/", true},
             Row{"http://acme.local", "https://acme.local/rest/", true},  // reached inside by another scheme
             Row{"http://acme.local:8080", "https://acme.local/rest/", false},
             Row{"https://acme.local:8443/b24", "https://acme.local:8443/b24/rest/", true},
             Row{"https://acme.local:8443/b24", "https://acme.local:8443/rest/", false},
             Row{"https://acme.local:8443/b24", "https://acme.local:8443/other/rest/", false},
             Row{"https://acme.bitrix24.com", "https://evil.bitrix24.com/rest/", false},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com.evil.example/rest/", false},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com@evil.example/rest/", false},
             Row{"https://acme.bitrix24.com", "https://evil.example/?https://acme.bitrix24.com/rest/", false},
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com/x/rest/", false},
             Row{"https://acme.bitrix24.com", "acme.bitrix24.com", false},
             Row{"https://acme.bitrix24.com", "", false},
         }) {
        CAPTURE(row.place);
        CAPTURE(row.address);
        CHECK(is_at(target(row.place), row.address) == row.same);
    }
}

TEST_CASE("whose tokens they are by the word of the authorization server") {
    struct Row {
        std::string known, remembered;
        std::string_view current, member_id, endpoint, reason;
    };
    constexpr std::string_view home = "https://acme.bitrix24.com/rest/", away = "https://new.bitrix24.com/rest/",
                               evil = "https://evil.bitrix24.com/rest/";
    for (const Row& row : {
             // nothing is known yet: only the address tells
             Row{"", "", "https://acme.bitrix24.com", "m1", home, ""},
             Row{"", "", "https://acme.bitrix24.com", "", home, ""},
             Row{"", "", "https://acme.bitrix24.com", "m1", evil, "other_portal"},
             Row{"", "", "https://acme.bitrix24.com", "m1", "", "untold"},
             Row{"", "", "https://acme.bitrix24.com", "", "", "untold"},
             // where it has moved to counts as well
             Row{"", "", "https://new.bitrix24.com", "m1", away, ""},
             Row{"", "", "https://new.bitrix24.com", "m1", home, ""},
             // the id is known: it decides
             Row{"m1", "", "https://acme.bitrix24.com", "m1", away, ""},
             Row{"m1", "", "https://acme.bitrix24.com", "m1", "", ""},
             Row{"m1", "", "https://acme.bitrix24.com", "m2", home, "other_portal"},
             Row{"m1", "", "https://acme.bitrix24.com", "m2", evil, "other_portal"},
             Row{"m1", "", "https://acme.bitrix24.com", "", home, ""},
             Row{"m1", "", "https://acme.bitrix24.com", "", evil, "other_portal"},
             // remembered of tokens that are gone: it can say yes, but not no
             Row{"", "m1", "https://acme.bitrix24.com", "m1", away, ""},
             Row{"", "m1", "https://acme.bitrix24.com", "m2", home, ""},
             Row{"", "m1", "https://acme.bitrix24.com", "m2", evil, "other_portal"},
             Row{"m2", "m1", "https://acme.bitrix24.com", "m1", home, "other_portal"},
         }) {
        CAPTURE(row.known);
        CAPTURE(row.remembered);
        CAPTURE(row.member_id);
        CAPTURE(row.endpoint);
        PortalFacts facts = portal("acme", "https://acme.bitrix24.com", row.known);
        facts.remembered_member_id = row.remembered;
        facts.current = target(row.current);
        CHECK(identify(facts, row.member_id, row.endpoint) == row.reason);
    }
}

TEST_CASE("which portal an event speaks of") {
    using Kind = AppEvent::Kind;
    std::vector<PortalFacts> portals{portal("acme", "https://acme.bitrix24.com", "m1"),
                                     portal("beta", "https://beta.bitrix24.com"),
                                     portal("hook", "https://hook.bitrix24.com")};
    portals[2].credentials.clear();
    const auto choose = [&](const AppEvent& made, std::string_view wanted = "") {
        return choose_portal(portals, made, wanted);
    };
    CHECK(choose(event(Kind::install, "m1")).index == 0);
    CHECK(choose(event(Kind::install, "m1", "https://beta.bitrix24.com/rest/")).index == 0);  // the id is what counts
    CHECK(choose(event(Kind::install, "m2", "https://beta.bitrix24.com/rest/")).index == 1);
    CHECK(choose(event(Kind::install, "m2", "https://acme.bitrix24.com/rest/")).reason == "other_portal");
    CHECK(choose(event(Kind::install, "m2", "https://evil.bitrix24.com/rest/")).reason == "unknown_portal");
    CHECK(choose(event(Kind::install, "m2")).reason == "unknown_portal");
    CHECK(choose(event(Kind::install, "m3", "https://hook.bitrix24.com/rest/")).reason == "unknown_portal");
    AppEvent by_domain = event(Kind::uninstall, "m2");
    by_domain.domain = "beta.bitrix24.com";
    CHECK(choose(by_domain).index == 1);

    // One portal under two names: the handler's address says which.
    portals.push_back(portal("again", "https://beta.bitrix24.com"));
    const AppEvent twice = event(Kind::install, "m2", "https://beta.bitrix24.com/rest/");
    CHECK(choose(twice).reason == "ambiguous_portal");
    CHECK(choose(twice, "again").index == 3);
    CHECK(choose(twice, "acme").reason == "unknown_portal");
    CHECK(choose(twice, "nobody").reason == "unknown_portal");
}

TEST_CASE("which credential is meant") {
    PortalFacts facts = portal("acme", "https://acme.bitrix24.com");
    CHECK(choose_credential(facts, "") == "main");
    CHECK(choose_credential(facts, "main") == "main");
    CHECK(!choose_credential(facts, "spare"));
    facts.credentials = {"app", "main"};
    CHECK(!choose_credential(facts, ""));
    CHECK(choose_credential(facts, "main") == "main");
    facts.credentials.clear();
    CHECK(!choose_credential(facts, ""));
    CHECK(!choose_credential(facts, "main"));
}

TEST_CASE("what an event may do") {
    using Kind = AppEvent::Kind;
    using Verdict = EventVerdict::Kind;
    struct Row {
        Kind event;
        bool active;
        std::string stored, given;
        Verdict verdict;
        std::string_view reason;
    };
    for (const Row& row : {
             Row{Kind::other, true, "t", "", Verdict::ignore, ""},
             Row{Kind::install, false, "", "", Verdict::verify, ""},
             Row{Kind::install, false, "", "t", Verdict::verify, ""},
             Row{Kind::install, false, "t", "u", Verdict::verify, ""},  // installed anew: a new token
             Row{Kind::install, true, "", "t", Verdict::verify, ""},    // authorized in the browser before
             Row{Kind::install, true, "t", "t", Verdict::verify, ""},
             Row{Kind::install, true, "t", "u", Verdict::refuse, "wrong_application_token"},
             Row{Kind::install, true, "t", "", Verdict::refuse, "wrong_application_token"},
             Row{Kind::update, true, "t", "t", Verdict::verify, ""},
             Row{Kind::update, true, "t", "u", Verdict::refuse, "wrong_application_token"},
             Row{Kind::frame, false, "t", "t", Verdict::verify, ""},
             Row{Kind::frame, true, "", "t", Verdict::verify, ""},
             Row{Kind::frame, true, "t", "t", Verdict::keep, ""},
             Row{Kind::frame, true, "t", "u", Verdict::refuse, "wrong_application_token"},
             Row{Kind::uninstall, true, "t", "t", Verdict::mark, ""},
             Row{Kind::uninstall, false, "t", "t", Verdict::mark, ""},
             Row{Kind::uninstall, true, "t", "u", Verdict::refuse, "wrong_application_token"},
             Row{Kind::uninstall, true, "t", "", Verdict::refuse, "wrong_application_token"},
             Row{Kind::uninstall, true, "", "t", Verdict::refuse, "no_application_token"},
             Row{Kind::uninstall, false, "", "", Verdict::refuse, "no_application_token"},
         }) {
        CAPTURE(tokens::to_string(row.event));
        CAPTURE(row.active);
        CAPTURE(row.stored);
        CAPTURE(row.given);
        AppEvent made = event(row.event);
        made.application_token = Secret(row.given);
        made.grant.emplace();
        CredentialFacts known;
        known.active = row.active;
        known.application_token = Secret(row.stored);
        const EventVerdict verdict = decide(made, known);
        CHECK(verdict.kind == row.verdict);
        CHECK(verdict.reason == row.reason);
        made.grant.reset();
        if (row.verdict == Verdict::verify) CHECK(decide(made, known).reason == "no_tokens");
    }
}

TEST_CASE("whose tokens may take the place of others") {
    struct Row {
        bool active;
        std::int64_t there, comes;
        bool admin;
        std::string_view by_event, by_hand;
    };
    for (const Row& row : {
             Row{false, 0, 5, true, "", ""},
             Row{false, 0, 5, false, "other_user", ""},
             Row{false, 5, 5, false, "", ""},
             Row{false, 5, 6, false, "other_user", ""},
             Row{true, 5, 5, false, "", ""},
             Row{true, 5, 6, false, "other_user", "other_user"},
             Row{true, 5, 6, true, "", ""},
             Row{true, 0, 6, false, "other_user", "other_user"},
         }) {
        CredentialFacts known;
        known.active = row.active;
        known.user_id = row.there;
        const Profile profile{row.comes, row.admin};
        CHECK(may_take(known, profile, false) == row.by_event);
        CHECK(may_take(known, profile, true) == row.by_hand);
    }
}

TEST_CASE("who a token acts for") {
    const auto user = [](std::string_view answer) {
        const auto profile = read_profile(answer);
        return profile ? profile->user_id * (profile->admin ? 1 : -1) : 0;
    };
    CHECK(user(R"({"result":{"ID":"7","ADMIN":true,"NAME":"N"},"time":{}})") == 7);
    CHECK(user(R"({"result":{"ID":7,"ADMIN":false}})") == -7);
    CHECK(user(R"({"result":{"ID":"7"}})") == -7);
    CHECK(user(R"({"result":{"ID":"7","ADMIN":"true"}})") == -7);  // not what a portal says
    CHECK(user(R"({"result":[]})") == 0);                          // an inactive user
    CHECK(user(R"({"result":{"ID":"0","ADMIN":true}})") == 0);
    CHECK(user(R"({"result":{"ID":"7x","ADMIN":true}})") == 0);
    CHECK(user(R"({"result":{"ID":"-7","ADMIN":true}})") == 0);
    CHECK(user(R"({"result":true})") == 0);
    CHECK(user(R"({"error":"X"})") == 0);
    CHECK(user("<html>") == 0);
    CHECK(user("") == 0);
}

TEST_CASE("states, cookies, languages") {
    const std::string state(64, 'a');
    CHECK(is_state(state));
    CHECK(!is_state(state + "a"));
    CHECK(!is_state(std::string(64, 'A')));
    CHECK(!is_state(""));

    CHECK(cookie("a=1; state=abc", "state") == "abc");
    CHECK(cookie("state=abc;b=2", "state") == "abc");
    CHECK(cookie("xstate=abc", "state").empty());
    CHECK(cookie("state", "state").empty());
    CHECK(cookie("state=", "state").empty());
    CHECK(cookie("state=abc; state=abc", "state") == "abc");
    CHECK(cookie("state=abc; state=def", "state").empty());  // somebody has planted one
    CHECK(cookie("", "state").empty());

    struct Row {
        std::string_view header;
        bool russian;
    };
    for (const Row& row : {Row{"", false}, Row{"ru", true}, Row{"RU-ru", true}, Row{"en", false}, Row{"de", false},
                           Row{"ru,en", true}, Row{"en,ru", false}, Row{"en;q=0.5,ru;q=0.9", true},
                           Row{"ru;q=0.5, en;q=0.9", false}, Row{"de, ru;q=0.1", true}, Row{"ru;q=0", false},
                           Row{"ru;q=9", false}, Row{"rue", false}, Row{";;,,q=", false}}) {
        CAPTURE(row.header);
        CHECK(prefers_russian(row.header) == row.russian);
    }
}

TEST_CASE("so many tries a minute, for each by itself") {
    TryLimit limit(3);
    const core::TimePoint start{};
    for (int i = 0; i < 3; ++i) CHECK(limit.take("acme", start + i * 10s));
    CHECK(!limit.take("acme", start + 59s));
    CHECK(limit.take("beta", start + 59s));
    CHECK(limit.take("acme", start + 60s));
}

TEST_CASE("where a portal may be said to be") {
    struct Row {
        std::string_view configured, url, where;  // where empty: refused
    };
    const std::vector<std::string> hosts{"*.acme.example"};
    for (const Row& row : {
             Row{"https://acme.bitrix24.com", "https://acme.bitrix24.com", "https://acme.bitrix24.com"},
             Row{"https://acme.bitrix24.com", "https://new.bitrix24.com", "https://new.bitrix24.com"},
             Row{"https://acme.bitrix24.com", "https://new.bitrix24.ru", "https://new.bitrix24.ru"},
             Row{"https://acme.bitrix24.com", "https://crm.acme.example", "https://crm.acme.example"},
             Row{"https://acme.bitrix24.com", "http://new.bitrix24.com", ""},
             Row{"https://acme.bitrix24.com", "https://evil.example", ""},
             Row{"https://acme.bitrix24.com", "https://new.bitrix24.com/x", ""},
             Row{"https://box.acme.example/b24", "https://new.acme.example/b24", "https://new.acme.example/b24"},
             Row{"https://box.acme.example/b24", "https://new.acme.example", ""},
             Row{"http://box.acme.example", "http://new.acme.example", "http://new.acme.example"},
             Row{"https://acme.bitrix24.com", "", ""},
             Row{"https://acme.bitrix24.com", "new.bitrix24.com", ""},
         }) {
        CAPTURE(row.configured);
        CAPTURE(row.url);
        const auto place = place_of(target(row.configured), row.url, hosts);
        CHECK((place ? url_of(*place) : "") == row.where);
    }
}
