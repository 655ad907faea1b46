#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <b24gate/bitrix/links.hpp>

using namespace b24gate::bitrix;
using b24gate::core::Secret;

namespace {

const std::string secret = "s3cr3ts3cr3tabc1";

LinkRule rule_for(std::string hidden) {
    return {{"https://acme.bitrix24.com", "https://old.bitrix24.com", "http://box.local:8080/b24"},
            Secret(std::move(hidden)),
            "https://gw.internal/portals/acme",
            "7",
            Secret("b24g_KEY")};
}

std::string whole(const LinkRule& rule, std::string_view text) {
    LinkRewriter rewriter(rule);
    std::string out(rewriter.push(text));
    return out += rewriter.finish();
}

/// Cut at every place into two, and into single bytes.
void check_cuts(const LinkRule& rule, const std::string& text, const std::string& want) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        LinkRewriter rewriter(rule);
        std::string out(rewriter.push(std::string_view(text).substr(0, cut)));
        out += rewriter.push(std::string_view(text).substr(cut));
        out += rewriter.finish();
        if (out != want) {
            CAPTURE(cut);
            CHECK(out == want);
            return;
        }
    }
    LinkRewriter rewriter(rule);
    std::string out;
    for (const char c : text) out += rewriter.push(std::string_view(&c, 1));
    out += rewriter.finish();
    CHECK(out == want);
}

/// S stands for the secret.
std::string fill(std::string text) {
    for (std::size_t at; (at = text.find('@')) != std::string::npos;) text.replace(at, 1, secret);
    return text;
}

}  // namespace

