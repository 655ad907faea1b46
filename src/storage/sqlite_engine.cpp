// SQLite's one thread: it takes one transaction after the other.
#include <pthread.h>
#include <signal.h>

#include <boost/asio/this_coro.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <b24gate/net/waiter.hpp>

#include "sqlite_database.hpp"

namespace b24gate::storage {
namespace {

namespace asio = boost::asio;
using Answer = Result<std::vector<Rows>>;

constexpr std::size_t most_waiting = 10'000;

struct Job {
    Job(asio::any_io_executor executor, Transaction todo, core::Deadline until)
        : transaction(std::move(todo)), deadline(until), answer(std::move(executor)) {}
    Transaction transaction;
    core::Deadline deadline;
    net::Waiter<Answer> answer;
};

Failure refusal(Failure::Kind kind, const Transaction& transaction, std::string_view why) {
    Failure out;
    out.kind = kind;
    out.message = std::string(transaction.name) + ": " + std::string(why);
    return out;
}

class SqliteEngine final : public Engine {
public:
    explicit SqliteEngine(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {
        // Signals are for the main thread.
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        thread_ = std::thread([this] { work(); });
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }

    ~SqliteEngine() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    asio::awaitable<Answer> run(Transaction transaction, core::Deadline deadline) override {
        const auto executor = co_await asio::this_coro::executor;
        // Shared: the worker may still be about to say that it is done when the coroutine goes on.
        const auto job = std::make_shared<Job>(executor, std::move(transaction), deadline);
        if (!push(job)) {
            co_return refusal(Failure::Kind::busy, job->transaction, "too many transactions wait for the file");
        }
        co_return co_await job->answer.wait();
    }

private:
    bool push(std::shared_ptr<Job> job) {
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.size() >= most_waiting) return false;
            waiting_.push_back(std::move(job));
        }
        wake_.notify_one();
        return true;
    }

    void work() {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            const std::shared_ptr<Job> job = std::move(waiting_.front());
            waiting_.pop_front();
            const bool stopping = stopping_;
            lock.unlock();
            if (stopping) {
                job->answer.fulfil(refusal(Failure::Kind::unavailable, job->transaction, "the store is closing"));
            } else if (job->deadline.passed(core::Clock::now())) {
                job->answer.fulfil(
                    refusal(Failure::Kind::timeout, job->transaction, "it waited for its turn until its deadline"));
            } else {
                job->answer.fulfil(database_->run(job->transaction, job->deadline.at));
            }
            lock.lock();
        }
    }

    std::unique_ptr<SqliteDatabase> database_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Job>> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace

Opened open_sqlite(const std::string& file, core::Duration limit) {
    auto database = open_sqlite_database(file, core::Clock::now() + limit);
    if (!database) return std::move(database).error();
    return std::make_unique<SqliteEngine>(std::move(*database));
}

}  // namespace b24gate::storage
