#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <b24gate/config/nearest.hpp>

using namespace b24gate::config;

TEST_CASE("edit distance") {
    struct {
        const char *a, *b;
        std::size_t distance;
    } const cases[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"abc", "", 3},
        {"", "abc", 3},
        {"abc", "abd", 1},
        {"abc", "acb", 1},
        {"abc", "ab", 1},
        {"abc", "abcd", 1},
        {"listen", "lisetn", 1},
        {"ca", "abc", 3},
        {"kitten", "sitting", 3},
        {"URL", "url", 0},
        {"tls_lisen", "tls_listen", 1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.a);
        CAPTURE(c.b);
        CHECK(edit_distance(c.a, c.b) == c.distance);
        CHECK(edit_distance(c.b, c.a) == c.distance);
    }
}

TEST_CASE("the nearest name, if it is near") {
    const std::vector<std::string_view> known{"listen",   "tls_listen", "tls_certificate", "tls_key",
                                              "max_body", "max_header", "max_buffered",    "url"};
    struct {
        const char *word, *meant;  // null: none is near enough
    } const cases[] = {
        {"tls_lisen", "tls_listen"}, {"lisen", "listen"},     {"Listen", "listen"},
        {"max_boddy", "max_body"},   {"maxbody", "max_body"}, {"max_headers", "max_header"},
        {"tls_ley", "tls_key"},      {"ulr", "url"},          {"certificate", "tls_certificate"},
        {"colour", nullptr},         {"x", nullptr},          {"", nullptr},
    };
    for (const auto& c : cases) {
        CAPTURE(c.word);
        const auto found = nearest(c.word, known);
        CHECK(found == (c.meant ? std::optional<std::string_view>(c.meant) : std::nullopt));
    }
    CHECK_FALSE(nearest(std::string(100'000, 'a'), known));
    CHECK_FALSE(nearest("listen", {}));
}
