#include <doctest/doctest.h>

#include <b24gate/upstream/target.hpp>

using namespace b24gate::upstream;

TEST_CASE("a portal's URL is taken apart") {
    const auto cloud = parse_target("https://Acme.bitrix24.com");
    REQUIRE(cloud.has_value());
    CHECK(cloud->tls);
    CHECK(cloud->host == "acme.bitrix24.com");
    CHECK(cloud->port == "443");
    CHECK(cloud->host_header == "acme.bitrix24.com");
    CHECK(cloud->origin == "https://acme.bitrix24.com");
    CHECK(cloud->base_path.empty());

    const auto box = parse_target("http://127.0.0.1:8824/acme/");
    REQUIRE(box.has_value());
    CHECK_FALSE(box->tls);
    CHECK(box->port == "8824");
    CHECK(box->host_header == "127.0.0.1:8824");
    CHECK(box->base_path == "/acme");

    const auto v6 = parse_target("https://[::1]:8443");
    REQUIRE(v6.has_value());
    CHECK(v6->host == "::1");
    CHECK(v6->host_header == "[::1]:8443");

    for (const char* bad :
         {"", "acme", "ftp://a", "https://", "https://u:p@a", "https://a?x", "https://a#x", "https:///x"})
        CHECK_FALSE_MESSAGE(parse_target(bad).has_value(), bad);
}

// The URL library decodes %0d%0a in a host, and reads https://acme:x/rest/ as the host acme: both once became a part of
// the Host header or of the path.
TEST_CASE("a host or a port that is none is refused") {
    for (const char* bad :
         {"https://acme%0d%0aX-Evil%3a1.bitrix24.com", "https://acme%2ebitrix24.com", "https://acme%40evil.com/",
          "https://acme%2frest", "https://%61cme", "https://acme!x", "https://acme,x", "https://.acme", "https://-acme",
          "https://acme:x/rest/", "https://acme:0", "https://acme:00443", "https://acme:65536", "https://acme:123456",
          "https://acme:-1", "https://acme:44x", "https://[::1%25eth0]", "https://[v1.a:b]", "https://[v1.a]"})
        CHECK_FALSE_MESSAGE(parse_target(bad).has_value(), bad);
    CHECK_FALSE(parse_target("https://" + std::string(254, 'a')).has_value());
    CHECK(parse_target("https://" + std::string(253, 'a')).has_value());

    for (const char* good :
         {"https://a_b-c.d:65535", "https://acme:443", "https://acme:1/x", "http://127.0.0.1:80/",
          "https://xn--80ak6aa92e.com", "https://acme:", "https://acme:/x", "https://[::ffff:1.2.3.4]:1"})
        CHECK_MESSAGE(parse_target(good).has_value(), good);
    const auto empty = parse_target("https://Acme:/x");
    REQUIRE(empty.has_value());
    CHECK(empty->origin == "https://acme");
    CHECK(empty->base_path == "/x");
}

TEST_CASE("a rename is followed only to a host that may have the credential") {
    const std::string path = "/rest/1/secret/crm.deal.add";
    const Target cloud = *parse_target("https://old.bitrix24.com");
    const auto to = [&](const Target& from, const std::string& location, std::vector<std::string> allowed = {}) {
        return renamed_target(from, location, path + "?x=1", allowed);
    };
    const auto moved = to(cloud, "https://new.bitrix24.com" + path);
    REQUIRE(moved.has_value());
    CHECK(moved->origin == "https://new.bitrix24.com");
    CHECK(to(cloud, "https://new.bitrix24.com" + path + "?x=1").has_value());
    CHECK(to(cloud, "https://neu.bitrix24.de" + path).has_value());

    CHECK_FALSE(to(cloud, "http://new.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(cloud, "https://evil.example" + path).has_value());
    CHECK_FALSE(to(cloud, "https://bitrix24.com.evil.example" + path).has_value());
    CHECK_FALSE(to(cloud, "https://new.bitrix24.evil" + path).has_value());
    CHECK_FALSE(to(cloud, "https://a.new.bitrix24.com.evil.example" + path).has_value());
    CHECK_FALSE(to(cloud, "https://new.bitrix24.com:8443" + path).has_value());
    CHECK_FALSE(to(cloud, "https://new.bitrix24.com/auth/").has_value());
    CHECK_FALSE(to(cloud, "https://old.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(cloud, "/auth/").has_value());
    CHECK_FALSE(to(cloud, "").has_value());
    // It was followed, with a line break in the Host header.
    CHECK_FALSE(to(cloud, "https://a%0d%0aX-Evil%3a1.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(cloud, "https://evil.com%2f.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(cloud, "https://user@new.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(cloud, "https://new.bitrix24.com:x" + path).has_value());

    const Target box = *parse_target("https://crm.company.example");
    CHECK_FALSE(to(box, "https://new.bitrix24.com" + path).has_value());
    CHECK_FALSE(to(box, "https://crm2.company.example" + path).has_value());
    CHECK(to(box, "https://crm2.company.example" + path, {"*.company.example"}).has_value());
    CHECK(to(box, "https://crm2.company.example:8443" + path, {"crm2.company.example"}).has_value());
}
