#include <b24gate/notify/notifier.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <b24gate/alerts/alert_rows.hpp>
#include <b24gate/alerts/message.hpp>
#include <b24gate/net/busy.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::notify {
namespace {

namespace asio = boost::asio;
using alerts::Alert;
using alerts::Delivery;
using alerts::State;
using config::AlertChannel;
using core::Clock;
using observe::Level;
using namespace std::chrono_literals;

constexpr core::Duration store_patience = 5s;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

/// A gateway that is silent for so long has gone.
std::int64_t report_ms(const config::Alerts& settings) { return (4 * settings.interval + 10s).count(); }
/// Whoever dies in the middle of a message keeps the others waiting for so long.
std::int64_t lease_ms(const config::Alerts& settings) {
    return (2 * settings.interval + settings.timeout + 5s).count();
}

bool dead_or_held(storage::OperationState state) {
    return state == storage::OperationState::dead || state == storage::OperationState::held;
}

}  // namespace

Notifier::Notifier(Parts parts, const config::Config& config)
    : parts_(std::move(parts)),
      worker_(parts_.state.worker),
      channels_(worker_, parts_.state, parts_.log, parts_.metrics, parts_.name),
      responsible_(worker_, channels_, parts_.log, parts_.metrics, busy_),
      watch_(parts_.name, config.store.url, parts_.metrics, Clock::now()) {}

void Notifier::use(std::shared_ptr<const gateway::Snapshot> snapshot) {
    responsible_.use(snapshot);
    asio::post(worker_.io, [this, snapshot = std::move(snapshot)] {
        snapshot_ = snapshot;
        channels_.reconfigured();
        // What was wrong may have been mended; what is gone is forgotten.
        std::erase_if(health_, [&](const auto& entry) { return !settings().channels.contains(entry.first); });
        for (auto& [name, health] : health_) health.forgive();
        for (const auto& [name, channel] : settings().channels)
            for (const std::string_view result : {"sent", "failed", "refused"})
                parts_.metrics.notifications.with({name, result});
    });
}

void Notifier::start() {
    asio::post(worker_.io, [this] { asio::co_spawn(worker_.io, run(), asio::detached); });
}

void Notifier::stop() {
    channels_.stop();
    asio::post(worker_.io, [this] {
        stopping_ = true;
        if (sleep_ != nullptr) sleep_->end();
        channels_.recall();
        asio::co_spawn(worker_.io, leave(), asio::detached);
    });
}

std::vector<Alert> Notifier::own_alerts() const {
    const std::lock_guard lock(mutex_);
    return shown_own_;
}

void Notifier::test(std::string channel, std::function<void(std::optional<Delivery>)> done) {
    asio::post(worker_.io, [this, channel = std::move(channel), done = std::move(done)]() mutable {
        asio::co_spawn(worker_.io, test_channel(std::move(channel), std::move(done)), asio::detached);
    });
}

asio::awaitable<void> Notifier::test_channel(std::string channel, std::function<void(std::optional<Delivery>)> done) {
    const net::Busy busy(busy_);
    const std::shared_ptr<const config::Config> config = snapshot_->config;
    const auto found = config->alerts.channels.find(channel);
    if (found == config->alerts.channels.end()) {
        done(std::nullopt);
        co_return;
    }
    AlertChannel copy = found->second;
    Delivery out = co_await channels_.test(config, std::move(copy));
    count(channel, to_string(out.kind));
    done(std::move(out));
}

asio::awaitable<void> Notifier::run() {
    while (!stopping_) {
        const core::TimePoint next = Clock::now() + settings().interval;
        if (settings().enabled) co_await look();
        if (stopping_) co_return;
        net::Sleep sleep(worker_, std::max(next, Clock::now() + 10ms));
        sleep_ = &sleep;
        co_await sleep.wait();
        sleep_ = nullptr;
    }
}

