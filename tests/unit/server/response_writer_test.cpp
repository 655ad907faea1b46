#include <doctest/doctest.h>

#include <b24gate/server/request_id.hpp>
#include <b24gate/server/response_writer.hpp>

#include <set>

using namespace b24gate::server;

namespace {

class Nothing final : public BodySource {
public:
    boost::asio::awaitable<b24gate::core::Result<std::string_view>> read() override { co_return std::string_view{}; }
};

}  // namespace

TEST_CASE("a head says how long the body is and whether the connection stays") {
    Response response;
    response.status = 503;
    response.body = "{}";
    response.fields.add("X-Test", "a");
    std::string out;
    append_head(out, response, framing_of(response, 1), Persistence::close, 0);
    CHECK(out ==
          "HTTP/1.1 503 Service Unavailable\r\nServer: b24gate\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Test: a\r\n"
          "Content-Length: 2\r\nConnection: close\r\n\r\n");
}

TEST_CASE("no value can end its line") {
    Response response;
    response.fields.add("X-B24-Error", std::string("A\r\nSet-Cookie: x\0", 17));
    std::string out;
    append_head(out, response, Framing::length, Persistence::keep_alive, 0);
    CHECK(out.find("\r\nSet-Cookie") == std::string::npos);
    CHECK(out.find("X-B24-Error: A  Set-Cookie: x \r\n") != std::string::npos);
}

TEST_CASE("a body of unknown length is chunked, for HTTP/1.0 it ends with the connection") {
    Response response;
    response.stream = std::make_unique<Nothing>();
    CHECK(framing_of(response, 1) == Framing::chunked);
    CHECK(framing_of(response, 0) == Framing::until_close);
    response.stream_length = 10;
    CHECK(framing_of(response, 0) == Framing::length);
    std::string out;
    append_chunk(out, std::string(255, 'x'));
    CHECK(out == "ff\r\n" + std::string(255, 'x') + "\r\n");
}

TEST_CASE("every status that we give has its phrase") {
    for (const unsigned status : {200u, 202u, 400u, 401u, 402u, 403u, 404u, 405u, 408u, 409u, 410u, 413u,
                                  414u, 417u, 421u, 422u, 429u, 431u, 500u, 501u, 502u, 503u, 504u, 505u})
        CHECK(reason_phrase(status) != "Unknown");
    CHECK(reason_phrase(299) == "Unknown");
}

TEST_CASE("a client's request id is kept when it is harmless") {
    CHECK(request_id("abc-1.2_3") == "abc-1.2_3");
    for (const char* bad : {"", "a b", "a\"b", "<x>", "a\r\nb"}) {
        const std::string made = request_id(bad);
        CHECK(made.size() == 32);
        CHECK(made.find_first_not_of("0123456789abcdef") == std::string::npos);
    }
    CHECK(request_id(std::string(65, 'a')).size() == 32);
    std::set<std::string> ids;
    for (int i = 0; i < 1000; ++i) ids.insert(request_id({}));
    CHECK(ids.size() == 1000);
}
