#include "world.hpp"

#include <doctest/doctest.h>

using namespace b24gate::simulator;

TEST_CASE("a query string becomes what PHP makes of it") {
    struct Row {
        const char *query, *json;
    };
    const Row rows[] = {
        {"", "[]"},
        {"a=1", R"({"a":"1"})"},
        {"a=1&a=2", R"({"a":"2"})"},
        {"a", R"({"a":""})"},
        {"a=", R"({"a":""})"},
        {"=1", "[]"},
        {"&&a=1&&", R"({"a":"1"})"},
        {"a[]=1&a[]=2", R"({"a":["1","2"]})"},
        {"a[0]=x&a[1]=y", R"({"a":["x","y"]})"},
        {"a[1]=y&a[0]=x", R"({"a":{"1":"y","0":"x"}})"},
        {"a[1]=y", R"({"a":{"1":"y"}})"},
        {"a[5]=x&a[]=y", R"({"a":{"5":"x","6":"y"}})"},
        {"a[-5]=x&a[]=y", R"({"a":{"-5":"x","0":"y"}})"},
        {"a[01]=x&a[]=y", R"({"a":{"01":"x","0":"y"}})"},
        {"0=a&1=b", R"(["a","b"])"},
        {"a[b][c][]=1", R"({"a":{"b":{"c":["1"]}}})"},
        {"filter%5B%3EID%5D=5", R"({"filter":{">ID":"5"}})"},
        {"a.b=1&c d=2", R"({"a_b":"1","c_d":"2"})"},
        {"a+b=1+2", R"({"a_b":"1 2"})"},
        {"x[a.b]=1", R"({"x":{"a.b":"1"}})"},
        {"  a=1", R"({"a":"1"})"},
        {"a[b=1", R"({"a_b":"1"})"},
        {"a[b.c=1", R"({"a_b_c":"1"})"},
        {"a[b]c=1", R"({"a":{"b":"1"}})"},
        {"a[b]c[d]=1", R"({"a":{"b":"1"}})"},
        {"a=1&a[b]=2", R"({"a":{"b":"2"}})"},
        {"a[b]=1&a=2", R"({"a":"2"})"},
        {"[a]=1", "[]"},
        {"a[ ]=1", R"({"a":["1"]})"},
        {"a%00b=1", R"({"a":"1"})"},
        {"a=%zz%4", R"({"a":"%zz%4"})"},
        {"a=1%262", R"({"a":"1&2"})"},
        {"a==b", R"({"a":"=b"})"},
        {"a=1;b=2", R"({"a":"1;b=2"})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.query);
        CHECK(encode(php::parse_str(row.query)) == row.json);
    }
}

TEST_CASE("PHP's limits drop variables in silence") {
    CHECK(encode(php::parse_str("a=1&b=2&c=3", {2, 64})) == R"({"a":"1","b":"2"})");
    std::string deep = "a";
    for (int i = 0; i < 64; ++i) deep += "[x]";
    CHECK(encode(php::parse_str(deep + "=1", {10, 64})) != "[]");
    CHECK(encode(php::parse_str(deep + "[x]=1", {10, 64})) == "[]");
}

TEST_CASE("a batch command is taken apart as a URL") {
    const auto check = [](const char* text, const char* path, const char* query) {
        CAPTURE(text);
        const php::Url url = php::parse_url(text);
        CHECK(url.path == path);
        CHECK(url.query == query);
    };
    check("crm.deal.get?ID=1", "crm.deal.get", "ID=1");
    check("crm.deal.get", "crm.deal.get", "");
    check("crm.deal.get?a=1#b&c=2", "crm.deal.get", "a=1");
    check("a?b?c", "a", "b?c");
    check("a?b=x\ny", "a", "b=x_y");
}

TEST_CASE("decoded JSON has PHP's array shapes") {
    CHECK(encode(*php::json_decode(R"({"a":{},"b":{"0":1,"1":2},"c":{"1":1}})")) ==
          R"({"a":[],"b":[1,2],"c":{"1":1}})");
    CHECK(encode(*php::json_decode(" [1] ")) == "[1]");
    CHECK_FALSE(php::json_decode("{\"a\":"));
    CHECK_FALSE(php::json_decode(""));
    CHECK(encode(*php::json_decode(R"({"a":1,"a":2})")) == R"({"a":2})");
}

TEST_CASE("json_encode writes what PHP writes") {
    CHECK(php::json_encode("a/b") == R"("a\/b")");
    CHECK(php::json_encode(1790000000.123456) == "1790000000.123456");
    CHECK(php::json_encode(5.0) == "5");
    CHECK(php::json_encode(0.0000123) == "0.0000123");
    CHECK(php::json_encode(1e21) == "1000000000000000000000");
    CHECK(php::json_encode("\xD0\x96") == "\"\xD0\x96\"");
    CHECK(php::json_encode("\xD0\x96", {true, true}) == R"("\u0416")");
    CHECK(php::json_encode("\xF0\x9F\x98\x80", {true, true}) == R"("\ud83d\ude00")");
    CHECK(php::json_encode("\xFF") == "\"\xEF\xBF\xBD\"");
    CHECK(php::json_encode("\x01\n\"\\") == R"("\u0001\n\"\\")");
}

TEST_CASE("casts") {
    CHECK(php::to_int("12abc") == 12);
    CHECK(php::to_int("abc") == 0);
    CHECK(php::to_int("1.9") == 1);
    CHECK(php::to_int("1e3") == 1000);
    CHECK(php::to_int(" 7") == 7);
    CHECK(php::to_int(json::array{}) == 0);
    CHECK(php::truthy("0") == false);
    CHECK(php::truthy("0.0"));
    CHECK(php::truthy(json::array{}) == false);
    CHECK(php::to_string(true) == "1");
    CHECK(php::to_string(false).empty());
    CHECK(php::to_string(1.5) == "1.5");
    CHECK_FALSE(php::to_number("1x"));
    CHECK(*php::to_number("-1.5") == -1.5);
}

TEST_CASE("taking from an array and putting into one") {
    json::value list = json::parse(R"(["a","b"])");
    php::put(list, "2", "c");
    CHECK(encode(list) == R"(["a","b","c"])");
    php::put(list, "x", "d");
    CHECK(encode(list) == R"({"0":"a","1":"b","2":"c","x":"d"})");
    CHECK(php::take(list, "0")->as_string() == "a");
    CHECK_FALSE(php::take(list, "0"));
    json::value one = json::parse(R"({"a":1})");
    php::take(one, "a");
    CHECK(encode(one) == "[]");
}
