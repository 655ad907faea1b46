#include <doctest/doctest.h>

#include <random>
#include <string>

#include <b24gate/core/json_scan.hpp>

using namespace b24gate::core;
using namespace std::string_view_literals;

namespace {

/// "key=value key=value", then "." when the text ended as it should, "!" when it is broken.
std::string members(std::string_view text) {
    json::Reader reader(text);
    std::string out;
    while (reader.next()) {
        CHECK(text.substr(reader.begin(), reader.end() - reader.begin()).ends_with(reader.value()));
        if (reader.is_object()) CHECK(text.substr(reader.begin()).starts_with(reader.raw_key()));
        out += reader.is_object() ? reader.key() + "=" : std::to_string(reader.index()) + "=";
        out += std::string(reader.value()) + " ";
    }
    CHECK(reader.failed() != reader.complete());
    CHECK_FALSE(reader.next());
    return out + (reader.failed() ? "!" : ".");
}

}  // namespace

TEST_CASE("documents that are valid") {
    const std::string_view rows[] = {
        "{}",
        "[]",
        " {\t\r\n} ",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "\"\"",
        "\"a\"",
        R"({"a":{"b":[1,2,{"c":null}]}})",
        R"(["\"\\\/\b\f\n\r\t\u0041"])",
        R"(["\ud83d\ude00"])",
        "[\"\x7f\"]",
        "[\"\xD0\xB8\xE2\x82\xAC\xF0\x9F\x98\x80\"]",
        R"({"a":1,"a":2})",
        R"({"":1})",
        R"(["\u0000"])",
        "[1e999]",
        "[123456789012345678901234567890]",
        "[0.00000000000000000000000000001]",
        "[\"\xEF\xBB\xBF\"]",
    };
    for (const auto text : rows) {
        CAPTURE(std::string(text));
        CHECK_FALSE(json::validate(text).has_value());
    }
}

TEST_CASE("documents that are not valid") {
    const std::string_view rows[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}}",
        "{} {}",
        "[] x",
        "[1 2]",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "+1",
        ".5",
        "1.",
        "01",
        "1e",
        "0x1",
        "- 1",
        "\"",
        "\"a",
        "'a'",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\u12g4\"]",
        "[\"\n\"]",
        "[\"\x01\"]",
        "[\"\0\"]"sv,
        "{}\0"sv,
        "// x\n{}",
        "/**/{}",
        "\xEF\xBB\xBF{}",
        "\xFE\xFF\0{\0}"sv,
        "[\"\xFF\"]",
        "[\"\x80\"]",
        "[\"\xC0\xAF\"]",
        "[\"\xC1\xBF\"]",
        "[\"\xE0\x80\x80\"]",
        "[\"\xED\xA0\x80\"]",
        "[\"\xED\xBF\xBF\"]",
        "[\"\xF0\x80\x80\x80\"]",
        "[\"\xF4\x90\x80\x80\"]",
        "[\"\xF5\x80\x80\x80\"]",
        "[\"\xE2\x82\"]",
        "[\"\xE2\x82",
        "[\"\\ud800\"]",
        "[\"\\udc00\"]",
        "[\"\\ud800x\"]",
        "[\"\\ud800\\n\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"\\ud800\\ud800\"]",
        "[\"\\udc00\\ud800\"]",
        "{\"\\ud800\":1}",
        "{\"\xFF\":1}",
        "[\f1]",
        "[\v1]",
        "[\xC2\xA0]",
    };
    for (const auto text : rows) {
        CAPTURE(std::string(text));
        const auto error = json::validate(text);
        REQUIRE(error.has_value());
        CHECK(error->offset <= text.size());
        CHECK_FALSE(error->message.empty());
    }
    CHECK(json::validate("{} x")->offset == 3);
    CHECK(json::validate("[1,x]")->offset == 3);
}

