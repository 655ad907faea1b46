#include <b24gate/simulator/server.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <stdexcept>

namespace b24gate::simulator {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;
constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_size = 16 * 1024;
constexpr std::size_t write_size = 64 * 1024;

tcp::socket& socket_of(tcp::socket& stream) { return stream; }
tcp::socket& socket_of(TlsStream& stream) { return stream.next_layer(); }

asio::awaitable<void> pause(asio::steady_timer& timer, Micros span) {
    timer.expires_after(span);
    co_await timer.async_wait(token);
}

asio::awaitable<void> say_goodbye(tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
}

/// Closes a socket after a while. A wait that ended at the very moment its coroutine did finds no socket any more.
class Watchdog {
public:
    explicit Watchdog(tcp::socket& socket)
        : timer_(socket.get_executor()), socket_(std::make_shared<tcp::socket*>(&socket)) {}
    ~Watchdog() { *socket_ = nullptr; }
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void arm(Micros span) {
        timer_.expires_after(span);
        timer_.async_wait([socket = socket_](boost::system::error_code ec) {
            if (!ec && *socket) (*socket)->close(ec);
        });
    }
    void disarm() { timer_.cancel(); }

private:
    asio::steady_timer timer_;
    std::shared_ptr<tcp::socket*> socket_;
};

asio::awaitable<void> say_goodbye(TlsStream& stream) {
    // close_notify, but no waiting for a peer that gives none.
    Watchdog limit(stream.next_layer());
    limit.arm(std::chrono::seconds(1));
    co_await stream.async_shutdown(token);
}

void reset_hard(tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

std::string chunked_body(std::string_view body) {
    std::string out;
    while (!body.empty()) {
        const std::string_view piece = body.substr(0, 8192);
        body.remove_prefix(piece.size());
        char size[20];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        out += size;
        out += piece;
        out += "\r\n";
    }
    return out + "0\r\n\r\n";
}

/// The bytes of an answer that is no stream.
std::string message_of(const Delivery& delivery) {
    const Response& response = delivery.response;
    std::string out = delivery.prefix;
    const bool chunked = delivery.chunked && !delivery.truncate_body;
    const bool bodiless = delivery.head_only || response.status == 204 || response.status == 304;
    out += head_of(response, chunked ? std::nullopt : std::optional(response.body.size()), delivery.keep_alive);
    if (!bodiless) {
        if (chunked)
            out += chunked_body(response.body);
        else
            out.append(
                std::string_view(response.body).substr(0, delivery.truncate_body.value_or(response.body.size())));
    }
    return out + delivery.suffix;
}

}  // namespace

Server::Server(asio::io_context& io, Cloud& cloud, ServerOptions options)
    : io_(io),
      cloud_(cloud),
      options_(options),
      control_(cloud, sockets_),
      wall_start_(std::chrono::time_point_cast<Micros>(std::chrono::system_clock::now())),
      steady_start_(std::chrono::steady_clock::now()) {}

Moment Server::now() const {
    return wall_start_ + std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - steady_start_) +
           control_.clock_offset();
}

void Server::use_certificate(const std::string& certificate_pem, const std::string& key_pem) {
    tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls_->use_certificate_chain(asio::buffer(certificate_pem));
    tls_->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem);
    static constexpr unsigned char id[] = "b24sim";
    SSL_CTX_set_session_id_context(tls_->native_handle(), id, sizeof id - 1);
    SSL_CTX_set_session_cache_mode(tls_->native_handle(), SSL_SESS_CACHE_SERVER);
}

