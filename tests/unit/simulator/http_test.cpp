#include <b24gate/simulator/http.hpp>

#include <doctest/doctest.h>

#include <zlib.h>

using namespace b24gate::simulator;

namespace {

struct Parsed {
    std::string error;
    Request request;
    std::size_t used = 0;
    bool done = false;
};

Parsed parse(std::string_view bytes, std::size_t step) {
    RequestParser parser({4096, 1000});
    Parsed out;
    while (out.used < bytes.size() && !parser.done() && parser.error().empty())
        out.used += parser.consume(bytes.substr(out.used, step));
    out.error = parser.error();
    out.done = parser.done();
    out.request = parser.request();
    return out;
}

}  // namespace

TEST_CASE("requests are read the same in any pieces") {
    const std::string bytes =
        "POST /rest/1/s/server.time?a=1 HTTP/1.1\r\nHost: acme\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhelloGET";
    for (const std::size_t step : {1, 2, 3, 7, 1000}) {
        CAPTURE(step);
        const Parsed parsed = parse(bytes, step);
        CHECK(parsed.error.empty());
        CHECK(parsed.done);
        CHECK(parsed.used == bytes.size() - 3);
        CHECK(parsed.request.method == "POST");
        CHECK(parsed.request.path() == "/rest/1/s/server.time");
        CHECK(parsed.request.query() == "a=1");
        CHECK(parsed.request.header("x-a") == "b");
        CHECK(parsed.request.body == "hello");
        CHECK(parsed.request.head == bytes.substr(0, bytes.size() - 8));
    }
}

TEST_CASE("chunked bodies, with extensions and trailers") {
    const std::string bytes =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n";
    for (const std::size_t step : {1, 4, 1000}) {
        const Parsed parsed = parse(bytes, step);
        CHECK(parsed.done);
        CHECK(parsed.request.body == "abcde");
        CHECK(parsed.request.chunked);
        CHECK(parsed.used == bytes.size());
    }
}

TEST_CASE("ambiguous or broken framing is refused") {
    const char* const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nfolded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
    };
    for (const char* bytes : bad) {
        CAPTURE(bytes);
        CHECK_FALSE(parse(bytes, 1000).error.empty());
        CHECK_FALSE(parse(bytes, 1).error.empty());
    }
    CHECK_FALSE(parse("GET /" + std::string(5000, 'a'), 1000).error.empty());
}

TEST_CASE("keep-alive by version and header") {
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 99).request.keep_alive());
    CHECK_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", 99).request.keep_alive());
    CHECK_FALSE(parse("GET / HTTP/1.0\r\n\r\n", 99).request.keep_alive());
    CHECK(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 99).request.keep_alive());
}

TEST_CASE("multipart bodies") {
    const std::string body =
        "--X\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\n1\r\n--X\r\nContent-Disposition: form-data; "
        "name=\"file\"; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\n\r\n--not it\r\n\r\n--X--\r\n";
    const auto parts = parse_multipart("multipart/form-data; boundary=X", body);
    REQUIRE(parts);
    REQUIRE(parts->size() == 2);
    CHECK(parts->at(0).name == "a[b]");
    CHECK(parts->at(0).content == "1");
    CHECK_FALSE(parts->at(0).is_file);
    CHECK(parts->at(1).filename == "n.txt");
    CHECK(parts->at(1).content == "\r\n--not it\r\n");
    CHECK(parse_multipart("multipart/form-data; boundary=\"X\"", body));
    CHECK_FALSE(parse_multipart("multipart/form-data", body));
    CHECK_FALSE(parse_multipart("multipart/form-data; boundary=X", body.substr(0, body.size() - 10)));
}

TEST_CASE("base64 both ways, and gzip that inflates") {
    for (const char* text : {"", "a", "ab", "abc", "abcd", "\xFF\xFE\x01"})
        CHECK(*base64_decode(base64_encode(text)) == text);
    CHECK(base64_encode("hello") == "aGVsbG8=");
    CHECK_FALSE(base64_decode("a-b"));
    const std::string packed = gzip(std::string(10000, 'x'));
    CHECK(packed.size() < 200);
    std::string out(20000, '\0');
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    CHECK(stream.total_out == 10000);
    inflateEnd(&stream);
}

TEST_CASE("an answer's own framing headers are left alone") {
    Response response;
    response.headers = {{"Content-Length", "7"}};
    const std::string head = head_of(response, 5, true);
    CHECK(head.find("Content-Length: 7\r\n") != std::string::npos);
    CHECK(head.find("Content-Length: 5") == std::string::npos);
    CHECK(head_of({}, std::nullopt, false).find("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n") !=
          std::string::npos);
}
