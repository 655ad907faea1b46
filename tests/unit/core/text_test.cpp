#include <doctest/doctest.h>

#include <string>

#include <b24gate/core/text.hpp>

using namespace b24gate::core;

TEST_CASE("lower case touches ASCII letters alone") {
    CHECK(to_lower("AbZ09-_.[@`{") == "abz09-_.[@`{");
    CHECK(to_lower(std::string_view("\xC4\xD6\x00Q", 4)) == std::string("\xC4\xD6\x00q", 4));
    for (int c = 0; c < 256; ++c) {
        const char in = static_cast<char>(c);
        CHECK(to_lower(in) == (in >= 'A' && in <= 'Z' ? static_cast<char>(in - 'A' + 'a') : in));
    }
}

TEST_CASE("comparison without case") {
    CHECK(iequals("", ""));
    CHECK(iequals("Content-Type", "content-TYPE"));
    CHECK_FALSE(iequals("a", "ab"));
    CHECK_FALSE(iequals("ab", "a"));
    CHECK_FALSE(iequals("a[", "A{"));
    CHECK_FALSE(iequals("\xC4", "\xE4"));
}

TEST_CASE("trim takes spaces and tabs at the ends") {
    CHECK(trim("") == "");
    CHECK(trim(" \t ") == "");
    CHECK(trim(" a b\t") == "a b");
    CHECK(trim("\na\r") == "\na\r");
}

TEST_CASE("digits") {
    CHECK(is_digits("0123456789"));
    for (const char* text : {"", "-1", "1.0", " 1", "1a", "\xD9\xA1"}) CHECK_FALSE(is_digits(text));
}

TEST_CASE("hex digits") {
    const std::string_view digits = "0123456789abcdef";
    for (int c = 0; c < 256; ++c) {
        const auto at = digits.find(to_lower(static_cast<char>(c)));
        CHECK(hex_digit(static_cast<char>(c)) == (at == std::string_view::npos ? -1 : static_cast<int>(at)));
    }
}

TEST_CASE("globs") {
    const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "crm.deal.add", true},
        {"**", "x", true},
        {"crm.*", "crm.deal.add", true},
        {"crm.*", "crm.", true},
        {"crm.*", "crm", false},
        {"crm.*", "xcrm.deal", false},
        {"crm.*.delete", "crm.deal.delete", true},
        {"crm.*.delete", "crm.deal.contact.delete", true},
        {"crm.*.delete", "crm.delete", false},
        {"crm.*.delete", "crm.deal.deletes", false},
        {"*.list", "crm.deal.list", true},
        {"*.list", ".list", true},
        {"*.list", "list", false},
        {"user.current", "user.current", true},
        {"user.current", "user.currents", false},
        {"user.current", "User.current", false},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "acb", false},
        {"a*a", "a", false},
        {"*ab", "aab", true},
        {"a?c", "abc", false},
        {"a.c", "abc", false},
        {"[a]", "a", false},
        {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (const auto& row : rows) {
        CAPTURE(std::string(row.pattern));
        CAPTURE(std::string(row.text));
        CHECK(glob_match(row.pattern, row.text) == row.match);
    }
}
