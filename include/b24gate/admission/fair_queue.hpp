// Who goes next: three priorities, weighted fair between the clients of one priority, first in first out within a
// client. Pure; not thread-safe. Knows nothing of budgets: the caller says when somebody may go and which keys are
// held.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

inline constexpr std::size_t priority_count = 3;

/// Start-time fair queueing: every client has a virtual time that advances by 1/weight with each of its departures, and
/// the smallest goes first. A client that was idle starts at the present virtual time: silence earns no credit.
///
/// A key names what a call needs besides the portal's budget. Calls whose key is held are passed over, wherever they
/// stand, and keep their place.
///
/// A group names calls that may share one departure. The departure is shared by whoever is aboard: each call costs its
/// client 1/(aboard * weight). So a client whose calls cannot board leaves as often as if nobody's could, and seats go
/// round between the clients aboard, call by call.
///
/// Costs: peek O(1), take, push, erase O(log n), hold and release O(clients that wait for the key), take_together
/// O(calls taken), with a bound on what it looks at.
class FairQueue {
public:
    struct Entry {
        std::uint64_t id = 0;
        std::string client;
        config::Priority priority = config::Priority::normal;
        unsigned weight = 1;  ///< taken over by the whole flow of the client; 0 counts as 1
        core::TimePoint deadline = core::TimePoint::max();
        std::string key;
        std::uint32_t group = 0;  ///< 0: shares no departure
    };
    struct Taken {
        std::uint64_t id;
        std::uint64_t ticket;
    };
    enum class Offer {
        take,
        skip,       ///< not this call
        skip_alike  ///< nor the others of its client, key and group
    };
    /// One departure of every so many goes to `normal` or `bulk` while they wait behind higher priorities, so that they
    /// never starve wholly. Two such departures never follow each other while a higher priority waits.
    struct Shares {
        unsigned normal_every = 10;
        unsigned bulk_every = 20;
    };

    FairQueue() = default;
    explicit FairQueue(Shares shares) : shares_(shares) {}
    void set_shares(Shares shares) noexcept { shares_ = shares; }
    FairQueue(const FairQueue&) = delete;
    FairQueue& operator=(const FairQueue&) = delete;

    /// Adds to the back of the client's flow. The id must not be in the queue. The bounds are the caller's.
    void push(Entry);
    /// The place of a call that leaves without having waited.
    [[nodiscard]] std::uint64_t ticket() noexcept { return next_ticket_++; }
    /// Adds a call that had left already in front of those that came after it, and gives its client the turn back.
    /// `ticket` is what take returned for it, `fare` its share of that departure.
    void push_again(Entry, std::uint64_t ticket, double fare = 1);
    /// The call that goes next; nullptr when nobody may go. Only the `levels` highest priorities are looked at.
    [[nodiscard]] const Entry* peek(std::size_t levels = priority_count) const;
    /// Takes out the call that peek showed, and counts its departure. Its ticket says where it stood.
    std::uint64_t take(std::size_t levels = priority_count);
    /// The same, and with that call up to `seats` - 1 others of its group that may go, each offered before: those of
    /// its own priority, then of the others from the highest, in the order of their clients' turns. All of it is one
    /// departure. The first is the call that peek showed. The queue must not be changed by `offer`.
    std::vector<Taken> take_together(std::size_t levels, std::size_t seats,
                                     const std::function<Offer(const Entry&)>& offer);
    /// Takes out any call, uncounted. False: no such id.
    bool erase(std::uint64_t id);
    /// Gives a waiting call another key; it keeps its place.
    void rekey(std::uint64_t id, std::string_view key);
    /// The same for its group.
    void regroup(std::uint64_t id, std::uint32_t group);

    void hold(std::string_view key);
    void release(std::string_view key);
    [[nodiscard]] bool held(std::string_view key) const;

    /// Takes out one call whose deadline has passed.
    std::optional<std::uint64_t> take_expired(core::TimePoint now);
    [[nodiscard]] std::optional<core::TimePoint> next_deadline() const;

