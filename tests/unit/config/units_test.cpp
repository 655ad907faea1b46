#include <doctest/doctest.h>

#include <b24gate/config/units.hpp>

using namespace b24gate::config;
using namespace std::chrono_literals;

TEST_CASE("sizes") {
    struct {
        const char* text;
        std::int64_t bytes;  // -1: none
    } const cases[] = {
        {"32MiB", 32 << 20},
        {"16KiB", 16384},
        {"1GiB", 1 << 30},
        {"0B", 0},
        {"100B", 100},
        {"1kB", 1000},
        {"2MB", 2000000},
        {"1GB", 1000000000},
        {"32 MiB", 32 << 20},
        {" 1KiB ", 1024},
        {"1.5KiB", 1536},
        {"32mib", 32 << 20},
        {"0.5KiB", 512},
        {"65535B", 65535},
        {"", -1},
        {"32", -1},
        {"MiB", -1},
        {"-1B", -1},
        {"1.B", -1},
        {".5KiB", -1},
        {"1e3B", -1},
        {"1XB", -1},
        {"32M", -1},
        {"0x10B", -1},
        {"1.2.3B", -1},
        {"99999999999999999999GiB", -1},
        {"1KiBB", -1},
        {"infB", -1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_size(c.text) == (c.bytes < 0 ? std::nullopt : std::optional<std::uint64_t>(c.bytes)));
    }
}

TEST_CASE("durations") {
    struct {
        const char* text;
        long long ms;  // -1: none
    } const cases[] = {
        {"10s", 10'000}, {"500ms", 500}, {"2m", 120'000},  {"1h", 3'600'000}, {"1d", 86'400'000},
        {"0s", 0},       {"1.5s", 1500}, {"10 s", 10'000}, {"0.25s", 250},    {"10000d", 864'000'000'000},
        {"10", -1},      {"", -1},       {"s", -1},        {"-1s", -1},       {"1M", -1},
        {"1S", -1},      {"10sec", -1},  {"1m30s", -1},    {"10001d", -1},    {"nans", -1},
        {"1e3s", -1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_duration(c.text) == (c.ms < 0 ? std::nullopt : std::optional<Milliseconds>(c.ms)));
    }
}

TEST_CASE("endpoints") {
    struct {
        const char* text;
        const char* shown;  // null: none
    } const cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},
        {"[::1]:8080", "[::1]:8080"},
        {"[::]:443", "[::]:443"},
        {":8080", "0.0.0.0:8080"},
        {"*:80", "0.0.0.0:80"},
        {"localhost:9080", "127.0.0.1:9080"},
        {"LocalHost:1", "127.0.0.1:1"},
        {"10.0.0.1:0", "10.0.0.1:0"},
        {"10.0.0.1:65535", "10.0.0.1:65535"},
        {"10.0.0.1:65536", nullptr},
        {"10.0.0.1", nullptr},
        {"8080", nullptr},
        {"10.0.0.1:", nullptr},
        {"10.0.0.1:-1", nullptr},
        {"10.0.0.1:80x", nullptr},
        {"::1:8080", nullptr},
        {"[::1]", nullptr},
        {"[127.0.0.1]:80", nullptr},
        {"[]:80", nullptr},
        {"b24.internal:80", nullptr},
        {"http://10.0.0.1:80", nullptr},
        {"", nullptr},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        const auto parsed = parse_endpoint(c.text);
        REQUIRE(parsed.has_value() == (c.shown != nullptr));
        if (parsed) CHECK(to_string(*parsed) == c.shown);
    }
}

TEST_CASE("values are written the way they can be read") {
    CHECK(format_size(0) == "0B");
    CHECK(format_size(1024) == "1KiB");
    CHECK(format_size(65535) == "65535B");
    CHECK(format_size(32u << 20) == "32MiB");
    CHECK(format_duration(0ms) == "0s");
    CHECK(format_duration(10ms) == "10ms");
    CHECK(format_duration(75s) == "75s");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(60s) == "1m");
    CHECK(format_duration(24h) == "1d");
    for (const std::uint64_t bytes : {1ull, 1000ull, 1024ull, 1536ull, 1ull << 30, (1ull << 40) + 1})
        CHECK(parse_size(format_size(bytes)) == bytes);
    for (const auto d : {1ms, 999ms, 1000ms, 90'000ms, 3'600'000ms, 3'600'001ms})
        CHECK(parse_duration(format_duration(d)) == d);
}

TEST_CASE("address blocks") {
    struct {
        const char* text;
        const char* shown;  // null: none
    } const cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.1.2.3", "10.1.2.3"},
        {"10.1.2.3/32", "10.1.2.3"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"fd00::/8", "fd00::/8"},
        {"::1", "::1"},
        {"::/0", "::/0"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
        {"10.1.2.3/8", "10.0.0.0/8"},
        {"fd00::1/64", "fd00::/64"},
        {"10.0.0.1/31", "10.0.0.0/31"},
        {"10.0.0.0/33", nullptr},
        {"::/129", nullptr},
        {"10.0.0/8", nullptr},
        {"10.0.0.0/", nullptr},
        {"10.0.0.0/8/8", nullptr},
        {"10.0.0.0/+8", nullptr},
        {"10.0.0.0/0008", nullptr},
        {"256.0.0.1", nullptr},
        {"acme", nullptr},
        {"", nullptr},
        {"fe80::1%eth0", nullptr},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        const auto parsed = parse_cidr(c.text);
        REQUIRE(parsed.has_value() == (c.shown != nullptr));
        if (parsed) CHECK(to_string(parsed->masked()) == c.shown);
    }
}
