// A value that one coroutine waits for and someone else, perhaps on another thread, provides once.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace b24gate::net {

template <class T>
class Waiter {
public:
    /// `executor`: the waiting coroutine's.
    explicit Waiter(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// Provides the value; only the first call counts. Any thread. The coroutine goes on on its own executor, never
    /// inside of this call.
    void fulfil(T value) {
        std::unique_lock lock(mutex_);
        if (done_) return;
        done_ = true;
        if (!handler_) {
            value_ = std::move(value);
            return;
        }
        auto handler = std::move(handler_);
        lock.unlock();
        post(std::move(handler), std::move(value));
    }

    /// Waits for the value. Once. The waiter must live until then.
    boost::asio::awaitable<T> wait() {
        return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
            [this](auto handler) {
                std::unique_lock lock(mutex_);
                if (!value_) {
                    handler_ = std::move(handler);
                    return;
                }
                T value = *std::move(value_);
                lock.unlock();
                post(Handler(std::move(handler)), std::move(value));
            },
            boost::asio::use_awaitable);
    }

private:
    using Handler = boost::asio::any_completion_handler<void(T)>;

    void post(Handler handler, T value) {
        boost::asio::post(executor_, [handler = std::move(handler), value = std::move(value)]() mutable {
            std::move(handler)(std::move(value));
        });
    }

    boost::asio::any_io_executor executor_;
    std::mutex mutex_;
    Handler handler_;
    std::optional<T> value_;
    bool done_ = false;
};

}  // namespace b24gate::net
