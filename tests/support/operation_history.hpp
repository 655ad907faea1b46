// A life of some operations in simulated time: a store that keeps what was committed, gateways that die after any
// commit and before any sending, a portal as in operation_portal. Who decides is operations/state_machine; everything
// around it is made up here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <b24gate/operations/state_machine.hpp>

#include <support/history_operation.hpp>
#include <support/operation_portal.hpp>

namespace b24gate::test {

constexpr UnixMs history_begin = 1'790'000'000'000;

/// A promise that is broken on purpose, to see that the judge notices.
enum class Break { nothing, acknowledge_early, repeat_unsafe, no_settling, no_fence, unblock_on_held, forget_intent };

class History {
public:
    History(std::uint64_t seed, Break broken) : random_(seed), broken_(broken) {
        if (broken == Break::no_settling) rules_.settle = Milliseconds(0);
        gateways_.resize(1 + pick(2));
        for (HistoryGateway& gateway : gateways_) gateway.instance = ++instances_;
        operations.resize(1 + pick(6));
        for (HistoryOperation& operation : operations) {
            operation.facts.kind = static_cast<Kind>(pick(5));
            if (operation.facts.kind == Kind::repeatable)
                (pick(2) ? operation.facts.updates : operation.facts.deletes) = true;
            if (chance(0.6)) operation.order = static_cast<int>(pick(2));
            operation.facts.ordered = operation.order >= 0;
        }
        calm_ = history_begin + static_cast<UnixMs>(pick(static_cast<unsigned>(4 * hour)));
        if (chance(0.1)) {
            portal_.luck = 0.3;
            calm_ += 96 * hour;
        }
    }

    std::vector<HistoryOperation> operations;
    std::function<void(const HistoryOperation&)> on_held = [](const HistoryOperation&) {};
    std::string refused;  ///< why the state machine allowed something not that gateways do
    bool stuck = false;
    std::uint64_t commits = 0, crashes = 0;

    void run() {
        for (int step = 0; step < 20'000; ++step) {
            if (next()) continue;
            if (!person()) return;
        }
        stuck = true;
    }

private:
    static constexpr UnixMs dead_after = 12 * second, longest_doubt = 2 * second;

    unsigned pick(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }
    double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
    bool chance(double p) { return uniform() < p; }
    [[nodiscard]] bool calm() const noexcept { return now_ >= calm_; }

    /// False: nothing is left to happen.
    bool next() {
        constexpr UnixMs none = storage::never;
        UnixMs at = none;
        enum class What { hand_over, back, recover, hand, lease } what = What::lease;
        std::size_t who = 0, which = 0;
        const auto sooner = [&](UnixMs when, What then, std::size_t gateway, std::size_t index) {
            when = std::max(when, now_);
            if (when >= at) return;
            at = when;
            what = then;
            who = gateway;
            which = index;
        };
        const std::size_t first = pick(static_cast<unsigned>(gateways_.size()));
        for (std::size_t i = 0; i < gateways_.size(); ++i) {
            const std::size_t g = (first + i) % gateways_.size();
            const HistoryGateway& gateway = gateways_[g];
            if (!gateway.works()) {
                sooner(gateway.back_at, What::back, g, 0);
                continue;
            }
            if (handed_over_ < operations.size())
                sooner(history_begin + static_cast<UnixMs>(handed_over_) * 5 * second, What::hand_over, g, 0);
            for (std::size_t h = 0; h < gateway.hands.size(); ++h) sooner(gateway.hands[h].at, What::hand, g, h);
            for (std::size_t o = 0; o < handed_over_; ++o) {
                const HistoryOperation& operation = operations[o];
                const Facts& facts = operation.facts;
                if (operation.lost) continue;
                if (facts.state == State::running) {
                    if (const auto since = silent_since(operation.owner))
                        sooner(*since + dead_after, What::recover, g, o);
                } else if ((facts.state == State::queued || facts.state == State::waiting) && !facts.blocked) {
                    if (facts.due < none) sooner(facts.due, What::lease, g, o);
                    // Somebody renews the credential once in a while.
                    if (facts.for_credential) sooner(now_ + 10 * minute, What::lease, g, o);
                }
            }
        }
        if (at == none) return false;
        now_ = at;
        HistoryGateway& gateway = gateways_[who];
        switch (what) {
            case What::hand_over: hand_over(gateway); break;
            case What::back: come_back(gateway); break;
            case What::recover: recover(gateway, which); break;
            case What::hand: work(gateway, which); break;
            case What::lease: lease(gateway, which); break;
        }
        return true;
    }

