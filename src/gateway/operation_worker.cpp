#include <b24gate/gateway/operation_worker.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <b24gate/gateway/own_call.hpp>
#include <b24gate/server/request_id.hpp>
#include <b24gate/storage/free_space.hpp>
#include <b24gate/tokens/lease_owner.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using core::TimePoint;
using storage::UnixMs;
using namespace std::chrono_literals;

constexpr auto store_patience = 5s;
/// A lease outlives a few prolongations that fail; what a dead gateway had is taken over earlier, for its heart stops.
constexpr std::int64_t lease_ms = 30'000;
constexpr std::int64_t dead_after_ms = 12'000;
constexpr core::Duration beat_interval = 3s, renew_interval = 8s, bounds_interval = 1s, credential_interval = 30s;
/// Others may have handed something over: how often the store is asked without a reason of our own.
constexpr core::Duration poll_interval = 2s;
constexpr core::Duration store_backoff = 1s;
/// So many of one portal are taken out of the store at once: enough to fill batches, few enough to leave the order of
/// the rest open.
constexpr unsigned least_in_hand = 64;
constexpr unsigned most_recovered = 200;
constexpr auto probe_patience = 60s;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

/// A loop that must not end by an accident.
template <class Work>
void spawn(net::Worker& worker, Work work) {
    asio::co_spawn(worker.io, std::move(work), asio::detached);
}

}  // namespace

OperationWorker::OperationWorker(Parts parts)
    : parts_(std::move(parts)), tools_{parts_.desk, parts_.log, parts_.metrics, {}, {}, {}} {
    tools_.due = [this](std::string_view portal, UnixMs when) { due(portal, when); };
    tools_.callback_due = parts_.callback_due;
    tools_.hold = [this](std::string_view portal, core::Duration how_long) {
        const std::lock_guard lock(mutex_);
        const auto found = portals_.find(portal);
        if (found != portals_.end()) found->second.hold_until = Clock::now() + how_long;
    };
}

void OperationWorker::use(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    for (const auto& [name, runtime] : snapshot_->portals) portals_[name];
    std::erase_if(portals_, [this](const auto& each) {
        return each.second.in_hand == 0 && !snapshot_->portals.contains(each.first);
    });
    // A reload may have brought another secret.
    for (auto& [name, at] : portals_) at.look_at = TimePoint{};
    look_at_credentials_ = true;
    wake_up();
}

std::shared_ptr<const Snapshot> OperationWorker::snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

void OperationWorker::start() {
    spawn(parts_.home, serve());
    spawn(parts_.home, keep_alive());
    spawn(parts_.home, watch_credentials());
    spawn(parts_.home, look_at_bounds());
}

void OperationWorker::drain() {
    tools_.stopping = true;
    const std::lock_guard lock(mutex_);
    for (const auto& [id, held] : held_) asio::post(held.worker->io, [run = held.run] { run->recall(); });
}

asio::awaitable<void> OperationWorker::pause(core::Duration how_long) {
    net::Sleep sleep(parts_.home, Clock::now() + how_long);
    static_cast<void>(co_await sleep.wait());
}

// --- what is due ---------------------------------------------------------------------------------------------------

void OperationWorker::due(std::string_view portal, UnixMs when) {
    const auto wait = std::chrono::milliseconds(std::max<std::int64_t>(0, when - core::unix_ms()));
    look(portal, Clock::now() + std::min<core::Duration>(wait, poll_interval));
}

/// The store is asked about that portal then, or earlier.
void OperationWorker::look(std::string_view portal, TimePoint when) {
    const std::lock_guard lock(mutex_);
    const auto found = portals_.find(portal);
    if (found == portals_.end() || found->second.look_at <= when) return;
    found->second.look_at = when;
    wake_up();
}

/// With the mutex held.
void OperationWorker::wake_up() {
    woken_ = true;
    if (sleep_ != nullptr) sleep_->end();
}

unsigned OperationWorker::room(const PortalRuntime& portal) const {
    return std::max(least_in_hand, 2 * portal.config->max_in_flight);
}

/// When that portal is to be asked about; max: it has no room.
TimePoint OperationWorker::next_look(const std::string& portal, const PortalRuntime& runtime) {
    const std::lock_guard lock(mutex_);
    const AtPortal& at = portals_[portal];
    return at.in_hand < room(runtime) ? std::max(at.look_at, at.hold_until) : TimePoint::max();
}

