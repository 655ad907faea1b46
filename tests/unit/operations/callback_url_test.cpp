#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <b24gate/operations/callback_url.hpp>

using namespace b24gate;
using operations::parse_callback_url;

namespace {

config::Operations settings(std::vector<std::string> hosts, bool allow_private = false) {
    config::Operations out;
    out.callback_hosts = std::move(hosts);
    out.allow_private_callbacks = allow_private;
    return out;
}

std::string error_of(std::string_view url, const config::Operations& with) {
    const auto parsed = parse_callback_url(url, with);
    return parsed ? "" : parsed.error();
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what is read out of a callback's URL") {
    const auto any = settings({"*"}, true);
    struct {
        const char* url;
        bool tls;
        const char *host, *port, *origin, *target;
    } const cases[] = {
        {"https://hooks.example.com/b24", true, "hooks.example.com", "443", "https://hooks.example.com", "/b24"},
        {"HTTPS://Hooks.Example.COM:443/A?b=C%20d", true, "hooks.example.com", "443", "https://hooks.example.com",
         "/A?b=C%20d"},
        {"http://hooks.example.com:8080", false, "hooks.example.com", "8080", "http://hooks.example.com:8080", "/"},
        {"http://hooks.example.com?x", false, "hooks.example.com", "80", "http://hooks.example.com", "/?x"},
        {"http://a_b-c.example/", false, "a_b-c.example", "80", "http://a_b-c.example", "/"},
        {"https://[2606:4700::1111]:444/x", true, "2606:4700::1111", "444", "https://[2606:4700::1111]:444", "/x"},
        {"https://[::FFFF:10.0.0.1]/", true, "::ffff:10.0.0.1", "443", "https://[::ffff:10.0.0.1]", "/"},
        {"http://127.0.0.1:81/x", false, "127.0.0.1", "81", "http://127.0.0.1:81", "/x"},
        {"https://h.example/a/../b;c=1//", true, "h.example", "443", "https://h.example", "/a/../b;c=1//"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.url);
        const auto parsed = parse_callback_url(c.url, any);
        REQUIRE(parsed.has_value());
        CHECK(parsed->tls == c.tls);
        CHECK(parsed->host == c.host);
        CHECK(parsed->port == c.port);
        CHECK(parsed->origin == c.origin);
        CHECK(parsed->origin == (c.tls ? "https://" : "http://") + parsed->host_header);
        CHECK(parsed->target.reveal() == c.target);
        CHECK(parsed->text.reveal() == c.url);
    }
}

TEST_CASE("a callback's URL that is none is refused") {
    const auto any = settings({"*"}, true);
    const char* const wrong[] = {"",
                                 "hooks.example.com/b24",
                                 "/b24",
                                 "//hooks.example.com/",
                                 "ftp://hooks.example.com/",
                                 "javascript:alert(1)",
                                 "https:/hooks.example.com/",
                                 "https:hooks.example.com",
                                 "https://",
                                 "https:///path",
                                 "https://:443/",
                                 "https://hooks.example.com:/",
                                 "https://hooks.example.com:0/",
                                 "https://hooks.example.com:080/",
                                 "https://hooks.example.com:65536/",
                                 "https://hooks.example.com:99999999999/",
                                 "https://hooks.example.com:8x/",
                                 "https://hooks.example.com./",
                                 "https://.example.com/",
                                 "https://-a.example.com/",
                                 "https://hooks%2eexample.com/",
                                 "https://127%2e0.0.1/",
                                 "https://hooks.example.com%00.evil/",
                                 "https://hooks.example.com\\@evil.example/",
                                 "https://user@hooks.example.com/",
                                 "https://user:pass@hooks.example.com/",
                                 "https://@hooks.example.com/",
                                 "https://hooks.example.com/#part",
                                 "https://hooks.example.com/#",
                                 "https://hooks.example.com/a b",
                                 "https://hooks.example.com/\r\nX: y",
                                 "https://hooks.example.com/\xD0\xB0",
                                 "https://\xD0\xB0.example/",
                                 "https://[fe80::1%25eth0]/",
                                 "https://[::1/",
                                 "https://[::1]x/",
                                 "https://[1.2.3.4]/",
                                 "https://[v1.a:b]/",
                                 "https://::1/",
                                 "https://a!b.example/",
                                 " https://hooks.example.com/",
                                 "https://hooks.example.com/%zz"};
    for (const char* url : wrong) {
        CAPTURE(url);
        const std::string error = error_of(url, any);
        CHECK(error.starts_with("X-B24-Callback"));
    }
    CHECK(error_of("https://h.example/" + std::string(operations::longest_callback_url - 18, 'a'), any).empty());
    CHECK(has(error_of("https://h.example/" + std::string(operations::longest_callback_url - 17, 'a'), any), "2048"));
    CHECK(error_of(std::string_view("https://h.example/\0x", 20), any).starts_with("X-B24-Callback"));
}

TEST_CASE("callbacks go to the hosts of the configuration alone") {
    const auto ours = settings({"*.internal.example", "hooks.example.com"});
    for (const char* url :
         {"https://a.internal.example/", "https://a.b.internal.example:8443/", "http://HOOKS.example.com/x"})
        CHECK(error_of(url, ours) == "");
    for (const char* url :
         {"https://internal.example/", "https://evil-internal.example/", "https://hooks.example.com.evil/",
          "https://xhooks.example.com/", "https://evil.example/?hooks.example.com",
          "https://evil.example/a.internal.example", "https://8.8.8.8/"}) {
        CAPTURE(url);
        CHECK(has(error_of(url, ours), "is not among those"));
    }
    CHECK(has(error_of("https://hooks.example.com/", settings({})), "callback_hosts"));
    // What receivers hide in their URL is in no error.
    CHECK_FALSE(has(error_of("https://evil.example/s3cr3t?k=s3cr3t", ours), "s3cr3t"));
    CHECK_FALSE(has(error_of("https://s3cr3t:s3cr3t@hooks.example.com/", ours), "s3cr3t"));
}

TEST_CASE("an address of the network inside is no place for a callback, unless it is allowed") {
    for (const char* url : {"http://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1:8080/",
                            "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::a00:1]/",
                            "http://[2002:7f00:1::]/", "http://[fd00::1]/", "http://0.0.0.0/"}) {
        CAPTURE(url);
        CHECK(has(error_of(url, settings({"*"})), "not of the open internet"));
        CHECK(error_of(url, settings({"*"}, true)) == "");
    }
    CHECK(error_of("http://8.8.8.8/", settings({"*"})) == "");
    CHECK(error_of("http://[2606:4700::1]/", settings({"*"})) == "");
    // Names are looked up when the callback is sent, and so are the numbers that only some resolvers take for
    // addresses.
    CHECK(error_of("http://localhost/", settings({"*"})) == "");
    CHECK(error_of("http://2130706433/", settings({"*"})) == "");
}