    /// Since when nobody has heard of an instance; nullopt: it is there.
    [[nodiscard]] std::optional<UnixMs> silent_since(int instance) const {
        for (const HistoryGateway& gateway : gateways_)
            if (gateway.instance == instance && !gateway.dead)
                return gateway.works() ? std::nullopt : std::optional(gateway.silent_since);
        // An earlier life of one: the next one knows at once.
        return now_ - dead_after;
    }

    /// Behind every commit and before every sending. True: the gateway is gone, with all that it had in its hands.
    bool dies(HistoryGateway& gateway) {
        if (calm() || !chance(0.04)) return false;
        ++crashes;
        gateway.hands.clear();
        gateway.dead = true;
        gateway.back_at = now_ + pick(20 * second);
        gateway.silent_since = now_;
        if (broken_ == Break::acknowledge_early)
            for (std::size_t o = 0; o < handed_over_; ++o)
                if (operations[o].handed_over + 50 > now_) operations[o].lost = true;
        return true;
    }
    void stop_a_while(HistoryGateway& gateway) {
        if (calm() || !chance(0.02)) return;
        gateway.back_at = now_ + pick(40 * second);
        gateway.silent_since = now_;
    }
    void come_back(HistoryGateway& gateway) {
        gateway.back_at = 0;
        if (!gateway.dead) return;
        gateway.dead = false;
        gateway.instance = ++instances_;
    }

    // --- the store -----------------------------------------------------------------------------------------------

    [[nodiscard]] bool key_is_held(int order) const {
        return std::any_of(operations.begin(), operations.begin() + static_cast<std::ptrdiff_t>(handed_over_),
                           [&](const HistoryOperation& o) { return o.order == order && o.blocks && !o.lost; });
    }
    void let_next_go(int order, UnixMs not_before) {
        for (std::size_t o = 0; o < handed_over_; ++o) {
            HistoryOperation& next = operations[o];
            if (next.order != order || !next.blocks || next.lost) continue;
            if (!next.facts.blocked) return;
            next.facts.blocked = false;
            next.facts.due = std::max(next.facts.due, not_before);
            return;
        }
    }

    void put(HistoryOperation& operation, const Transition& t, unsigned attempt) {
        ++commits;
        Facts& facts = operation.facts;
        facts.state = t.state;
        facts.stage = t.stage;
        facts.due = t.due;
        facts.unknown = t.unknown;
        facts.attempts += t.counts_attempt;
        facts.not_found += t.counts_not_found;
        facts.for_credential = t.why == Why::credential;
        operation.why = t.why;
        operation.executed = t.executed;
        operation.inferred = t.inferred;
        operation.callbacks += t.callback;
        if (t.attempt == AttemptMark::lost || t.attempt == AttemptMark::unknown) ++operation.cut_off;
        if (t.state != State::running) operation.owner = 0;
        if (t.callback) {
            operation.decided_by = attempt;
            operation.tried_then = operation.tried;
        }
        if (t.state == State::held) on_held(operation);
        const bool unblock = t.unblock || (broken_ == Break::unblock_on_held && t.state == State::held);
        if (unblock && operation.order >= 0) {
            operation.blocks = false;
            let_next_go(operation.order, t.unblock_due);
        }
    }

