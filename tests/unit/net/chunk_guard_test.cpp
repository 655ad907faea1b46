#include <doctest/doctest.h>

#include <b24gate/net/chunk_guard.hpp>

#include <string>
#include <vector>

using namespace b24gate::net;
using namespace std::string_literals;
using Verdict = ChunkGuard::Verdict;

namespace {

/// In one piece and byte by byte; the two must agree.
Verdict verdict(const std::string& body) {
    ChunkGuard whole, slow;
    const Verdict at_once = whole.check(body);
    Verdict last = Verdict::more;
    for (const char c : body) last = slow.check({&c, 1});
    CHECK(last == at_once);
    return at_once;
}

}  // namespace

TEST_CASE("chunks are read in one way only") {
    const std::vector<std::string> good = {
        "0\r\n\r\n"s,
        "2\r\n{}\r\n0\r\n\r\n"s,
        "1\r\n{\r\n1\r\n}\r\n000\r\n\r\n"s,
        "a\r\n0123456789\r\n0\r\n\r\n"s,
        "A\r\n\r\n\r\n\0\0\0\0\0\0\r\n0\r\n\r\n"s,
        "2;a\r\n{}\r\n0\r\n\r\n"s,
        "2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n"s,
        "2 ; a = b ; c = \"\\\"\\\\;\t\"\r\n{}\r\n0\r\n\r\n"s,
        "0\r\nX: a\r\nY:\r\n\r\n"s,
    };
    for (const auto& body : good) {
        CAPTURE(body);
        CHECK(verdict(body) == Verdict::done);
        for (std::size_t cut = 0; cut < body.size(); ++cut) CHECK(verdict(body.substr(0, cut)) == Verdict::more);
        CHECK(verdict(body + "GET / HTTP/1.1\n") == Verdict::done);
    }
    const std::vector<std::string> bad = {
        "\r\n"s,
        " 2\r\n"s,
        "+2\r\n"s,
        "-2\r\n"s,
        "0x2\r\n"s,
        "g\r\n"s,
        ";a\r\n"s,
        "2\n"s,
        "2\r{}"s,
        "2 \r\n"s,
        "2 a\r\n"s,
        "2,\r\n"s,
        "2\0\r\n"s,
        "2=a\r\n"s,
        "2;\r\n"s,
        "2;a b\r\n"s,
        "2;=b\r\n"s,
        "2;a=\r\n"s,
        "2;a=b=c\r\n"s,
        "2;a=b c\r\n"s,
        "2;a\nb"s,
        "2;a=\"b\r\n"s,
        "2;a=\"\n\""s,
        "2;a=\"\0\""s,
        "2;a=\"b\"c\r\n"s,
        "2;a=\"\\\r"s,
        "1111111111111111\r\n"s,
        "0000000000000000\r\n"s,
        "1\r\n{}\r\n"s,
        "2\r\n{}0"s,
        "2\r\n{}\n"s,
        "2\r\n{}\r0"s,
        "0\r\n\n"s,
        "0\r\n\rX"s,
        "0\r\nX\r\n"s,
        "0\r\n: a\r\n"s,
        "0\r\nX : a\r\n"s,
        "0\r\nX: a\r\n b\r\n"s,
        "0\r\nX: a\nY: b\r\n"s,
        "0\r\nX: a\rY"s,
        "0\r\nX: \0\r\n"s,
        "0\r\nGET / HTTP/1.1\r\n"s,
    };
    for (const auto& body : bad) {
        CAPTURE(body);
        CHECK(verdict(body) == Verdict::bad);
        CHECK(verdict(body + "\r\n0\r\n\r\n") == Verdict::bad);
    }
}