std::string Server::listen(Role role, const std::string& address, std::string portal) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("\"" + address + "\" is not HOST:PORT");
    std::string host = address.substr(0, colon);
    if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    boost::system::error_code ec;
    const auto ip = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host.empty() ? "0.0.0.0" : host, ec);
    if (ec) throw std::runtime_error("\"" + host + "\" is no IP address");
    unsigned long port = 0;
    try {
        port = std::stoul(address.substr(colon + 1));
    } catch (const std::exception&) {
        port = 65536;
    }
    if (port > 65535) throw std::runtime_error("the port of \"" + address + "\" is not from 0 to 65535");

    auto listener = std::make_shared<Listener>(Listener{role, std::move(portal), tcp::acceptor(io_)});
    const tcp::endpoint endpoint(ip, static_cast<unsigned short>(port));
    listener->acceptor.open(endpoint.protocol());
    listener->acceptor.set_option(tcp::acceptor::reuse_address(true));
    listener->acceptor.bind(endpoint, ec);
    if (ec) throw std::runtime_error("cannot listen on " + address + ": " + ec.message());
    listener->acceptor.listen(4096);
    const std::string bound =
        address.substr(0, colon) + ":" + std::to_string(listener->acceptor.local_endpoint().port());
    asio::co_spawn(io_, accept(std::move(listener)), asio::detached);
    return bound;
}

asio::awaitable<void> Server::accept(std::shared_ptr<Listener> listener) {
    asio::steady_timer timer(io_);
    for (;;) {
        auto [ec, socket] = co_await listener->acceptor.async_accept(token);
        if (ec == asio::error::operation_aborted) co_return;
        if (ec) {
            // Out of descriptors: wait for some to come back instead of spinning.
            co_await pause(timer, std::chrono::milliseconds(50));
            continue;
        }
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        Connection connection;
        connection.id = ++last_connection_;
        connection.address = socket.remote_endpoint(ignored).address().to_string();
        connection.secure = listener->role == Role::https;
        connection.bound_portal = listener->portal;
        if (listener->role == Role::https) {
            asio::co_spawn(io_, serve_tls(std::move(socket), listener, std::move(connection)), asio::detached);
        } else {
            asio::co_spawn(io_, serve(std::move(socket), listener, std::move(connection)), asio::detached);
        }
    }
}

asio::awaitable<void> Server::serve_tls(tcp::socket socket, std::shared_ptr<Listener> listener, Connection connection) {
    TlsStream stream(std::move(socket), *tls_);
    const auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::server, token);
    if (ec) {
        ++sockets_.tls_failed;
        co_return;
    }
    ++sockets_.tls_handshakes;
    if (SSL_session_reused(stream.native_handle())) ++sockets_.tls_resumed;
    co_await serve(std::move(stream), std::move(listener), std::move(connection));
}

Delivery Server::control_answer(const Request& request) {
    Delivery out;
    out.keep_alive = request.keep_alive();
    if (request.path() == "/ca")
        out.response = {ca_pem_.empty() ? 404 : 200, "", {{"Content-Type", "application/x-pem-file"}}, ca_pem_, {}};
    else
        out.response = control_.handle(request, now());
    return out;
}

template <class Stream>
asio::awaitable<bool> Server::deliver(Stream& stream, Delivery& delivery) {
    asio::steady_timer timer(io_);
    if (delivery.wait.count() > 0) co_await pause(timer, delivery.wait);
    switch (delivery.kind) {
        case Delivery::Kind::reset: reset_hard(socket_of(stream)); co_return false;
        case Delivery::Kind::close: co_return false;
        case Delivery::Kind::hang: {
            // Until the peer gives up.
            std::string sink(1024, '\0');
            for (;;) {
                const auto [ec, count] = co_await stream.async_read_some(asio::buffer(sink), token);
                if (ec) co_return false;
            }
        }
        case Delivery::Kind::raw: {
            const auto [ec, count] = co_await asio::async_write(stream, asio::buffer(delivery.raw), token);
            co_return !ec && delivery.keep_alive;
        }
        case Delivery::Kind::answer: break;
    }
    if (delivery.response.generated && !delivery.head_only) {
        const GeneratedBody body = *delivery.response.generated;
        std::string piece = delivery.prefix + head_of(delivery.response, body.size, delivery.keep_alive);
        std::uint64_t left = delivery.cut.value_or(
            piece.size() + std::min<std::uint64_t>(body.size, delivery.truncate_body.value_or(body.size)));
        const bool whole = left == piece.size() + body.size;
        std::uint64_t offset = 0;
        for (;;) {
            if (piece.size() > left) piece.resize(left);
            const auto [ec, count] = co_await asio::async_write(stream, asio::buffer(piece), token);
            left -= piece.size();
            if (ec || left == 0) {
                if (delivery.rst && !ec) reset_hard(socket_of(stream));
                co_return !ec && whole && delivery.keep_alive;
            }
            piece.resize(std::min<std::uint64_t>(write_size, left));
            body.fill(piece.data(), piece.size(), offset);
            offset += piece.size();
        }
    }
    if (delivery.response.generated)
        delivery.response.headers.emplace_back("Content-Length", std::to_string(delivery.response.generated->size));
    std::string message = message_of(delivery);
    const bool cut = (delivery.cut && *delivery.cut < message.size()) || delivery.truncate_body;
    if (delivery.cut && *delivery.cut < message.size()) message.resize(*delivery.cut);
    if (delivery.drip) {
        for (std::size_t at = 0; at < message.size(); at += *delivery.drip) {
            const std::size_t size = std::min(*delivery.drip, message.size() - at);
            const auto [ec, count] = co_await asio::async_write(stream, asio::buffer(message.data() + at, size), token);
            if (ec) co_return false;
            if (at + size < message.size()) co_await pause(timer, delivery.interval);
        }
        co_return delivery.keep_alive;
    }
    const auto [ec, count] = co_await asio::async_write(stream, asio::buffer(message), token);
    if (cut && delivery.rst) reset_hard(socket_of(stream));
    co_return !ec && !cut && delivery.keep_alive;
}

