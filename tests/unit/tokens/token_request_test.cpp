#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace {

using namespace b24gate;
using namespace b24gate::tokens;
using core::Secret;

TEST_CASE("a portal's address from its client_endpoint") {
    struct Row {
        std::string_view endpoint;
        std::string_view https;  // empty: refused
        std::string_view http = https;
    };
    for (const Row& row : {
             Row{"https://new-name.bitrix24.com/rest/", "https://new-name.bitrix24.com"},
             Row{"https://New-Name.Bitrix24.COM/rest/", "https://new-name.bitrix24.com"},
             Row{"https://acme.bitrix24.com:443/rest/", "https://acme.bitrix24.com"},
             Row{"https://acme.bitrix24.com/rest", "https://acme.bitrix24.com"},
             Row{"https://box.local:8443/rest/", "https://box.local:8443"},
             Row{"https://box.local/b24/rest/", "https://box.local/b24"},
             Row{"https://box.local/b24/x/rest/", "https://box.local/b24/x"},
             Row{"https://[::1]:8443/rest/", "https://[::1]:8443"},
             Row{"http://127.0.0.1:8090/rest/", "", "http://127.0.0.1:8090"},
             Row{"http://box.local:80/rest/", "", "http://box.local"},
             Row{"", ""},
             Row{"acme.bitrix24.com", ""},
             Row{"//acme.bitrix24.com/rest/", ""},
             Row{"ftp://acme.bitrix24.com/rest/", ""},
             Row{"https://acme.bitrix24.com/", ""},
             Row{"https://acme.bitrix24.com", ""},
             Row{"https://acme.bitrix24.com/rest//", ""},
             Row{"https://acme.bitrix24.com//rest/", ""},
             Row{"https://acme.bitrix24.com/REST/", ""},
             Row{"https://acme.bitrix24.com/xrest/", ""},
             Row{"https://acme.bitrix24.com/rest/1/key/", ""},
             Row{"https://acme.bitrix24.com/../rest/", ""},
             Row{"https://acme.bitrix24.com/./rest/", ""},
             Row{"https://acme.bitrix24.com/%2e%2e/rest/", ""},
             Row{"https://acme.bitrix24.com/a;b/rest/", ""},
             Row{"https://acme.bitrix24.com/rest/?x=1", ""},
             Row{"https://acme.bitrix24.com/rest/#x", ""},
             Row{"https://user@acme.bitrix24.com/rest/", ""},
             Row{"https://user:pass@acme.bitrix24.com/rest/", ""},
             Row{"https:///rest/", ""},
             Row{"https://.acme/rest/", ""},
             Row{"https://-acme/rest/", ""},
             Row{"https://acme:0/rest/", ""},
             Row{"https://acme:99999/rest/", ""},
             Row{"https://acme:x/rest/", ""},
             Row{"https://acme.bitrix24.com%0d%0aX-Evil:1/rest/", ""},
             Row{"https://evil.com%2f.bitrix24.com/rest/", ""},
             Row{"https://evil.com%40acme.bitrix24.com/rest/", ""},
             Row{"https://acme.bitrix24.com\r\nX: 1/rest/", ""},
             Row{"https://acme.bitrix24.com /rest/", ""},
         }) {
        CAPTURE(row.endpoint);
        CHECK(portal_url_of(row.endpoint).value_or("") == row.https);
        CHECK(portal_url_of(row.endpoint, true).value_or("") == row.http);
    }
    CHECK_FALSE(portal_url_of("https://acme.bitrix24.com/" + std::string(3000, 'a') + "/rest/").has_value());
}

