#include <b24gate/admission/fair_queue.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace b24gate::admission {

namespace {

constexpr std::size_t interactive = static_cast<std::size_t>(config::Priority::interactive);
constexpr std::size_t normal = static_cast<std::size_t>(config::Priority::normal);
constexpr std::size_t bulk = static_cast<std::size_t>(config::Priority::bulk);

// Idle flows are kept for their virtual time; beyond this many they are swept.
constexpr std::size_t idle_flows_kept = 1024;

// Lanes, and calls, that one departure looks at to fill its seats.
constexpr std::size_t most_looks = 400;

std::size_t slot(config::Priority p) { return static_cast<std::size_t>(p); }

}  // namespace

FairQueue::Flow& FairQueue::flow_of(const Entry& entry) {
    auto& flows = flows_[slot(entry.priority)];
    auto it = flows.find(entry.client);
    if (it == flows.end()) {
        if (flows.size() >= idle_flows_kept) prune();
        it = flows.emplace(entry.client, std::make_unique<Flow>()).first;
        it->second->client = entry.client;
        it->second->priority = entry.priority;
        it->second->number = next_flow_++;
    }
    it->second->weight = std::max(1U, entry.weight);
    return *it->second;
}

FairQueue::Key& FairQueue::key_of(std::string_view name) {
    auto it = keys_.find(name);
    if (it == keys_.end()) {
        it = keys_.emplace(std::string(name), std::make_unique<Key>()).first;
        it->second->name = it->first;
    }
    return *it->second;
}

void FairQueue::drop_if_unused(Key& key) {
    if (key.held || key.size != 0) return;
    for (Lane* lane : key.lanes) {
        auto& lanes = lane->flow->lanes;
        lanes.erase({&key, lane->group});
    }
    keys_.erase(keys_.find(key.name));
}

void FairQueue::prune() {
    for (auto& flows : flows_) {
        std::erase_if(flows, [](const auto& item) {
            if (item.second->size != 0) return false;
            for (const auto& [place, lane] : item.second->lanes) lane->key->lanes.erase(lane.get());
            return true;
        });
    }
}

void FairQueue::activate(Flow& flow, Lane& lane) {
    Level& level = levels_[slot(flow.priority)];
    if (flow.ready.empty()) {
        if (level.active.empty()) level.passed_over = 0;
        flow.virtual_time = std::max(flow.virtual_time, level.virtual_time);
        level.active.emplace(std::pair(flow.virtual_time, flow.number), &flow);
    }
    flow.ready.emplace(lane.calls.front().ticket, &lane);
    flow.ready_size += lane.calls.size();
    level.ready_size += lane.calls.size();
}

void FairQueue::deactivate(Flow& flow, Lane& lane) {
    Level& level = levels_[slot(flow.priority)];
    flow.ready.erase(lane.calls.front().ticket);
    flow.ready_size -= lane.calls.size();
    level.ready_size -= lane.calls.size();
    if (flow.ready.empty()) level.active.erase({flow.virtual_time, flow.number});
}

void FairQueue::insert(Entry&& entry, std::uint64_t ticket) {
    Key& key = key_of(entry.key);
    Flow& flow = flow_of(entry);
    auto& owned = flow.lanes[{&key, entry.group}];
    if (!owned) {
        owned = std::make_unique<Lane>();
        owned->flow = &flow;
        owned->key = &key;
        owned->group = entry.group;
        key.lanes.insert(owned.get());
    }
    Lane& lane = *owned;
    // Nearly always the back; the few that go again find their place near the front.
    auto at = lane.calls.end();
    if (!lane.calls.empty() && lane.calls.back().ticket > ticket) {
        at = lane.calls.begin();
        while (at->ticket < ticket) ++at;
    }
    const auto it = lane.calls.insert(at, Node{std::move(entry), ticket, &lane, {}});
    it->self = it;
    flow.size += 1;
    key.size += 1;
    levels_[slot(flow.priority)].size += 1;
    if (it->entry.group != 0) group_sizes_[it->entry.group] += 1;
    index_.emplace(it->entry.id, &*it);
    if (it->entry.deadline != core::TimePoint::max()) deadlines_.emplace(it->entry.deadline, it->entry.id);
    const auto count = client_sizes_.find(it->entry.client);
    if (count == client_sizes_.end()) {
        client_sizes_.emplace(it->entry.client, 1);
    } else {
        count->second += 1;
    }
    if (key.held) return;
    if (lane.calls.size() == 1) {
        activate(flow, lane);
        return;
    }
    if (it == lane.calls.begin()) {
        flow.ready.erase(std::next(it)->ticket);
        flow.ready.emplace(ticket, &lane);
    }
    flow.ready_size += 1;
    levels_[slot(flow.priority)].ready_size += 1;
}

