#include <b24gate/observe/mask.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <thread>

using namespace b24gate;
using observe::Masker;
using observe::MaskRules;
using observe::ParamsEncoding;

namespace {

core::Secret secret(std::string text) { return core::Secret(std::move(text)); }

Masker masker_of(std::vector<std::string> secrets, std::size_t max_output = 8192) {
    MaskRules rules;
    for (std::string& s : secrets) rules.secrets.push_back(secret(std::move(s)));
    rules.fields = {"PHONE", "EMAIL", "NAME"};
    rules.max_output = max_output;
    return Masker(std::move(rules));
}

std::string base64(std::string_view text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    unsigned bits = 0, count = 0;
    for (const unsigned char c : text) {
        bits = (bits << 8) | c;
        count += 8;
        while (count >= 6) out += digits[(bits >> (count -= 6)) & 63];
    }
    if (count > 0) out += digits[(bits << (6 - count)) & 63];
    while (out.size() % 4 != 0) out += '=';
    return out;
}

}  // namespace

TEST_CASE("known secrets in any spelling") {
    const std::string key = "s3cr/t+k\"ey~0123";
    const Masker m = masker_of({key, "abcdefghijklmnop"});
    struct {
        std::string text, expected;
    } const rows[] = {
        {"", ""},
        {"nothing here", "nothing here"},
        {"abcdefghijklmnop", "***"},
        {"x abcdefghijklmnop y", "x *** y"},
        {"abcdefghijklmnopabcdefghijklmnop", "***"},
        {"abcdefghijklmno", "abcdefghijklmno"},
        {"plain " + key + " end", "plain *** end"},
        {"upper s3cr%2Ft%2Bk%22ey~0123 end", "upper *** end"},
        {"lower s3cr%2ft%2bk%22ey~0123 end", "lower *** end"},
        {"json s3cr\\/t+k\\\"ey~0123 end", "json *** end"},
        {"json s3cr/t+k\\\"ey~0123 end", "json *** end"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(m.mask_text(row.text) == row.expected);
        CHECK(m.contains_secret(row.text) == (row.text != row.expected));
    }
}

TEST_CASE("known secrets in base64, at every alignment") {
    const Masker m = masker_of({"abcdefghijklmnop", "\xFB\xEF\xBE\xFF\xFB\xEF\xBE\xFF\xFB\xEF\xBE"});
    for (const std::string before : {"", "u", "ad", "usr", "user:", "admin1:"})
        for (const std::string after : {"", "x", "yz"}) {
            const std::string text = base64(before + "abcdefghijklmnop" + after);
            const std::string masked = m.mask_text("[" + text + "]");
            CAPTURE(text);
            CAPTURE(masked);
            CHECK(masked.find("***") != std::string::npos);
            CHECK(masked.size() < 4 * ((before.size() + after.size() + 2) / 3) + 16);
        }
    // Both alphabets.
    CHECK(m.mask_text("++++//vvvv").find("***") == std::string::npos);
    CHECK(m.mask_text("++++__vvvv").find("***") == std::string::npos);
    CHECK(m.mask_text("(++++//vv)").find("***") == std::string::npos);
    const std::string bytes = "\xFB\xEF\xBE\xFF\xFB\xEF\xBE\xFF\xFB\xEF\xBE";
    std::string standard = base64(bytes), url = standard;
    for (char& c : url) c = c == '+' ? '-' : c == '/' ? '_' : c;
    CHECK(standard != url);
    CHECK(m.mask_text("(" + standard + ")").find("***") == 1);
    CHECK(m.mask_text("(" + url + ")").find("***") == 1);
}

TEST_CASE("secrets that overlap or begin alike") {
    const Masker m = masker_of({"abcdefgh", "efghijkl", "abcdefghXYZ", "abcd1234"});
    CHECK(m.mask_text("-abcdefghijkl-") == "-***-");
    CHECK(m.mask_text("-abcdefghXYZ-") == "-***-");
    CHECK(m.mask_text("-abcdefghXY-") == "-***XY-");
    CHECK(m.mask_text("-abcd1234-") == "-***-");
    CHECK(m.mask_text("-abcd9999-") == "-abcd9999-");
}

TEST_CASE("a secret that is too short to be told from text is not looked for") {
    const Masker m = masker_of({"abc", ""});
    CHECK(m.mask_text("abc") == "abc");
}

TEST_CASE("what looks like a credential is masked although nobody knows it") {
    const Masker m;
    struct {
        std::string text, expected;
    } const rows[] = {
        // client keys
        {"b24g_Ab9-_xyz", "b24g_***"},
        {"key b24g_Ab9 used", "key b24g_*** used"},
        {"b24g%5FAb9-xyz&x", "b24g%5F***&x"},
        {"b24g_", "b24g_"},
        {"b24gate is fine", "b24gate is fine"},
        // paths
        {"/rest/1/k3y/crm.deal.list", "/rest/1/***/crm.deal.list"},
        {"/rest/1/k3y", "/rest/1/***"},
        {"/rest/1/k3y?x=1", "/rest/1/***?x=1"},
        {"https://acme.bitrix24.com/rest/1/k3y/crm.deal.list.json",
         "https://acme.bitrix24.com/rest/1/***/crm.deal.list.json"},
        {"/portals/acme/rest/1/k3y/profile", "/portals/acme/rest/1/***/profile"},
        {"/rest/api/1/k3y/main.x", "/rest/api/1/***/main.x"},
        {"/rest/crm.deal.list", "/rest/crm.deal.list"},
        {"/rest/api/crm.deal.list", "/rest/api/crm.deal.list"},
        {"/rest/crm.deal.list/ and", "/rest/crm.deal.list/ and"},
        {"/rest//1//k3y/x", "/rest//1//***/x"},
        {"//REST/1/k3y/x", "//REST/1/***/x"},
        {"\"https:\\/\\/a.b\\/rest\\/1\\/k3y\\/x\"", "\"https:\\/\\/a.b\\/rest\\/1\\/***\\/x\""},
        {"url=https%3A%2F%2Fa.b%2Frest%2F1%2Fk3y%2Fx", "url=https%3A%2F%2Fa.b%2Frest%2F1%2F***%2Fx"},
        {"/restaurant/1/k3y/", "/restaurant/1/k3y/"},
        // names
        {"auth=abc&x=1", "auth=***&x=1"},
        {"x=1&AUTH=abc", "x=1&AUTH=***"},
        {"access_token=a.b-c_d refresh_token=e", "access_token=*** refresh_token=***"},
        {"client_secret=abc;", "client_secret=***;"},
        {"?token=abc#f", "?token=***"},
        {"application_token=abc", "application_token=***"},
        {"auth[access_token]=abc&auth[domain]=a.b", "auth[access_token]=***&auth[domain]=a.b"},
        {"auth%5Baccess_token%5D=abc", "auth%5Baccess_token%5D=***"},
        {"cmd=x%3Fauth%3Dabc&y=1", "cmd=x%3Fauth%3D***&y=1"},
        {"author=abc&tokens=abc&authx=1", "author=abc&tokens=abc&authx=1"},
        {"{\"access_token\":\"abc\",\"x\":1}", "{\"access_token\":\"***\",\"x\":1}"},
        {"{\"access_token\" : \"a\\\"b\",\"x\":1}", "{\"access_token\" : \"***\",\"x\":1}"},
        {"{\"token\":12345}", "{\"token\":***}"},
        {"{\"token\":[\"abc\",\"def\"]}", "{\"token\":[***]}"},
        {"{\"auth\":{\"domain\":\"a.b\",\"access_token\":\"abc\"}}",
         "{\"auth\":{\"domain\":\"a.b\",\"access_token\":\"***\"}}"},
        {"\"{\\\"refresh_token\\\":\\\"abc\\\",\\\"x\\\":1}\"", "\"{\\\"refresh_token\\\":\\\"***\\\",\\\"x\\\":1}\""},
        {"{'password': 'abc'}", "{'password': '***'}"},
        // headers
        {"Authorization: Bearer abc.def", "Authorization: ***"},
        {"Authorization: Basic dXNlcjpwYXNz\r\nHost: a", "Authorization: ***\r\nHost: a"},
        {"Cookie: a=1; PHPSESSID=2\nx", "Cookie: ***\nx"},
        {"sent Bearer abc.def, then", "sent Bearer ***, then"},
        {"bearer%20abc", "bearer%20***"},
        {"bearer", "bearer"},
        {"forbearer abc", "forbearer abc"},
        // addresses
        {"postgresql://gate:pa55@db/x", "postgresql://gate:***@db/x"},
        {"https://acme.bitrix24.com:8443/x@y", "https://acme.bitrix24.com:8443/x@y"},
        {"at 12:30:45", "at 12:30:45"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(m.mask_text(row.text) == row.expected);
        CHECK(m.mask_text(row.expected) == row.expected);  // masking twice changes nothing
    }
}

TEST_CASE("the token of a fragment is masked up to its end") {
    CHECK(Masker().mask_text("/cb#access_token=abc&x=1") == "/cb#access_token=***&x=1");
}

TEST_CASE("names that are masked") {
    const Masker m = masker_of({});
    for (const char* name : {"PHONE", "phone", "%NAME", ">=EMAIL", "!=name", "auth", "AUTH", "access_token", "my_token",
                             "client_secret", "PASSWORD", "sessid"}) {
        CAPTURE(name);
        CHECK(m.is_masked_name(name));
    }
    for (const char* name : {"", "ID", "LAST_NAMES", "TITLE", "tokens", "PHONE2", "%", "author"}) {
        CAPTURE(name);
        CHECK_FALSE(m.is_masked_name(name));
    }
}

TEST_CASE("form parameters by name") {
    const Masker m = masker_of({"abcdefghijklmnop"});
    struct {
        std::string text, expected;
    } const rows[] = {
        {"", ""},
        {"a", "a"},
        {"a=1&b=2", "a=1&b=2"},
        {"fields[TITLE]=Deal&fields[PHONE][0][VALUE]=%2B7495&x=1",
         "fields[TITLE]=Deal&fields[PHONE][0][VALUE]=***&x=1"},
        {"fields%5BEMAIL%5D%5B0%5D%5BVALUE%5D=a%40b", "fields%5BEMAIL%5D%5B0%5D%5BVALUE%5D=***"},
        {"filter[%25NAME]=Iv", "filter[%25NAME]=***"},
        {"filter[>=name]=Iv", "filter[>=name]=***"},
        {"fields[TITLE]=NAME", "fields[TITLE]=NAME"},
        {"auth=abc&ID=1", "auth=***&ID=1"},
        {"%61uth=abc&ID=1", "%61uth=***&ID=1"},
        {"x=%61bcdefghijklmnop", "x=***"},
        {"%61bcdefghijklmnop=1", "***=1"},
        {"abcdefghijklmnop", "***"},
        {"cmd[a]=crm.contact.add%3Ffields%5BPHONE%5D%3D1%26fields%5BTITLE%5D%3Dx&halt=0",
         "cmd[a]=crm.contact.add?fields[PHONE]=***%26fields[TITLE]=x&halt=0"},
        {"cmd[a]=user.get%3FID%3D1", "cmd[a]=user.get%3FID%3D1"},
        {"cmd[a]=batch%3Fcmd%5Bb%5D%3Duser.get%253FNAME%253DIvan", "cmd[a]=batch?cmd[b]=user.get?NAME=***"},
        {"data={\"PHONE\":\"1\",\"X\":\"2\"}", "data={\"PHONE\":\"***\",\"X\":\"2\"}"},
        {"&&a=1&", "&&a=1&"},
        {"=", "="},
        {"a=%", "a=%"},
        {"a=%zz&PHONE=%", "a=%zz&PHONE=***"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(m.mask_params(ParamsEncoding::form, row.text) == row.expected);
    }
}

TEST_CASE("JSON parameters by name") {
    const Masker m = masker_of({"abcdefghijklmnop"});
    struct {
        std::string text, expected;
    } const rows[] = {
        {"", ""},
        {"{}", "{}"},
        {R"({"a":1,"b":[true,null]})", R"({"a":1,"b":[true,null]})"},
        {R"({"fields":{"TITLE":"x","NAME":"Ivan","N":1}})", R"({"fields":{"TITLE":"x","NAME":"***","N":1}})"},
        {R"({"fields":{"PHONE":[{"VALUE":"+7","TYPE":"WORK"}],"ID":1}})", R"({"fields":{"PHONE":"***","ID":1}})"},
        {R"({"PHONE":null,"EMAIL":{"a":"}\""},"x":"y"})", R"({"PHONE":"***","EMAIL":"***","x":"y"})"},
        {R"({"filter":{"%NAME":"Iv","!EMAIL":""}})", R"({"filter":{"%NAME":"***","!EMAIL":"***"}})"},
        {R"({"filter":[["NAME","=","Ivan"],["ID",">",5]]})", R"({"filter":[["NAME","***","***"],["ID",">",5]]})"},
        {R"({"filter":[["NAME","in",["Ivan","Olga"]]]})", R"({"filter":[["NAME","***","***"]]})"},
        {R"({"select":["ID","NAME"]})", R"({"select":["ID","NAME"]})"},
        {R"({"\u0050HONE" : "1", "b":2})", R"({"\u0050HONE" : "***", "b":2})"},
        {R"({"auth":"abc","ID":1})", R"({"auth":"***","ID":1})"},
        {R"({"auth":{"access_token":"abc"}})", R"({"auth":"***"})"},
        {R"({"x":"\u0061bcdefghijklmnop"})", R"({"x":"***"})"},
        {R"({"abcdefghijklmnop":1})", R"({"***":1})"},
        {R"({"cmd":{"a":"crm.contact.add?fields[PHONE]=1&fields[TITLE]=x"}})",
         R"({"cmd":{"a":"crm.contact.add?fields[PHONE]=***&fields[TITLE]=x"}})"},
        {R"({"cmd":{"a":"x?auth=abc\u0026NAME=Ivan\u0026ID=1"}})", R"({"cmd":{"a":"x?auth=***&NAME=***&ID=1"}})"},
        {R"({"doc":"{\"PHONE\":\"1\",\"X\":2}"})", R"({"doc":"{\"PHONE\":\"***\",\"X\":2}"})"},
        {R"([{"method":"crm.item.add","query":{"NAME":"Ivan"}}])",
         R"([{"method":"crm.item.add","query":{"NAME":"***"}}])"},
        // broken
        {R"({"NAME":"Iv)", R"({"NAME":"***")"},
        {R"({"NAME":{"a":[1,)", R"({"NAME":"***")"},
        {R"({"NAME")", R"({"NAME")"},
        {R"({"NAME":)", R"({"NAME":"***")"},
        {R"(]]}}{"PHONE":"1")", R"(]]}}{"PHONE":"***")"},
        {R"({"a":"\)", R"({"a":"\)"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(m.mask_params(ParamsEncoding::json, row.text) == row.expected);
    }
}

TEST_CASE("other parameters") {
    const Masker m = masker_of({});
    CHECK(m.mask_params(ParamsEncoding::multipart, "--x\r\nanything") == "[multipart, 13 bytes]");
    CHECK(m.mask_params(ParamsEncoding::automatic, R"( {"NAME":"x"})") == R"( {"NAME":"***"})");
    CHECK(m.mask_params(ParamsEncoding::automatic, "NAME=x&ID=1") == "NAME=***&ID=1");
    CHECK(m.mask_params(ParamsEncoding::automatic, "just text") == "just text");
}

TEST_CASE("parameters nested deeper than a portal reads are hidden") {
    const Masker m = masker_of({});
    std::string inner = "PHONE=secretphone";
    for (int depth = 0; depth < 8; ++depth) {
        std::string encoded;
        for (const char c : inner) {
            if (c == '%' || c == '=' || c == '&') {
                char hex[4];
                std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(c));
                encoded += hex;
            } else {
                encoded += c;
            }
        }
        inner = "a=" + encoded;
        CAPTURE(inner);
        CHECK(m.mask_params(ParamsEncoding::form, inner).find("secretphone") == std::string::npos);
    }
}

TEST_CASE("the output is bounded, and a cut never leaves a part of a secret") {
    const std::string key = "abcdefghijklmnop";
    for (std::size_t before = 30; before < 70; ++before) {
        const Masker m = masker_of({key}, 64);
        const std::string text = std::string(before, '.') + key + std::string(200, '.');
        CAPTURE(before);
        for (const std::string& out : {m.mask_text(text), m.mask_params(ParamsEncoding::form, text),
                                       m.mask_params(ParamsEncoding::json, "{\"x\":\"" + text + "\"}")}) {
            CHECK(out.find("abc") == std::string::npos);
            CHECK(out.size() <= 64 + 24);
            CHECK(out.find(" bytes]") != std::string::npos);
        }
    }
    const Masker m = masker_of({}, 64);
    CHECK(m.mask_text(std::string(64, 'x')) == std::string(64, 'x'));
    CHECK(m.mask_text(std::string(65, 'x')) == std::string(64, 'x') + "...[+1 bytes]");
    // Not inside of a character.
    CHECK(m.mask_text(std::string(63, 'x') + "\xD0\x96zz") == std::string(63, 'x') + "...[+4 bytes]");
}

TEST_CASE("any bytes: no secret comes out, the output is bounded") {
    const std::string key = "abcdefghijklmnop";
    const Masker m = masker_of({key}, 512);
    const std::vector<std::string> parts = {key,    "\"",    "\\",    "{",       "}",    "[",    "]",    ":",
                                            ",",    "=",     "&",     "?",       "%",    "%2F",  "/",    "/rest/",
                                            "auth", "NAME",  "b24g_", "Bearer ", "\xFF", "\xD0", "\0x",  "1",
                                            " ",    "\\u00", "%3D",   "%22",     "://",  "@",    "token"};
    for (unsigned seed = 0; seed < 20000; ++seed) {
        std::mt19937 random(seed);
        std::string text;
        for (unsigned n = random() % 40; n > 0; --n) text += parts[random() % parts.size()];
        for (const std::string& out :
             {m.mask_text(text), m.mask_params(ParamsEncoding::form, text), m.mask_params(ParamsEncoding::json, text),
              m.mask_params(ParamsEncoding::automatic, text)}) {
            if (out.find(key) != std::string::npos || out.size() > 512 + 24) {
                CAPTURE(text);
                CAPTURE(out);
                FAIL("a secret came out or the output is too long");
            }
        }
    }
    CHECK(m.mask_text(key) == "***");
}

TEST_CASE("a changed masker is seen by every thread at its next look") {
    observe::SharedMasker shared(std::make_shared<Masker>(masker_of({"first-secret"})));
    observe::SharedMasker another(std::make_shared<Masker>());
    CHECK(shared.current().contains_secret("first-secret"));
    CHECK_FALSE(another.current().contains_secret("first-secret"));
    CHECK(shared.current().contains_secret("first-secret"));
    shared.set(std::make_shared<Masker>(masker_of({"second-secret"})));
    CHECK(shared.current().contains_secret("second-secret"));
    std::thread([&] {
        CHECK(shared.current().contains_secret("second-secret"));
        CHECK_FALSE(shared.current().contains_secret("first-secret"));
    }).join();
}
