#include <b24gate/gateway/callback_sender.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <b24gate/access/addresses.hpp>
#include <b24gate/core/random.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/net/busy.hpp>
#include <b24gate/operations/callback_message.hpp>
#include <b24gate/operations/retry_schedule.hpp>
#include <b24gate/tokens/lease_owner.hpp>
#include <b24gate/upstream/https_client.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;
using observe::Level;
using storage::CallbackEnd;
using namespace std::chrono_literals;

/// Another gateway may have put something into the store.
constexpr core::Duration poll_interval = 1s;
constexpr core::Duration store_patience = 5s, store_retry_least = 200ms, store_retry_most = 10s;
/// Behind the wait for a place and the sending: to write down what came of it.
constexpr core::Duration lease_margin = 20s;
/// Of an answer's body: it says nothing to us.
constexpr std::size_t longest_answer = 4096;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

/// A number of seconds; a date is not looked at: the schedule will do.
std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
    text = core::trim(text);
    std::int64_t seconds = 0;
    if (!core::is_digits(text) || text.size() > 9) return std::nullopt;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return std::chrono::seconds(seconds);
}

upstream::Endpoint endpoint_of(const operations::CallbackUrl& url, upstream::Endpoints addresses,
                               std::shared_ptr<net::TlsClientContext> tls, core::Duration timeout) {
    upstream::Endpoint out;
    out.target.tls = url.tls;
    out.target.host = url.host;
    out.target.port = url.port;
    out.target.host_header = url.host_header;
    out.target.origin = url.origin;
    if (url.tls) out.tls = std::move(tls);
    out.connect_timeout = timeout;
    out.addresses = std::move(addresses);
    return out;
}

upstream::PoolLimits one_connection() {
    upstream::PoolLimits limits;
    limits.max_connections = 1;
    return limits;
}

/// The first one that nothing may be sent to; empty: all are good. One bad address spoils the name: which of them is
/// connected to is chance.
std::string closed_address(const upstream::Endpoints& addresses) {
    for (const auto& endpoint : addresses) {
        std::string text = endpoint.address().to_string();
        if (!access::is_public_address(text)) return text;
    }
    return {};
}

}  // namespace

CallbackSender::CallbackSender(net::Worker& worker, storage::OperationStore& store, observe::Log& log,
                               observe::GateMetrics& metrics)
    : worker_(worker),
      store_(store),
      log_(log),
      metrics_(metrics),
      owner_(to_text(tokens::this_process())),
      resolver_(worker, &askers_) {
    for (const std::string_view result : {"delivered", "refused", "unreachable", "forbidden", "given_up"})
        metrics_.callbacks.with({result});
}

void CallbackSender::use(std::shared_ptr<const config::Config> config) {
    asio::post(worker_.io, [this, config = std::move(config)] {
        config_ = config;
        vault_ = operations::OperationVault(
            core::KeyRing(config_->store.encryption_key, config_->store.old_encryption_keys));
        // Made anew: the system's authorities may be others by now.
        auto tls = net::TlsClientContext::make("");
        if (tls)
            tls_ = *tls;
        else
            log_.event(Level::error, "callback_tls", {{"error", tls.error()}});
    });
}

void CallbackSender::start() {
    asio::post(worker_.io, [this] { asio::co_spawn(worker_.io, run(), asio::detached); });
}

void CallbackSender::wake() {
    if (waking_.exchange(true)) return;
    asio::post(worker_.io, [this] {
        waking_ = false;
        if (sleep_ != nullptr && wakeable_)
            sleep_->end();
        else
            woken_ = true;
    });
}

void CallbackSender::stop() {
    asio::post(worker_.io, [this] {
        stopping_ = true;
        if (sleep_ != nullptr) sleep_->end();
        for (const std::int64_t number : lanes_.take_waiting()) {
            auto job = jobs_.extract(number);
            asio::co_spawn(worker_.io, postpone(std::move(job.mapped().due), 0ms, job.mapped().lease_end),
                           asio::detached);
        }
    });
}

void CallbackSender::close() {
    askers_.stop();
    askers_.join();
}

