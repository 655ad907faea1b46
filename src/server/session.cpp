#include <b24gate/server/session.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include <b24gate/net/flat_buffer.hpp>
#include <b24gate/net/http_guard.hpp>
#include <b24gate/net/stream.hpp>
#include <b24gate/server/request_id.hpp>
#include <b24gate/server/response_writer.hpp>

#include "../net/beast_parser.hpp"

namespace b24gate::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using core::Clock;
using core::Errc;

/// Up to this a body is read into the connection's own buffer, behind its head; a larger one gets memory of its own.
constexpr std::size_t small_body = 64 * 1024;
constexpr std::size_t read_size = 16 * 1024;
constexpr std::size_t first_buffer = 4 * 1024;
/// What a chunked body may cost beside its data: chunk lines and trailers.
constexpr std::size_t max_chunk_line = 16 * 1024;
constexpr std::size_t chunk_overhead_factor = 16;
/// After a refusal the rest of the request is read and thrown away for so long, or the client would see a reset
/// instead of the answer.
constexpr auto linger_time = std::chrono::seconds(2);
constexpr std::size_t linger_bytes = 4 * 1024 * 1024;

using Parser = net::ChunkParser<true>;

}  // namespace

class Session final : public Drainable, private Connection {
public:
    Session(SessionContext& context, asio::ip::tcp::socket socket, std::shared_ptr<net::TlsServerContext> tls)
        : context_(context),
          stream_(std::move(socket), context.worker.sweeper),
          tls_(std::move(tls)),
          debt_(Debt{false, Clock::now()}) {
        error_code ignored;
        const auto remote = stream_.socket().remote_endpoint(ignored);
        peer_ = remote.address().to_string();
        ++context_.stats.connections;
        context_.sessions.push_back(*this);
    }

    ~Session() {
        --context_.stats.connections;
        release_memory();
    }

    asio::awaitable<void> run() {
        co_await serve_all();
        if (broken_)
            stream_.abort();
        else
            stream_.close();
    }

    [[nodiscard]] bool idle() const noexcept override { return idle_; }
    [[nodiscard]] std::optional<Debt> debt() const noexcept override { return debt_; }
    void cancel() noexcept override { stream_.cancel(); }

private:
    /// How one step of the conversation ended.
    enum class Step { go_on, close };

    asio::awaitable<void> serve_all() {
        if (tls_) {
            stream_.expires_at(Clock::now() + context_.limits->header_timeout, Errc::handshake_timeout);
            if (co_await stream_.tls_accept(*tls_)) {
                context_.stats.reject("tls_handshake");
                co_return;
            }
        }
        for (bool first = true;; first = false) {
            if (co_await read_head(first) == Step::close) co_return;
            if (co_await read_body() == Step::close) co_return;
            if (co_await answer() == Step::close) co_return;
            end_request();
        }
    }

