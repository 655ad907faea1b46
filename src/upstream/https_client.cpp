#include <b24gate/upstream/https_client.hpp>

#include <boost/asio/awaitable.hpp>

#include <map>

#include <b24gate/net/flat_buffer.hpp>
#include <b24gate/net/http_guard.hpp>
#include <b24gate/net/stream.hpp>

#include "../net/beast_parser.hpp"

namespace b24gate::upstream {
namespace {

namespace asio = boost::asio;
using bitrix::Transport;
using bitrix::TransportError;
using boost::system::error_code;
using core::Clock;
using core::Errc;
using core::TimePoint;

using Parser = net::ChunkParser<false>;

constexpr std::size_t max_answer_head = 64 * 1024;
constexpr std::size_t read_size = 16 * 1024;
constexpr int max_interim_answers = 8;
/// Head and body up to this go out as one piece.
constexpr std::size_t join_limit = 16 * 1024;
constexpr std::size_t max_chunk_line = 16 * 1024;

TransportError kind_of(error_code error) {
    if (error == Errc::read_timeout || error == Errc::write_timeout) return TransportError::timeout;
    if (error == Errc::truncated || error == Errc::end_of_stream) return TransportError::truncated;
    return TransportError::reset;
}

}  // namespace

struct HttpsClient::Connection {
    Connection(net::Worker& worker, std::shared_ptr<net::TlsSessionCache> cache)
        : stream(asio::ip::tcp::socket(worker.io), worker.sweeper), sessions(std::move(cache)) {}

    net::Stream stream;
    std::shared_ptr<net::TlsSessionCache> sessions;  ///< OpenSSL may hand over a session as long as the stream lives
    net::FlatBuffer buffer;

    // the message that is being read
    net::Head head;
    std::vector<net::Field> fields;  ///< views into the buffer
    std::size_t head_size = 0;
    std::unique_ptr<Parser> chunk_parser;
    std::uint64_t left = 0;  ///< of a body with a length
    enum class Framing { none, length, chunked, until_close } framing = Framing::none;
    bool body_done = false;
};

struct HttpsClient::State {
    State(net::Worker& w, Resolver& r, Endpoint e, PoolLimits s)
        : worker(w),
          resolver(r),
          endpoint(std::make_shared<const Endpoint>(std::move(e))),
          pool(s),
          sessions(std::make_shared<net::TlsSessionCache>()) {}

    net::Worker& worker;
    Resolver& resolver;
    std::shared_ptr<const Endpoint> endpoint;
    Pool pool;
    std::shared_ptr<net::TlsSessionCache> sessions;
    std::map<Pool::Id, std::unique_ptr<Connection>> idle;
    ClientStats stats;
};

namespace {

using Connection = HttpsClient::Connection;
using State = HttpsClient::State;

/// Closes what the pool has decided to close.
void close_collected(State& state) {
    for (const Pool::Id id : state.pool.to_close()) {
        const auto found = state.idle.find(id);
        if (found == state.idle.end()) continue;
        found->second->stream.close();
        state.idle.erase(found);
    }
}

/// A connection that is out of the pool. Whatever happens to its holder, the pool learns the end of it.
class Leased {
public:
    Leased(std::shared_ptr<State> state, Pool::Id id, std::unique_ptr<Connection> connection)
        : state_(std::move(state)), id_(id), connection_(std::move(connection)) {}
    Leased(Leased&&) = default;
    Leased& operator=(Leased&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(id_, other.id_);
        std::swap(connection_, other.connection_);
        return *this;
    }
    ~Leased() {
        if (!state_) return;
        connection_->stream.abort();
        state_->pool.failed(id_);
    }

    void give_back() {
        connection_->stream.expires_never();
        connection_->buffer.shrink(4 * read_size);
        connection_->chunk_parser.reset();
        const auto state = std::move(state_);
        if (state->pool.give_back(id_, Clock::now(), true))
            state->idle[id_] = std::move(connection_);
        else
            connection_->stream.close();
        close_collected(*state);
    }

