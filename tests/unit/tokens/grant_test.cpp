#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/core/seal.hpp>
#include <b24gate/tokens/grant.hpp>

#include "golden.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::tokens;
using core::Secret;

constexpr std::int64_t now = 1'790'000'000'000;  // G40's tokens end an hour later

std::string fault_of(std::string_view text) {
    const auto grant = parse_grant(text, now);
    return grant ? "" : grant.error();
}

TEST_CASE("a pair comes back from its text") {
    for (const auto& [access, refresh, application] :
         {std::tuple<std::string, std::string, std::string>{"aaaa", "bbbb", ""},
          {"aaaa", "bbbb", "cccc"},
          {R"(a"\/b)", "{}[],:", "'"},
          {std::string(4096, 'x'), std::string(4096, '"'), std::string(4096, '\\')}}) {
        const Secret text = encode_pair({Secret(access), Secret(refresh), Secret(application)});
        const auto pair = decode_pair(text.reveal());
        REQUIRE(pair.has_value());
        CHECK(pair->access.reveal() == access);
        CHECK(pair->refresh.reveal() == refresh);
        CHECK(pair->application_token.reveal() == application);
    }
    for (const std::string_view text :
         {"", "{}", "[]", "{\"access_token\":\"a\"}", "{\"access_token\":\"a\",\"refresh_token\":\"\"}",
          "{\"access_token\":\"a\",\"refresh_token\":5}", "{\"access_token\":\"a b\",\"refresh_token\":\"b\"}",
          "{\"access_token\":\"a\",\"refresh_token\":\"b\"} ,", "{\"access_token\":\"a\",\"refresh_token\":\"b\""}) {
        CAPTURE(text);
        CHECK_FALSE(decode_pair(text).has_value());
    }
}

TEST_CASE("a pair is sealed for one credential alone") {
    CHECK(sealing_context("acme", "main") == "b24gate pair:4:acme,4:main,");
    std::vector<std::string> contexts;
    for (const auto& [portal, credential] : {std::pair<std::string_view, std::string_view>{"a", "bc"},
                                             {"ab", "c"},
                                             {"", "abc"},
                                             {"abc", ""},
                                             {"a,1:b", "c"},
                                             {"a", "1:b,1:c"},
                                             {"a,", "c"},
                                             {"a", ",c"}}) {
        const std::string context = sealing_context(portal, credential);
        for (const std::string& other : contexts) CHECK(context != other);
        contexts.push_back(context);
    }
    const core::KeyRing keys(Secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), {});
    const auto sealed =
        keys.seal(encode_pair({Secret("aaaa"), Secret("bbbb"), {}}).reveal(), sealing_context("acme", "main"));
    REQUIRE(sealed.has_value());
    const auto opened = keys.open(sealed->key_id, sealed->bytes, sealing_context("acme", "main"));
    REQUIRE(opened.has_value());
    CHECK(decode_pair(opened->reveal()).has_value());
    CHECK_FALSE(keys.open(sealed->key_id, sealed->bytes, sealing_context("other", "main")).has_value());
}

TEST_CASE("the answer to a refresh (G40)") {
    const auto grant = parse_grant(golden("G40").body, now);
    REQUIRE(grant.has_value());
    CHECK(grant->pair.access.reveal() == "a1b2c3d4e5f60718293a4b5c6d7e8f90");
    CHECK(grant->pair.refresh.reveal() == "f0e1d2c3b4a5968778695a4b3c2d1e0f");
    CHECK(grant->pair.application_token.empty());
    CHECK(grant->member_id == "a223c6b3710f85df22e9377d6c4f7553");
    CHECK(grant->client_endpoint == "https://new-name.bitrix24.com/rest/");
    CHECK(grant->server_endpoint == "https://oauth.bitrix24.tech/rest/");
    CHECK(grant->scope == "crm,task,im");
    CHECK(grant->status == "L");
    CHECK(grant->user_id == 67);
    CHECK(grant->expires_in_ms == 3'600'000);
}

