// Looks after the alerts: writes down what this gateway has seen, and, while it is this one's turn among all that share
// the store, judges for all, keeps how each alert stands in the store, and tells whoever is to be told. That the store
// itself cannot be used each gateway tells of its own. Its coroutines run on one worker; none is ever waited for by a
// call.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <b24gate/alerts/delivery.hpp>
#include <b24gate/alerts/engine.hpp>
#include <b24gate/alerts/plan.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/notify/channels.hpp>
#include <b24gate/notify/responsible.hpp>
#include <b24gate/notify/watch.hpp>
#include <b24gate/storage/alert_store.hpp>

namespace b24gate::notify {

class Notifier {
public:
    struct Parts {
        gateway::WorkerState& state;  ///< of the worker that everything runs on
        storage::Store& store;
        observe::Log& log;
        observe::GateMetrics& metrics;
        std::string instance;  ///< this process, as other gateways tell it apart
        std::string name;      ///< of this gateway, for people
    };
    /// All of `parts` must outlive the notifier, and the worker stand still before it goes.
    Notifier(Parts parts, const config::Config& config);

    // Any thread.
    /// Before `start`, and after each reload.
    void use(std::shared_ptr<const gateway::Snapshot> snapshot);
    void start();  ///< once
    /// Gives its turn to another gateway. What is under way ends by itself within its time.
    void stop();
    [[nodiscard]] bool busy() const noexcept { return busy_.load(std::memory_order_relaxed) != 0; }
    /// A call has failed: whether somebody is responsible for it.
    void failed(const observe::RecentError& error) { responsible_.failed(error); }
    /// What this gateway alone knows of: its store.
    [[nodiscard]] std::vector<alerts::Alert> own_alerts() const;
    /// Sends a test through that channel. nullopt: there is no such channel. `done` is called once, on any thread.
    void test(std::string channel, std::function<void(std::optional<alerts::Delivery>)> done);

    /// After the worker's thread has ended and before the worker goes.
    void close() { channels_.close(); }

private:
    using Done = boost::asio::awaitable<void>;

    Done run();
    Done look();
    Done look_after(storage::AlertTurn turn, alerts::UnixMs now);
    boost::asio::awaitable<bool> save();
    boost::asio::awaitable<bool> save_differences();
    Done send(alerts::Notice notice, bool own);
    Done beat();
    Done test_channel(std::string channel, std::function<void(std::optional<alerts::Delivery>)> done);
    Done leave();
    void judge_store(const std::string& error);
    void dispatch(const std::vector<alerts::Alert>& alerts, const std::vector<storage::Silence>& silences,
                  alerts::UnixMs now, bool own);
    void log_news(const std::vector<alerts::Alert>& news);
    void show(const storage::AlertBoard& board);
    void count(std::string_view channel, std::string_view result) {
        parts_.metrics.notifications.with({channel, result}).add();
    }
    [[nodiscard]] const config::Alerts& settings() const { return snapshot_->config->alerts; }
    [[nodiscard]] std::vector<alerts::Facts> facts_of(const storage::AlertBoard& board) const;

    Parts parts_;
    net::Worker& worker_;
    Channels channels_;
    std::atomic<int> busy_{0};
    Responsible responsible_;
    mutable std::mutex mutex_;  ///< guards the next one
    std::vector<alerts::Alert> shown_own_;

    // The worker's.
    std::shared_ptr<const gateway::Snapshot> snapshot_;
    Watch watch_;
    alerts::Engine own_;                 ///< of the store
    std::optional<alerts::Engine> all_;  ///< while it is our turn
    std::int64_t fence_ = 0;
    alerts::UnixMs store_ahead_ = 0;                       ///< how far the store's clock is before ours
    std::map<std::string, storage::AlertRow> written_;     ///< as the store has them
    std::map<std::string, alerts::ChannelHealth> health_;  ///< by channel
    std::set<std::string> sending_;                        ///< channels that a message is on its way through
    core::TimePoint next_beat_{};
    bool saving_ = false, save_again_ = false;
    bool beating_ = false;
    net::Sleep* sleep_ = nullptr;
    bool stopping_ = false;
};

}  // namespace b24gate::notify