asio::awaitable<void> OperationWorker::serve() {
    while (!tools_.stopping) {
        const auto snapshot = this->snapshot();
        bool store_answers = true;
        for (const auto& [name, runtime] : snapshot->portals) {
            if (tools_.stopping) co_return;
            if (next_look(name, runtime) > Clock::now()) continue;
            store_answers = co_await serve_portal(name, runtime);
            if (!store_answers) break;
        }
        if (!store_answers) {
            co_await pause(store_backoff);
            continue;
        }
        std::optional<net::Sleep> sleep;
        TimePoint next = Clock::now() + poll_interval;
        for (const auto& [name, runtime] : snapshot->portals) next = std::min(next, next_look(name, runtime));
        {
            const std::lock_guard lock(mutex_);
            sleep.emplace(parts_.home, std::exchange(woken_, false) ? Clock::now() : next);
            sleep_ = &*sleep;
        }
        static_cast<void>(co_await sleep->wait());
        const std::lock_guard lock(mutex_);
        sleep_ = nullptr;
    }
}

/// False: the store does not answer.
asio::awaitable<bool> OperationWorker::serve_portal(const std::string& portal, const PortalRuntime& runtime) {
    unsigned wanted = 0;
    {
        const std::lock_guard lock(mutex_);
        AtPortal& at = portals_[portal];
        at.look_at = Clock::now() + poll_interval;
        const unsigned most = room(runtime);
        wanted = most - std::min(most, at.in_hand);
    }
    // What was taken out of the store gives itself back.
    if (wanted == 0 || runtime.portal->paused()) co_return true;
    const TimePoint asked = Clock::now();
    const auto leased =
        co_await parts_.desk.store().lease(portal, wanted, parts_.desk.instance(), lease_ms, patience());
    if (!leased) {
        parts_.log.event(observe::Level::warn, "operations_not_leased",
                         {{"portal", portal}, {"error", leased.error().message}});
        co_return false;
    }
    for (const storage::OperationRecord& record : leased->operations) begin(record, leased->now, asked, false);
    if (leased->operations.size() == wanted) {
        look(portal, Clock::now());
        co_return true;
    }
    const auto next = co_await parts_.desk.store().next_due(portal, patience());
    if (!next) co_return false;
    const UnixMs wait = std::clamp<UnixMs>(*next - leased->now, 0, core::to_ms(poll_interval));
    if (*next != 0) look(portal, Clock::now() + std::chrono::milliseconds(wait));
    co_return true;
}

void OperationWorker::begin(storage::OperationRecord record, UnixMs store_now, TimePoint asked, bool lost) {
    auto lease = std::make_shared<LeaseClock>(asked + std::chrono::milliseconds(lease_ms));
    WorkerState& state = parts_.on(record.portal);
    net::Worker& worker = state.worker;
    const std::string id = record.id;
    const std::int64_t fence = record.fence;
    auto run = std::make_shared<OperationRun>(tools_, state, std::move(record), store_now, lease, lost);
    ++in_hand_in_all_;
    {
        const std::lock_guard lock(mutex_);
        ++portals_[run->portal()].in_hand;
        held_[id] = Held{run, std::move(lease), &worker, fence};
    }
    asio::co_spawn(worker.io, run->run(), [this, run](std::exception_ptr) { done(*run); });
    if (tools_.stopping) asio::post(worker.io, [run] { run->recall(); });
}

void OperationWorker::done(const OperationRun& run) {
    {
        const std::lock_guard lock(mutex_);
        const auto held = held_.find(run.id());
        if (held != held_.end() && held->second.run.get() == &run) held_.erase(held);
        --portals_[run.portal()].in_hand;
    }
    --in_hand_in_all_;
    // There is room now; what waits may be next.
    look(run.portal(), Clock::now());
}

// --- leases --------------------------------------------------------------------------------------------------------

asio::awaitable<void> OperationWorker::keep_alive() {
    TimePoint renew_at = Clock::now() + renew_interval;
    for (;;) {
        const auto beat = co_await parts_.desk.store().heartbeat(parts_.desk.instance(), B24GATE_VERSION, patience());
        if (beat && !tools_.stopping) co_await recover();
        if (Clock::now() >= renew_at) {
            co_await renew();
            renew_at = Clock::now() + renew_interval;
        }
        co_await pause(beat_interval);
    }
}

/// What gateways had that have died: on this host that is seen at once, elsewhere when their heart has stopped.
asio::awaitable<void> OperationWorker::recover() {
    const auto gateways = co_await parts_.desk.store().gateways(patience());
    if (!gateways) co_return;
    std::vector<std::string> dead{{}};
    for (const storage::GatewayRecord& gateway : *gateways) {
        if (gateway.instance == parts_.desk.instance()) continue;
        const auto owner = tokens::parse_lease_owner(gateway.instance);
        if (owner && tokens::is_dead(*owner)) dead.push_back(gateway.instance);
    }
    for (const std::string& owner : dead) {
        const TimePoint asked = Clock::now();
        const auto taken = co_await parts_.desk.store().recover(parts_.desk.instance(), owner, dead_after_ms, lease_ms,
                                                                most_recovered, patience());
        if (!taken) co_return;
        if (!taken->operations.empty())
            parts_.log.event(observe::Level::warn, "operations_recovered", {{"count", taken->operations.size()}});
        for (const storage::OperationRecord& record : taken->operations) begin(record, taken->now, asked, true);
    }
}

