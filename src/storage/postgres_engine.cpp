// PostgreSQL's one thread with a few connections, each served by a coroutine that takes what waits.
#include <pthread.h>
#include <signal.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <random>
#include <thread>

#include <b24gate/net/waiter.hpp>

#include "postgres_migrate.hpp"

namespace b24gate::storage {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Answer = Result<std::vector<Rows>>;

constexpr std::size_t connections = 4;
constexpr std::size_t most_waiting = 10'000;
constexpr core::Duration first_backoff = 100ms, longest_backoff = 10s, longest_attempt = 10s;
/// How often a transaction that certainly was not executed is tried again.
constexpr int most_attempts = 20;

Failure::Kind kind_of(std::string_view sqlstate) {
    if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03") return Failure::Kind::busy;
    if (sqlstate == "57014") return Failure::Kind::timeout;
    if (sqlstate == "25006" || sqlstate == "42501") return Failure::Kind::read_only;
    if (sqlstate == "53100" || sqlstate == "58030") return Failure::Kind::full;
    if (sqlstate.starts_with("XX0")) return sqlstate == "XX000" ? Failure::Kind::invalid : Failure::Kind::corrupt;
    for (const std::string_view passing : {"08", "28", "53", "57", "58"}) {
        if (sqlstate.starts_with(passing)) return Failure::Kind::unavailable;
    }
    return Failure::Kind::invalid;
}

/// A server that only reads, or has forgotten what we prepared: another connection does better.
bool wants_another_connection(std::string_view sqlstate) {
    return sqlstate == "25006" || sqlstate == "26000" || sqlstate == "0A000";
}

struct Job {
    Job(asio::any_io_executor executor, Transaction todo, core::Deadline until)
        : transaction(std::move(todo)), deadline(until), answer(std::move(executor)) {}
    Transaction transaction;
    core::Deadline deadline;
    net::Waiter<Answer> answer;
    int attempts = 0;
};
using JobPtr = std::shared_ptr<Job>;

class PostgresEngine final : public Engine {
public:
    explicit PostgresEngine(PostgresAddress address) : address_(std::move(address)), sweep_(io_) {
        for (auto& slot : slots_) slot = std::make_unique<Slot>(io_, address_);
        // Signals are for the main thread.
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        thread_ = std::thread([this] { io_.run(); });
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }

    ~PostgresEngine() override {
        asio::post(io_, [this] { stop(); });
        work_.reset();
        thread_.join();
    }

    /// Connects and migrates; then it serves. Empty, or a line for a person.
    std::string start(core::TimePoint until) {
        std::promise<std::string> done;
        auto answer = done.get_future();
        asio::co_spawn(io_, first_connection(until), [&done](const std::exception_ptr& error, std::string problem) {
            if (error) {
                done.set_exception(error);
            } else {
                done.set_value(std::move(problem));
            }
        });
        return answer.get();
    }

    asio::awaitable<Answer> run(Transaction transaction, core::Deadline deadline) override {
        const auto executor = co_await asio::this_coro::executor;
        const auto job = std::make_shared<Job>(executor, std::move(transaction), deadline);
        asio::post(io_, [this, job] { take(job); });
        co_return co_await job->answer.wait();
    }

private:
    struct Slot {
        Slot(asio::io_context& io, const PostgresAddress& address) : connection(io, address), timer(io) {}
        PostgresConnection connection;
        asio::steady_timer timer;  ///< what it waits with: for a job, for the next attempt to connect
        bool parked = false;
    };

    Failure failure(const Job& job, Failure::Kind kind, const std::string& why) const {
        Failure out;
        out.kind = kind;
        out.message = address_.shown + ": " + std::string(job.transaction.name) + ": " + why;
        return out;
    }
    void refuse_late(Job& job) {
        const bool up = std::any_of(slots_.begin(), slots_.end(), [](auto& slot) { return slot->connection.usable(); });
        if (up) {
            job.answer.fulfil(failure(job, Failure::Kind::timeout, "no connection was free until its deadline"));
        } else {
            job.answer.fulfil(failure(job, Failure::Kind::unavailable,
                                      down_because_.empty() ? "no connection to the server" : down_because_));
        }
    }