TEST_CASE("when an access token ends") {
    struct Row {
        std::string_view fields;
        std::int64_t expires_in_ms;
    };
    for (const Row& row : {
             Row{R"("expires_in":3600)", 3'600'000},
             Row{R"("expires_in":"1800")", 1'800'000},
             Row{R"("expires_in":1800.0)", 1'800'000},
             Row{R"("expires_in":0)", 0},
             Row{R"("expires_in":-5)", 0},
             // expires_in needs no clock, so it counts first.
             Row{R"("expires_in":60,"expires":1790003600)", 60'000},
             Row{R"("expires":1790003600)", 3'600'000},
             Row{R"("expires":"1790000060")", 60'000},
             Row{R"("expires":1789990000)", 0},
             Row{R"("expires_in":null,"expires":1790000060)", 60'000},
             Row{R"("expires_in":"soon","expires":1790000060)", 60'000},
             // A moment where a number of seconds is due.
             Row{R"("expires_in":1790000060,"expires":1790000060)", 60'000},
             // Nothing that says anything: what is documented.
             Row{R"("scope":"crm")", documented_life_ms},
             Row{R"("expires_in":"inf")", documented_life_ms},
             Row{R"("expires_in":"nan")", documented_life_ms},
             Row{R"("expires_in":1e300,"expires":1e300)", documented_life_ms},
             Row{R"("expires_in":{},"expires":[])", documented_life_ms},
             Row{R"("expires":-1)", documented_life_ms},
             Row{R"("expires_in":600,"expires_in":60)", 60'000},
         }) {
        CAPTURE(row.fields);
        const auto grant =
            parse_grant(R"({"access_token":"aaaa","refresh_token":"bbbb",)" + std::string(row.fields) + "}", now);
        REQUIRE(grant.has_value());
        CHECK(grant->expires_in_ms == row.expires_in_ms);
    }
}

TEST_CASE("without a usable pair there is no grant") {
    CHECK(fault_of(R"({"refresh_token":"bbbb"})") == "access_token is missing");
    CHECK(fault_of(R"({"access_token":"aaaa"})") == "refresh_token is missing");
    CHECK(fault_of(R"({"access_token":"","refresh_token":"bbbb"})") == "access_token is missing");
    CHECK(fault_of(R"({"access_token":null,"refresh_token":"bbbb"})") == "access_token is missing");
    CHECK(fault_of(R"({"access_token":5,"refresh_token":"bbbb"})") == "access_token is missing");
    CHECK(fault_of(R"({"access_token":"aaaa","refresh_token":["bbbb"]})") == "refresh_token is missing");
    CHECK(fault_of("") == "the answer is no JSON object");
    CHECK(fault_of("[]") == "the answer is no JSON object");
    CHECK(fault_of("<html>") == "the answer is no JSON object");
    CHECK(fault_of(R"({"access_token":"aaaa","refresh_token":"bbbb")") == "the answer is no JSON object");
    CHECK(fault_of(R"({"x":")" + std::string(70'000, 'x') + "\"}") == "the answer is longer than 64 KiB");
    for (const std::string_view bad :
         {"secret token", R"(secret\ntoken)", R"(secret\u0000token)", "secret\\u0442oken"}) {
        for (const bool refresh : {false, true}) {
            const std::string fault =
                fault_of(refresh ? R"({"access_token":"aaaa","refresh_token":")" + std::string(bad) + "\"}"
                                 : R"({"refresh_token":"aaaa","access_token":")" + std::string(bad) + "\"}");
            CHECK(fault == (refresh ? "refresh_token" : "access_token") +
                               std::string(" holds a character that no token has (only visible ASCII)"));
        }
    }
    CHECK(fault_of(R"({"refresh_token":"aaaa","access_token":")" + std::string(4097, 'x') + "\"}") ==
          "access_token is longer than 4096 characters");
    CHECK(fault_of("\xEF\xBB\xBF{\"access_token\":\"aaaa\",\"refresh_token\":\"bbbb\"}").empty());
}

// The server has rotated the tokens by then: a pair that is refused for what stands beside it is lost.
TEST_CASE("what stands beside the pair never costs the pair") {
    const auto grant = parse_grant(
        R"({"access_token":"aaaa","refresh_token":"bbbb","application_token":"c c","member_id":"a\r\nb",)"
        R"("client_endpoint":"https://a b/rest/","server_endpoint":{},"scope":"crm\u0000","status":[1],"user_id":"x"})",
        now);
    REQUIRE(grant.has_value());
    CHECK(grant->pair.refresh.reveal() == "bbbb");
    CHECK(grant->pair.application_token.empty());
    CHECK(grant->member_id.empty());
    CHECK(grant->client_endpoint.empty());
    CHECK(grant->server_endpoint.empty());
    CHECK(grant->scope.empty());
    CHECK(grant->status.empty());
    CHECK(grant->user_id == 0);
    const auto numbers = parse_grant(
        R"({"access_token":"aaaa","refresh_token":"bbbb","application_token":"c","user_id":"67","scope":"crm, im"})",
        now);
    REQUIRE(numbers.has_value());
    CHECK(numbers->user_id == 67);
    CHECK(numbers->scope == "crm, im");
    CHECK(numbers->pair.application_token.reveal() == "c");
}

std::string item(std::string_view more) {
    return R"({"access_token":"aaaa","refresh_token":"bbbb")" + std::string(more.empty() ? "" : ",") +
           std::string(more) + "}";
}

TEST_CASE("an import of one answer, and of several") {
    std::string text = golden("G40").body;
    text.insert(1, R"("portal":"acme",)");
    const auto one = parse_import(text, now);
    REQUIRE(one.has_value());
    REQUIRE(one->size() == 1);
    CHECK(one->front().portal == "acme");
    CHECK(one->front().credential == "main");
    CHECK(one->front().grant.member_id == "a223c6b3710f85df22e9377d6c4f7553");
    CHECK(one->front().grant.expires_in_ms == 3'600'000);
    // The answer may lie around for a while before it is imported.
    const auto late = parse_import(text, now + 3'000'000);
    REQUIRE(late.has_value());
    CHECK(late->front().grant.expires_in_ms == 600'000);
    const auto much_later = parse_import(text, now + 86'400'000);
    REQUIRE(much_later.has_value());
    CHECK(much_later->front().grant.expires_in_ms == 0);

    const auto several = parse_import("[" + item(R"("portal":"acme","credential":"bot","expires_in":60)") + ",\n" +
                                          item(R"("portal":"acme")") + "," + item(R"("portal":"other_1-x")") + "]",
                                      now);
    REQUIRE(several.has_value());
    REQUIRE(several->size() == 3);
    CHECK((*several)[0].credential == "bot");
    CHECK((*several)[0].grant.expires_in_ms == 60'000);
    CHECK((*several)[1].credential == "main");
    CHECK((*several)[1].grant.expires_in_ms == 0);  // nobody knows: the first call refreshes
    CHECK((*several)[2].portal == "other_1-x");
}

TEST_CASE("an import says what is wrong, and where") {
    const std::string good = item(R"("portal":"acme")");
    struct Row {
        std::string text;
        std::string_view error;
    };
    const std::string once = "; put in the authorization server's answer as it came";
    for (const Row& row : {
             Row{"", "the input is empty; put in the authorization server's answer with \"portal\" beside it"},
             Row{" \n", "the input is empty; put in the authorization server's answer with \"portal\" beside it"},
             Row{"[]", "the input is an empty array; there is nothing to import"},
             Row{"5", "item 1 of 1: it is no JSON object"},
             Row{"{", "the input is no JSON: at byte 2"},
             Row{good + "x", "the input is no JSON: at byte"},
             Row{"[" + good + ",[]]", "item 2 of 2: it is no JSON object"},
             Row{item(""), "item 1 of 1: portal is missing; add \"portal\""},
             Row{"[" + good + "," + item(R"("portal":"Acme")") + "]",
                 "item 2 of 2: portal is no name of a portal of the conf"},
             Row{item(R"("portal":5)"), "item 1 of 1: portal is no name of a portal"},
             Row{item(R"("portal":"acme","credential":"")"), "item 1 of 1: credential is no name of a credential"},
             Row{item(R"("portal":"acme","credential":null)"), "item 1 of 1: credential is no name of a credential"},
             Row{R"({"portal":"acme","error":"invalid_grant"})",
                 "item 1 of 1: it is the authorization server's refusal"},
             Row{R"({"portal":"acme","refresh_token":"b"})", "item 1 of 1: access_token is missing; put in the"},
             Row{R"({"portal":"acme","access_token":"a"})", "item 1 of 1: refresh_token is missing; put in the"},
             Row{R"({"portal":"acme","access_token":"a","refresh_token":{}})", "item 1 of 1: refresh_token is neither"},
             Row{item(R"("portal":"acme","expires_in":"soon")"), "item 1 of 1: expires_in is no number of seconds"},
             Row{item(R"("portal":"acme","expires_in":1790000000)"), "item 1 of 1: expires_in is no number of seconds"},
             Row{item(R"("portal":"acme","expires":"soon")"), "item 1 of 1: expires is no Unix time in seconds"},
             Row{item(R"("portal":"acme","member_id":"a b")"), "item 1 of 1: member_id is no portal id"},
             Row{item(R"("portal":"acme","client_endpoint":"acme.bitrix24.com")"),
                 "item 1 of 1: client_endpoint is no REST address; it looks like https://acme.bitrix24.com/rest/"},
             Row{item(R"("portal":"acme","server_endpoint":"https://oauth.bitrix.info/")"),
                 "item 1 of 1: server_endpoint is no REST address"},
             Row{item(R"("portal":"acme","scope":["crm"])"), "item 1 of 1: scope is neither a text nor a number"},
             Row{item(R"("portal":"acme","user_id":-1)"), "item 1 of 1: user_id is no number of a user"},
             Row{item(R"("portal":"acme","application_token":"a b")"),
                 "item 1 of 1: application_token holds a character"},
             Row{"[" + good + "," + item(R"("portal":"b")") + "," + item(R"("portal":"acme","credential":"main")") +
                     "]",
                 "item 3 of 3: it is for the same portal and credential as item 1; leave one of them"},
             Row{std::string(9'000'000, ' '), "the input is longer than 8 MiB"},
         }) {
        CAPTURE(row.text.substr(0, 200));
        const auto items = parse_import(row.text, now);
        REQUIRE_FALSE(items.has_value());
        CHECK_MESSAGE(items.error().starts_with(row.error), items.error());
    }
    std::string many = "[";
    for (int i = 0; i <= 10'000; ++i) many += i == 0 ? "{}" : ",{}";
    const auto items = parse_import(many + "]", now);
    REQUIRE_FALSE(items.has_value());
    CHECK(items.error() == "the input has more than 10000 items; import it in parts");
}

// People paste tokens where they do not belong.
TEST_CASE("no error repeats a value") {
    const std::string token = "Tok-" + std::string(40, 'k') + "\\u0007";
    for (const std::string_view field :
         {"portal", "credential", "access_token", "refresh_token", "application_token", "expires_in", "expires",
          "member_id", "client_endpoint", "server_endpoint", "scope", "status", "user_id"}) {
        CAPTURE(field);
        const auto items =
            parse_import(item(R"("portal":"acme",")" + std::string(field) + R"(":")" + token + "\""), now);
        REQUIRE_FALSE(items.has_value());
        CHECK(items.error().find("kkkk") == std::string::npos);
        CHECK(items.error().find(field) != std::string::npos);
    }
    const auto broken = parse_import(R"({"access_token":")" + token + "\" \"kkkk\"", now);
    REQUIRE_FALSE(broken.has_value());
    CHECK(broken.error().find("kkkk") == std::string::npos);
}

}  // namespace