asio::awaitable<void> CallbackSender::run() {
    core::Duration retry = store_retry_least;
    while (!stopping_) {
        const std::size_t room = lanes_.room();
        const auto taken = co_await take();
        if (!taken) {
            co_await pause(retry, false);
            retry = std::min(retry * 2, store_retry_most);
            continue;
        }
        retry = store_retry_least;
        lanes_.forget(Clock::now());
        // As many as there was room for: there may be more.
        if (room != 0 && *taken == room && lanes_.room() != 0) continue;
        if (!std::exchange(woken_, false)) co_await pause(poll_interval, true);
    }
}

asio::awaitable<void> CallbackSender::pause(core::Duration length, bool wakeable) {
    if (stopping_) co_return;
    net::Sleep sleep(worker_, Clock::now() + length);
    sleep_ = &sleep;
    wakeable_ = wakeable;
    co_await sleep.wait();
    sleep_ = nullptr;
}

/// How many came; nullopt: the store could not be asked.
asio::awaitable<std::optional<std::size_t>> CallbackSender::take() {
    const std::size_t room = lanes_.room();
    if (room == 0 || !config_ || !vault_.usable()) co_return std::size_t{0};
    const net::Busy busy(busy_);
    const core::Duration lease = lease_margin + config_->operations.callback_timeout;
    const TimePoint lease_end = Clock::now() + lease;
    auto leased = co_await store_.lease_callbacks(owner_, static_cast<unsigned>(room), core::to_ms(lease), patience());
    if (!leased) {
        log_.event(Level::warn, "store_failed", {{"what", "lease_callbacks"}, {"error", leased.error().message}});
        co_return std::nullopt;
    }
    for (auto& due : *leased) dispatch(std::move(due), lease_end);
    co_return leased->size();
}

void CallbackSender::dispatch(storage::DueCallback due, TimePoint lease_end) {
    if (stopping_) {
        asio::co_spawn(worker_.io, postpone(std::move(due), 0ms, lease_end), asio::detached);
        return;
    }
    const auto text = vault_.open_callback(due.operation.id, due.url);
    // Once more by the rules of today: what was allowed when it was handed over need not be so any more.
    auto url = text ? operations::parse_callback_url(text->reveal(), config_->operations)
                    : boost::system::result<operations::CallbackUrl, std::string>(
                          std::string("it was sealed with a key that is not here, or is damaged"));
    if (!url) {
        Sent none;
        none.trouble = url.error();
        none.forbidden = true;
        asio::co_spawn(worker_.io, judge(std::move(due), "", std::move(none), lease_end), asio::detached);
        return;
    }
    const std::int64_t number = due.number;
    const auto verdict = lanes_.admit(url->origin, number, Clock::now(), core::random_fraction());
    if (verdict.kind == operations::CallbackLanes::Kind::postpone) {
        asio::co_spawn(worker_.io, postpone(std::move(due), verdict.pause, lease_end), asio::detached);
        return;
    }
    jobs_.insert_or_assign(number, Job{std::move(due), *std::move(url), lease_end});
    if (verdict.kind == operations::CallbackLanes::Kind::send)
        asio::co_spawn(worker_.io, deliver(number), asio::detached);
}

/// This one, and then those that wait for its place.
asio::awaitable<void> CallbackSender::deliver(std::int64_t number) {
    const net::Busy busy(busy_);
    for (std::optional<std::int64_t> next = number; next;) {
        auto node = jobs_.extract(*next);
        Job& job = node.mapped();
        const TimePoint begun = Clock::now();
        const std::string origin = job.url.origin;
        std::optional<core::Duration> took;
        if (begun + config_->operations.callback_timeout + store_patience > job.lease_end) {
            // It has waited for longer than it was to: another one may take it before it has ended.
            co_await postpone(std::move(job.due), 1s, job.lease_end);
        } else {
            Sent sent = co_await send(job);
            took = Clock::now() - begun;
            co_await judge(std::move(job.due), origin, std::move(sent), job.lease_end);
        }
        next = lanes_.finished(origin, took);
    }
    // A place for those that the store still has.
    if (sleep_ != nullptr && wakeable_ && lanes_.held() == 0) sleep_->end();
}