    void take(const JobPtr& job) {
        if (stopping_) return job->answer.fulfil(failure(*job, Failure::Kind::unavailable, "the store is closing"));
        if (job->deadline.passed(core::Clock::now())) {
            return job->answer.fulfil(failure(*job, Failure::Kind::timeout, "its deadline passed before it began"));
        }
        if (waiting_.size() >= most_waiting) {
            return job->answer.fulfil(failure(*job, Failure::Kind::busy, "too many transactions wait"));
        }
        waiting_.push_back(job);
        wake_one();
        sweep_soon();
    }
    void wake_one() {
        // The one that has rested for the shortest time is the likeliest to be connected.
        for (auto& slot : slots_) {
            if (!slot->parked) continue;
            slot->parked = false;
            slot->timer.cancel();
            return;
        }
    }
    /// A deadline is kept also while every slot waits for the server.
    void sweep_soon() {
        if (sweeping_ || waiting_.empty() || stopping_) return;
        sweeping_ = true;
        sweep_.expires_after(20ms);
        sweep_.async_wait([this](boost::system::error_code) {
            sweeping_ = false;
            const auto now = core::Clock::now();
            std::erase_if(waiting_, [&](const JobPtr& job) {
                if (!job->deadline.passed(now)) return false;
                refuse_late(*job);
                return true;
            });
            sweep_soon();
        });
    }
    void stop() {
        stopping_ = true;
        for (const JobPtr& job : waiting_) {
            job->answer.fulfil(failure(*job, Failure::Kind::unavailable, "the store is closing"));
        }
        waiting_.clear();
        sweep_.cancel();
        for (auto& slot : slots_) {
            slot->parked = false;
            slot->timer.cancel();
            slot->connection.abort();
        }
    }

    asio::awaitable<void> rest(Slot& slot, core::TimePoint until) {
        if (stopping_) co_return;
        slot.timer.expires_at(until);
        co_await slot.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }

    core::Duration random_part(core::Duration whole) {
        return core::Duration(std::uniform_int_distribution<core::Duration::rep>(0, whole.count())(random_));
    }

    /// One attempt, when it is time for one. Empty: connected.
    asio::awaitable<std::string> connect(Slot& slot, core::TimePoint until) {
        const auto begin = std::min(next_attempt_, until);
        if (core::Clock::now() < begin) co_await rest(slot, begin);
        const auto now = core::Clock::now();
        if (stopping_) co_return "the store is closing";
        if (now >= until || now < next_attempt_) co_return down_because_.empty() ? "no time is left" : down_because_;
        std::string problem = co_await slot.connection.connect(std::min(until, now + longest_attempt));
        if (problem.empty()) {
            backoff_ = first_backoff;
            next_attempt_ = {};
            down_because_.clear();
        } else {
            next_attempt_ = core::Clock::now() + backoff_ / 2 + random_part(backoff_ / 2);
            backoff_ = std::min(backoff_ * 2, longest_backoff);
            down_because_ = problem;
        }
        co_return problem;
    }

    asio::awaitable<std::string> first_connection(core::TimePoint until) {
        Slot& slot = *slots_.front();
        PostgresMigrated migrated;
        while (true) {
            std::string problem = co_await connect(slot, until);
            if (problem.empty()) {
                migrated = co_await migrate_postgres(slot.connection, until);
                if (!migrated.problem.empty() && slot.connection.usable()) slot.connection.close();
                problem = migrated.problem;
            }
            if (problem.empty()) break;
            const bool hopeless = (!migrated.problem.empty() && !migrated.passing) || no_use_to_wait(problem);
            if (hopeless || stopping_ || core::Clock::now() >= until) {
                co_return "the store " + address_.shown + ": " + problem;
            }
        }
        for (auto& each : slots_) asio::co_spawn(io_, serve(*each), asio::detached);
        co_return "";
    }
    static bool no_use_to_wait(std::string_view problem) {
        for (const std::string_view text : {"password authentication failed", "no password supplied", "pg_hba.conf",
                                            "certificate", "does not support SSL"}) {
            if (problem.find(text) != std::string_view::npos) return true;
        }
        return problem.find("database \"") != std::string_view::npos && problem.ends_with("does not exist");
    }

