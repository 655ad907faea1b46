#include <doctest/doctest.h>

#include <set>
#include <string>

#include <b24gate/admin/static_files.hpp>

using namespace b24gate;
using namespace b24gate::admin;

namespace {

constexpr StaticFile files[] = {
    {"/", "text/html; charset=utf-8", "aa", "<html>the page itself, as it is</html>", "packed page"},
    {"/assets/01/app.js", "text/javascript; charset=utf-8", "bb", "let x", {}},
};

struct Asked {
    std::string method = "GET", target = "/", accept, known;

    [[nodiscard]] std::optional<server::Response> answer(std::span<const StaticFile> of = files) const {
        server::Request request;
        request.method = method;
        request.target = target;
        if (!accept.empty()) request.fields.push_back({"Accept-Encoding", accept});
        if (!known.empty()) request.fields.push_back({"If-None-Match", known});
        return static_answer(request, of);
    }
};

bool has(const server::Response& response, std::string_view line) {
    return response.fields.text().find(std::string(line) + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a file is served with its type, and kept only where its address changes with it") {
    const auto page = Asked{.target = "/?from=mail"}.answer();
    REQUIRE(page);
    CHECK(page->status == 200);
    CHECK(page->body == files[0].body);
    CHECK(has(*page, "Content-Type: text/html; charset=utf-8"));
    CHECK(has(*page, "Cache-Control: no-cache"));
    CHECK(has(*page, "ETag: \"aa\""));
    CHECK(page->fields.text().find("Content-Security-Policy: default-src 'none'") != std::string::npos);
    const auto script = Asked{.target = "/assets/01/app.js", .accept = "gzip"}.answer();
    REQUIRE(script);
    CHECK(script->body == "let x");
    CHECK(has(*script, "Cache-Control: public, max-age=31536000, immutable"));
    CHECK_FALSE(has(*script, "Content-Encoding: gzip"));
}

TEST_CASE("a packed file goes to who takes it, under a tag of its own") {
    const auto page = Asked{.accept = "br, gzip;q=0.8"}.answer();
    REQUIRE(page);
    CHECK(page->body == "packed page");
    CHECK(has(*page, "Content-Encoding: gzip"));
    CHECK(has(*page, "ETag: \"aa-gzip\""));
    CHECK(has(*page, "Vary: Accept-Encoding"));
    struct Case {
        std::string_view field;
        bool takes;
    };
    for (const auto& [field, takes] :
         {Case{"", false}, Case{"gzip", true}, Case{"GZIP", true}, Case{" deflate ,gzip ", true},
          Case{"gzip;q=0", false}, Case{"gzip; q=0.000", false}, Case{"gzip;q=0.001", true}, Case{"x-gzip", false},
          Case{",,;,", false}, Case{"br", false}}) {
        CAPTURE(field);
        CHECK(takes_gzip(field) == takes);
    }
}

TEST_CASE("who has the file already is told so") {
    for (const char* known : {"\"aa\"", "W/\"aa\"", "\"zz\", \"aa\"", "*"}) {
        CAPTURE(known);
        const auto page = Asked{.known = known}.answer();
        REQUIRE(page);
        CHECK(page->status == 304);
        CHECK(page->body.empty());
        CHECK(has(*page, "ETag: \"aa\""));
    }
    CHECK(Asked{.known = "\"aa-gzip\""}.answer()->status == 200);
    CHECK(Asked{.accept = "gzip", .known = "\"aa-gzip\""}.answer()->status == 304);
}

TEST_CASE("what is no file is 404 below /assets/ and otherwise not ours") {
    for (const char* target : {"/assets/", "/assets/02/app.js", "/assets/01/../01/app.js", "/assets/../../etc/passwd",
                               "/assets/01/app.js%00", "/assets/01//app.js"}) {
        CAPTURE(target);
        const auto answer = Asked{.target = target}.answer();
        REQUIRE(answer);
        CHECK(answer->status == 404);
    }
    for (const char* target : {"/api/v1/portals", "/index.html", "//", "/assets", "/..", ""}) {
        CAPTURE(target);
        CHECK_FALSE(Asked{.target = target}.answer());
    }
    CHECK_FALSE(Asked{.method = "POST"}.answer());
    CHECK(Asked{.method = "HEAD"}.answer());
}

TEST_CASE("a link to an alert leads into the page, and nowhere else") {
    const auto there = Asked{.target = "/alerts/00ff00ff00ff00ff"}.answer();
    REQUIRE(there);
    CHECK(there->status == 302);
    CHECK(has(*there, "Location: /#/alerts/00ff00ff00ff00ff"));
    for (const char* target :
         {"/alerts/", "/alerts/a/b", "/alerts//evil.example", "/alerts/a%0d%0aX: y", "/alerts/A", "/alerts"}) {
        CAPTURE(target);
        CHECK_FALSE(Asked{.target = target}.answer());
    }
    CHECK_FALSE(Asked{.target = "/alerts/" + std::string(65, 'a')}.answer());
    CHECK_FALSE(Asked{.method = "POST", .target = "/alerts/00ff"}.answer());
}

TEST_CASE("what is compiled in is the dashboard, and refers to nothing outside of itself") {
    const auto all = static_files();
    std::set<std::string_view> paths;
    for (const StaticFile& file : all) {
        CAPTURE(file.path);
        CHECK(paths.insert(file.path).second);
        CHECK_FALSE(file.body.empty());
        CHECK(file.packed.size() < file.body.size());
        // The one address that is no request: the name of a language of pictures.
        std::string text(file.body);
        for (std::size_t at = text.find("http"); at != std::string::npos; at = text.find("http", at + 1))
            if (text.compare(at, 7, "http://") == 0) CHECK(text.compare(at, 18, "http://www.w3.org/") == 0);
    }
    const auto page = Asked{}.answer(all);
    REQUIRE(page);
    // Each address that the page names is there.
    unsigned named = 0;
    for (std::size_t at = page->body.find("\"/assets/"); at != std::string::npos;
         at = page->body.find("\"/assets/", at + 1)) {
        const std::string path = page->body.substr(at + 1, page->body.find('"', at + 1) - at - 1);
        CAPTURE(path);
        CHECK(paths.contains(path));
        ++named;
    }
    CHECK(named >= 4);
}
