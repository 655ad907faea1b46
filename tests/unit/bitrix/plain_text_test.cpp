// Text of a portal that may be shown: no markup, no control characters, no stack trace, not too much.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <b24gate/bitrix/classify.hpp>

namespace {

using namespace b24gate::bitrix;

TEST_CASE("plain_text") {
    struct Row {
        std::string in, out;
    };
    const std::vector<Row> rows{
        {"", ""},
        {"Access denied!", "Access denied!"},
        {"two  spaces stay", "two  spaces stay"},
        {"a < b and c > d, 1<2", "a < b and c > d, 1<2"},
        {"Поле «Название» обязательно", "Поле «Название» обязательно"},
        {"one<br>two<br/>three", "one two three"},
        {"<b>bold</b> <a href=\"https://x/?auth=1\">link</a>", "bold link"},
        {"line\r\nbreak\tand\x01"
         "control\x7f",
         "line break and control"},
        {"c1 \xC2\x85 control", "c1 control"},
        {"broken \xff utf \xc3", "broken \xEF\xBF\xBD utf \xEF\xBF\xBD"},
        {"<script>alert(1)</script>text<style>b{}</style><!-- no -->", "text"},
        {"open <img src=x onerror=y", "open img src=x onerror=y"},
        {"<<b>a", "< a"},
        {"<<<b", "b"},
        {"SQL query error! in /opt/bitrix/www/x.php:12\nStack trace:\n#0 /opt/x", "SQL query error!"},
        {"Boom\nStack trace:\n#0 {main}", "Boom"},
        {"Boom\n#0 /var/www/x.php(12): f()\n#1 {main}", "Boom"},
        {"Fatal error in C:\\www\\x.php on line 7", "Fatal error in"},
        {"Item #0 is missing in /crm/deal", "Item #0 is missing in /crm/deal"},
        {"<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>", "502 Bad Gateway 502"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.in);
        CHECK(plain_text(row.in) == row.out);
        CHECK(plain_text(row.out) == row.out);
    }
    const std::string cut = plain_text(std::string(600, 'x'));
    CHECK(cut.size() == 500);
    CHECK(cut.ends_with("x\xE2\x80\xA6"));
    CHECK(plain_text("ыыыы", 6) == "ы\xE2\x80\xA6");
    CHECK(plain_text("abcdef", 2).size() <= 2);
    CHECK(plain_text(std::string(1 << 20, '<')).size() <= 500);
    CHECK(plain_text(std::string(500, 'y')).size() == 500);
}

}  // namespace