    asio::awaitable<void> serve(Slot& slot) {
        while (!stopping_) {
            if (waiting_.empty()) {
                slot.parked = true;
                co_await rest(slot, core::TimePoint::max());
                slot.parked = false;
                continue;
            }
            if (!slot.connection.usable()) {
                slot.connection.close();
                if (trying_ && !down_because_.empty()) {
                    // One is enough to see whether the server is back.
                    slot.parked = true;
                    co_await rest(slot, core::TimePoint::max());
                    slot.parked = false;
                    continue;
                }
                trying_ = true;
                const auto problem =
                    co_await connect(slot, std::max(core::Clock::now(), next_attempt_) + longest_attempt);
                trying_ = false;
                if (problem.empty()) {
                    for (std::size_t i = 1; i < std::min(waiting_.size(), connections); ++i) wake_one();
                }
                continue;
            }
            const JobPtr job = std::move(waiting_.front());
            waiting_.pop_front();
            if (job->deadline.passed(core::Clock::now())) {
                refuse_late(*job);
                continue;
            }
            const PostgresOutcome outcome = co_await slot.connection.run(job->transaction, job->deadline.at);
            co_await finish(slot, job, outcome);
        }
        slot.connection.close();
    }

    asio::awaitable<void> finish(Slot& slot, JobPtr job, const PostgresOutcome& outcome) {
        if (!outcome.failed) {
            job->answer.fulfil(outcome.rows);
            co_return;
        }
        if (wants_another_connection(outcome.sqlstate)) slot.connection.close();
        const bool conflict = outcome.sqlstate == "40001" || outcome.sqlstate == "40P01";
        const bool again = !outcome.in_doubt && !outcome.late && !stopping_ &&
                           (outcome.lost || conflict || wants_another_connection(outcome.sqlstate));
        if (again && ++job->attempts < most_attempts) {
            const auto pause = core::Clock::now() + random_part(std::min(job->attempts, 10) * 5ms);
            if (!job->deadline.passed(pause)) {
                co_await rest(slot, pause);
                if (stopping_) {
                    job->answer.fulfil(failure(*job, Failure::Kind::unavailable, "the store is closing"));
                } else {
                    waiting_.push_front(job);
                    sweep_soon();
                }
                co_return;
            }
        }
        Failure out = failure(*job, kind_of(outcome.sqlstate), outcome.message);
        if (outcome.late) {
            out.kind = Failure::Kind::timeout;
        } else if (outcome.lost) {
            out.kind = Failure::Kind::unavailable;
        }
        out.in_doubt = outcome.in_doubt;
        job->answer.fulfil(std::move(out));
    }

    const PostgresAddress address_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::array<std::unique_ptr<Slot>, connections> slots_;
    std::deque<JobPtr> waiting_;
    asio::steady_timer sweep_;
    bool sweeping_ = false, stopping_ = false;
    bool trying_ = false;       ///< a slot connects
    std::string down_because_;  ///< why the last attempt to connect has failed
    core::Duration backoff_ = first_backoff;
    core::TimePoint next_attempt_{};
    std::mt19937_64 random_{std::random_device{}()};
    std::thread thread_;
};

}  // namespace

Opened open_postgres(const std::string& url, core::Duration limit) {
    auto address = read_postgres_url(url);
    if (!address) return std::move(address).error();
    auto engine = std::make_unique<PostgresEngine>(std::move(*address));
    std::string problem = engine->start(core::Clock::now() + limit);
    if (!problem.empty()) return problem;
    return engine;
}

}  // namespace b24gate::storage
