// How many waiting calls share one hit, and which fit together: what is learnt of running times and of the health of
// batches, and the sizes drawn from it. Pure; not thread-safe. Who goes next is the fair queue's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admission/batch_health.hpp>
#include <b24gate/admission/running_times.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// The shell's word that a waiting call may travel in a batch.
struct Boarding {
    bool writes = false;    ///< reads and writes never share one
    std::size_t bytes = 0;  ///< of its command text
};

/// Batches that were sent, by size.
inline constexpr std::array<unsigned, 5> batch_size_bounds{5, 10, 20, 35, 50};
inline constexpr std::array<std::string_view, 5> batch_size_names{"2-5", "6-10", "11-20", "21-35", "36-50"};
struct BatchCounters {
    std::uint64_t batches = 0;
    std::uint64_t calls = 0;                                      ///< that travelled in them
    std::uint64_t hits_saved = 0;                                 ///< by those the portal took apart
    std::uint64_t failed = 0;                                     ///< as a whole
    std::array<std::uint64_t, batch_size_bounds.size()> sizes{};  ///< how many of each range
};

/// A batch is formed from what waits at the moment of departure; nothing waits for it.
class Coalescer {
public:
    struct Settings {
        bool enabled = true;
        unsigned max_calls = 50;
        core::Duration max_duration = std::chrono::seconds(5);  ///< expected running time of one batch; 30 s at most
        std::size_t max_bytes = 512 * 1024;                     ///< of all command texts together
        BatchHealth::Settings health;
    };

    explicit Coalescer(Settings);
    void reconfigure(Settings);

    /// What the budget is like at this departure.
    struct Scarcity {
        double mates = 1;   ///< calls that wait and could share it, its head included
        double others = 0;  ///< other calls that may go
        double hits = 1;    ///< that could leave now; infinite: without a limit
        double rate = 0;    ///< hits that come back in a second
        double slots = 1;   ///< requests that may be in flight
        double free = 1;    ///< of them, before this departure
    };
    /// How many calls this departure should carry, its head, of `method`, included. 1: it goes alone.
    ///
    /// The hits at hand are shared out among what waits: as many calls a hit as it takes for all of them to leave with
    /// the hits there are now and those that come back in one call's running time. While slots and not hits are
    /// missing, the size is the one with the shortest mean time to the answer: larger batches save round trips, smaller
    /// ones end sooner; slow methods then go singly.
    [[nodiscard]] std::size_t seats(const Scarcity&, std::string_view method) const;
    /// Its members, judged one after another.
    class Load {
    public:
        enum class Fit { yes, no, nor_alike };  ///< nor_alike: no other call of that method either

        /// The head.
        Load(const Coalescer&, std::string_view method, const Boarding&, core::Deadline, core::TimePoint now);
        /// Takes the call aboard if it fits. `guest`: of another priority than the head.
        ///
        /// The expected running times add up to max_duration at most, and so that the tightest deadline aboard is met.
        /// A guest takes a free seat only within a quarter of max_duration: it costs no hit, but it makes those wait
        /// longer whose departure it is.
        Fit add(std::string_view method, const Boarding&, core::Deadline, bool guest);

    private:
        const Coalescer& coalescer_;
        core::TimePoint now_;
        core::TimePoint tightest_;
        double seconds_;
        std::size_t bytes_;
    };

    /// May a batch of this credential leave now?
    [[nodiscard]] bool allows(std::string_view credential, core::TimePoint now) const;
    /// A batch leaves. `wanted`: the seats it was given; `left_behind`: calls that could have come along still wait.
    void left(std::string_view credential, std::uint64_t number, std::size_t size, std::size_t wanted,
              bool left_behind);
    /// What became of it as a whole.
    BatchHealth::Change landed(std::string_view credential, std::uint64_t number, std::size_t size, BatchHealth::Sign,
                               bool sent, double operating, core::TimePoint now);

    /// A call of `method` ran for so long at the portal.
    void ran(std::string_view method, double seconds) { times_.record(method, seconds); }
    /// An exchange took so much longer than the portal worked on it.
    void overhead(double seconds);

    /// How many calls a batch carries when more wait than fit: what the full ones of late carried. Before the first:
    /// what max_duration and the expected running time of an unknown method allow.
    [[nodiscard]] double usual_size() const;
    [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
    [[nodiscard]] const BatchCounters& counters() const noexcept { return counters_; }

    struct Off {
        std::string credential;
        std::string why;
        core::Duration held_for{0};  ///< until a batch may be tried
        bool probing = false;        ///< one is on its way
    };
    [[nodiscard]] std::vector<Off> off(core::TimePoint now) const;
    [[nodiscard]] const BatchHealth* health(std::string_view credential) const;

private:
    Settings settings_;
    RunningTimes times_;
    std::map<std::string, BatchHealth, std::less<>> health_;  ///< of the credentials that have sent batches
    double overhead_;
    double full_size_ = 0;
    BatchCounters counters_;
};

}  // namespace b24gate::admission
