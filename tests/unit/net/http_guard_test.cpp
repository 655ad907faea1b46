#include <doctest/doctest.h>

#include <b24gate/net/http_guard.hpp>

#include <string>

using namespace b24gate::net;

namespace {

struct Case {
    std::string name;
    std::string head;
    unsigned status;  ///< 0: accepted
    std::string reason;
};

std::string request(const std::string& fields, const std::string& line = "GET /rest/1/k/m HTTP/1.1") {
    return line + "\r\n" + fields + "\r\n";
}
const std::string host = "Host: gw\r\n";

}  // namespace

TEST_CASE("a request head is accepted only when it can mean one thing") {
    const std::string nul(1, '\0');
    const Case cases[] = {
        {"plain", request(host), 0, ""},
        {"length", request(host + "Content-Length: 5\r\n", "POST / HTTP/1.1"), 0, ""},
        {"chunked", request(host + "Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1"), 0, ""},
        {"chunked in capitals", request(host + "Transfer-Encoding: CHUNKED\r\n", "POST / HTTP/1.1"), 0, ""},
        {"HTTP/1.0 without Host", request("", "GET / HTTP/1.0"), 0, ""},
        {"absolute-form", request(host, "GET http://gw/rest/x HTTP/1.1"), 0, ""},
        {"obs-text in a value", request(host + "X-Name: \xE4\xF6\r\n"), 0, ""},
        {"tab around a value", request("Host:\tgw\t\r\n"), 0, ""},
        {"HEAD", request(host, "HEAD /healthz HTTP/1.1"), 0, ""},

        {"absolute-form without an authority", request(host, "GET http:///rest/x HTTP/1.1"), 400, "target"},
        {"absolute-form with credentials", request(host, "GET http://a@gw/rest/x HTTP/1.1"), 400, "target"},
        {"absolute-form with a backslash", request(host, "GET http://gw\\@x/rest/x HTTP/1.1"), 400, "target"},
        {"absolute-form of another scheme", request(host, "GET ftp://gw/rest/x HTTP/1.1"), 400, "target"},
        {"length and chunked", request(host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400,
         "length_and_chunked"},
        {"chunked and length", request(host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400,
         "length_and_chunked"},
        {"two lengths", request(host + "Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "content_length"},
        {"two lengths in one", request(host + "Content-Length: 5, 5\r\n"), 400, "content_length"},
        {"signed length", request(host + "Content-Length: +5\r\n"), 400, "content_length"},
        {"hex length", request(host + "Content-Length: 0x5\r\n"), 400, "content_length"},
        {"empty length", request(host + "Content-Length: \r\n"), 400, "content_length"},
        {"endless length", request(host + "Content-Length: 99999999999999999999\r\n"), 400, "content_length"},
        {"gzip coding", request(host + "Transfer-Encoding: gzip\r\n"), 501, "transfer_encoding"},
        {"two codings", request(host + "Transfer-Encoding: gzip, chunked\r\n"), 400, "transfer_encoding"},
        {"chunked twice", request(host + "Transfer-Encoding: chunked, chunked\r\n"), 400, "transfer_encoding"},
        {"chunked in two fields", request(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
         "transfer_encoding"},
        {"empty coding", request(host + "Transfer-Encoding:\r\n"), 400, "transfer_encoding"},
        {"chunked in quotes", request(host + "Transfer-Encoding: \"chunked\"\r\n"), 501, "transfer_encoding"},
        {"chunked with vertical tab",
         request(host + "Transfer-Encoding: \x0b"
                        "chunked\r\n"),
         400, "field_value"},
        {"chunked in HTTP/1.0", request("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), 400, "transfer_encoding"},

        {"no Host", request(""), 400, "host"},
        {"two Hosts", request(host + host), 400, "host"},
        {"Host with a path", request("Host: gw/x\r\n"), 400, "host"},
        {"Host with credentials", request("Host: a@gw\r\n"), 400, "host"},
        {"empty Host", request("Host:\r\n"), 400, "host"},
        {"Host with a bad port", request("Host: gw:80x\r\n"), 400, "host"},

        {"folded line", request(host + "X: a\r\n b\r\n"), 400, "folded_line"},
        {"space before the colon", request(host + "X : a\r\n"), 400, "field_name"},
        {"no colon", request(host + "X\r\n"), 400, "field_line"},
        {"no name", request(host + ": a\r\n"), 400, "field_name"},
        {"name with a bracket", request(host + "X(: a\r\n"), 400, "field_name"},
        {"NUL in a value", request(host + "X: a" + nul + "b\r\n"), 400, "field_value"},
        {"bare CR in a value", request(host + "X: a\rb\r\n"), 400, "field_value"},
        {"control character", request(host + "X: a\x01\r\n"), 400, "field_value"},
        {"expectation", request(host + "Expect: miracles\r\n"), 417, "expect"},

        {"two spaces", request(host, "GET  / HTTP/1.1"), 400, "request_line"},
        {"space in the target", request(host, "GET /a b HTTP/1.1"), 400, "request_line"},
        {"HTTP/0.9", request(host, "GET /"), 400, "request_line"},
        {"HTTP/2.0", request(host, "GET / HTTP/2.0"), 505, "version"},
        {"HTTP/1.2", request(host, "GET / HTTP/1.2"), 505, "version"},
        {"lower case version", request(host, "GET / http/1.1"), 400, "request_line"},
        {"preface of HTTP/2", request("", "PRI * HTTP/2.0"), 505, "version"},
        {"PUT", request(host, "PUT / HTTP/1.1"), 405, "method"},
        {"CONNECT", request(host, "CONNECT gw:443 HTTP/1.1"), 405, "method"},
        {"lower case method", request(host, "get / HTTP/1.1"), 501, "method"},
        {"method of symbols", request(host, "G@T / HTTP/1.1"), 400, "request_line"},
        {"asterisk", request(host, "GET * HTTP/1.1"), 400, "target"},
        {"fragment", request(host, "GET /a#b HTTP/1.1"), 400, "target"},
        {"8-bit target", request(host, "GET /\xE4 HTTP/1.1"), 400, "target"},
        {"authority as target", request(host, "GET gw:443 HTTP/1.1"), 400, "target"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        Head head;
        const auto violation = check_request_head(c.head, head);
        CHECK((violation ? violation->status : 0) == c.status);
        if (violation) CHECK(violation->reason == c.reason);
    }
}

TEST_CASE("a head tells framing and persistence") {
    Head head;  // its views point into the text
    const std::string post = request(host + "Content-Length: 17\r\nConnection: close\r\n", "POST /x HTTP/1.1");
    REQUIRE_FALSE(check_request_head(post, head));
    CHECK(head.content_length == 17);
    CHECK_FALSE(head.keep_alive);
    CHECK(head.method == "POST");
    CHECK(head.target == "/x");
    CHECK(head.host == "gw");
    const auto keeps = [&](const std::string& fields, const std::string& line) {
        REQUIRE_FALSE(check_request_head(request(fields, line), head));
        return head.keep_alive;
    };
    CHECK(keeps(host, "GET / HTTP/1.1"));
    CHECK_FALSE(keeps(host + "Connection: foo , Close\r\n", "GET / HTTP/1.1"));
    CHECK_FALSE(keeps("", "GET / HTTP/1.0"));
    CHECK(keeps("Connection: keep-alive\r\n", "GET / HTTP/1.0"));
    REQUIRE_FALSE(check_request_head(request(host + "Expect: 100-Continue\r\n"), head));
    CHECK(head.expect_continue);
}

TEST_CASE("the number of fields is bounded") {
    std::string fields = host;
    for (int i = 0; i < 99; ++i) fields += "X-" + std::to_string(i) + ": 1\r\n";
    Head head;
    CHECK_FALSE(check_request_head(request(fields), head));
    const auto violation = check_request_head(request(fields + "X-More: 1\r\n"), head);
    REQUIRE(violation);
    CHECK(violation->status == 431);
}

TEST_CASE("the end of a head is found however it arrives, and a bare LF at once") {
    const std::string head = request(host + "A: b\r\n");
    const std::string received = head + "body";
    for (std::size_t cut = 0; cut <= head.size(); ++cut) {
        CAPTURE(cut);
        const HeadEnd early = find_head_end(std::string_view(received).substr(0, cut), 0);
        CHECK_FALSE(early.violation);
        CHECK(early.size == (cut == head.size() ? head.size() : 0));
        const HeadEnd late = find_head_end(received, cut > 3 ? cut - 3 : 0);
        CHECK(late.size == head.size());
    }
    CHECK(find_head_end("GET / HTTP/1.1\nHost: x\n\n", 0).violation);
    CHECK(find_head_end("\n", 0).violation);
    CHECK(find_head_end("GET / HTTP/1.1\r\nHost: x\n", 0).violation);
}

TEST_CASE("an answer's head is as strict") {
    const auto verdict = [](const std::string& text) {
        Head head;
        return check_answer_head(text, head).has_value();
    };
    CHECK_FALSE(verdict("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"));
    CHECK_FALSE(verdict("HTTP/1.1 200\r\n\r\n"));
    CHECK_FALSE(verdict("HTTP/1.0 302 Moved Temporarily\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 2000 OK\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 20 OK\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 099 OK\r\n\r\n"));
    CHECK(verdict("HTTP/2 200 OK\r\n\r\n"));
    CHECK(verdict("ICY 200 OK\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"));
    CHECK(verdict("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"));
    Head head;
    REQUIRE_FALSE(check_answer_head("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n", head));
    CHECK(head.status == 503);
    CHECK_FALSE(head.keep_alive);
}

TEST_CASE("a head without its empty line is none, not even an empty one") {
    Head head;
    for (const char* part : {"", "GET / HTTP/1.0\r\n", "GET / HTTP/1.1\r\nHost: gw\r\n", "HTTP/1.1 200 OK\r\n"}) {
        CHECK(check_request_head(part, head));
        CHECK(check_answer_head(part, head));
    }
}

TEST_CASE("what is a host") {
    for (const char* good : {"gw", "gw:8080", "a-b.c_d.example", "127.0.0.1:1", "[::1]", "[fe80::1]:443"})
        CHECK_MESSAGE(is_host(good), good);
    for (const char* bad :
         {"", ":80", "gw:", "gw:123456", "g w", "gw/", "a@b", "[]", "[::1", "[zz]", "gw:80:90", "\"gw\""})
        CHECK_FALSE_MESSAGE(is_host(bad), bad);
}
