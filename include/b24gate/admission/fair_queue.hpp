// Who goes next: three priorities, weighted fair between the clients of one priority, first in first out within a
// client. Pure; not thread-safe. Knows nothing of budgets: the caller says when somebody may go and which keys are
// held.
#pragma once

#include <array>
#include <cstdint>
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
/// Costs: peek O(1), take, push, erase O(log n), hold and release O(clients that wait for the key).
class FairQueue {
public:
    struct Entry {
        std::uint64_t id = 0;
        std::string client;
        config::Priority priority = config::Priority::normal;
        unsigned weight = 1;  ///< taken over by the whole flow of the client; 0 counts as 1
        core::TimePoint deadline = core::TimePoint::max();
        std::string key;
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
    /// `ticket` is what take returned for it.
    void push_again(Entry, std::uint64_t ticket);
    /// The call that goes next; nullptr when nobody may go. Only the `levels` highest priorities are looked at.
    [[nodiscard]] const Entry* peek(std::size_t levels = priority_count) const;
    /// Takes out the call that peek showed, and counts its departure. Its ticket says where it stood.
    std::uint64_t take(std::size_t levels = priority_count);
    /// Takes out any call, uncounted. False: no such id.
    bool erase(std::uint64_t id);
    /// Gives a waiting call another key; it keeps its place.
    void rekey(std::uint64_t id, std::string_view key);

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

    /// How many departures a call that joined now would see before its own: those ahead in its flow, the share of
    /// other clients and priorities meanwhile. `front`: a call that goes again, in front of its flow. Held calls are
    /// not counted. O(clients that wait).
    [[nodiscard]] double ahead_of_new(config::Priority, std::string_view client, unsigned weight,
                                      bool front = false) const;

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
    /// The calls of one flow that want one key.
    struct Lane {
        Flow* flow;
        Key* key;
        std::list<Node> calls;
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
        std::map<Key*, std::unique_ptr<Lane>> lanes;
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
    void insert(Entry&&, std::uint64_t ticket);
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
    std::uint64_t next_ticket_ = 1;
    std::uint64_t next_flow_ = 1;
    bool last_was_reserved_ = false;
};

}  // namespace b24gate::admission
