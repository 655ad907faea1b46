#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <thread>

#include <b24gate/net/worker.hpp>
#include <b24gate/upstream/https_client.hpp>
#include <b24gate/upstream/resolver.hpp>

#include "admin_door.hpp"

namespace b24gate::app {
namespace {

namespace asio = boost::asio;
using core::Clock;

constexpr auto patience = std::chrono::seconds(70);
constexpr std::size_t largest_answer = 64ull << 20;

class Port final : public AdminDoor {
public:
    Port(upstream::Target target, core::Secret key)
        : target_(std::move(target)),
          key_(std::move(key)),
          worker_(0),
          resolver_(worker_),
          client_(worker_, resolver_, upstream::Endpoint{target_, nullptr, std::chrono::seconds(5)}, {}) {
        worker_.start_sweeping();
    }

    boost::system::result<Answer, std::string> ask(std::string_view path, const boost::json::object* body) override {
        const std::string text = body == nullptr ? std::string() : boost::json::serialize(*body);
        const upstream::Exchange exchange = exchange_for(path, body == nullptr ? "GET" : "POST", text);
        if (exchange.transport != bitrix::Transport::replied)
            return boost::system::result<Answer, std::string>(
                boost::system::in_place_error,
                fmt::format("the admin port at {} gave no answer: {}", target_.origin, exchange.detail));
        Answer out;
        out.status = exchange.status;
        boost::system::error_code error;
        boost::json::value value = boost::json::parse(exchange.body, error);
        if (error || !value.is_object() || exchange.rest)
            return boost::system::result<Answer, std::string>(
                boost::system::in_place_error,
                fmt::format("what answers at {} is no b24gate: HTTP {}", target_.origin, exchange.status));
        out.body = std::move(value.get_object());
        return boost::system::result<Answer, std::string>(std::move(out));
    }

    void pause(std::chrono::milliseconds time) override { std::this_thread::sleep_for(time); }

    /// Whether somebody listens; nullopt: there is other trouble, which `ask` will tell.
    bool nobody() {
        const upstream::Exchange exchange = exchange_for("/healthz", "GET", {});
        return exchange.transport == bitrix::Transport::not_sent && exchange.error == bitrix::TransportError::connect;
    }

private:
    upstream::Exchange exchange_for(std::string_view path, std::string_view method, const std::string& body) {
        upstream::OutgoingRequest request;
        request.head =
            fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nAuthorization: Bearer {}\r\n",
                        method, path, target_.host_header, key_.reveal());
        if (method == "POST")
            request.head += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
        request.head += "\r\n";
        request.body = body;
        request.deadline = Clock::now() + patience;
        request.buffer_limit = largest_answer;
        std::optional<upstream::Exchange> out;
        std::exception_ptr failure;
        asio::co_spawn(worker_.io, client_.send(std::move(request)),
                       [&](std::exception_ptr error, upstream::Exchange exchange) {
                           failure = error;
                           out.emplace(std::move(exchange));
                       });
        while (!out) worker_.io.run_one();
        if (failure) std::rethrow_exception(failure);
        return *std::move(out);
    }

    const upstream::Target target_;
    const core::Secret key_;
    net::Worker worker_;
    upstream::Resolver resolver_;
    upstream::HttpsClient client_;
};

}  // namespace

std::string admin_url(const config::Admin& admin) {
    if (!admin.listen) return {};
    std::string host = admin.listen->host;
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return fmt::format("http://{}:{}", host, admin.listen->port);
}

PortDoor open_port(const std::string& url, core::Secret key) {
    PortDoor out;
    out.url = url;
    auto target = upstream::parse_target(url);
    if (!target) {
        out.error = fmt::format("{}: {}", url, target.error());
    } else if (target->tls) {
        out.error = fmt::format("{}: the admin port speaks plain HTTP; write http://", url);
    } else {
        auto port = std::make_unique<Port>(*std::move(target), std::move(key));
        if (!port->nobody()) out.door = std::move(port);
    }
    return out;
}

}  // namespace b24gate::app