    asio::awaitable<Step> read_head(bool first) {
        const auto limits = context_.limits;  // one request, one set of limits
        limits_ = limits.get();
        held_limits_ = limits;
        std::size_t looked_at = 0;
        bool started = !buffer_.empty();
        idle_ = !started;
        debt_ = Debt{false, Clock::now()};
        if (idle_ && context_.draining && !first) co_return Step::close;
        stream_.expires_at(Clock::now() + (started || first ? limits_->header_timeout : limits_->idle_timeout),
                           Errc::idle_timeout);
        for (;;) {
            if (started) {
                if (looked_at == 0 && buffer_.view().starts_with("\r\n")) buffer_.consume(2);
                if (static_cast<unsigned char>(buffer_.view().empty() ? 0 : buffer_.view()[0]) == 0x16)
                    co_return co_await refuse(400, "tls_on_plain_port");
                const net::HeadEnd end = net::find_head_end(buffer_.view(), looked_at);
                if (end.violation) co_return co_await refuse(end.violation->status, end.violation->reason);
                if (end.size != 0 && end.size <= limits_->max_header) {
                    head_size_ = end.size;
                    break;
                }
                if (end.size != 0 || buffer_.size() > limits_->max_header) {
                    const bool in_first_line = buffer_.view().find('\n') == std::string_view::npos ||
                                               buffer_.view().find('\n') > limits_->max_header;
                    co_return co_await refuse(in_first_line ? 414 : 431, in_first_line ? "target_size" : "header_size");
                }
                // The last three bytes are looked at again: an empty line may have been cut there.
                looked_at = buffer_.size() > 3 ? buffer_.size() - 3 : 0;
            }
            buffer_.reserve(buffer_.empty() ? first_buffer : read_size);
            const auto length = co_await stream_.read_some(buffer_.free_begin(), buffer_.free_size());
            if (!length) co_return co_await head_failed(length.error(), started);
            received(*length);
            if (!started && !buffer_.empty()) {
                started = true;
                idle_ = false;
                debt_->since = Clock::now();
                stream_.expires_at(Clock::now() + limits_->header_timeout, Errc::read_timeout);
            }
        }
        read_at_ = head_view().data();
        request_.fields.clear();
        if (const auto violation = net::check_request_head(head_view(), head_, &request_.fields))
            co_return co_await refuse(violation->status, violation->reason);
        head_only_ = head_.method == "HEAD";
        co_return Step::go_on;
    }

    asio::awaitable<Step> head_failed(error_code error, bool started) {
        if (!started) co_return Step::close;  // an idle connection ended: nobody is owed anything
        if (error == Errc::read_timeout) co_return co_await refuse(408, "header_timeout");
        context_.stats.reject(error == Errc::end_of_stream || error == Errc::truncated ? "cut_off" : "read_error");
        co_return Step::close;
    }