asio::awaitable<void> Notifier::look() {
    const net::Busy busy(busy_);
    const alerts::UnixMs wall = core::unix_ms();
    alerts::Facts facts = watch_.look(*snapshot_, Clock::now(), wall);
    for (const auto& [name, health] : health_) facts.channels.push_back(health.facts(name));
    std::string text = to_json(facts);
    auto turn = co_await parts_.store.alerts().take_turn(parts_.instance, std::move(text), report_ms(settings()),
                                                         lease_ms(settings()), patience());
    if (stopping_) co_return;
    judge_store(turn ? std::string() : turn.error().message);
    if (!turn) {
        // Who cannot prolong the turn must take it for lost.
        all_.reset();
    } else {
        store_ahead_ = turn->board.now - core::unix_ms();
        show(turn->board);
        if (turn->mine) {
            const alerts::UnixMs now = turn->board.now;
            storage::AlertTurn mine = *std::move(turn);
            co_await look_after(std::move(mine), now);
        } else {
            all_.reset();
        }
    }
    if (stopping_) co_return;
    responsible_.tell();
    if (all_ && !beating_ && !settings().heartbeat_url.empty() && Clock::now() >= next_beat_)
        asio::co_spawn(worker_.io, beat(), asio::detached);
}

/// The store is judged by each gateway for itself: while it is away nobody judges for all.
void Notifier::judge_store(const std::string& error) {
    const alerts::UnixMs now = core::unix_ms();
    std::vector<alerts::Condition> conditions;
    conditions.push_back(alerts::judge_store(parts_.name, error));
    log_news(own_.step(settings(), conditions, now));
    {
        const std::lock_guard lock(mutex_);
        shown_own_ = own_.alerts();
    }
    dispatch(own_.alerts(), {}, now, true);
}

asio::awaitable<void> Notifier::look_after(storage::AlertTurn turn, alerts::UnixMs now) {
    if (!all_ || fence_ != turn.fence) {
        std::vector<Alert> known;
        written_.clear();
        for (storage::AlertRow& row : turn.board.alerts) {
            auto alert = alerts::of_row(row);
            // Of a newer version's rules: they are its own.
            if (!alert) continue;
            known.push_back(*std::move(alert));
            std::string id = row.id;
            written_.insert_or_assign(std::move(id), std::move(row));
        }
        all_.emplace(std::move(known));
        fence_ = turn.fence;
    }
    const auto counts = co_await parts_.store.operations().counts(patience());
    if (!all_) co_return;
    alerts::StoreFacts store;
    if (counts) {
        store.dead_or_held = 0;
        for (const auto& entry : *counts)
            if (dead_or_held(entry.state)) *store.dead_or_held += entry.count;
    }
    const std::vector<alerts::Facts> facts = facts_of(turn.board);
    log_news(all_->step(settings(), judge(settings(), facts, store, now), now));
    const bool saved = co_await save();
    if (saved && all_) dispatch(all_->alerts(), turn.board.silences, now, false);
}

std::vector<alerts::Facts> Notifier::facts_of(const storage::AlertBoard& board) const {
    std::vector<alerts::Facts> out;
    for (const storage::AlertReport& report : board.reports)
        if (auto facts = alerts::parse_facts(report.facts)) out.push_back(*std::move(facts));
    return out;
}

/// One at a time, so that what is older is not written last. False: it is not our turn any more, or the store does not
/// answer.
asio::awaitable<bool> Notifier::save() {
    const net::Busy busy(busy_);
    if (saving_) {
        save_again_ = true;
        co_return true;
    }
    saving_ = true;
    bool saved = true;
    do {
        save_again_ = false;
        saved = co_await save_differences();
    } while (saved && save_again_ && all_);
    saving_ = false;
    co_return saved;
}

/// What differs from what the store has.
asio::awaitable<bool> Notifier::save_differences() {
    const std::int64_t fence = fence_;
    std::vector<storage::AlertRow> changed;
    std::vector<std::string> gone;
    std::map<std::string, storage::AlertRow> now;
    for (const Alert& alert : all_->alerts()) {
        storage::AlertRow row = to_row(alert);
        const auto known = written_.find(row.id);
        if (known == written_.end() || known->second.more != row.more || known->second.state != row.state)
            changed.push_back(row);
        std::string id = row.id;
        now.insert_or_assign(std::move(id), std::move(row));
    }
    for (const auto& [id, row] : written_)
        if (!now.contains(id)) gone.push_back(id);
    if (changed.empty() && gone.empty()) co_return true;
    const auto saved = co_await parts_.store.alerts().save_alerts(parts_.instance, fence, std::move(changed),
                                                                  std::move(gone), patience());
    // It was lost and has come again in the meantime, and everything was read anew.
    if (fence != fence_) co_return false;
    if (saved && *saved) {
        written_ = std::move(now);
        co_return true;
    }
    if (!saved)
        parts_.log.event(Level::warn, "store_failed", {{"what", "save_alerts"}, {"error", saved.error().message}});
    // Read anew when the turn comes again: what is written down counts.
    all_.reset();
    co_return false;
}

