#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <utility>

#include <b24gate/core/secret.hpp>

using namespace b24gate::core;

namespace {
// Long enough not to live inside of the string object.
const std::string text = "a secret that is longer than what a string keeps inside";
}  // namespace

TEST_CASE("a secret prints as stars and shows itself only when asked") {
    const Secret secret(text);
    std::ostringstream out;
    out << secret;
    CHECK(out.str() == "***");
    CHECK(secret.reveal() == text);
    CHECK_FALSE(secret.empty());
    CHECK(Secret().empty());
    CHECK(Secret("").empty());
    std::ostringstream empty;
    empty << Secret();
    CHECK(empty.str() == "***");
}

TEST_CASE("copies and moves") {
    Secret first(text);
    Secret copy = first;
    CHECK(copy.reveal() == text);
    CHECK(first.reveal() == text);
    Secret moved = std::move(first);
    CHECK(moved.reveal() == text);
    CHECK(first.empty());  // NOLINT: the moved-from state is what is tested
    copy = Secret("other");
    CHECK(copy.reveal() == "other");
    copy = moved;
    CHECK(copy.reveal() == text);
    Secret& same = copy;
    copy = same;
    CHECK(copy.reveal() == text);
    copy = std::move(same);
    CHECK(copy.reveal() == text);
    Secret tiny("x");
    Secret other = std::move(tiny);
    CHECK(other.reveal() == "x");
    CHECK(tiny.empty());  // NOLINT
}

TEST_CASE("wiping leaves zeros") {
    std::string bytes = text;
    wipe(bytes.data(), bytes.size());
    CHECK(bytes == std::string(text.size(), '\0'));
    wipe(nullptr, 0);
}

TEST_CASE("comparison in constant time compares") {
    CHECK(equal_constant_time("", ""));
    CHECK(equal_constant_time("abc", "abc"));
    CHECK_FALSE(equal_constant_time("abc", "abd"));
    CHECK_FALSE(equal_constant_time("abc", "xbc"));
    CHECK_FALSE(equal_constant_time("abc", "abcd"));
    CHECK_FALSE(equal_constant_time("abc", ""));
    CHECK_FALSE(equal_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}