void FairQueue::remove(Node& node) {
    Lane& lane = *node.lane;
    Flow& flow = *lane.flow;
    Level& level = levels_[slot(flow.priority)];
    if (!lane.key->held) {
        if (lane.calls.size() == 1) {
            deactivate(flow, lane);
        } else {
            if (node.self == lane.calls.begin()) {
                flow.ready.erase(node.ticket);
                flow.ready.emplace(std::next(node.self)->ticket, &lane);
            }
            flow.ready_size -= 1;
            level.ready_size -= 1;
        }
    }
    if (node.entry.deadline != core::TimePoint::max()) deadlines_.erase({node.entry.deadline, node.entry.id});
    index_.erase(node.entry.id);
    const auto count = client_sizes_.find(node.entry.client);
    if (--count->second == 0) client_sizes_.erase(count);
    if (node.entry.group != 0) group_sizes_[node.entry.group] -= 1;
    flow.size -= 1;
    lane.key->size -= 1;
    level.size -= 1;
    Key& key = *lane.key;
    lane.calls.erase(node.self);
    drop_if_unused(key);
}

void FairQueue::push(Entry entry) { insert(std::move(entry), next_ticket_++); }

void FairQueue::shift(Flow& flow, double virtual_time) {
    auto& active = levels_[slot(flow.priority)].active;
    const bool listed = !flow.ready.empty();
    if (listed) active.erase({flow.virtual_time, flow.number});
    flow.virtual_time = std::max(0.0, virtual_time);
    if (listed) active.emplace(std::pair(flow.virtual_time, flow.number), &flow);
}

void FairQueue::push_again(Entry entry, std::uint64_t ticket, double fare) {
    Flow& flow = flow_of(entry);
    shift(flow, flow.virtual_time - fare / flow.weight);
    insert(std::move(entry), ticket);
}

std::size_t FairQueue::choose(std::size_t levels) const {
    std::size_t highest = priority_count;
    for (std::size_t p = 0; p < levels; ++p) {
        if (levels_[p].active.empty()) continue;
        if (highest == priority_count) {
            highest = p;
            if (last_was_reserved_) break;
            continue;
        }
        const unsigned every = p == normal ? shares_.normal_every : shares_.bulk_every;
        if (every != 0 && levels_[p].passed_over + 1 >= every) return p;
    }
    return highest;
}

const FairQueue::Entry* FairQueue::peek(std::size_t levels) const {
    const std::size_t p = choose(levels);
    if (p == priority_count) return nullptr;
    const Flow& flow = *levels_[p].active.begin()->second;
    return &flow.ready.begin()->second->calls.front().entry;
}

std::uint64_t FairQueue::take(std::size_t levels) {
    const std::size_t p = choose(levels);
    Level& level = levels_[p];
    last_was_reserved_ = false;
    for (std::size_t higher = interactive; higher < p; ++higher) {
        if (!levels_[higher].active.empty()) last_was_reserved_ = true;
    }
    const unsigned every = p == normal ? shares_.normal_every : shares_.bulk_every;
    // A reserved departure that came late, because another was due, does not set the next one back.
    level.passed_over = last_was_reserved_ && level.passed_over >= every ? level.passed_over + 1 - every : 0;
    for (std::size_t other = normal; other <= bulk; ++other) {
        if (other != p && !levels_[other].active.empty()) levels_[other].passed_over += 1;
    }

    Flow& flow = *level.active.begin()->second;
    Node& node = flow.ready.begin()->second->calls.front();
    const std::uint64_t ticket = node.ticket;
    level.virtual_time = flow.virtual_time;
    level.active.erase(level.active.begin());
    flow.virtual_time += 1.0 / flow.weight;
    remove(node);
    if (!flow.ready.empty()) level.active.emplace(std::pair(flow.virtual_time, flow.number), &flow);
    return ticket;
}

/// A client that may come along: its calls of the group, lane by lane.
struct FairQueue::Rider {
    Flow* flow;
    double start;  ///< virtual time before this departure
    std::size_t seats = 0;
    std::vector<std::pair<Calls::iterator, Lane*>> next;
};

struct FairQueue::Bus {
    std::uint32_t group;
    std::size_t seats;
    double fare;  ///< of one call, if all seats are taken
    std::size_t lanes_left = most_looks;
    std::size_t calls_left = most_looks;
    std::vector<Node*> chosen;
    std::vector<Rider> riders;  ///< the first is the head's client
};