    Connection* operator->() const noexcept { return connection_.get(); }

private:
    std::shared_ptr<State> state_;
    Pool::Id id_;
    std::unique_ptr<Connection> connection_;
};

asio::awaitable<error_code> fill(Connection& c) {
    c.buffer.reserve(read_size);
    const auto length = co_await c.stream.read_some(c.buffer.free_begin(), c.buffer.free_size());
    if (!length) co_return length.error();
    c.buffer.commit(*length);
    co_return error_code{};
}

/// Reads one final answer head into c.head and c.fields. `any` tells whether a byte of an answer came.
asio::awaitable<error_code> read_head(Connection& c, bool& any) {
    for (int interim = 0; interim <= max_interim_answers; ++interim) {
        std::size_t looked_at = 0;
        for (;;) {
            if (!c.buffer.empty()) {
                any = true;
                const net::HeadEnd end = net::find_head_end(c.buffer.view(), looked_at);
                if (end.violation || end.size > max_answer_head || c.buffer.size() > 2 * max_answer_head)
                    co_return Errc::bad_message;
                if (end.size != 0) {
                    c.head_size = end.size;
                    break;
                }
                if (c.buffer.size() > max_answer_head) co_return Errc::header_too_large;
                looked_at = c.buffer.size() > 3 ? c.buffer.size() - 3 : 0;
            }
            if (const auto error = co_await fill(c)) co_return error;
        }
        const std::string_view raw = c.buffer.view().substr(0, c.head_size);
        c.fields.clear();
        if (net::check_answer_head(raw, c.head, &c.fields) || c.head.status == 101) co_return Errc::bad_message;
        if (c.head.status >= 200) co_return error_code{};
        c.buffer.consume(c.head_size);
    }
    co_return Errc::bad_message;
}

void begin_body(Connection& c, bool expects_body) {
    using Framing = Connection::Framing;
    c.body_done = false;
    if (!expects_body || c.head.status == 204 || c.head.status == 304) {
        c.framing = Framing::none;
        c.body_done = true;
    } else if (c.head.chunked) {
        c.framing = Framing::chunked;
    } else if (c.head.content_length) {
        c.framing = Framing::length;
        c.left = *c.head.content_length;
        c.body_done = c.left == 0;
    } else {
        c.framing = Framing::until_close;
    }
}

/// Appends what comes next of the body to `out`; sets body_done at its end.
asio::awaitable<error_code> read_body(Connection& c, std::string& out) {
    using Framing = Connection::Framing;
    for (;;) {
        const std::size_t before = out.size();
        if (c.framing == Framing::chunked) {
            std::size_t used = 0;
            const auto progress = c.chunk_parser->chunks(c.buffer.view(), out, used);
            c.buffer.consume(used);
            if (progress == Parser::Progress::bad || c.buffer.size() > max_chunk_line + read_size)
                co_return Errc::bad_message;
            c.body_done = progress == Parser::Progress::done;
        } else {
            const std::size_t take = c.framing == Framing::length
                                         ? static_cast<std::size_t>(std::min<std::uint64_t>(c.left, c.buffer.size()))
                                         : c.buffer.size();
            out.append(c.buffer.view().substr(0, take));
            c.buffer.consume(take);
            c.left -= c.framing == Framing::length ? take : 0;
            c.body_done = c.framing == Framing::length && c.left == 0;
        }
        if (c.body_done || out.size() != before) co_return error_code{};
        const auto error = co_await fill(c);
        if (error == Errc::end_of_stream && c.framing == Framing::until_close) {
            c.body_done = true;
            co_return error_code{};
        }
        if (error) co_return error == Errc::end_of_stream ? error_code(Errc::truncated) : error;
    }
}

/// Whether the connection can carry another exchange: asked to stay, body at its end, not a byte too many.
bool reusable(const Connection& c) {
    return c.head.keep_alive && c.framing != Connection::Framing::until_close && c.body_done && c.buffer.empty();
}

/// The rest of a body that is too long to be held.
class StreamedBody final : public server::BodySource {
public:
    StreamedBody(Leased connection, core::Duration timeout) : connection_(std::move(connection)), timeout_(timeout) {}

