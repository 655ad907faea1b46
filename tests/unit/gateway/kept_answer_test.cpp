#include <doctest/doctest.h>

#include <b24gate/gateway/kept_answer.hpp>

using namespace b24gate;
using namespace b24gate::gateway;

TEST_CASE("an answer comes back as it was") {
    server::Response answer;
    answer.status = 200;
    answer.fields.add("Content-Type", "application/json");
    answer.fields.add("X-Odd", "a: b");
    answer.body = std::string("{\"a\":1}\r\n\r\n\0x", 13);
    const std::string text = keep_answer(answer);
    const auto again = read_answer(201, text);
    REQUIRE(again);
    CHECK(again->status == 201);
    CHECK(again->fields.text() == answer.fields.text());
    CHECK(again->body == answer.body);
    for (const char* wrong : {"", "x", "a b\r\n\r\n", "a: b\r\n"}) CHECK_FALSE(read_answer(200, wrong));
}

TEST_CASE("links lead to whoever asks") {
    const std::string body =
        R"({"u":"http:\/\/b24gate-kept-host\/portals\/a\/rest\/1\/b24gate-kept-key\/download\/","v":"http://b24gate-kept-host/x?auth=b24gate-kept-key"})";
    CHECK(
        with_address(body, "https://gate.example:8443", "b24g_k") ==
        R"({"u":"https:\/\/gate.example:8443\/portals\/a\/rest\/1\/b24g_k\/download\/","v":"https://gate.example:8443/x?auth=b24g_k"})");
    CHECK(with_address(R"({"u":"http://b24gate-kept-host/"})", "https://x", "k") ==
          R"({"u":"http://b24gate-kept-host/"})");
}
