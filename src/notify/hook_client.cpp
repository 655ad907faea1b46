#include <b24gate/notify/hook_client.hpp>

#include <utility>

#include <b24gate/core/clock.hpp>
#include <b24gate/observe/mask.hpp>
#include <b24gate/upstream/https_client.hpp>

namespace b24gate::notify {
namespace {

namespace asio = boost::asio;
using core::Clock;

/// Of an answer: what a person may want to read of it.
constexpr std::size_t longest_answer = 16 * 1024;
/// Paths that are shorter hold no secret.
constexpr std::size_t shortest_secret_path = 8;

using Place = boost::system::result<HookPlace, std::string>;

/// Error pages like to repeat what was asked for.
std::string without_path(std::string body, std::string_view path) {
    if (path.size() < shortest_secret_path) return body;
    for (std::size_t at = 0; (at = body.find(path, at)) != std::string::npos; at += observe::Masker::mask.size())
        body.replace(at, path.size(), observe::Masker::mask);
    return body;
}

}  // namespace

Place parse_hook(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return Place(boost::system::in_place_error, "the address has no scheme");
    const std::size_t end = url.find_first_of("/?", scheme + 3);
    auto target = upstream::parse_target(url.substr(0, end));
    if (!target) return Place(boost::system::in_place_error, target.error());
    HookPlace out;
    out.target = *std::move(target);
    if (end != std::string_view::npos) out.path = url.substr(end);
    if (!out.path.starts_with('/')) out.path.insert(0, 1, '/');
    for (const char c : out.path)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            return Place(boost::system::in_place_error, "the address has a character that none may have");
    return Place(std::move(out));
}

HookClient::HookClient(net::Worker& worker) : worker_(worker), resolver_(worker, &askers_) {}

boost::system::result<std::shared_ptr<net::TlsClientContext>, std::string> HookClient::context(const std::string& ca) {
    if (const auto known = contexts_.find(ca); known != contexts_.end()) return known->second;
    auto made = net::TlsClientContext::make(ca);
    if (made) contexts_.emplace(ca, *made);
    return made;
}

asio::awaitable<HookAnswer> HookClient::send(Request request) {
    HookAnswer out;
    const auto place = parse_hook(request.url.reveal());
    if (!place) {
        out.trouble = place.error();
        co_return out;
    }
    upstream::Endpoint endpoint;
    endpoint.target = place->target;
    endpoint.connect_timeout = request.timeout;
    if (place->target.tls) {
        auto tls = context(request.ca);
        if (!tls) {
            out.trouble = tls.error();
            co_return out;
        }
        endpoint.tls = *tls;
    }
    upstream::OutgoingRequest message;
    message.head = (request.body.empty() ? "GET " : "POST ") + place->path +
                   " HTTP/1.1\r\nHost: " + place->target.host_header +
                   "\r\nUser-Agent: b24gate/" B24GATE_VERSION "\r\n";
    for (const auto& [name, value] : request.fields) message.head += name + ": " + value + "\r\n";
    if (!request.body.empty())
        message.head +=
            "Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
    message.head += "Connection: close\r\n\r\n";
    message.body = request.body;
    message.deadline = Clock::now() + request.timeout;
    message.read_timeout = request.timeout;
    message.buffer_limit = longest_answer;
    upstream::PoolLimits one;
    one.max_connections = 1;
    upstream::HttpsClient client(worker_, resolver_, std::move(endpoint), one);
    const upstream::Exchange exchange = co_await client.send(std::move(message));
    if (exchange.transport == bitrix::Transport::replied) {
        out.status = exchange.status;
        out.retry_after = exchange.field("retry-after");
        out.body = without_path(exchange.body, place->path);
    } else {
        out.trouble = exchange.detail;
    }
    co_return out;
}

void HookClient::close() {
    askers_.stop();
    askers_.join();
}

}  // namespace b24gate::notify
