#include <b24gate/gateway/install_pages.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace b24gate;
using namespace b24gate::gateway;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr PageLanguage english{false}, russian{true};

}  // namespace

TEST_CASE("pages for people run nothing and stand in no frame") {
    for (const PageLanguage language : {english, russian}) {
        for (const server::Response& page :
             {done_page(language, "acme", 7, "2026-01-01T00:00:00Z"), refused_page(language, 403, "state"),
              refused_page(language, 403, "a reason that nobody knows"), not_found_page(language)}) {
            CHECK(!has(page.body, "<script"));
            CHECK(has(page.fields.text(), "default-src 'none'"));
            CHECK(has(page.fields.text(), "frame-ancestors 'none'"));
            CHECK(!has(page.fields.text(), "script-src"));
            CHECK(has(page.fields.text(), "Cache-Control: no-store"));
            CHECK(has(page.body, language.russian ? "lang=\"ru\"" : "lang=\"en\""));
        }
    }
    CHECK(has(done_page(english, "acme", 7, "soon").body, "User: 7"));
    CHECK(!has(done_page(english, "acme", 0, "soon").body, "User"));
    CHECK(has(done_page(english, "<b>&'\"", 0, "soon").body, "&lt;b&gt;&amp;&#39;&quot;"));
    CHECK(!has(refused_page(english, 403, "<i>").body, "<i>"));
}

TEST_CASE("the page inside of the portal runs one script and stands in the portal's frame") {
    const server::Response page =
        installed_page(english, "abc123", {"https://acme.bitrix24.com", "https://new.bitrix24.com"});
    CHECK(has(page.fields.text(), "frame-ancestors https://acme.bitrix24.com https://new.bitrix24.com;"));
    CHECK(has(page.fields.text(), "script-src https://api.bitrix24.com 'nonce-abc123'\r\n"));
    CHECK(has(page.body, R"(<script src="https://api.bitrix24.com/api/v1/"></script>)"));
    CHECK(has(page.body, R"(<script nonce="abc123">BX24.init(function(){BX24.installFinish();});</script>)"));
    const server::Response refused = refused_page(english, 403, "token_refused", {"https://acme.bitrix24.com"});
    CHECK(has(refused.fields.text(), "frame-ancestors https://acme.bitrix24.com\r\n"));
    CHECK(!has(refused.body, "<script"));
}
