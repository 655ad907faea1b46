#include <doctest/doctest.h>

#include <string>

#include <b24gate/core/base64.hpp>
#include <b24gate/core/hmac.hpp>

using namespace b24gate::core;

TEST_CASE("HMAC-SHA-256: the vectors of RFC 4231") {
    struct Row {
        std::string key, text, digest;
    };
    const Row rows[] = {
        {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (const Row& row : rows) CHECK(to_hex(hmac_sha256(row.key, row.text)) == row.digest);
}

TEST_CASE("base64: the vectors of RFC 4648, both alphabets, and what is none") {
    struct Row {
        std::string bytes, text;
    };
    const Row rows[] = {{"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"},
                        {"\xfb\xff\xfe", "+//+"}};
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(to_base64(row.bytes) == row.text);
        CHECK(from_base64(row.text) == row.bytes);
    }
    CHECK(from_base64("-__-") == "\xfb\xff\xfe");
    CHECK(from_base64("Zg") == "f");
    for (const char* wrong : {"Z", "Zh==", "Zm9v=", "Z g=", "Zg=", "Zm9vY", "=", "===="}) {
        CAPTURE(wrong);
        CHECK_FALSE(from_base64(wrong).has_value());
    }
}
