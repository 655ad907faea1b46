#include <b24gate/server/listener.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

namespace b24gate::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Out of file descriptors, or at the limit: connections wait in the backlog until the next look ...
constexpr auto accept_pause = std::chrono::milliseconds(20);
/// ... for which so many of each worker's, who keep a connection without using it, have to make room.
constexpr std::size_t shed_at_once = 16;

std::string printed(const tcp::endpoint& endpoint) {
    return endpoint.address().is_v6() ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
                                      : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

void hand_over(SessionContext* context, tcp::socket socket, std::shared_ptr<net::TlsServerContext> tls) {
    auto& io = context->worker.io;
    asio::post(io, [context, socket = std::move(socket), tls = std::move(tls)]() mutable {
        serve(*context, std::move(socket), std::move(tls));
    });
}

}  // namespace

Listener::Listener(net::Worker& worker, std::vector<SessionContext*> contexts, unsigned max_connections)
    : worker_(worker), contexts_(std::move(contexts)), max_connections_(max_connections), acceptor_(worker.io) {}

boost::system::result<std::unique_ptr<Listener>, std::string> Listener::open(
    net::Worker& worker, const config::Endpoint& at, std::vector<SessionContext*> contexts, unsigned max_connections,
    std::shared_ptr<net::TlsServerContext> tls) {
    const std::string wanted = fmt::format("{}:{}", at.host, at.port);
    error_code error;
    tcp::endpoint endpoint;
    const auto address = asio::ip::make_address(at.host.empty() ? "0.0.0.0" : at.host, error);
    if (!error) {
        endpoint = {address, at.port};
    } else {
        tcp::resolver resolver(worker.io);
        const auto found = resolver.resolve(at.host, std::to_string(at.port), tcp::resolver::passive, error);
        if (error || found.empty()) return fmt::format("cannot listen on {}: the host name cannot be resolved", wanted);
        endpoint = found.begin()->endpoint();
    }
    std::unique_ptr<Listener> listener(new Listener(worker, std::move(contexts), max_connections));
    auto& acceptor = listener->acceptor_;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fmt::format("cannot listen on {}: {}", wanted, error.message());
    listener->address_ = printed(acceptor.local_endpoint(error));
    listener->tls_ = std::move(tls);
    return listener;
}

void Listener::start() { asio::co_spawn(worker_.io, accept_all(), asio::detached); }

void Listener::close() {
    error_code ignored;
    acceptor_.close(ignored);
}

asio::awaitable<void> Listener::accept_all() {
    while (acceptor_.is_open()) {
        SessionContext* context = contexts_[next_++ % contexts_.size()];
        if (context->stats.connections >= static_cast<std::int64_t>(max_connections_)) {
            co_await make_room();
            continue;
        }
        auto [error, socket] = co_await acceptor_.async_accept(context->worker.io, asio::as_tuple(asio::use_awaitable));
        if (error == asio::error::operation_aborted) break;
        if (error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system ||
            error == boost::system::errc::not_enough_memory || error == asio::error::no_buffer_space) {
            context->stats.reject("no_descriptors");
            co_await make_room();
            continue;
        }
        if (error) continue;  // the client was gone before it was accepted
        hand_over(context, std::move(socket), tls_);
    }
}

asio::awaitable<void> Listener::make_room() {
    for (SessionContext* context : contexts_)
        asio::post(context->worker.io, [context] { context->shed(shed_at_once); });
    asio::steady_timer timer(worker_.io, accept_pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace b24gate::server
