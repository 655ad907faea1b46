// The simulator on real sockets: what only they can show.
#include "world.hpp"

#include <b24gate/simulator/server.hpp>
#include <b24gate/simulator/tls_identity.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <doctest/doctest.h>

#include <future>
#include <thread>

using namespace b24gate::simulator;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::string_view good = "GET /rest/1/s3cr3tw3bh00kc0d/user.admin HTTP/1.1\r\nHost: a\r\n\r\n";

struct Running {
    Cloud cloud{1};
    asio::io_context io{1};
    Server server{io, cloud, ServerOptions{}};
    TlsIdentity identity = make_tls_identity({"127.0.0.1", "acme.test"}, CertificateKind::valid);
    tcp::endpoint http, https, control;
    std::thread thread;

    Running() {
        cloud.add_default_portal(server.now());
        cloud.configure_portal("acme", json::object{{"plan", "none"}}, server.now());
        server.use_certificate(identity.certificate_pem, identity.key_pem);
        http = listen(Server::Role::http);
        https = listen(Server::Role::https);
        control = listen(Server::Role::control);
        thread = std::thread([this] { io.run(); });
    }
    ~Running() {
        io.stop();
        thread.join();
    }
    tcp::endpoint listen(Server::Role role) {
        const std::string address = server.listen(role, "127.0.0.1:0");
        return {asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(std::stoul(address.substr(10)))};
    }
    void fault(std::string spec) {
        std::promise<std::string> done;
        asio::post(io, [&] { done.set_value(cloud.faults().add(json::parse(spec)).error); });
        REQUIRE(done.get_future().get() == "");
    }
};

struct Answer {
    std::string bytes;
    boost::system::error_code end;
};

/// Writes and reads until the other side ends the connection or `enough` bytes are there.
template <class Stream>
Answer talk(Stream& stream, std::string_view bytes, std::size_t enough = std::size_t(-1)) {
    Answer out;
    asio::write(stream, asio::buffer(bytes), out.end);
    char piece[65536];
    while (!out.end && out.bytes.size() < enough)
        out.bytes.append(piece, stream.read_some(asio::buffer(piece), out.end));
    return out;
}

struct Client {
    asio::io_context io;
    tcp::socket socket{io};
    explicit Client(const tcp::endpoint& to) { socket.connect(to); }
};

std::string closing(std::string_view request) {
    return std::string(request.substr(0, request.size() - 2)) + "Connection: close\r\n\r\n";
}

}  // namespace

TEST_CASE("requests one after the other, and several at once, on one connection") {
    Running running;
    Client client(running.http);
    const Answer answer = talk(client.socket, std::string(good) + std::string(good) + closing(good));
    CHECK(answer.end == asio::error::eof);
    std::size_t count = 0;
    for (std::size_t at = answer.bytes.find("{\"result\":true"); at != std::string::npos;
         at = answer.bytes.find("{\"result\":true", at + 1))
        ++count;
    CHECK(count == 3);
}