namespace {
/// Counts a connection for as long as it lives, also when the program ends under it.
struct Presence {
    SocketStats& sockets;
    Cloud& cloud;
    Connection& connection;
    bool counted;
    Presence(SocketStats& s, Cloud& c, Connection& k, bool count)
        : sockets(s), cloud(c), connection(k), counted(count) {
        if (!counted) return;
        ++sockets.accepted;
        sockets.max_open = std::max(sockets.max_open, ++sockets.open);
    }
    ~Presence() {
        if (!counted) return;
        --sockets.open;
        cloud.closed(connection);
    }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;
};
}  // namespace

template <class Stream>
asio::awaitable<void> Server::serve(Stream stream, std::shared_ptr<Listener> listener, Connection connection) {
    const bool control = listener->role == Role::control;
    const Presence presence(sockets_, cloud_, connection, !control);
    asio::steady_timer timer(io_);
    Watchdog idle(socket_of(stream));
    const auto buffer = std::make_unique<char[]>(read_size);
    std::string_view pending;
    bool alive = true;
    for (std::uint64_t served = 1; alive; ++served) {
        RequestParser parser(options_.limits);
        bool continued = false;
        for (;;) {
            pending.remove_prefix(parser.consume(pending));
            if (parser.done() || !parser.error().empty()) break;
            if (parser.wants_continue() && !continued) {
                continued = true;
                static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
                co_await asio::async_write(stream, asio::buffer(go_on), token);
            }
            if (options_.keep_alive.count() > 0) {
                idle.arm(options_.keep_alive);
            }
            const auto [ec, count] = co_await stream.async_read_some(asio::buffer(buffer.get(), read_size), token);
            if (options_.keep_alive.count() > 0) idle.disarm();
            if (ec) co_return;
            pending = std::string_view(buffer.get(), count);
        }
        if (!parser.error().empty()) {
            ++cloud_.malformed_count;
            if (cloud_.malformed().size() >= 20) cloud_.malformed().pop_front();
            cloud_.malformed().push_back({parser.error(), parser.request().head});
            Delivery refusal;
            refusal.response = nginx_page(400);
            refusal.keep_alive = false;
            co_await deliver(stream, refusal);
            break;
        }
        const Request& request = parser.request();
        if (control) {
            Delivery answer = control_answer(request);
            alive = co_await deliver(stream, answer);
            continue;
        }
        ++sockets_.requests;
        Exchange exchange = cloud_.begin(connection, request, now());
        if (options_.keep_alive_requests > 0 && served >= options_.keep_alive_requests) exchange.keep_alive = false;
        if (exchange.wait.count() > 0) co_await pause(timer, exchange.wait);
        Delivery answer = cloud_.finish(exchange, now());
        alive = co_await deliver(stream, answer);
    }
    if (socket_of(stream).is_open()) co_await say_goodbye(stream);
}

}  // namespace b24gate::simulator
