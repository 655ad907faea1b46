// Sends mails over SMTP with TLS, on threads of its own: libcurl blocks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <string>

#include <b24gate/alerts/delivery.hpp>
#include <b24gate/config/alerts.hpp>
#include <b24gate/net/worker.hpp>

namespace b24gate::notify {

class MailSender {
public:
    /// The answers come on `worker`, which must outlive it.
    explicit MailSender(net::Worker& worker);

    /// `text`: the whole mail. On the worker's thread. Ends within `timeout`, or soon after stop().
    boost::asio::awaitable<alerts::Delivery> send(config::AlertChannel channel, std::string text,
                                                  std::chrono::milliseconds timeout);

    void stop() noexcept { stopping_ = true; }  ///< any thread
    /// After the worker's thread has ended and before the worker goes.
    void close();

private:
    net::Worker& worker_;
    std::atomic<bool> stopping_{false};
    boost::asio::thread_pool threads_{2};  ///< so that one server that hangs does not hold up another one
};

}  // namespace b24gate::notify