asio::awaitable<CallbackSender::Sent> CallbackSender::send(const Job& job) {
    Sent out;
    const std::shared_ptr<const config::Config> config = config_;
    const config::Operations& settings = config->operations;
    const TimePoint deadline = Clock::now() + settings.callback_timeout;
    const auto found = co_await resolver_.resolve(job.url.host, job.url.port, deadline);
    if (!found) {
        out.trouble = found.error().message();
        co_return out;
    }
    if (const std::string closed = settings.allow_private_callbacks ? "" : closed_address(*found); !closed.empty()) {
        out.forbidden = true;
        out.trouble = "the address " + closed + " is not of the open internet";
        co_return out;
    }
    if (job.url.tls && !tls_) {
        out.trouble = "there are no certificate authorities to verify it with";
        co_return out;
    }
    const std::string body = operations::callback_body(job.due);
    std::vector<core::Secret> secrets;
    secrets.push_back(settings.callback_secret);
    secrets.push_back(settings.old_callback_secret);
    upstream::OutgoingRequest request;
    request.head =
        operations::callback_head(job.url, job.due, body, static_cast<std::int64_t>(core::unix_seconds()), secrets);
    request.body = body;
    request.deadline = deadline;
    request.buffer_limit = longest_answer;
    // The addresses that were looked at, and no other ones: the name may mean something else a moment later.
    upstream::HttpsClient client(worker_, resolver_, endpoint_of(job.url, *found, tls_, settings.callback_timeout),
                                 one_connection());
    const upstream::Exchange exchange = co_await client.send(std::move(request));
    if (exchange.transport == bitrix::Transport::replied) {
        out.status = exchange.status;
        out.retry_after = seconds_of(exchange.field("retry-after"));
    } else {
        out.trouble = exchange.detail;
    }
    co_return out;
}

/// `origin`: empty where the URL may not be looked at.
asio::awaitable<void> CallbackSender::judge(storage::DueCallback due, std::string origin, Sent sent,
                                            TimePoint lease_end) {
    using Kind = operations::CallbackVerdict::Kind;
    const net::Busy busy(busy_);
    const unsigned tries = due.tries + 1;
    const auto verdict = operations::judge_callback(tries, sent.status, sent.retry_after, core::random_fraction());
    CallbackEnd end;
    end.status = sent.status;
    end.pause_ms = verdict.pause.count();
    std::string_view result = sent.forbidden ? "forbidden" : sent.status == 0 ? "unreachable" : "refused";
    if (verdict.kind == Kind::delivered) {
        result = "delivered";
        log_.event(Level::debug, "callback",
                   {{"operation", due.operation.id}, {"to", origin}, {"try", tries}, {"status", sent.status}});
    } else {
        const bool last = verdict.kind == Kind::given_up;
        if (last) result = "given_up";
        end.kind = last ? CallbackEnd::Kind::given_up : CallbackEnd::Kind::again;
        log_.event(last ? Level::error : Level::warn, last ? "callback_given_up" : "callback_failed",
                   {{"operation", due.operation.id},
                    {"client", due.operation.client},
                    {"to", origin},
                    {"try", tries},
                    {"status", sent.status},
                    {"error", sent.trouble},
                    {"next_s", end.pause_ms / 1000}});
    }
    count(result);
    co_await write_down(due.number, due.fence, end, lease_end);
}

asio::awaitable<void> CallbackSender::postpone(storage::DueCallback due, std::chrono::milliseconds pause,
                                               TimePoint lease_end) {
    const net::Busy busy(busy_);
    CallbackEnd end;
    end.kind = CallbackEnd::Kind::postponed;
    end.pause_ms = pause.count();
    co_await write_down(due.number, due.fence, end, lease_end);
}

/// As long as nobody else can have it. What is not written down is sent again when its lease is over.
asio::awaitable<void> CallbackSender::write_down(std::int64_t number, std::int64_t fence, CallbackEnd end,
                                                 TimePoint lease_end) {
    for (core::Duration retry = store_retry_least;; retry = std::min(retry * 2, store_retry_most)) {
        const auto done = co_await store_.finish_callback(number, fence, end, patience());
        if (done) co_return;
        const bool over = stopping_ || Clock::now() + retry >= lease_end;
        log_.event(Level::warn, "store_failed",
                   {{"what", "finish_callback"}, {"error", done.error().message}, {"given_up", over}});
        if (over) co_return;
        net::Sleep sleep(worker_, Clock::now() + retry);
        co_await sleep.wait();
    }
}

}  // namespace b24gate::gateway