    [[nodiscard]] bool contains(std::uint64_t id) const { return index_.contains(id); }
    [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }
    [[nodiscard]] std::size_t size(config::Priority) const noexcept;
    [[nodiscard]] std::size_t size(std::string_view client) const;
    [[nodiscard]] std::size_t waiting_for(std::string_view key) const;
    [[nodiscard]] std::size_t ready() const noexcept;  ///< those that may go
    [[nodiscard]] std::size_t size_of_group(std::uint32_t group) const;

    /// How many departures a call that joined now would see before its own: those ahead in its flow, the share of
    /// other clients and priorities meanwhile. `front`: a call that goes again, in front of its flow. `fare`: how much
    /// of a departure each waiting call takes. Held calls are not counted. O(clients that wait).
    [[nodiscard]] double ahead_of_new(config::Priority, std::string_view client, unsigned weight, bool front = false,
                                      double fare = 1) const;

    /// Who has to make room in a full queue for a call of `priority` whose client has `own` calls waiting: the newest
    /// call, of its lowest priority, of the client that has the most. Only if that priority is lower than the
    /// newcomer's, or equal and that client would still have more than the newcomer's. O(clients).
    [[nodiscard]] std::optional<std::uint64_t> displaceable(config::Priority, std::size_t own) const;

    struct FlowSize {
        std::string client;
        config::Priority priority;
        std::size_t size;
    };
    [[nodiscard]] std::vector<FlowSize> flows() const;  ///< those that are not empty
    [[nodiscard]] std::vector<std::uint64_t> ids() const;

private:
    struct Flow;
    struct Lane;
    struct Node;
    struct Key;
    using Lanes = std::map<std::uint64_t, Lane*>;  // by the ticket of the lane's first call

    struct Node {
        Entry entry;
        std::uint64_t ticket;
        Lane* lane;
        std::list<Node>::iterator self;
    };
    using Calls = std::list<Node>;
    /// The calls of one flow that want one key and belong to one group.
    struct Lane {
        Flow* flow;
        Key* key;
        std::uint32_t group;
        Calls calls;
    };
    struct Key {
        std::string name;
        bool held = false;
        std::size_t size = 0;
        std::set<Lane*> lanes;
    };
    struct Flow {
        std::string client;
        config::Priority priority;
        std::uint64_t number;
        unsigned weight = 1;
        double virtual_time = 0;
        std::size_t size = 0;
        std::size_t ready_size = 0;
        std::map<std::pair<Key*, std::uint32_t>, std::unique_ptr<Lane>> lanes;
        Lanes ready;
    };
    struct Level {
        std::map<std::pair<double, std::uint64_t>, Flow*> active;  // flows with a call that may go
        double virtual_time = 0;
        std::size_t size = 0;
        std::size_t ready_size = 0;
        unsigned passed_over = 0;  ///< departures of other priorities while it could have gone
    };

    Flow& flow_of(const Entry&);
    Key& key_of(std::string_view);
    struct Bus;
    struct Rider;

    void insert(Entry&&, std::uint64_t ticket);
    /// Sets a flow's turn back or forth.
    void shift(Flow&, double virtual_time);
    void fill(Level&, Bus&, const std::function<Offer(const Entry&)>& offer);
    void remove(Node&);
    void activate(Flow&, Lane&);
    void deactivate(Flow&, Lane&);
    void drop_if_unused(Key&);
    void prune();
    [[nodiscard]] std::size_t choose(std::size_t levels) const;

    Shares shares_;
    std::array<Level, priority_count> levels_;
    std::array<std::map<std::string, std::unique_ptr<Flow>, std::less<>>, priority_count> flows_;
    std::map<std::string, std::unique_ptr<Key>, std::less<>> keys_;
    std::unordered_map<std::uint64_t, Node*> index_;
    std::set<std::pair<core::TimePoint, std::uint64_t>> deadlines_;
    std::map<std::string, std::size_t, std::less<>> client_sizes_;
    std::unordered_map<std::uint32_t, std::size_t> group_sizes_;
    std::uint64_t next_ticket_ = 1;
    std::uint64_t next_flow_ = 1;
    bool last_was_reserved_ = false;
};

}  // namespace b24gate::admission