    asio::awaitable<core::Result<std::string_view>> read() override {
        piece_.clear();
        if (done_) co_return std::string_view{};
        auto& c = *connection_.operator->();
        c.stream.expires_at(Clock::now() + timeout_, Errc::read_timeout);
        if (const auto error = co_await read_body(c, piece_)) co_return error;
        if (c.body_done) {
            done_ = true;
            if (reusable(c)) connection_.give_back();
        }
        co_return std::string_view(piece_);
    }

private:
    Leased connection_;
    core::Duration timeout_;
    std::string piece_;
    bool done_ = false;
};

Exchange failed(Transport transport, TransportError error, std::string detail) {
    Exchange exchange;
    exchange.transport = transport;
    exchange.error = error;
    exchange.detail = std::move(detail);
    return exchange;
}

/// Connects and shakes hands. nullptr: `failure` says why; nothing has been sent then.
asio::awaitable<std::unique_ptr<Connection>> open(std::shared_ptr<State> state, TimePoint deadline, Exchange& failure) {
    const std::shared_ptr<const Endpoint> endpoint = state->endpoint;
    const TimePoint until = std::min(deadline, Clock::now() + endpoint->connect_timeout);
    core::Result<Endpoints> found = endpoint->addresses;
    if (found->empty()) found = co_await state->resolver.resolve(endpoint->target.host, endpoint->target.port, until);
    if (!found) {
        failure = failed(Transport::not_sent, TransportError::resolve,
                         endpoint->target.host + ": " + found.error().message());
        co_return nullptr;
    }
    error_code error = Errc::connect_failed;
    for (std::size_t i = 0; i < found->size(); ++i) {
        const TimePoint now = Clock::now();
        if (now >= until) break;
        auto connection = std::make_unique<Connection>(state->worker, state->sessions);
        // Every address gets a fair share of the time that is left, so that a dead one cannot use it all up.
        connection->stream.expires_at(now + (until - now) / static_cast<long>(found->size() - i),
                                      Errc::connect_timeout);
        ++state->stats.connects;
        error = co_await connection->stream.connect((*found)[i]);
        if (error) {
            ++state->stats.connect_failures;
            continue;
        }
        if (endpoint->tls) {
            std::string detail;
            connection->stream.expires_at(until, Errc::handshake_timeout);
            error = co_await connection->stream.tls_connect(*endpoint->tls, endpoint->target.host, *state->sessions,
                                                            detail);
            if (error) {
                ++state->stats.connect_failures;
                failure = failed(Transport::not_sent, TransportError::tls,
                                 endpoint->target.host + ": " + error.message() +
                                     (detail.empty() ? std::string() : " (" + detail + ")"));
                co_return nullptr;
            }
            ++state->stats.tls_handshakes;
            if (connection->stream.resumed()) ++state->stats.tls_resumed;
        }
        co_return connection;
    }
    failure = failed(Transport::not_sent, TransportError::connect, endpoint->target.host + ": " + error.message());
    co_return nullptr;
}

/// A kept connection that is still alive.
std::optional<Leased> take_idle(const std::shared_ptr<State>& state, Lease& leased, bool fresh) {
    for (;;) {
        leased = state->pool.lease(Clock::now(), fresh ? Pool::Want::fresh : Pool::Want::any);
        close_collected(*state);
        if (leased.kind != Lease::Kind::reuse) return std::nullopt;
        auto node = state->idle.extract(leased.id);
        if (!node.empty() && node.mapped()->stream.peek() == net::Stream::Peek::nothing)
            return Leased(state, leased.id, std::move(node.mapped()));
        // Closed by the portal meanwhile, or it sent something that nobody asked for: the next caller would take it for
        // the answer, however short a while ago the last one ended.
        state->pool.give_back(leased.id, Clock::now(), true);
        state->pool.peer_closed(leased.id);
    }
}

/// A new connection in the place that the pool has given.
asio::awaitable<std::optional<Leased>> open_leased(std::shared_ptr<State> state, Lease leased, TimePoint deadline,
                                                   Exchange& failure) {
    if (leased.kind == Lease::Kind::wait) {
        failure = failed(Transport::not_sent, TransportError::connect, "all connections to the portal are in use");
        co_return std::nullopt;
    }
    auto connection = co_await open(state, deadline, failure);
    if (!connection) {
        state->pool.failed(leased.id);
        co_return std::nullopt;
    }
    state->pool.opened(leased.id, Clock::now());
    co_return Leased(state, leased.id, std::move(connection));
}

/// Head and body as they go out: in one piece where that is cheap.
struct Outgoing {
    std::string joined;
    std::string_view first, second;

