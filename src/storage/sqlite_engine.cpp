// SQLite's one thread: it takes what waits, and what writes goes to the disk in one commit. So a commit carries the
// more the more there is to do, and nobody ever waits for others to come.
#include <pthread.h>
#include <signal.h>

#include <boost/asio/this_coro.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <b24gate/net/waiter.hpp>

#include "sqlite_database.hpp"

namespace b24gate::storage {
namespace {

namespace asio = boost::asio;
using Answer = Result<std::vector<Rows>>;

constexpr std::size_t most_waiting = 10'000;
/// In one commit.
constexpr std::size_t most_together = 128, most_bytes = std::size_t{4} << 20;

std::size_t size_of(const Transaction& transaction) noexcept {
    std::size_t out = 0;
    for (const Query& query : transaction.queries)
        for (const Value& value : query.parameters) {
            if (const auto* text = std::get_if<std::string>(&value)) out += text->size();
            if (const auto* bytes = std::get_if<Bytes>(&value)) out += bytes->value.size();
        }
    return out;
}

struct Job {
    Job(asio::any_io_executor executor, Transaction todo, core::Deadline until)
        : transaction(std::move(todo)), deadline(until), answer(std::move(executor)) {}
    Transaction transaction;
    core::Deadline deadline;
    net::Waiter<Answer> answer;
};
using JobPtr = std::shared_ptr<Job>;

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
        const JobPtr job = std::make_shared<Job>(executor, std::move(transaction), deadline);
        if (!push(job)) {
            co_return refusal(Failure::Kind::busy, job->transaction, "too many transactions wait for the file");
        }
        co_return co_await job->answer.wait();
    }

private:
    bool push(JobPtr job) {
        {
            const std::lock_guard lock(mutex_);
            // Each lane has its own bound: what is urgent must not be refused since others wait.
            auto& lane = job->transaction.urgent ? urgent_ : waiting_;
            if (lane.size() >= most_waiting) return false;
            lane.push_back(std::move(job));
        }
        wake_.notify_one();
        return true;
    }

    void work() {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [this] { return stopping_ || !waiting_.empty() || !urgent_.empty(); });
            const std::vector<JobPtr> jobs = take();
            if (jobs.empty()) return;
            const bool stopping = stopping_;
            lock.unlock();
            if (stopping) {
                for (const JobPtr& job : jobs)
                    job->answer.fulfil(refusal(Failure::Kind::unavailable, job->transaction, "the store is closing"));
            } else {
                serve(jobs);
            }
            lock.lock();
        }
    }

    /// One that reads, or all that write up to the next one that reads.
    std::vector<JobPtr> take() {
        std::vector<JobPtr> out;
        std::size_t bytes = 0;
        for (auto* lane : {&urgent_, &waiting_}) {
            while (!lane->empty() && out.size() < most_together) {
                const Transaction& next = lane->front()->transaction;
                if (!out.empty() && !next.writes) break;
                bytes += size_of(next);
                if (!out.empty() && bytes > most_bytes) break;
                out.push_back(std::move(lane->front()));
                lane->pop_front();
                if (!out.back()->transaction.writes) return out;
            }
            if (!lane->empty()) break;
        }
        return out;
    }

    void serve(std::vector<JobPtr> jobs) {
        while (!jobs.empty()) {
            const auto now = core::Clock::now();
            std::erase_if(jobs, [&](const JobPtr& job) {
                if (!job->deadline.passed(now)) return false;
                job->answer.fulfil(
                    refusal(Failure::Kind::timeout, job->transaction, "it waited for its turn until its deadline"));
                return true;
            });
            if (jobs.empty()) return;
            if (!jobs.front()->transaction.writes) {
                jobs.front()->answer.fulfil(database_->run(jobs.front()->transaction, jobs.front()->deadline.at));
                return;
            }
            std::vector<SqliteDatabase::Member> members;
            for (const JobPtr& job : jobs) members.push_back({&job->transaction, job->deadline.at});
            auto answers = database_->run_together(members);
            std::vector<JobPtr> again;
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                if (answers[i]) {
                    jobs[i]->answer.fulfil(std::move(*answers[i]));
                } else {
                    again.push_back(std::move(jobs[i]));
                }
            }
            jobs = std::move(again);
        }
    }

    std::unique_ptr<SqliteDatabase> database_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<JobPtr> waiting_, urgent_;
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