// The client's secret goes there, and events are written by anybody.
TEST_CASE("which token endpoint is trusted with the client's secret") {
    const std::string world = "https://oauth.bitrix.info/oauth/token/";
    const std::string east = "https://oauth.bitrix24.tech/oauth/token/";
    const std::string own = "https://oauth.acme.internal:8443/custom/token";
    const std::string simulated = "http://127.0.0.1:8091/oauth/token/";
    struct Row {
        std::string configured, server, url;
        bool fell_back = false;
        std::vector<std::string> extra = {};
    };
    for (const Row& row : {
             Row{world, "", world},
             Row{world, "https://oauth.bitrix.info/rest/", world},
             Row{world, "https://oauth.bitrix24.tech/rest/", east},
             Row{world, "https://OAUTH.Bitrix24.tech:443/rest/", east},
             Row{world, "https://oauth.bitrix24.tech/rest", east},
             Row{east, "https://oauth.bitrix.info/rest/", world},
             Row{own, "https://oauth.acme.internal:8443/rest/", own},
             Row{own, "https://oauth.bitrix.info/rest/", world},
             Row{own, "https://oauth.acme.internal/rest/", own, true},
             Row{own, "http://oauth.acme.internal:8443/rest/", own, true},
             Row{simulated, "http://127.0.0.1:8091/rest/", simulated},
             Row{simulated, "http://127.0.0.1:8092/rest/", simulated, true},
             Row{simulated, "https://127.0.0.1:8091/rest/", simulated, true},
             Row{simulated, "https://oauth.bitrix.info/rest/", world},
             Row{world, "http://oauth.bitrix.info/rest/", world, true},
             Row{world, "http://oauth.bitrix24.tech/rest/", world, true},
             Row{world, "https://oauth.bitrix24.tech:8443/rest/", world, true},
             Row{world, "https://evil.com/rest/", world, true},
             Row{world, "https://oauth.bitrix.info.evil.com/rest/", world, true},
             Row{world, "https://evil.com/oauth.bitrix.info/rest/", world, true},
             Row{world, "https://oauth.bitrix24.tech@evil.com/rest/", world, true},
             Row{world, "https://evil.com#@oauth.bitrix24.tech/rest/", world, true},
             Row{world, "https://evil.com\\@oauth.bitrix24.tech/rest/", world, true},
             Row{world, "https://oauth.bitrix24.tech./rest/", world, true},
             Row{world, "https://oauth.bitrix24.tech/", world, true},
             Row{world, "https://oauth.bitrix24.tech/rest/x/", world, true},
             Row{world, "https://oauth.bitrix24.tech/x/rest/", world, true},
             Row{world, "oauth.bitrix24.tech", world, true},
             Row{world, "nonsense", world, true},
             Row{world,
                 "https://oauth.acme.com/rest/",
                 "https://oauth.acme.com/oauth/token/",
                 false,
                 {"OAuth.Acme.com"}},
             Row{world, "https://oauth.acme.com:8443/rest/", world, true, {"oauth.acme.com"}},
             Row{world,
                 "https://oauth.acme.com:8443/rest/",
                 "https://oauth.acme.com:8443/oauth/token/",
                 false,
                 {"other.com", "oauth.acme.com:8443"}},
             Row{world, "http://oauth.acme.com/rest/", world, true, {"oauth.acme.com"}},
             Row{world, "https://evil.com/rest/", world, true, {"", "*", "evil.com/x", "x@evil.com"}},
         }) {
        CAPTURE(row.configured);
        CAPTURE(row.server);
        const TokenTarget target = token_target(row.configured, row.server, row.extra);
        CHECK(target.url == row.url);
        CHECK(target.fell_back == row.fell_back);
    }
}

TEST_CASE("the parameters of a token request") {
    CHECK(refresh_parameters("local.5f", Secret("s&e=c r+é"), Secret("t/o%k")).reveal() ==
          "grant_type=refresh_token&client_id=local.5f&client_secret=s%26e%3Dc%20r%2B%C3%A9&refresh_token=t%2Fo%25k");
    const Secret code = code_parameters("app.1", Secret("secret"), Secret("the code"));
    CHECK(code.reveal() == "grant_type=authorization_code&client_id=app.1&client_secret=secret&code=the%20code");
    const bitrix::FormNode form = bitrix::parse_form(code.reveal());
    REQUIRE(form.find("code") != nullptr);
    CHECK(form.find("code")->value == "the code");
}

TEST_CASE("a token request as it is sent") {
    const Secret parameters("a=1&b=2");
    const auto post = make_token_request("https://oauth.bitrix.info/oauth/token/", parameters, Verb::post);
    REQUIRE(post.has_value());
    CHECK(
        post->head.reveal() ==
        "POST /oauth/token/ HTTP/1.1\r\nHost: oauth.bitrix.info\r\nUser-Agent: b24gate/" B24GATE_VERSION
        "\r\nAccept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\n");
    CHECK(post->body.reveal() == "a=1&b=2");
    CHECK(post->target.tls);
    CHECK(post->target.host == "oauth.bitrix.info");
    CHECK(post->target.port == "443");
    const auto get = make_token_request("http://127.0.0.1:8091/custom", parameters, Verb::get);
    REQUIRE(get.has_value());
    CHECK(get->head.reveal() ==
          "GET /custom?a=1&b=2 HTTP/1.1\r\nHost: 127.0.0.1:8091\r\nUser-Agent: b24gate/" B24GATE_VERSION
          "\r\nAccept: application/json\r\n\r\n");
    CHECK(get->body.empty());
    CHECK_FALSE(get->target.tls);
    const auto bare = make_token_request("https://oauth.bitrix.info", parameters, Verb::post);
    REQUIRE(bare.has_value());
    CHECK(bare->head.reveal().starts_with("POST / HTTP/1.1\r\n"));
    for (const std::string_view url : {"", "oauth.bitrix.info", "https://a%0d%0ab/", "https://a/?x=1", "https://a/ b/"})
        CHECK_FALSE(make_token_request(url, parameters, Verb::post).has_value());
}

TEST_CASE("where an authorization begins") {
    CHECK(authorize_url("https://acme.bitrix24.com", "local.5f", "a b&c") ==
          "https://acme.bitrix24.com/oauth/authorize/?client_id=local.5f&state=a%20b%26c");
}

}  // namespace