TEST_CASE("links that carry the credential lead through the gateway") {
    const struct {
        const char* text;  // @ is the secret
        const char* want;
    } rows[] = {
        {"", ""},
        {"{}", "{}"},
        {R"({"result":"nothing to see"})", R"({"result":"nothing to see"})"},
        // Webhook links
        {R"({"u":"https://acme.bitrix24.com/rest/1/@/download/?token=disk|x"})",
         R"({"u":"https://gw.internal/portals/acme/rest/7/b24g_KEY/download/?token=disk|x"})"},
        {R"({"u":"https:\/\/acme.bitrix24.com\/rest\/1\/@\/download\/?token=x"})",
         R"({"u":"https:\/\/gw.internal\/portals\/acme\/rest\/7\/b24g_KEY\/download\/?token=x"})"},
        {R"(["https://old.bitrix24.com/rest/api/1/@/x","http://box.local:8080/b24/rest/22/@/"])",
         R"(["https://gw.internal/portals/acme/rest/api/7/b24g_KEY/x","https://gw.internal/portals/acme/rest/7/b24g_KEY/"])"},
        {R"("https://acme.bitrix24.com/rest/1/@")", R"("https://gw.internal/portals/acme/rest/7/b24g_KEY")"},
        {"https://acme.bitrix24.com/rest/1/@", "https://gw.internal/portals/acme/rest/7/b24g_KEY"},
        {R"("https://x.example/?u=https%3A%2F%2Facme.bitrix24.com%2Frest%2F1%2F@%2Fa&b=1")",
         R"("https://x.example/?u=https%3A%2F%2Fgw.internal%2Fportals%2Facme%2Frest%2F7%2Fb24g_KEY%2Fa&b=1")"},
        {R"("?u=https%3a%2f%2facme.bitrix24.com%2frest%2fapi%2f1%2f@%2fa")",
         R"("?u=https%3a%2f%2fgw.internal%2fportals%2facme%2frest%2fapi%2f7%2fb24g_KEY%2fa")"},
        {"https://acme.bitrix24.com/rest/1/@/a https://acme.bitrix24.com/rest/1/@/b",
         "https://gw.internal/portals/acme/rest/7/b24g_KEY/a https://gw.internal/portals/acme/rest/7/b24g_KEY/b"},
        {"<a href='https://acme.bitrix24.com/rest/1/@/a'>",
         "<a href='https://gw.internal/portals/acme/rest/7/b24g_KEY/a'>"},
        // Links with the credential in the query
        {R"("https:\/\/acme.bitrix24.com\/rest\/download.json?auth=@&token=disk%7Cx")",
         R"("https:\/\/gw.internal\/portals\/acme\/rest\/download.json?auth=b24g_KEY&token=disk%7Cx")"},
        {R"("https://acme.bitrix24.com/rest/upload.json?token=t&auth=@")",
         R"("https://gw.internal/portals/acme/rest/upload.json?token=t&auth=b24g_KEY")"},
        {R"("https://acme.bitrix24.com/rest/upload.json?token=t&access_token=@&x")",
         R"("https://gw.internal/portals/acme/rest/upload.json?token=t&access_token=b24g_KEY&x")"},
        {R"("https:\/\/acme.bitrix24.com\/rest\/download.json?token=t\u0026auth=@\u0026x")",
         R"("https:\/\/gw.internal\/portals\/acme\/rest\/download.json?token=t\u0026auth=b24g_KEY\u0026x")"},
        {"https://acme.bitrix24.com/rest/download/?x&amp;auth=@&amp;y",
         "https://gw.internal/portals/acme/rest/download/?x&amp;auth=b24g_KEY&amp;y"},
        {"u=https%3A%2F%2Facme.bitrix24.com%2Frest%2Fdownload.json%3Fauth%3D@%26token%3Dt",
         "u=https%3A%2F%2Fgw.internal%2Fportals%2Facme%2Frest%2Fdownload.json%3Fauth%3Db24g_KEY%26token%3Dt"},
        // Everything else is masked
        {"@", "***"},
        {"x@y@@z", "x***y******z"},
        {R"({"secret":"@"})", R"({"secret":"***"})"},
        {"https://evil.example/rest/1/@/a", "https://evil.example/rest/1/***/a"},
        {"https://acme.bitrix24.com.evil.example/rest/1/@/a", "https://acme.bitrix24.com.evil.example/rest/1/***/a"},
        {"https://acme.bitrix24.com@evil", "https://acme.bitrix24.com***evil"},
        {"https://evil.example/?auth=@", "https://evil.example/?auth=***"},
        {"https://acme.bitrix24.com.evil.example/?auth=@", "https://acme.bitrix24.com.evil.example/?auth=***"},
        {"https://acme.bitrix24.com:81/rest/1/@/", "https://acme.bitrix24.com:81/rest/1/***/"},
        {"xhttps://acme.bitrix24.com/rest/1/@/", "xhttps://acme.bitrix24.com/rest/1/***/"},
        {"/rest/1/@/a", "/rest/1/***/a"},
        {"https://acme.bitrix24.com/rest/@/a", "https://acme.bitrix24.com/rest/***/a"},
        {"https://acme.bitrix24.com/x/1/@/a", "https://acme.bitrix24.com/x/1/***/a"},
        {"https://acme.bitrix24.com/rest/1/@x/a", "https://acme.bitrix24.com/rest/1/***x/a"},
        {"https://acme.bitrix24.com/rest/1/x@/a", "https://acme.bitrix24.com/rest/1/x***/a"},
        {"https://acme.bitrix24.com/rest/1/2/@/a", "https://acme.bitrix24.com/rest/1/2/***/a"},
        {R"(https://acme.bitrix24.com\/rest/1/@/a)", R"(https://acme.bitrix24.com\/rest/1/***/a)"},
        {"https://acme.bitrix24.com/rest/1 /@/a", "https://acme.bitrix24.com/rest/1 /***/a"},
        {R"("https://acme.bitrix24.com/","x/rest/1/@/a")", R"("https://acme.bitrix24.com/","x/rest/1/***/a")"},
        {"https://acme.bitrix24.com/rest/x?oauth=@", "https://acme.bitrix24.com/rest/x?oauth=***"},
        {"https://acme.bitrix24.com/rest/x?auth=1@", "https://acme.bitrix24.com/rest/x?auth=1***"},
        {"https://acme.bitrix24.com/auth=@", "https://acme.bitrix24.com/auth=***"},
        // A second one in the same URL
        {"https://acme.bitrix24.com/rest/1/@/a?auth=@", "https://gw.internal/portals/acme/rest/7/b24g_KEY/a?auth=***"},
        // Other links to the portal stay
        {R"("https:\/\/acme.bitrix24.com\/crm\/deal\/1\/" https://acme.bitrix24.com/rest/1/other/x)",
         R"("https:\/\/acme.bitrix24.com\/crm\/deal\/1\/" https://acme.bitrix24.com/rest/1/other/x)"},
    };
    const LinkRule rule = rule_for(secret);
    for (const auto& row : rows) {
        const std::string text = fill(row.text);
        CAPTURE(text);
        const std::string out = whole(rule, text);
        CHECK(out == row.want);
        CHECK(out.find(secret) == std::string::npos);
        check_cuts(rule, text, out);
        check_cuts(rule, "pad " + text + "\"tail", whole(rule, "pad " + text + "\"tail"));
    }
}

TEST_CASE("of two bases the longer one counts") {
    LinkRule rule = rule_for(secret);
    rule.portal_bases = {"https://a.example", "https://a.example/b24"};
    const std::string text =
        "\"https://a.example/b24/rest/1/" + secret + "/x\" \"https://a.example/rest/1/" + secret + "/\"";
    const std::string out = whole(rule, text);
    CHECK(
        out ==
        "\"https://gw.internal/portals/acme/rest/7/b24g_KEY/x\" \"https://gw.internal/portals/acme/rest/7/b24g_KEY/\"");
    check_cuts(rule, text, out);
}

TEST_CASE("a text without a hit passes as it is, and little is held back") {
    const LinkRule rule = rule_for(secret);
    LinkRewriter rewriter(rule);
    const std::string chunk = R"({"result":[{"ID":"1","TITLE":"x"},)";
    const std::string_view out = rewriter.push(chunk);
    CHECK(out.data() == chunk.data());
    CHECK(out.size() == chunk.size());
    // The beginning of a secret waits, and only that.
    const std::string almost = "abc" + secret.substr(0, secret.size() - 1);
    CHECK(rewriter.push(almost) == "abc");
    CHECK(rewriter.push("!") == almost.substr(3) + "!");
    const std::string again = "x" + secret.substr(0, 4);
    const std::string_view first = rewriter.push(again);
    CHECK(first == "x");
    CHECK(first.data() == again.data());
    CHECK(rewriter.finish() == secret.substr(0, 4));
    // A base's beginning, and a portal's URL that has not ended.
    LinkRewriter urls(rule);
    CHECK(urls.push("\"https://acme.bit") == "\"");
    CHECK(urls.push("ten\"") == "https://acme.bitten\"");
    CHECK(urls.push("\"https:\\/\\/acme.bitrix24.com\\/rest\\/1\\/ab") == "\"");
    CHECK(urls.push("c\" ") == "https:\\/\\/acme.bitrix24.com\\/rest\\/1\\/abc\" ");
    CHECK(urls.finish().empty());
}

TEST_CASE("a URL without an end is not held for ever") {
    const LinkRule rule = rule_for(secret);
    const std::string base = "https://acme.bitrix24.com/rest/x?y=";
    LinkRewriter rewriter(rule);
    CHECK(rewriter.push(base).empty());
    std::size_t passed = 0;
    const std::string more(1000, 'z');
    for (int i = 0; i < 20; ++i) passed += rewriter.push(more).size();
    CHECK(passed == base.size() + 20000);
    CHECK(rewriter.push("&auth=" + secret + "\"") == "&auth=***\"");
    // As far as max_url it is still rewritten, wherever the text is cut.
    for (const std::size_t distance : {LinkRewriter::max_url - 1, LinkRewriter::max_url, LinkRewriter::max_url + 1}) {
        const std::string text = base + std::string(distance - base.size() - 6, 'z') + "&auth=" + secret + " end";
        const std::string out = whole(rule, text);
        CHECK((out.find("b24g_KEY") != std::string::npos) == (distance <= LinkRewriter::max_url));
        for (const std::size_t cut : {distance - 1, distance, distance + 1, distance + 8, distance + secret.size() - 1,
                                      distance + secret.size(), distance + secret.size() + 1}) {
            LinkRewriter cutter(rule);
            std::string parts(cutter.push(std::string_view(text).substr(0, cut)));
            parts += cutter.push(std::string_view(text).substr(cut));
            parts += cutter.finish();
            CHECK(parts == out);
        }
    }
}

TEST_CASE("secrets in other spellings and of odd make are masked") {
    const struct {
        const char* hidden;
        const char* text;
        const char* want;
    } rows[] = {
        {"a/b+c=1", "a/b+c=1 a\\/b+c=1 a%2Fb%2Bc%3D1 a%2fb%2bc%3d1", "*** *** *** ***"},
        {"a/b+c=1", "https://acme.bitrix24.com/rest/x?auth=a/b+c=1", "https://acme.bitrix24.com/rest/x?auth=***"},
        {"aaaa", "aaaaaaaaa", "******a"},
        {"abab", "ababab abab", "***ab ***"},
        {"a*b", "xa*ba*b", "x------"},
        {"b24g_KEY", "https://acme.bitrix24.com/rest/1/b24g_KEY/", "https://acme.bitrix24.com/rest/1/***/"},
        {"acme", "https://acme.bitrix24.com/rest/1/acme/", "https://***.bitrix24.com/rest/1/***/"},
        {"2Fb24g", "u=https%3A%2F%2Facme.bitrix24.com%2Frest%2F1%2F2Fb24g%2F",
         "u=https%3A%2F%2Facme.bitrix24.com%2Frest%2F1%2F***%2F"},
        {"", "https://acme.bitrix24.com/rest/1//", "https://acme.bitrix24.com/rest/1//"},
    };
    for (const auto& row : rows) {
        const LinkRule rule = rule_for(row.hidden);
        CAPTURE(std::string(row.text));
        CHECK(whole(rule, row.text) == row.want);
        check_cuts(rule, row.text, row.want);
    }
    LinkRule no_key = rule_for(secret);
    no_key.key = Secret();
    CHECK(whole(no_key, "https://acme.bitrix24.com/rest/1/" + secret + "/") == "https://acme.bitrix24.com/rest/1/***/");
    LinkRule no_base = rule_for(secret);
    no_base.portal_bases.clear();
    CHECK(whole(no_base, "https://acme.bitrix24.com/rest/1/" + secret + "/") ==
          "https://acme.bitrix24.com/rest/1/***/");
    LinkRule odd_key = rule_for(secret);
    odd_key.key = Secret("k/1");
    CHECK(whole(odd_key, "https://acme.bitrix24.com/rest/1/" + secret + "/") ==
          "https://gw.internal/portals/acme/rest/7/k%2F1/");
}

TEST_CASE("one look tells whether a text needs rewriting") {
    CHECK(holds_secret("x" + secret + "y", Secret(secret)));
    CHECK_FALSE(holds_secret(secret.substr(1), Secret(secret)));
    CHECK_FALSE(holds_secret("anything", Secret()));
    CHECK(holds_secret("a/b+", Secret("a/b+")));
    CHECK(holds_secret("a\\/b+", Secret("a/b+")));
    CHECK(holds_secret("a%2Fb%2B", Secret("a/b+")));
    CHECK(holds_secret("a%2fb%2b", Secret("a/b+")));
    CHECK_FALSE(holds_secret("a%2Fb+", Secret("a/b+")));
}

TEST_CASE("however a text is made and cut, the result is one and holds no secret") {
    std::mt19937 random(17);
    const std::string hidden[] = {secret, "aaab", "abcabcab", "x/y", "httph", "rest1rest"};
    for (int round = 0; round < 20000; ++round) {
        const LinkRule rule = rule_for(hidden[random() % std::size(hidden)]);
        const std::string s = rule.secret.reveal();
        const std::string parts[] = {s,
                                     s,
                                     s.substr(0, s.size() - 1),
                                     s.substr(1),
                                     "https://acme.bitrix24.com",
                                     "/rest/1/",
                                     "/rest/api/1/",
                                     "\\/",
                                     "https:\\/\\/old.bitrix24.com",
                                     "\\/rest\\/1\\/",
                                     "?auth=",
                                     "&access_token=",
                                     "\"",
                                     " ",
                                     "/",
                                     "a",
                                     "x",
                                     "http",
                                     "%2F",
                                     "%2Frest%2F1%2F",
                                     "https%3A%2F%2Facme.bitrix24.com",
                                     "%3Fauth%3D",
                                     "https://acme.bitrix24.co",
                                     "ab"};
        std::string text;
        for (unsigned n = random() % 16; n > 0; --n) text += parts[random() % std::size(parts)];
        const std::string out = whole(rule, text);
        CAPTURE(text);
        CHECK(out.find(s) == std::string::npos);
        LinkRewriter rewriter(rule);
        std::string cut;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t length = 1 + random() % 9;
            cut += rewriter.push(std::string_view(text).substr(at, length));
            at += length;
        }
        cut += rewriter.finish();
        CHECK(cut == out);
    }
}