    asio::awaitable<Step> read_body() {
        debt_ = Debt{true, Clock::now()};
        const bool large = head_.chunked || head_.content_length.value_or(0) > small_body;
        if (head_.content_length.value_or(0) > limits_->max_body) co_return co_await refuse(413, "body_size");
        if (large || head_.expect_continue) {
            place_head();
            if (auto refusal = context_.handler.refuse_early(request_)) {
                context_.stats.reject("early");
                co_return co_await write_and_close(std::move(*refusal));
            }
        }
        if (head_.expect_continue && buffer_.size() == head_size_ &&
            (head_.chunked || head_.content_length.value_or(0) > 0)) {
            if (co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n")) co_return Step::close;
        }
        if (head_.chunked || head_.content_length.value_or(0) != 0)
            stream_.expires_at(Clock::now() + limits_->body_timeout, Errc::read_timeout);
        if (head_.chunked) co_return co_await read_chunked();
        body_in_buffer_ = head_.content_length.value_or(0);
        if (large) co_return co_await read_large(*head_.content_length);
        if (body_in_buffer_ > read_size && !take_memory(body_in_buffer_)) co_return co_await refuse(503, "body_memory");
        while (buffer_.size() < head_size_ + body_in_buffer_) {
            buffer_.reserve(std::max(read_size, head_size_ + body_in_buffer_ - buffer_.size()));
            const auto length = co_await stream_.read_some(buffer_.free_begin(), buffer_.free_size());
            if (!length) co_return co_await body_failed(length.error());
            received(*length);
        }
        place_head();
        request_.body = buffer_.view().substr(head_size_, body_in_buffer_);
        co_return Step::go_on;
    }

    asio::awaitable<Step> read_large(std::uint64_t size) {
        body_in_buffer_ = std::min<std::uint64_t>(size, buffer_.size() - head_size_);
        if (!take_memory(size)) co_return co_await refuse(503, "body_memory");
        body_.assign(buffer_.view().substr(head_size_, body_in_buffer_));
        while (body_.size() < size) {
            // Grown as it arrives: a Content-Length alone takes no memory.
            const std::size_t old = body_.size();
            const std::size_t step = std::min<std::uint64_t>(size - old, std::max<std::size_t>(old, small_body));
            body_.resize(old + step);
            const auto length = co_await stream_.read_some(body_.data() + old, step);
            body_.resize(old + (length ? *length : 0));
            if (!length) co_return co_await body_failed(length.error());
            context_.stats.bytes_received += *length;
        }
        place_head();
        request_.body = body_;
        co_return Step::go_on;
    }

    asio::awaitable<Step> read_chunked() {
        Parser parser;
        if (!parser.head(head_view())) co_return co_await refuse(400, "malformed");
        std::uint64_t raw = 0;
        for (;;) {
            std::size_t used = 0;
            const auto progress = parser.chunks(buffer_.view().substr(head_size_), body_, used);
            buffer_.erase(head_size_, used);
            raw += used;
            if (progress == Parser::Progress::bad) co_return co_await refuse(400, "chunk");
            // What the chunk claims counts as well: nobody is made to wait for a body that will be refused.
            if (body_.size() > limits_->max_body || parser.chunk_size() > limits_->max_body)
                co_return co_await refuse(413, "body_size");
            if (!take_memory(body_.size())) co_return co_await refuse(503, "body_memory");
            if (raw > max_chunk_line + chunk_overhead_factor * body_.size() ||
                buffer_.size() - head_size_ > max_chunk_line + read_size)
                co_return co_await refuse(400, "chunk_overhead");
            if (progress == Parser::Progress::done) break;
            buffer_.reserve(read_size);
            const auto length = co_await stream_.read_some(buffer_.free_begin(), read_size);
            if (!length) co_return co_await body_failed(length.error());
            received(*length);
        }
        body_in_buffer_ = 0;
        place_head();
        request_.body = body_;
        co_return Step::go_on;
    }

    asio::awaitable<Step> body_failed(error_code error) {
        if (error == Errc::read_timeout) co_return co_await refuse(408, "body_timeout");
        context_.stats.reject(error == Errc::end_of_stream || error == Errc::truncated ? "cut_off" : "read_error");
        co_return Step::close;
    }

    /// The head as views into the buffer, wherever that is by now. Called when it moves no more.
    void place_head() {
        const char* const now_at = head_view().data();
        net::rebase(request_.fields, read_at_, now_at);
        request_.method = head_.method = net::rebased(head_.method, read_at_, now_at);
        request_.target = head_.target = net::rebased(head_.target, read_at_, now_at);
        request_.host = head_.host = net::rebased(head_.host, read_at_, now_at);
        read_at_ = now_at;
        if (!request_.target.starts_with('/')) {  // absolute-form: its authority outranks the Host field (RFC 9112)
            request_.target.remove_prefix(request_.target.find("//") + 2);
            const std::size_t path = request_.target.find_first_of("/?");
            request_.host = request_.target.substr(0, path);
            request_.target = path == std::string_view::npos || request_.target[path] == '?'
                                  ? std::string_view("/")
                                  : request_.target.substr(path);
        }
        request_.peer = peer_;
        request_.tls = tls_ != nullptr;
        request_.keep_alive = head_.keep_alive;
        if (request_.id.empty()) request_.id = request_id(request_.field("x-request-id"));
    }

    asio::awaitable<Step> answer() {
        debt_.reset();
        stream_.expires_never();  // while it is handled, the handler's own deadline counts
        Response response = co_await handle();
        unwatch_hangup();
        co_return co_await write(std::move(response));
    }

    /// An exception here is a bug or the end of memory: the client is told, the connection ends, the gateway goes on.
    asio::awaitable<Response> handle() {
        try {
            co_return co_await context_.handler.handle(request_, *this);
        } catch (const std::exception&) {
            context_.stats.reject("exception");
        }
        Response response = context_.handler.refusal(500, "internal", request_.id);
        response.close = true;
        co_return response;
    }

    asio::awaitable<Step> write(Response response) {
        const bool keep_alive = head_.keep_alive && !response.close && !context_.draining;
        const Framing framing = framing_of(response, head_.minor_version);
        out_.clear();
        append_head(out_, response, framing, persistence(keep_alive && framing != Framing::until_close),
                    std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
        const bool with_body = !head_only_;
        if (with_body && !response.stream) out_ += response.body;
        stream_.expires_at(Clock::now() + limits_->write_timeout, Errc::write_timeout);
        if (with_body && response.stream) {
            if (co_await write_stream(*response.stream, framing, response.stream_length) == Step::close)
                co_return Step::close;
        } else {
            // The common answer goes out in one piece and without waiting.
            std::string_view rest = out_;
            const auto error = stream_.write_now(rest);
            context_.stats.bytes_sent += out_.size() - rest.size();
            if (error || (!rest.empty() && co_await stream_.write(rest))) co_return Step::close;
            context_.stats.bytes_sent += rest.size();
        }
        if (keep_alive && framing != Framing::until_close) co_return Step::go_on;
        co_return co_await linger();
    }

    [[nodiscard]] Persistence persistence(bool keep_alive) const noexcept {
        if (!keep_alive) return Persistence::close;
        return head_.minor_version == 0 ? Persistence::keep_alive_http10 : Persistence::keep_alive;
    }

    asio::awaitable<Step> write_stream(BodySource& source, Framing framing, std::optional<std::uint64_t> length) {
        std::uint64_t sent = 0;
        for (;;) {
            stream_.expires_never();
            const auto piece = co_await source.read();
            if (!piece || (length && sent + piece->size() > *length)) {
                // Never present a part as the whole: the terminator is left out and the connection broken.
                broken_ = true;
                co_return Step::close;
            }
            stream_.expires_at(Clock::now() + limits_->write_timeout, Errc::write_timeout);
            if (piece->empty()) break;
            sent += piece->size();
            if (framing == Framing::chunked) {
                append_chunk(out_, *piece);
            } else if (out_.empty()) {
                context_.stats.bytes_sent += piece->size();
                if (co_await stream_.write(*piece)) co_return Step::close;
                continue;
            } else {
                out_ += *piece;
            }
            if (co_await flush()) co_return Step::close;
        }
        if (length && sent != *length) {
            broken_ = true;
            co_return Step::close;
        }
        if (framing == Framing::chunked) out_ += last_chunk;
        if (co_await flush()) co_return Step::close;
        co_return Step::go_on;
    }

    asio::awaitable<error_code> flush() {
        if (out_.empty()) co_return error_code{};
        const auto error = co_await stream_.write(out_);
        context_.stats.bytes_sent += out_.size();
        out_.clear();
        co_return error;
    }

    asio::awaitable<Step> refuse(unsigned status, std::string_view reason) {
        context_.stats.reject(reason);
        Response response = context_.handler.refusal(status, reason, request_id({}));
        co_return co_await write_and_close(std::move(response));
    }

    asio::awaitable<Step> write_and_close(Response response) {
        response.close = true;
        head_.keep_alive = false;
        co_return co_await write(std::move(response));
    }

    asio::awaitable<Step> linger() {
        debt_ = Debt{false, core::TimePoint::min()};  // the first to make room: it has had its answer
        error_code ignored;
        if (!stream_.is_tls()) stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        stream_.expires_at(Clock::now() + linger_time, Errc::read_timeout);
        buffer_.consume(buffer_.size());
        buffer_.reserve(read_size);
        for (std::size_t thrown_away = 0; thrown_away < linger_bytes;) {
            if (stream_.is_tls() && stream_.peek() == net::Stream::Peek::nothing && thrown_away == 0) break;
            const auto length = co_await stream_.read_some(buffer_.free_begin(), buffer_.free_size());
            if (!length) break;
            thrown_away += *length;
        }
        co_return Step::close;
    }

    void end_request() {
        buffer_.consume(std::min(buffer_.size(), head_size_ + body_in_buffer_));
        buffer_.shrink(small_body);
        body_ = {};
        release_memory();
        std::vector<net::Field> fields = std::move(request_.fields);  // for its memory
        fields.clear();
        request_ = Request{};
        request_.fields = std::move(fields);
        head_size_ = body_in_buffer_ = 0;
        head_only_ = false;
    }

    void watch_hangup(std::function<void()> callback) override {
        watch_ = std::make_shared<std::function<void()>>(std::move(callback));
        arm_watch();
    }

    void arm_watch() {
        stream_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                    [this, watch = std::weak_ptr(watch_)](error_code error) {
                                        const auto callback = watch.lock();
                                        if (!callback || error) return;  // unwatched, perhaps the session is gone
                                        switch (stream_.peek()) {
                                            case net::Stream::Peek::closed: (*callback)(); break;
                                            case net::Stream::Peek::nothing: arm_watch(); break;
                                            case net::Stream::Peek::data: break;  // pipelined: it is still there
                                        }
                                    });
    }

    void unwatch_hangup() override {
        if (!watch_) return;
        watch_.reset();
        error_code ignored;
        stream_.socket().cancel(ignored);
    }

    [[nodiscard]] std::string_view head_view() const noexcept { return buffer_.view().substr(0, head_size_); }

    void received(std::size_t length) {
        buffer_.commit(length);
        context_.stats.bytes_received += length;
    }

    /// Makes the share of this session `size` bytes; false when the process holds too much already.
    bool take_memory(std::uint64_t size) {
        if (size <= memory_) return true;
        const std::uint64_t more = size - memory_;
        if (context_.memory.used.fetch_add(more) + more > context_.memory.limit) {
            context_.memory.used -= more;
            return false;
        }
        memory_ = size;
        return true;
    }
    void release_memory() {
        if (memory_ != 0) context_.memory.used -= memory_;
        memory_ = 0;
    }

    SessionContext& context_;
    net::Stream stream_;
    std::shared_ptr<net::TlsServerContext> tls_;
    std::optional<Debt> debt_;
    std::string peer_;
    std::shared_ptr<const config::Server> held_limits_;
    const config::Server* limits_ = nullptr;
    net::FlatBuffer buffer_;
    std::size_t head_size_ = 0;
    std::size_t body_in_buffer_ = 0;
    net::Head head_;
    const char* read_at_ = nullptr;  ///< where the head stood when it was read
    Request request_;
    std::string body_;
    std::string out_;
    std::uint64_t memory_ = 0;
    std::shared_ptr<std::function<void()>> watch_;
    bool head_only_ = false;
    bool idle_ = true;
    bool broken_ = false;
};

namespace {

asio::awaitable<void> run(std::unique_ptr<Session> session) { co_await session->run(); }

}  // namespace

void PortStats::reject(std::string_view reason) {
    const std::lock_guard lock(mutex_);
    ++rejected_[std::string(reason)];
}

std::map<std::string, std::uint64_t> PortStats::rejected() const {
    const std::lock_guard lock(mutex_);
    return rejected_;
}

SessionContext::SessionContext(net::Worker& w, Handler& h, PortStats& s, BodyMemory& m,
                               std::shared_ptr<const config::Server> l)
    : worker(w), handler(h), stats(s), memory(m), limits(std::move(l)) {}

SessionContext::~SessionContext() = default;

void SessionContext::drain() {
    draining = true;
    for (Drainable& session : sessions)
        if (session.idle()) session.cancel();
}

void SessionContext::shed(std::size_t most) {
    std::vector<std::pair<Drainable::Debt, Drainable*>> debtors;
    for (Drainable& session : sessions)
        if (const auto debt = session.debt()) debtors.emplace_back(*debt, &session);
    const std::size_t count = std::min(most, debtors.size());
    std::partial_sort(debtors.begin(), debtors.begin() + static_cast<std::ptrdiff_t>(count), debtors.end(),
                      [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < count; ++i) {
        stats.reject("shed");
        debtors[i].second->cancel();
    }
}

void SessionContext::cancel_all() {
    draining = true;
    for (Drainable& session : sessions) session.cancel();
}

void serve(SessionContext& context, asio::ip::tcp::socket socket, std::shared_ptr<net::TlsServerContext> tls) {
    ++context.stats.accepted;
    auto session = std::make_unique<Session>(context, std::move(socket), std::move(tls));
    asio::co_spawn(context.worker.io, run(std::move(session)), asio::detached);
}

}  // namespace b24gate::server
