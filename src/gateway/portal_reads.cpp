#include <b24gate/gateway/portal_reads.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace b24gate::gateway {

PortalReads::Place PortalReads::join(Question question) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return {solo(), nullptr};
    const auto [begin, end] = flights_.equal_range(question.key);
    for (auto it = begin; it != end; ++it) {
        Flight& flight = *it->second;
        const std::uint64_t seen = flight.seen_;
        const bool will_do = seen == Flight::not_yet
                                 ? flight.client_ == question.client && flight.priority_ <= question.priority
                                 : seen == events_;
        if (!will_do || flight.followers_.size() >= question.most_followers) continue;
        auto follower = std::make_shared<Follower>(question.worker);
        follower->flight = it->second;
        follower->at = flight.followers_.size();
        follower->client = question.client;
        follower->priority = question.priority;
        follower->deadline = question.deadline;
        flight.followers_.push_back(follower);
        return {it->second, std::move(follower)};
    }
    auto flight = std::make_shared<Flight>(shared_from_this());
    flight->key_ = std::move(question.key);
    flight->client_ = question.client;
    flight->priority_ = question.priority;
    flight->listed_ = true;
    flights_.emplace(flight->key_, flight);
    return {std::move(flight), nullptr};
}

std::shared_ptr<PortalReads::Flight> PortalReads::solo() { return std::make_shared<Flight>(shared_from_this()); }

std::vector<std::shared_ptr<PortalReads::Follower>> PortalReads::land(Flight& flight) {
    const std::lock_guard lock(mutex_);
    take_out(flight);
    for (const auto& follower : flight.followers_) follower->flight.reset();
    return std::move(flight.followers_);
}

void PortalReads::pass_on(const std::shared_ptr<Flight>& flight, Failed why) {
    const std::lock_guard lock(mutex_);
    if (why == Failed::portal) ++flight->failures_;
    if (flight->followers_.empty() || flight->failures_ > 1 || why == Failed::unshared) {
        take_out(*flight);
        for (const auto& follower : std::exchange(flight->followers_, {})) {
            follower->flight.reset();
            follower->waiter.fulfil({Told::Kind::alone, nullptr});
        }
        return;
    }
    const auto next =
        std::min_element(flight->followers_.begin(), flight->followers_.end(), [](const auto& a, const auto& b) {
            return std::tie(a->priority, b->deadline.at) < std::tie(b->priority, a->deadline.at);
        });
    const std::shared_ptr<Follower> leader = *next;
    *next = std::move(flight->followers_.back());
    (*next)->at = leader->at;
    flight->followers_.pop_back();
    leader->flight.reset();
    flight->client_ = leader->client;
    flight->priority_ = leader->priority;
    flight->seen_ = Flight::not_yet;
    leader->waiter.fulfil({Told::Kind::lead, nullptr});
}

void PortalReads::leave(Follower& follower, Told::Kind why) {
    const std::lock_guard lock(mutex_);
    if (!follower.flight) return;
    const std::shared_ptr<Flight> flight = std::move(follower.flight);
    auto& others = flight->followers_;
    const std::shared_ptr<Follower> self = std::move(others[follower.at]);
    if (follower.at + 1 != others.size()) {
        others[follower.at] = std::move(others.back());
        others[follower.at]->at = follower.at;
    }
    others.pop_back();
    self->waiter.fulfil({why, nullptr});
}

void PortalReads::refuse_waiting() {
    const std::lock_guard lock(mutex_);
    refuse_all();
}

void PortalReads::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    refuse_all();
    // They hold on to this object.
    for (const auto& [key, flight] : flights_) flight->listed_ = false;
    flights_.clear();
}

void PortalReads::refuse_all() {
    for (const auto& [key, flight] : flights_)
        for (const auto& follower : std::exchange(flight->followers_, {})) {
            follower->flight.reset();
            follower->waiter.fulfil({Told::Kind::draining, nullptr});
        }
}

std::size_t PortalReads::wrote(const bitrix::Touched& touched, AnswerCache& cache, core::TimePoint settled) {
    const std::lock_guard lock(mutex_);
    marks_.mark(touched, ++events_, settled);
    return cache.drop(name_, touched);
}

void PortalReads::keep(const Flight& flight, AnswerCache& cache, std::uint64_t generation, ReadCache::Entry entry,
                       ReadCache::Value value) {
    const std::lock_guard lock(mutex_);
    // A read that has not departed cannot have an answer.
    if (flight.seen_ == Flight::not_yet || !marks_.untouched_since(entry.family, flight.seen_, entry.born)) return;
    cache.keep(generation, std::move(entry), std::move(value));
}

void PortalReads::take_out(Flight& flight) {
    if (!std::exchange(flight.listed_, false)) return;
    const auto [begin, end] = flights_.equal_range(flight.key_);
    for (auto it = begin; it != end; ++it)
        if (it->second.get() == &flight) {
            flights_.erase(it);
            return;
        }
}

}  // namespace b24gate::gateway