TEST_CASE("the depth is bounded as told") {
    for (const std::size_t limit : {1, 2, 511, 512}) {
        const std::string fits = std::string(limit, '[') + std::string(limit, ']');
        CHECK_FALSE(json::validate(fits, limit).has_value());
        CHECK(json::validate("[" + fits + "]", limit).has_value());
        std::string objects;
        for (std::size_t i = 0; i < limit; ++i) objects += "{\"a\":";
        CHECK_FALSE(json::validate(objects + "1" + std::string(limit, '}'), limit).has_value());
        CHECK(json::validate("[" + objects + "1" + std::string(limit, '}') + "]", limit).has_value());
    }
    CHECK(json::validate(std::string(1000000, '[')).has_value());
}

TEST_CASE("the type by the first character") {
    CHECK(json::type_of(" \n{") == json::Type::object);
    CHECK(json::type_of("[") == json::Type::array);
    CHECK(json::type_of("\"") == json::Type::string);
    CHECK(json::type_of("-1") == json::Type::number);
    CHECK(json::type_of("9") == json::Type::number);
    CHECK(json::type_of("true") == json::Type::boolean);
    CHECK(json::type_of("false") == json::Type::boolean);
    CHECK(json::type_of("null") == json::Type::null);
    for (const auto text : {""sv, " "sv, "x"sv, "+1"sv, "\xEF\xBB\xBF{"sv, "\0"sv})
        CHECK(json::type_of(text) == json::Type::invalid);
}

TEST_CASE("a reader walks one level") {
    CHECK(members("{}") == ".");
    CHECK(members(" [ ] ") == ".");
    CHECK(members(R"({"a":1})") == "a=1 .");
    CHECK(members(R"( { "a" : 1 , "b" : [ 1 , "]" ] , "c":{"d":"}"} } )") == R"(a=1 b=[ 1 , "]" ] c={"d":"}"} .)");
    CHECK(members(R"([1,"x",null,{"a":[]},-1.5e3])") == R"(0=1 1="x" 2=null 3={"a":[]} 4=-1.5e3 .)");
    CHECK(members(R"({"\u0061\n":"\"",  "b":"\\"})") == "a\n=\"\\\"\" b=\"\\\\\" .");
    CHECK(members(R"({"a":1,"a":2})") == "a=1 a=2 .");
    // Broken at some point
    CHECK(members("") == "!");
    CHECK(members("x") == "!");
    CHECK(members("\"{}\"") == "!");
    CHECK(members("{") == "!");
    CHECK(members("{\"a\"") == "!");
    CHECK(members("{\"a\":") == "!");
    CHECK(members("{\"a\":1") == "a=1 !");
    CHECK(members("{\"a\":1,") == "a=1 !");
    CHECK(members("{\"a\":1 \"b\":2}") == "a=1 !");
    CHECK(members("{a:1}") == "!");
    CHECK(members("[1,2") == "0=1 1=2 !");
    CHECK(members("[1,2}") == "0=1 1=2 !");
    CHECK(members("[[1}") == "0=[1} !");  // brackets are counted, not matched
    CHECK(members("[\"abc") == "!");
    CHECK(members("[\"abc\\") == "!");
    CHECK(members("[\"abc\\\"") == "!");
    CHECK(members("{} x") == "!");
    CHECK(members("[1,]") == "0=1 !");
    const std::string deep(1000000, '[');
    CHECK(members(deep) == "!");
}

TEST_CASE("members by name") {
    const std::string_view text = R"({"a":1,"\u0062":"x","a":[2],"c\u0000":3})";
    CHECK(json::find(text, "a") == "1");
    CHECK(json::find_last(text, "a") == "[2]");
    CHECK(json::find(text, "b") == "\"x\"");
    CHECK(json::find(text, "c\0"sv) == "3");
    CHECK_FALSE(json::find(text, "c").has_value());
    CHECK_FALSE(json::find(text, "d").has_value());
    CHECK_FALSE(json::find("[1]", "0").has_value());
    CHECK_FALSE(json::find_last("[1]", "0").has_value());
    CHECK_FALSE(json::find("", "a").has_value());
    json::Reader reader("[1]");
    REQUIRE(reader.next());
    CHECK_FALSE(reader.key_is(""));
    CHECK(reader.raw_key().empty());
}

