#include <b24gate/gateway/operation_janitor.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <map>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using observe::Level;
using storage::OperationState;
using namespace std::chrono_literals;

constexpr core::Duration count_every = 5s, clean_every = 1min, unblock_every = 10min;
constexpr core::Duration store_patience = 10s;
/// Small bites with room between them: those who wait for the store go first.
constexpr unsigned chunk = 500;
constexpr core::Duration chunk_pause = 200ms;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

using States = std::array<std::int64_t, storage::operation_state_count>;

}  // namespace

OperationJanitor::OperationJanitor(net::Worker& worker, storage::OperationStore& store, observe::Log& log,
                                   observe::GateMetrics& metrics)
    : worker_(worker), store_(store), log_(log), metrics_(metrics) {}

void OperationJanitor::use(std::shared_ptr<const config::Config> config) {
    asio::post(worker_.io, [this, config = std::move(config)] {
        config_ = config;
        for (const auto& [portal, settings] : config_->portals) shown_.insert(portal);
    });
}

void OperationJanitor::start() {
    asio::post(worker_.io, [this] { asio::co_spawn(worker_.io, run(), asio::detached); });
}

void OperationJanitor::stop() {
    asio::post(worker_.io, [this] {
        stopping_ = true;
        if (sleep_ != nullptr) sleep_->end();
    });
}

asio::awaitable<void> OperationJanitor::run() {
    core::TimePoint next_clean = Clock::now(), next_unblock = next_clean;
    do {
        // What failed is not tried again before its next turn: the store is in trouble.
        co_await show_counts();
        co_await show_oldest();
        if (!stopping_ && Clock::now() >= next_clean) {
            while (co_await clean_up() && co_await pause(chunk_pause)) {
            }
            next_clean = Clock::now() + clean_every;
        }
        if (!stopping_ && Clock::now() >= next_unblock) {
            co_await unblock();
            next_unblock = Clock::now() + unblock_every;
        }
    } while (co_await pause(count_every));
}

/// False: there is a stop.
asio::awaitable<bool> OperationJanitor::pause(core::Duration length) {
    if (stopping_) co_return false;
    net::Sleep sleep(worker_, Clock::now() + length);
    sleep_ = &sleep;
    co_await sleep.wait();
    sleep_ = nullptr;
    co_return !stopping_;
}

asio::awaitable<void> OperationJanitor::show_counts() {
    const auto counts = co_await store_.counts(patience());
    if (!counts) {
        store_failed("counts", counts.error());
        co_return;
    }
    std::map<std::string, States> sums;
    for (const std::string& portal : shown_) sums[portal] = {};
    for (const auto& entry : *counts) sums[entry.portal].at(static_cast<std::size_t>(entry.state)) += entry.count;
    for (const auto& [portal, states] : sums) {
        shown_.insert(portal);
        for (std::size_t i = 0; i < states.size(); ++i)
            metrics_.operations.with({portal, to_string(static_cast<OperationState>(i))})
                .set(static_cast<double>(states[i]));
    }
}

asio::awaitable<void> OperationJanitor::show_oldest() {
    const auto oldest = co_await store_.oldest(patience());
    if (!oldest) {
        store_failed("oldest", oldest.error());
        co_return;
    }
    const auto seconds = [](storage::UnixMs at) { return static_cast<double>(at) / 1000; };
    metrics_.operation_oldest.with({"pending"}).set(seconds(oldest->pending));
    metrics_.operation_oldest.with({"held"}).set(seconds(oldest->held));
    metrics_.callback_oldest.with({}).set(seconds(oldest->callback));
}

/// True: there may be more.
asio::awaitable<bool> OperationJanitor::clean_up() {
    const config::Operations& settings = config_->operations;
    const auto gone =
        co_await store_.cleanup(settings.keep_succeeded.count(), settings.keep_failed.count(), chunk, patience());
    if (!gone) {
        store_failed("cleanup", gone.error());
        co_return false;
    }
    if (*gone != 0) log_.event(Level::info, "operations_cleaned", {{"dropped", *gone}});
    co_return *gone != 0;
}

asio::awaitable<void> OperationJanitor::unblock() {
    const auto strays = co_await store_.unblock_strays(patience());
    if (!strays) {
        store_failed("unblock_strays", strays.error());
        co_return;
    }
    if (*strays != 0) log_.event(Level::error, "operations_unblocked", {{"strays", *strays}});
}

void OperationJanitor::store_failed(std::string_view what, const storage::Failure& failure) {
    log_.event(Level::warn, "store_failed", {{"what", what}, {"error", failure.message}});
}

}  // namespace b24gate::gateway