std::vector<FairQueue::Taken> FairQueue::take_together(std::size_t levels, std::size_t seats,
                                                       const std::function<Offer(const Entry&)>& offer) {
    const std::size_t p = choose(levels);
    Flow& leading = *levels_[p].active.begin()->second;
    const Node& head = leading.ready.begin()->second->calls.front();
    std::vector<Taken> taken{{head.entry.id, 0}};
    Bus bus{head.entry.group,
            seats,
            1.0 / static_cast<double>(std::max<std::size_t>(seats, 1)),
            most_looks,
            most_looks,
            {},
            {}};
    bus.riders.push_back({&leading, leading.virtual_time, 1, {}});
    taken.front().ticket = take(levels);
    if (bus.group == 0 || seats < 2) return taken;
    fill(levels_[p], bus, offer);
    for (std::size_t other = interactive; other <= bulk; ++other) {
        if (other != p) fill(levels_[other], bus, offer);
    }
    if (bus.chosen.empty()) return taken;
    for (Node* node : bus.chosen) {
        taken.push_back({node->entry.id, node->ticket});
        remove(*node);
    }
    const double fare = 1.0 / static_cast<double>(taken.size());
    for (const Rider& rider : bus.riders) {
        if (rider.seats == 0) continue;
        shift(*rider.flow, rider.start + fare * static_cast<double>(rider.seats) / rider.flow->weight);
    }
    return taken;
}

void FairQueue::fill(Level& level, Bus& bus, const std::function<Offer(const Entry&)>& offer) {
    const auto full = [&bus] { return bus.chosen.size() + 1 >= bus.seats || bus.calls_left == 0; };
    using Turn = std::pair<std::pair<double, std::uint64_t>, std::size_t>;  // virtual time and number, which rider
    std::vector<Turn> turns;
    for (const auto& [order, flow] : level.active) {
        if (full() || bus.lanes_left == 0) break;
        const bool leads = bus.riders.front().flow == flow;
        Rider rider{flow, flow->virtual_time, 0, {}};
        for (const auto& [ticket, lane] : flow->ready) {
            if (bus.lanes_left == 0) break;
            bus.lanes_left -= 1;
            if (lane->group == bus.group) rider.next.emplace_back(lane->calls.begin(), lane);
        }
        if (rider.next.empty()) continue;
        const std::size_t which = leads ? 0 : bus.riders.size();
        if (leads) {
            bus.riders.front().next = std::move(rider.next);
        } else {
            bus.riders.push_back(std::move(rider));
        }
        const Rider& listed = bus.riders[which];
        const double paid = bus.fare * static_cast<double>(listed.seats) / flow->weight;
        turns.push_back({{listed.start + paid, flow->number}, which});
    }
    std::make_heap(turns.begin(), turns.end(), std::greater<>{});
    while (!turns.empty() && !full()) {
        bus.calls_left -= 1;
        std::pop_heap(turns.begin(), turns.end(), std::greater<>{});
        Turn& turn = turns.back();
        Rider& rider = bus.riders[turn.second];
        const auto earliest = std::min_element(rider.next.begin(), rider.next.end(), [](const auto& a, const auto& b) {
            return a.first->ticket < b.first->ticket;
        });
        Node& node = *earliest->first;
        const Offer answer = offer(node.entry);
        if (answer == Offer::take) {
            bus.chosen.push_back(&node);
            rider.seats += 1;
            turn.first.first += bus.fare / rider.flow->weight;
        }
        ++earliest->first;
        if (answer == Offer::skip_alike || earliest->first == earliest->second->calls.end()) rider.next.erase(earliest);
        if (rider.next.empty()) {
            turns.pop_back();
        } else {
            std::push_heap(turns.begin(), turns.end(), std::greater<>{});
        }
    }
}

bool FairQueue::erase(std::uint64_t id) {
    const auto found = index_.find(id);
    if (found == index_.end()) return false;
    remove(*found->second);
    return true;
}

void FairQueue::rekey(std::uint64_t id, std::string_view key) {
    Node& node = *index_.at(id);
    if (node.entry.key == key) return;
    Entry entry = node.entry;
    const std::uint64_t ticket = node.ticket;
    erase(id);
    entry.key = std::string(key);
    insert(std::move(entry), ticket);
}

void FairQueue::regroup(std::uint64_t id, std::uint32_t group) {
    Node& node = *index_.at(id);
    if (node.entry.group == group) return;
    Entry entry = node.entry;
    const std::uint64_t ticket = node.ticket;
    erase(id);
    entry.group = group;
    insert(std::move(entry), ticket);
}

void FairQueue::hold(std::string_view name) {
    Key& key = key_of(name);
    if (key.held) return;
    for (Lane* lane : key.lanes) {
        if (!lane->calls.empty()) deactivate(*lane->flow, *lane);
    }
    key.held = true;
}