    /// False: the operation is not the caller's any more.
    bool finish(const HistoryHand& hand, const Transition& t) {
        HistoryOperation& operation = operations[hand.operation];
        if (operation.facts.state != State::running) return false;
        if (operation.fence != hand.fence && broken_ != Break::no_fence) return false;
        put(operation, t, hand.attempt);
        return true;
    }

    void hand_over(HistoryGateway& gateway) {
        HistoryOperation& operation = operations[handed_over_];
        operation.facts.blocked = operation.order >= 0 && key_is_held(operation.order);
        operation.blocks = operation.order >= 0;
        operation.facts.due = operation.facts.begun = operation.handed_over = now_;
        ++handed_over_;
        ++commits;
        dies(gateway);
    }

    // --- a gateway's work ----------------------------------------------------------------------------------------

    Transition decide(const Facts& facts, Event event) {
        event.random = uniform();
        const Decision out = transition(facts, event, now_, rules_);
        if (!out) {
            refused = out.error().why;
            return {};
        }
        Transition t = *out;
        if (broken_ == Break::repeat_unsafe && t.state == State::held && t.why == Why::outcome_unknown) {
            t.state = State::waiting;
            t.due = now_ + rules_.settle.count();
        }
        return t;
    }
    void lease(HistoryGateway& gateway, std::size_t which) {
        HistoryOperation& operation = operations[which];
        if (operation.facts.for_credential) {
            put(operation, decide(operation.facts, event_of(Event::Kind::credential_changed)), 0);
            return;
        }
        put(operation, decide(operation.facts, event_of(Event::Kind::lease)), 0);
        operation.owner = gateway.instance;
        ++operation.fence;
        HistoryHand hand;
        hand.operation = which;
        hand.fence = operation.fence;
        hand.facts = operation.facts;
        hand.at = now_ + pick(200);
        gateway.hands.push_back(hand);
        if (!dies(gateway)) stop_a_while(gateway);
    }

    void recover(HistoryGateway& gateway, std::size_t which) {
        HistoryOperation& operation = operations[which];
        operation.owner = gateway.instance;
        ++operation.fence;
        ++commits;
        if (dies(gateway)) return;
        Facts facts = operation.facts;
        if (broken_ == Break::forget_intent && facts.stage == Stage::intent) facts.stage = Stage::leased;
        put(operation, decide(facts, event_of(Event::Kind::lost)), operation.tried);
        dies(gateway);
    }

    void work(HistoryGateway& gateway, std::size_t h) {
        HistoryHand& hand = gateway.hands[h];
        HistoryOperation& operation = operations[hand.operation];
        const auto drop = [&] { gateway.hands.erase(gateway.hands.begin() + static_cast<std::ptrdiff_t>(h)); };
        switch (hand.step) {
            case HistoryHand::Step::granting: {
                Transition t;
                if (!calm() && chance(0.05)) {
                    Event back = event_of(Event::Kind::give_back);
                    if (chance(0.3)) back.why = Why::paused;
                    back.not_before = now_ + pick(10 * second);
                    finish(hand, decide(hand.facts, back));
                    drop();
                    dies(gateway);
                    return;
                }
                t = decide(hand.facts, event_of(Event::Kind::grant));
                if (t.state != State::running) {
                    finish(hand, t);
                    drop();
                    dies(gateway);
                    return;
                }
                if (operation.fence != hand.fence || operation.facts.state != State::running) return drop();
                put(operation, t, 0);
                hand.attempt = ++operation.tried;
                if (t.stage == Stage::intent) {
                    operation.facts.intent = now_;
                    if (operation.facts.first_intent == 0) operation.facts.first_intent = now_;
                }
                hand.facts = operation.facts;
                hand.step = HistoryHand::Step::sending;
                hand.at = now_ + pick(5);
                if (!dies(gateway)) stop_a_while(gateway);
                return;
            }
            case HistoryHand::Step::sending:
                if (dies(gateway)) return;
                // It was stopped meanwhile: nobody knows whose turn it is now.
                if (now_ - hand.facts.intent > longest_doubt && hand.facts.stage == Stage::intent) {
                    settle_hand(gateway, h, event_of(Event::Kind::not_sent));
                    return;
                }
                fly(hand, hand.facts.stage == Stage::lookup
                              ? portal_.look(operation.portal, now_, calm())
                              : portal_.send(operation.portal, hand.facts, operation.generation, now_, calm()));
                if (!dies(gateway)) stop_a_while(gateway);
                return;
            case HistoryHand::Step::flying: settle_hand(gateway, h, hand.verdict); return;
        }
    }