void Notifier::dispatch(const std::vector<Alert>& alerts, const std::vector<storage::Silence>& silences,
                        alerts::UnixMs now, bool own) {
    const core::TimePoint clock = Clock::now();
    for (alerts::Notice& notice : plan(settings(), alerts, silences, now)) {
        if (stopping_ || sending_.contains(notice.channel) || !health_[notice.channel].may_send(clock)) continue;
        sending_.insert(notice.channel);
        asio::co_spawn(worker_.io, send(std::move(notice), own), asio::detached);
    }
}

/// One message at a time through each channel; what else there is to say is planned again at the next look.
asio::awaitable<void> Notifier::send(alerts::Notice notice, bool own) {
    const net::Busy busy(busy_);
    const std::int64_t fence = fence_;
    const std::shared_ptr<const config::Config> config = snapshot_->config;
    const auto channel = config->alerts.channels.find(notice.channel);
    if (channel != config->alerts.channels.end()) {
        AlertChannel copy = channel->second;
        alerts::Notice sent = notice;
        const Delivery delivery = co_await channels_.send(config, std::move(copy), std::move(sent));
        health_[notice.channel].note(delivery, Clock::now(), core::unix_ms());
        count(notice.channel, to_string(delivery.kind));
        if (delivery.kind != Delivery::Kind::sent) {
            parts_.log.event(Level::warn, "alert_not_sent",
                             {{"channel", notice.channel},
                              {"rule", to_string(notice.rule)},
                              {"error", delivery.error},
                              {"permanent", delivery.kind == Delivery::Kind::permanent}});
        } else if (own) {
            note_told(own_.alerts(), notice, delivery.reference, core::unix_ms());
        } else if (all_ && fence_ == fence) {
            note_told(all_->alerts(), notice, delivery.reference, core::unix_ms() + store_ahead_);
            // At once: whoever takes over now must not tell it again.
            static_cast<void>(co_await save());
        }
    }
    sending_.erase(notice.channel);
}

asio::awaitable<void> Notifier::beat() {
    beating_ = true;
    next_beat_ = Clock::now() + settings().heartbeat_interval;
    const Delivery delivery = co_await channels_.beat(snapshot_->config);
    count("(heartbeat)", to_string(delivery.kind));
    if (delivery.kind != Delivery::Kind::sent)
        parts_.log.event(Level::warn, "heartbeat_failed", {{"error", delivery.error}});
    beating_ = false;
}

/// Behind the last message: the next one to look after the alerts is to know what was told.
asio::awaitable<void> Notifier::leave() {
    const net::Busy busy(busy_);
    for (const core::TimePoint end = Clock::now() + settings().timeout; !sending_.empty() && Clock::now() < end;) {
        net::Sleep sleep(worker_, Clock::now() + 20ms);
        co_await sleep.wait();
    }
    all_.reset();
    static_cast<void>(co_await parts_.store.alerts().leave(parts_.instance, patience()));
}

void Notifier::log_news(const std::vector<Alert>& news) {
    for (const Alert& alert : news)
        parts_.log.event(alert.state == State::firing ? Level::warn : Level::info, "alert_state",
                         {{"rule", to_string(alert.rule)},
                          {"subject", alert.subject},
                          {"state", to_string(alert.state)},
                          {"severity", to_string(alert.severity)},
                          {"value", alert.value},
                          {"threshold", alert.threshold},
                          {"note", alert.note}});
}

void Notifier::show(const storage::AlertBoard& board) {
    std::array<std::array<unsigned, 2>, config::alert_rule_count> counts{};
    const auto add = [&](config::AlertRule rule, std::string_view state) {
        if (state == to_string(State::pending)) ++counts[static_cast<std::size_t>(rule)][0];
        if (state == to_string(State::firing)) ++counts[static_cast<std::size_t>(rule)][1];
    };
    for (const storage::AlertRow& row : board.alerts)
        if (const auto rule = alerts::parse_rule(row.rule)) add(*rule, row.state);
    for (const Alert& alert : own_.alerts()) add(alert.rule, to_string(alert.state));
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const std::string_view rule = to_string(static_cast<config::AlertRule>(i));
        parts_.metrics.alerts.with({rule, "pending"}).set(counts[i][0]);
        parts_.metrics.alerts.with({rule, "firing"}).set(counts[i][1]);
    }
}

}  // namespace b24gate::notify