void FairQueue::release(std::string_view name) {
    const auto it = keys_.find(name);
    if (it == keys_.end() || !it->second->held) return;
    Key& key = *it->second;
    key.held = false;
    for (Lane* lane : key.lanes) {
        if (!lane->calls.empty()) activate(*lane->flow, *lane);
    }
    drop_if_unused(key);
}

bool FairQueue::held(std::string_view key) const {
    const auto it = keys_.find(key);
    return it != keys_.end() && it->second->held;
}

std::optional<std::uint64_t> FairQueue::take_expired(core::TimePoint now) {
    if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
    const std::uint64_t id = deadlines_.begin()->second;
    erase(id);
    return id;
}

std::optional<core::TimePoint> FairQueue::next_deadline() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.begin()->first;
}

std::size_t FairQueue::size(config::Priority p) const noexcept { return levels_[slot(p)].size; }

std::size_t FairQueue::size(std::string_view client) const {
    const auto it = client_sizes_.find(client);
    return it == client_sizes_.end() ? 0 : it->second;
}

std::size_t FairQueue::waiting_for(std::string_view key) const {
    const auto it = keys_.find(key);
    return it == keys_.end() ? 0 : it->second->size;
}

std::size_t FairQueue::ready() const noexcept {
    std::size_t n = 0;
    for (const Level& level : levels_) n += level.ready_size;
    return n;
}

std::size_t FairQueue::size_of_group(std::uint32_t group) const {
    const auto it = group_sizes_.find(group);
    return it == group_sizes_.end() ? 0 : it->second;
}

double FairQueue::ahead_of_new(config::Priority priority, std::string_view client, unsigned weight, bool front,
                               double fare) const {
    const std::size_t p = slot(priority);
    const double own_weight = std::max(1U, weight);
    double own = 0;
    double start = levels_[p].virtual_time;
    const auto mine = flows_[p].find(client);
    if (mine != flows_[p].end()) {
        if (!front) own = static_cast<double>(mine->second->ready_size);
        start = std::max(start, mine->second->virtual_time);
    }
    // This call's own start in virtual time; every other flow departs as often as its virtual time allows before that.
    const double at = start + own * fare / own_weight;
    double ahead = own;
    for (const auto& [order, flow] : levels_[p].active) {
        if (flow->client == client) continue;
        if (order.first > at) break;
        const double turns = std::floor((at - order.first) * flow->weight / fare) + 1;
        ahead += std::min(static_cast<double>(flow->ready_size), turns);
    }
    ahead *= fare;
    double higher = 0;
    for (std::size_t h = 0; h < p; ++h) higher += static_cast<double>(levels_[h].ready_size) * fare;
    const unsigned every = p == normal ? shares_.normal_every : shares_.bulk_every;
    if (p > interactive && every > 1) higher = std::min(higher, (ahead + 1) * (every - 1));
    double lower = 0;
    for (std::size_t l = p + 1; l <= bulk; ++l) {
        const unsigned share = l == normal ? shares_.normal_every : shares_.bulk_every;
        if (share < 2) continue;
        const double reserved = std::floor((ahead + higher + levels_[l].passed_over) / (share - 1));
        lower += std::min(static_cast<double>(levels_[l].ready_size) * fare, reserved);
    }
    return ahead + higher + lower;
}

std::optional<std::uint64_t> FairQueue::displaceable(config::Priority priority, std::size_t own) const {
    const auto longest = std::max_element(client_sizes_.begin(), client_sizes_.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    if (longest == client_sizes_.end()) return std::nullopt;
    for (std::size_t p = priority_count; p-- > slot(priority);) {
        const auto flow = flows_[p].find(longest->first);
        if (flow == flows_[p].end() || flow->second->size == 0) continue;
        if (p == slot(priority) && longest->second <= own + 1) return std::nullopt;
        const Node* newest = nullptr;
        for (const auto& [key, lane] : flow->second->lanes) {
            if (lane->calls.empty()) continue;
            if (!newest || lane->calls.back().ticket > newest->ticket) newest = &lane->calls.back();
        }
        return newest->entry.id;
    }
    return std::nullopt;
}

std::vector<FairQueue::FlowSize> FairQueue::flows() const {
    std::vector<FlowSize> out;
    for (const auto& flows : flows_) {
        for (const auto& [client, flow] : flows) {
            if (flow->size != 0) out.push_back({client, flow->priority, flow->size});
        }
    }
    return out;
}

std::vector<std::uint64_t> FairQueue::ids() const {
    std::vector<std::uint64_t> out;
    out.reserve(index_.size());
    for (const auto& item : index_) out.push_back(item.first);
    return out;
}

}  // namespace b24gate::admission
