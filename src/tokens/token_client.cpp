#include <b24gate/tokens/token_client.hpp>

#include <utility>

#include <b24gate/net/tls.hpp>
#include <b24gate/upstream/https_client.hpp>

namespace b24gate::tokens {
namespace {

namespace asio = boost::asio;

constexpr auto connect_timeout = std::chrono::seconds(4);
/// Answers of the server are under 1 KiB; what is larger is a page of somebody else.
constexpr std::size_t longest_answer = 64 * 1024;

upstream::PoolLimits one_connection() {
    upstream::PoolLimits limits;
    limits.max_connections = 1;
    return limits;
}

}  // namespace

asio::awaitable<ServerAnswer> TokenClient::ask(upstream::Target target, std::string ca, core::Secret head,
                                               core::Secret body, core::TimePoint deadline) {
    ServerAnswer answer;
    upstream::Endpoint endpoint;
    endpoint.target = std::move(target);
    endpoint.connect_timeout = connect_timeout;
    if (endpoint.target.tls) {
        auto tls = net::TlsClientContext::make(ca);
        if (!tls) {
            answer.error = bitrix::TransportError::tls;
            answer.detail = tls.error();
            co_return answer;
        }
        endpoint.tls = *tls;
    }
    upstream::HttpsClient client(worker_, resolver_, std::move(endpoint), one_connection());
    upstream::OutgoingRequest request;
    request.head = head.reveal();
    request.body = body.reveal();
    request.deadline = deadline;
    request.buffer_limit = longest_answer;
    upstream::Exchange exchange = co_await client.send(std::move(request));
    answer.transport = exchange.transport;
    answer.error = exchange.error;
    answer.status = exchange.status;
    answer.content_type = std::string(exchange.field("content-type"));
    answer.detail = std::move(exchange.detail);
    if (exchange.rest) exchange.body.clear();
    answer.body = core::Secret(std::move(exchange.body));
    co_return answer;
}

}  // namespace b24gate::tokens
