// The reads of one portal that are under way, and who waits for the answer of another one's; when it was written to.
// A monitor: any thread; the lock is never held over I/O.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/gateway/answer_cache.hpp>
#include <b24gate/gateway/departure.hpp>
#include <b24gate/gateway/write_marks.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/net/worker.hpp>

namespace b24gate::gateway {

struct SharedAnswer;

/// As a Departure it is that of a write of which nothing is to be known but that it was one.
class PortalReads final : public Departure, public std::enable_shared_from_this<PortalReads> {
public:
    explicit PortalReads(std::string name) : name_(std::move(name)) {}

    /// What a follower is told.
    struct Told {
        enum class Kind {
            answer,
            lead,      ///< the leader could not get one: it is your turn
            alone,     ///< nor could the next: everybody for himself
            expired,   ///< your own deadline
            hung_up,   ///< your own caller
            draining,  ///< the gateway stops
        };
        Kind kind = Kind::alone;
        std::shared_ptr<const SharedAnswer> answer;
    };

    /// A read that has to depart yet, or has. Whoever made the call leads it.
    class Flight;
    struct Follower {
        explicit Follower(net::Worker& worker) : waiter(worker.io.get_executor()) {}
        net::Waiter<Told> waiter;

    private:
        friend PortalReads;
        std::shared_ptr<Flight> flight;  ///< null: it is no longer waiting
        std::size_t at = 0;              ///< among those of the flight
        std::string_view client;
        config::Priority priority = config::Priority::normal;
        core::Deadline deadline;
    };

    struct Question {
        std::string key;
        std::string_view client;  ///< must live as long as the call
        config::Priority priority = config::Priority::normal;
        core::Deadline deadline;
        std::size_t most_followers = 0;
        net::Worker& worker;
    };
    struct Place {
        std::shared_ptr<Flight> flight;
        std::shared_ptr<Follower> follower;  ///< null: the caller leads
    };
    /// Follows a read that is the same, when its answer will do: one that no write of the portal has been sent behind,
    /// nor ended behind its departure. One that still waits for budget is followed only by callers of the same client
    /// that are in no greater hurry: another one's place in the queue may be worse than one's own.
    [[nodiscard]] Place join(Question question);

    /// A read that nobody may follow.
    [[nodiscard]] std::shared_ptr<Flight> solo();

    /// The leader has an answer. Nobody can follow any more; those who did are the caller's to tell.
    [[nodiscard]] std::vector<std::shared_ptr<Follower>> land(Flight& flight);

    /// Why a leader has no answer that others could use.
    enum class Failed {
        itself,    ///< its deadline, its caller: the most urgent follower leads
        portal,    ///< likewise; the second time it is as with `unshared`
        unshared,  ///< the answer is no other one's: all go their own ways, as they would have without sharing
    };
    void pass_on(const std::shared_ptr<Flight>& flight, Failed why);

    /// Nothing happens to one that is no longer waiting.
    void leave(Follower& follower, Told::Kind why);

    /// Ends every wait: the gateway is about to stop.
    void refuse_waiting();
    /// The same, and nobody follows from now on: the gateway stops, or the portal is no longer configured.
    void stop();

    void departs() noexcept override { ++events_; }
    /// The same for a portal whose answers are kept: a write was sent, or has ended. Returns how many answers it cost.
    std::size_t wrote(const bitrix::Touched& touched, AnswerCache& cache, core::TimePoint settled);

    /// Keeps an answer, unless a write of its family came behind the departure.
    void keep(const Flight& flight, AnswerCache& cache, std::uint64_t generation, ReadCache::Entry entry,
              ReadCache::Value value);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    void take_out(Flight& flight);
    void refuse_all();

    const std::string name_;
    std::atomic<std::uint64_t> events_{0};  ///< of writes: sent, ended
    std::mutex mutex_;
    bool stopped_ = false;
    WriteMarks marks_;
    std::unordered_multimap<std::string_view, std::shared_ptr<Flight>> flights_;  ///< by their own key
};

class PortalReads::Flight final : public Departure {
public:
    explicit Flight(std::shared_ptr<PortalReads> reads) : reads_(std::move(reads)) {}

    void departs() noexcept override { seen_ = reads_->events_.load(); }

private:
    friend PortalReads;
    static constexpr std::uint64_t not_yet = ~std::uint64_t{0};

    const std::shared_ptr<PortalReads> reads_;
    std::atomic<std::uint64_t> seen_{not_yet};  ///< the last event before its departure
    // Guarded by the lock of `reads_`.
    std::string key_;
    bool listed_ = false;
    std::string_view client_;
    config::Priority priority_ = config::Priority::normal;
    unsigned failures_ = 0;
    std::vector<std::shared_ptr<Follower>> followers_;
};

}  // namespace b24gate::gateway