    explicit Outgoing(const OutgoingRequest& request) : first(request.head), second(request.body) {
        if (second.empty() || second.size() > join_limit) return;
        joined.reserve(first.size() + second.size());
        joined += first;
        joined += second;
        first = joined;
        second = {};
    }
};

asio::awaitable<error_code> write_rest(Connection& c, std::string_view first, std::string_view second) {
    if (!first.empty())
        if (const auto error = co_await c.stream.write(first)) co_return error;
    if (!second.empty()) co_return co_await c.stream.write(second);
    co_return error_code{};
}

/// Reads the answer until it is complete or longer than the buffer limit.
asio::awaitable<error_code> read_answer(Connection& c, const OutgoingRequest& request, Exchange& exchange, bool& any) {
    c.stream.expires_at(request.deadline, Errc::read_timeout);
    if (const auto error = co_await read_head(c, any)) co_return error;
    const std::string_view raw = c.buffer.view().substr(0, c.head_size);
    exchange.head.assign(raw.begin(), raw.end());
    const std::string_view kept(exchange.head.data(), exchange.head.size());
    exchange.fields = c.fields;
    net::rebase(exchange.fields, raw.data(), kept.data());
    if (c.head.chunked && request.expects_body) {
        c.chunk_parser = std::make_unique<Parser>();
        if (!c.chunk_parser->head(kept)) co_return Errc::bad_message;
    }
    exchange.status = c.head.status;
    exchange.length = c.head.chunked ? std::nullopt : c.head.content_length;
    c.buffer.consume(c.head_size);
    begin_body(c, request.expects_body);
    while (!c.body_done && exchange.body.size() <= request.buffer_limit)
        if (const auto error = co_await read_body(c, exchange.body)) co_return error;
    co_return error_code{};
}

}  // namespace

HttpsClient::HttpsClient(net::Worker& worker, Resolver& resolver, Endpoint endpoint, PoolLimits pool)
    : state_(std::make_shared<State>(worker, resolver, std::move(endpoint), pool)) {}

HttpsClient::~HttpsClient() { close_idle(); }

asio::awaitable<Exchange> HttpsClient::send(OutgoingRequest request) {
    const std::shared_ptr<State> state = state_;
    Exchange exchange;
    Lease place;
    auto leased = take_idle(state, place, request.fresh);
    exchange.reused = leased.has_value();
    if (!leased) leased = co_await open_leased(state, place, request.deadline, exchange);
    if (!leased) co_return exchange;
    Connection& c = *leased->operator->();
    c.stream.reset_written();
    c.stream.expires_at(request.deadline, Errc::write_timeout);
    Outgoing outgoing(request);
    error_code write_error = c.stream.write_now(outgoing.first);
    if (!write_error && !(outgoing.first.empty() && outgoing.second.empty()))
        write_error = co_await write_rest(c, outgoing.first, outgoing.second);
    // The kernel has all of it, so the portal may act on it.
    const bool sent = c.stream.written() == request.head.size() + request.body.size();
    if (write_error && c.stream.written() == 0)
        co_return failed(Transport::not_sent, TransportError::reset, write_error.message());
    // A portal that refuses a long body early answers and closes: the answer counts, not the broken write.
    if (write_error && write_error != Errc::write_timeout && c.stream.peek() != net::Stream::Peek::data) {
        co_return failed(sent ? Transport::sent_no_reply : Transport::not_sent, kind_of(write_error),
                         write_error.message());
    }
    if (write_error == Errc::write_timeout)
        co_return failed(sent ? Transport::sent_no_reply : Transport::not_sent, TransportError::timeout,
                         write_error.message());
    bool any = false;
    if (const auto error = co_await read_answer(c, request, exchange, any)) {
        TransportError kind = kind_of(error);
        if (error == Errc::bad_message || error == Errc::header_too_large) kind = TransportError::bad_message;
        if (!any && kind == TransportError::truncated) kind = TransportError::reset;
        const bool was_reused = exchange.reused;
        exchange = failed(sent ? Transport::sent_no_reply : Transport::not_sent, kind, error.message());
        exchange.reused = was_reused;
        co_return exchange;
    }
    exchange.transport = Transport::replied;
    if (!c.body_done) {
        exchange.rest = std::make_unique<StreamedBody>(std::move(*leased), request.read_timeout);
    } else if (sent && reusable(c)) {
        leased->give_back();
    }
    co_return exchange;
}

void HttpsClient::move_to(Endpoint endpoint) {
    state_->endpoint = std::make_shared<const Endpoint>(std::move(endpoint));
    state_->sessions = std::make_shared<net::TlsSessionCache>();
    close_idle();
}

void HttpsClient::configure(PoolLimits pool) {
    state_->pool.set_limits(pool);
    close_collected(*state_);
}

void HttpsClient::expire(TimePoint now) {
    state_->pool.expire(now);
    close_collected(*state_);
}

void HttpsClient::close_idle() {
    state_->pool.retire();
    close_collected(*state_);
}

ClientStats HttpsClient::stats() const {
    ClientStats stats = state_->stats;
    stats.pool = state_->pool.counters();
    stats.idle = state_->pool.idle();
    stats.open = state_->pool.size();
    return stats;
}

}  // namespace b24gate::upstream