TEST_CASE("a body that waits for 100 Continue gets it") {
    Running running;
    Client client(running.http);
    const std::string head =
        "POST /rest/1/s3cr3tw3bh00kc0d/sim.echo HTTP/1.1\r\nHost: a\r\nContent-Type: "
        "application/json\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n";
    const Answer go_on = talk(client.socket, head, 25);
    CHECK(go_on.bytes == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(talk(client.socket, "{\"a\":1}", 100).bytes.find("HTTP/1.1 200 OK\r\n") == 0);
}

TEST_CASE("broken framing gets 400, an end, and a line in the record") {
    Running running;
    Client client(running.http);
    const Answer answer =
        talk(client.socket,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK(answer.bytes.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    Client desk(running.control);
    CHECK(talk(desk.socket, closing("GET /stats HTTP/1.1\r\nHost: a\r\n\r\n"))
              .bytes.find("Content-Length and Transfer-Encoding together") != std::string::npos);
}

TEST_CASE("faults that only a socket shows") {
    Running running;
    struct Row {
        const char* spec;
        boost::system::error_code end;
        std::size_t bytes;  ///< 0: none at all
    };
    const Row rows[] = {{R"({"effect":"reset"})", asio::error::connection_reset, 0},
                        {R"({"effect":"reset_after"})", asio::error::connection_reset, 0},
                        {R"({"effect":"close"})", asio::error::eof, 0},
                        {R"({"effect":"cut","bytes":20})", asio::error::eof, 20},
                        {R"({"effect":"cut","bytes":20,"rst":true})", asio::error::connection_reset, 20},
                        {R"({"raw_base64":"aGVsbG8="})", asio::error::eof, 5}};
    for (const Row& row : rows) {
        CAPTURE(row.spec);
        running.fault(row.spec);
        Client client(running.http);
        const Answer answer = talk(client.socket, good);
        CHECK(answer.end == row.end);
        // An RST may overtake the bytes that were sent before it.
        CHECK((answer.bytes.size() == row.bytes || (row.end == asio::error::connection_reset && answer.bytes.empty())));
    }
    running.fault(R"({"effect":"truncate","bytes":3})");
    Client client(running.http);
    Answer answer = talk(client.socket, good);
    CHECK(answer.end == asio::error::eof);
    CHECK(answer.bytes.substr(answer.bytes.find("\r\n\r\n")) == "\r\n\r\n{\"r");
    running.fault(R"({"effect":"drip","bytes":100,"interval_ms":1})");
    Client slow(running.http);
    answer = talk(slow.socket, closing(good));
    CHECK(answer.bytes.ends_with("}"));
    running.fault(
        R"({"effect":"answer","prefix_base64":"SFRUUC8xLjEgMTAyIFByb2Nlc3NpbmcNCg0K","suffix_base64":"WA=="})");
    Client framed(running.http);
    answer = talk(framed.socket, closing(good));
    CHECK(answer.bytes.starts_with("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"));
    CHECK(answer.bytes.ends_with("X"));
}

TEST_CASE("a large file streams through, and HEAD has no body") {
    Running running;
    Client client(running.http);
    const std::string call = "GET /rest/1/s3cr3tw3bh00kc0d/disk.file.get?id=2 HTTP/1.1\r\nHost: a\r\n\r\n";
    const Answer info = talk(client.socket, closing(call));
    const json::value view = json::parse(info.bytes.substr(info.bytes.find("\r\n\r\n") + 4));
    const std::string url = php::to_string(view.at("result").at("DOWNLOAD_URL")).substr(8);
    for (const char* method : {"GET", "HEAD"}) {
        Client other(running.http);
        const Answer file =
            talk(other.socket, closing(std::string(method) + " " + url + " HTTP/1.1\r\nHost: a\r\n\r\n"));
        const std::string body = file.bytes.substr(file.bytes.find("\r\n\r\n") + 4);
        CHECK(file.bytes.find("Content-Length: 1048576\r\n") != std::string::npos);
        CHECK(body.size() == (std::string_view(method) == "GET" ? 1048576 : 0));
        if (!body.empty())
            CHECK(static_cast<unsigned char>(body[70000]) == ((70000 ^ (70000 >> 8) ^ (70000 >> 16) ^ 2) & 255));
    }
}

TEST_CASE("TLS: the made up certificate holds, and sessions are resumed") {
    Running running;
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(running.identity.ca_pem));
    context.set_verify_mode(asio::ssl::verify_peer);
    SSL_SESSION* session = nullptr;
    for (int round = 0; round < 2; ++round) {
        asio::ssl::stream<tcp::socket> stream(io, context);
        SSL_set_tlsext_host_name(stream.native_handle(), "acme.test");
        SSL_set1_host(stream.native_handle(), "acme.test");
        if (session) SSL_set_session(stream.native_handle(), session);
        stream.next_layer().connect(running.https);
        stream.handshake(asio::ssl::stream_base::client);
        const Answer answer = talk(stream, good, 100);
        CHECK(answer.bytes.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(SSL_session_reused(stream.native_handle()) == round);
        SSL_SESSION_free(session);
        session = SSL_get1_session(stream.native_handle());
        // OpenSSL forgets the session of a connection that is dropped without this.
        SSL_set_shutdown(stream.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_SESSION_free(session);
    Client desk(running.control);
    CHECK(talk(desk.socket, closing("GET /stats?requests=0 HTTP/1.1\r\nHost: a\r\n\r\n"))
              .bytes.find("\"tls_resumed\":1") != std::string::npos);
}

TEST_CASE("addresses that make no sense are refused in words") {
    Running running;
    for (const char* address : {"127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "not an address:1"})
        CHECK_THROWS_AS((void)running.server.listen(Server::Role::http, address), std::runtime_error);
}
