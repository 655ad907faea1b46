// A value that one coroutine waits for and someone else, perhaps on another thread, provides once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
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
        if (!resume_) {
            value_ = std::move(value);
            return;
        }
        auto resume = std::move(resume_);
        lock.unlock();
        post(std::move(resume), std::move(value));
    }

    /// Waits for the value. Once. The waiter must live until then.
    boost::asio::awaitable<T> wait() {
        return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
            [this](auto handler) {
                auto resume = std::make_unique<ResumeWith<decltype(handler)>>(std::move(handler));
                std::unique_lock lock(mutex_);
                if (!value_) {
                    resume_ = std::move(resume);
                    return;
                }
                T value = *std::move(value_);
                lock.unlock();
                post(std::move(resume), std::move(value));
            },
            boost::asio::use_awaitable);
    }

private:
    // Not any_completion_handler: that of Boost 1.81 wraps itself in itself for ever when it is copied by accident.
    struct Resume {
        virtual ~Resume() = default;
        virtual void operator()(T value) = 0;
    };
    template <class Handler>
    struct ResumeWith final : Resume {
        explicit ResumeWith(Handler h) : handler(std::move(h)) {}
        void operator()(T value) override {
            Handler h = std::move(handler);
            std::move(h)(std::move(value));
        }
        Handler handler;
    };

    void post(std::unique_ptr<Resume> resume, T value) {
        boost::asio::post(executor_, [resume = std::move(resume), value = std::move(value)]() mutable {
            (*resume)(std::move(value));
        });
    }

    boost::asio::any_io_executor executor_;
    std::mutex mutex_;
    std::unique_ptr<Resume> resume_;
    std::optional<T> value_;
    bool done_ = false;
};

}  // namespace b24gate::net