TEST_CASE("string literals") {
    CHECK(json::decode_string("\"\"") == "");
    CHECK(json::decode_string(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
    CHECK(json::decode_string(R"("\u0041\u00e9\u20AC\uD83D\uDE00\u0000")") ==
          "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0"sv);
    CHECK(json::decode_string(R"("\udbff\udfff")") == "\xF4\x8F\xBF\xBF");
    for (const auto text :
         {""sv, "\""sv, "a"sv, "\"a"sv, "a\""sv, "\"\\\""sv, "\"a\"b\""sv, "\"\\x\""sv, "\"\\u12\""sv, "\"\\u12g4\""sv,
          "\"\\ud800\""sv, "\"\\udc00\""sv, "\"\\ud800\\u0041\""sv, "\"\\ud800x\""sv, "12"sv, "'a'"sv, " \"a\""sv}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(json::decode_string(text).has_value());
    }
}

TEST_CASE("numbers") {
    CHECK(json::to_number("0") == 0.0);
    CHECK(json::to_number("-1.5e2") == -150.0);
    CHECK(json::to_number("\"1782554408\"") == 1782554408.0);
    for (const char* text : {"", "\"\"", "x", "1x", "\"1 \"", "null", "+1", "[1]"})
        CHECK_FALSE(json::to_number(text).has_value());
}

TEST_CASE("quoting") {
    CHECK(json::quoted("") == "\"\"");
    CHECK(json::quoted("a\"\\/\b\f\n\r\t\x01\x7f"sv) == R"("a\"\\/\b\f\n\r\t\u0001\u007f")");
    CHECK(json::quoted("\xD0\xB8\xF0\x9F\x98\x80") == "\"\xD0\xB8\xF0\x9F\x98\x80\"");
    CHECK(json::quoted("a\xFF\xED\xA0\x80z") == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
    CHECK(json::quoted("\0"sv) == R"("\u0000")");
    std::string out = "x";
    json::append_quoted(out, "y");
    CHECK(out == "x\"y\"");
}

TEST_CASE("what was quoted is valid and reads back") {
    std::mt19937 random(9);
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (unsigned n = random() % 12; n > 0; --n)
            text += static_cast<char>(random() % 4 ? random() % 128 : random());
        const std::string literal = json::quoted(text);
        CAPTURE(literal);
        CHECK_FALSE(json::validate(literal).has_value());
        const auto decoded = json::decode_string(literal);
        REQUIRE(decoded.has_value());
        CHECK(json::quoted(*decoded) == literal);
        if (decoded->find("\xEF\xBF\xBD") == std::string::npos) CHECK(*decoded == text);
    }
}

TEST_CASE("on valid text the reader and the validator agree, on any text the reader ends") {
    const std::string_view parts[] = {"{",  "}",  "[", "]",    ",", ":",           "\"a\"",
                                      "\"", "\\", "1", "null", " ", "\"\\u0061\"", "x"};
    std::mt19937 random(21);
    for (int i = 0; i < 50000; ++i) {
        std::string text;
        for (unsigned n = random() % 12; n > 0; --n) text += parts[random() % std::size(parts)];
        json::Reader reader(text);
        std::size_t end = 0;
        while (reader.next()) {
            REQUIRE(reader.begin() >= end);
            REQUIRE(reader.end() > reader.begin());
            REQUIRE(reader.end() <= text.size());
            end = reader.end();
        }
        const auto type = json::type_of(text);
        if (!json::validate(text) && (type == json::Type::object || type == json::Type::array)) {
            CAPTURE(text);
            CHECK(reader.complete());
        }
    }
}