    static void fly(HistoryHand& hand, const PortalAnswer& answer) {
        hand.step = HistoryHand::Step::flying;
        hand.verdict = answer.verdict;
        hand.at = answer.at;
        hand.late = answer.late;
    }

    /// An attempt has ended for the gateway that made it.
    void settle_hand(HistoryGateway& gateway, std::size_t h, const Event& verdict) {
        HistoryHand& hand = gateway.hands[h];
        HistoryOperation& operation = operations[hand.operation];
        if (verdict.kind == Event::Kind::late_answer) {
            const Decision late = transition(operation.facts, verdict, now_, rules_);
            if (late && operation.tried == hand.attempt) put(operation, *late, hand.attempt);
        } else {
            Event with = verdict;
            with.can_refresh = !hand.refreshed;
            const Transition t = decide(hand.facts, with);
            const bool mine = finish(hand, t);
            if (mine && t.state == State::running) {
                hand.refreshed = true;
                hand.facts = operation.facts;
                hand.step = HistoryHand::Step::granting;
                hand.at = now_ + pick(200);
                dies(gateway);
                return;
            }
            // What comes too late for the lease is evidence all the same.
            const bool answered = verdict.kind == Event::Kind::answer && hand.facts.stage == Stage::intent;
            if (hand.late || (!mine && answered)) {
                if (hand.late) hand.verdict = event_of(Event::Kind::answer);
                hand.at = hand.late.value_or(now_);
                hand.late.reset();
                hand.verdict.kind = Event::Kind::late_answer;
                dies(gateway);
                return;
            }
        }
        gateway.hands.erase(gateway.hands.begin() + static_cast<std::ptrdiff_t>(h));
        dies(gateway);
    }

    /// Looks through what has been left to a person. False: there is nothing.
    bool person() {
        now_ = std::max(now_, calm_) + hour;
        for (std::size_t o = 0; o < handed_over_; ++o) {
            HistoryOperation& operation = operations[o];
            Facts& facts = operation.facts;
            const bool may_retry =
                facts.state == State::held || facts.state == State::dead || facts.state == State::failed;
            if (!may_retry || operation.lost) continue;
            if (operation.generation < 2 && chance(0.5)) {
                operation.retried_after_release |= !operation.blocks;
                put(operation, decide(facts, event_of(Event::Kind::retry)), 0);
                facts.attempts = facts.not_found = 0;
                facts.first_intent = 0;
                facts.begun = now_;
                ++operation.generation;
                operation.portal.key_stored.reset();
                if (operation.order >= 0) {
                    if (!operation.blocks) facts.blocked = key_is_held(operation.order);
                    operation.blocks = true;
                }
                return true;
            }
            if (facts.state != State::held) continue;
            put(operation, decide(facts, event_of(Event::Kind::discard)), operation.tried);
            return true;
        }
        return false;
    }

    std::mt19937_64 random_;
    OperationPortal portal_{random_};
    const Break broken_;
    Rules rules_;
    std::vector<HistoryGateway> gateways_;
    int instances_ = 0;
    std::size_t handed_over_ = 0;
    UnixMs now_ = history_begin, calm_ = 0;
};

}  // namespace b24gate::test