asio::awaitable<void> OperationWorker::renew() {
    {
        const std::lock_guard lock(mutex_);
        if (held_.empty()) co_return;
    }
    const TimePoint asked = Clock::now();
    const auto renewed = co_await parts_.desk.store().renew(parts_.desk.instance(), lease_ms, patience());
    if (!renewed) {
        parts_.log.event(observe::Level::warn, "leases_not_renewed", {{"error", renewed.error().message}});
        co_return;
    }
    const TimePoint until = asked + std::chrono::milliseconds(lease_ms);
    const std::lock_guard lock(mutex_);
    for (const storage::Claim& claim : renewed->claims) {
        const auto held = held_.find(claim.id);
        if (held != held_.end() && held->second.fence == claim.fence) held->second.lease->prolong(until);
    }
}

// --- credentials ---------------------------------------------------------------------------------------------------

void OperationWorker::credential_changed(std::string portal, std::string credential) {
    spawn(parts_.home, wake(std::move(portal), std::move(credential)));
}

asio::awaitable<void> OperationWorker::wake(std::string portal, std::string credential) {
    for (;;) {
        const auto woken = co_await parts_.desk.store().wake_credential(portal, credential, patience());
        if (!woken || *woken == 0) co_return;
        parts_.log.event(observe::Level::info, "operations_go_on",
                         {{"portal", portal}, {"credential", credential}, {"count", *woken}});
        look(portal, Clock::now());
    }
}

/// A credential may have been mended by another gateway, or a webhook have been switched on again in the portal, of
/// which nobody tells us.
asio::awaitable<void> OperationWorker::watch_credentials() {
    TimePoint next = Clock::now();
    for (;;) {
        co_await pause(bounds_interval);
        if (tools_.stopping) co_return;
        if (!look_at_credentials_.exchange(false) && Clock::now() < next) continue;
        next = Clock::now() + credential_interval;
        const auto snapshot = this->snapshot();
        for (const auto& [name, runtime] : snapshot->portals)
            for (const auto& [credential, live] : runtime.credentials) {
                using State = tokens::Credential::State;
                const bool bad = live->peek(Clock::now()).state == State::needs_reauth;
                if (bad && live->oauth()) continue;
                if (bad && !co_await probe(name, *credential, snapshot)) continue;
                co_await wake(name, live->name());
            }
    }
}

/// Asks the portal whether it takes a webhook again that it has refused.
asio::awaitable<bool> OperationWorker::probe(std::string portal, const config::Credential& credential,
                                             std::shared_ptr<const Snapshot> snapshot) {
    WorkerState& worker = parts_.on(portal);
    const PortalRuntime& runtime = snapshot->portals.find(portal)->second;
    co_return co_await asio::co_spawn(worker.worker.io, ask_for_the_time(worker, snapshot, runtime, credential),
                                      asio::use_awaitable);
}

asio::awaitable<bool> OperationWorker::ask_for_the_time(WorkerState& worker, std::shared_ptr<const Snapshot> snapshot,
                                                        const PortalRuntime& portal,
                                                        const config::Credential& credential) {
    NoCaller nobody;
    const config::Client client = own_client();
    bitrix::Call call;
    call.method = call.method_lower = "server.time";
    server::Request request;
    request.id = server::request_id({});
    const CallOrder order{worker,
                          *snapshot,
                          parts_.log,
                          request,
                          nobody,
                          call,
                          client,
                          portal,
                          &credential,
                          config::Priority::bulk,
                          core::Deadline{Clock::now() + probe_patience}};
    CallRun run(order);
    const CallReport report = co_await run.run();
    auto& counted = parts_.metrics.requests(observe::no_name, portal.config->name);
    for (unsigned i = 0; i < report.hits; ++i) counted.hit();
    co_return report.outcome.ok();
}

// --- bounds --------------------------------------------------------------------------------------------------------

asio::awaitable<void> OperationWorker::look_at_bounds() {
    for (;;) {
        const auto counts = co_await parts_.desk.store().counts(patience());
        const auto snapshot = this->snapshot();
        const auto free = storage::free_space(snapshot->config->store.url);
        const bool room = !free || *free >= snapshot->config->operations.min_free_disk;
        if (counts) parts_.desk.looked(*counts, room);
        co_await pause(bounds_interval);
    }
}

}  // namespace b24gate::gateway
