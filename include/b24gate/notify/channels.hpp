// Sends a notice through a channel, in the channel's form and language. Belongs to its worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <map>
#include <string>

#include <b24gate/alerts/delivery.hpp>
#include <b24gate/alerts/message.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/notify/hook_client.hpp>
#include <b24gate/notify/mail_sender.hpp>
#include <b24gate/notify/portal_notice.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>

namespace b24gate::notify {

class Channels {
public:
    /// `state` is that of `worker`; all must outlive the channels.
    Channels(net::Worker& worker, gateway::WorkerState& state, observe::Log& log, observe::GateMetrics& metrics,
             std::string gateway);

    boost::asio::awaitable<alerts::Delivery> send(std::shared_ptr<const config::Config> config,
                                                  config::AlertChannel channel, alerts::Notice notice);
    /// A message that says only that the channel works.
    boost::asio::awaitable<alerts::Delivery> test(std::shared_ptr<const config::Config> config,
                                                  config::AlertChannel channel);
    /// To the person who is responsible for a client.
    boost::asio::awaitable<alerts::Delivery> tell(std::shared_ptr<const config::Config> config,
                                                  alerts::BusinessNote note);
    /// GET; only whether it answered well.
    boost::asio::awaitable<alerts::Delivery> beat(std::shared_ptr<const config::Config> config);

    void reconfigured();
    /// The process stops: what still waits for its turn at a portal is given up. On the worker's thread.
    void recall() { notices_.recall(); }
    void stop() { mail_.stop(); }  ///< any thread
    /// After the worker's thread has ended and before the worker goes.
    void close();

private:
    using Sending = boost::asio::awaitable<alerts::Delivery>;
    /// The same message in all that a channel may need.
    struct Draft {
        std::string id, root, tag;
        alerts::Message message;
        std::string webhook;
        std::string reply_to;  ///< the channel's own name of an earlier message

        Draft() = default;
    };
    [[nodiscard]] Draft draft_of(const config::Config& config, const config::AlertChannel& channel,
                                 const alerts::Notice& notice) const;
    Sending deliver(std::shared_ptr<const config::Config> config, config::AlertChannel channel, Draft draft,
                    core::Duration portal_patience);
    Sending carry(std::shared_ptr<const config::Config> config, config::AlertChannel channel, Draft draft,
                  core::Duration portal_patience);
    void mask(alerts::Delivery& delivery) const;
    boost::asio::awaitable<HookAnswer> ask(HookClient::Request request);
    Sending webhook(const config::Alerts& settings, const config::AlertChannel& channel, const Draft& draft);
    Sending telegram(const config::Alerts& settings, const config::AlertChannel& channel, const Draft& draft);

    observe::Log& log_;
    const std::string gateway_;
    PortalNotices notices_;
    HookClient hooks_;
    MailSender mail_;
    std::map<std::string, std::string> moved_chats_;  ///< by channel: where Telegram says the chat is now
};

}  // namespace b24gate::notify
