#include <b24gate/operations/state_machine.hpp>

#include <algorithm>

#include <b24gate/core/sabotage.hpp>

namespace b24gate::operations {
namespace {

using bitrix::ErrorClass;
using bitrix::Executed;
using core::Sabotage;

/// What a verdict means. One row a class; -Wswitch keeps it complete.
enum class Treatment { done, permanent, not_found, limit, refresh, reauth, passing };

Treatment treatment_of(ErrorClass error_class) noexcept {
    switch (error_class) {
        case ErrorClass::ok: return Treatment::done;
        case ErrorClass::rate_limit:
        case ErrorClass::overload:
        case ErrorClass::operating_limit: return Treatment::limit;
        case ErrorClass::auth_expired: return Treatment::refresh;
        case ErrorClass::auth_invalid: return Treatment::reauth;
        case ErrorClass::not_found: return Treatment::not_found;
        case ErrorClass::server:
        case ErrorClass::network:
        case ErrorClass::timeout: return Treatment::passing;
        case ErrorClass::permission:
        case ErrorClass::plan:
        case ErrorClass::validation:
        case ErrorClass::method_unknown:
        case ErrorClass::business:
        case ErrorClass::portal_gone:
        case ErrorClass::gateway: break;
    }
    return Treatment::permanent;
}

Treatment treatment_of(const Event& event) noexcept {
    // What the gateway could not read may have been carried out; what it refused itself will be refused again.
    if (event.error_class == ErrorClass::gateway && event.executed != Executed::no) return Treatment::passing;
    return treatment_of(event.error_class);
}

Why why_of(ErrorClass error_class) noexcept {
    switch (error_class) {
        case ErrorClass::rate_limit: return Why::rate_limit;
        case ErrorClass::overload: return Why::overload;
        case ErrorClass::operating_limit: return Why::operating_limit;
        case ErrorClass::server: return Why::server;
        case ErrorClass::timeout: return Why::timeout;
        case ErrorClass::gateway: return Why::gateway;
        case ErrorClass::not_found: return Why::not_found;
        default: return Why::network;
    }
}

Milliseconds limit_pause(ErrorClass error_class) noexcept {
    if (error_class == ErrorClass::rate_limit) return rate_limit_pause;
    return error_class == ErrorClass::overload ? overload_pause : operating_pause;
}

/// One decision: the facts, the event, and what comes of them.
class Decider {
public:
    Decider(const Facts& facts, const Event& event, UnixMs now, const Rules& rules)
        : facts_(facts), event_(event), now_(now), rules_(rules) {
        out_.unknown = facts.unknown;
        out_.executed = facts.unknown ? Executed::unknown : Executed::no;
    }

    Decision decide() {
        switch (event_.kind) {
            case Event::Kind::lease: return lease();
            case Event::Kind::grant: return grant();
            case Event::Kind::give_back: return give_back(event_.why, std::max(now_, event_.not_before));
            case Event::Kind::not_sent: return not_sent();
            case Event::Kind::answer: return answer();
            case Event::Kind::set_down: return set_down();
            case Event::Kind::lost: return lost();
            case Event::Kind::found: return found();
            case Event::Kind::late_answer: return late_answer();
            case Event::Kind::credential_changed: return credential_changed();
            case Event::Kind::retry: return retry();
            case Event::Kind::discard: return discard();
        }
        return Rejected{"no such event"};
    }

private:
    [[nodiscard]] bool running(Stage stage) const noexcept {
        return facts_.state == State::running && facts_.stage == stage;
    }
    [[nodiscard]] UnixMs settled() const noexcept {
        if (core::sabotaged(Sabotage::no_settling)) return facts_.intent;
        return facts_.intent + rules_.settle.count();
    }

    Transition to(State state, Stage stage, Why why = Why::none, UnixMs due = 0) {
        out_.state = state;
        out_.stage = stage;
        out_.why = why;
        out_.due = due;
        return out_;
    }
    Transition wait(Why why, UnixMs due) {
        // A wait while looking goes on with looking.
        const Stage stage = facts_.stage == Stage::lookup ? Stage::lookup : Stage::none;
        return to(State::waiting, stage, why, due);
    }
    Transition finish(State state) {
        out_.callback = true;
        const bool failure = state == State::failed || state == State::dead;
        out_.unblock = facts_.ordered && !(failure && rules_.block_on_failure);
        // The next one must not overtake what may still be going on.
        const bool cut_off = out_.attempt == AttemptMark::unknown || out_.attempt == AttemptMark::lost;
        out_.unblock_due = cut_off ? std::max(now_, settled()) : now_;
        return to(state, Stage::none);
    }
    Transition hold(Why why) {
        out_.callback = true;
        if (core::sabotaged(Sabotage::unblock_on_held)) out_.unblock = facts_.ordered;
        return to(State::held, Stage::none, why);
    }

    Decision lease() {
        if (facts_.state != State::queued && facts_.state != State::waiting) return Rejected{"it does not wait"};
        if (facts_.blocked) return Rejected{"another one of its order key goes first"};
        if (facts_.due > now_) return Rejected{"it is not due"};
        out_.takes_lease = true;
        return to(State::running, facts_.stage == Stage::lookup ? Stage::lookup : Stage::leased);
    }

    Decision grant() {
        if (!running(Stage::leased) && !running(Stage::lookup)) return Rejected{"nobody is about to send it"};
        if (facts_.stage == Stage::leased && facts_.kind == Kind::keyed && facts_.unknown && facts_.first_intent != 0 &&
            now_ >= facts_.first_intent + rules_.key_window.count())
            return hold(Why::key_expired);
        out_.attempt = AttemptMark::opened;
        return to(State::running, facts_.stage == Stage::lookup ? Stage::lookup : Stage::intent);
    }

    Decision give_back(Why why, UnixMs due) {
        if (!running(Stage::leased) && !running(Stage::lookup)) return Rejected{"it may have been sent"};
        if (why == Why::credential) due = storage::never;
        if (facts_.stage == Stage::leased && why == Why::none && facts_.attempts == 0 && !facts_.unknown)
            return to(State::queued, Stage::none, Why::none, due);
        return wait(why, due);
    }

    Decision not_sent() {
        if (!running(Stage::intent) && !running(Stage::lookup)) return Rejected{"nobody was sending it"};
        out_.attempt = AttemptMark::not_sent;
        Event unsent = event_;
        unsent.error_class = ErrorClass::network;
        unsent.executed = Executed::no;
        return running(Stage::lookup) ? failed_lookup(unsent) : passing(unsent);
    }

    Decision lost() {
        if (running(Stage::leased)) return give_back(Why::none, now_);
        if (running(Stage::lookup)) {
            out_.attempt = AttemptMark::lost;
            return wait(Why::lost, now_);
        }
        if (!running(Stage::intent)) return Rejected{"nobody had it"};
        out_.attempt = AttemptMark::lost;
        if (core::sabotaged(Sabotage::forget_intent)) return wait(Why::lost, now_);
        return unknown(Why::lost, event_);
    }

    Decision answer() {
        if (!running(Stage::intent) && !running(Stage::lookup)) return Rejected{"nobody was sending it"};
        const Treatment treatment = treatment_of(event_);
        if (treatment == Treatment::passing && event_.executed != Executed::no) {
            out_.attempt = AttemptMark::unknown;
        } else {
            out_.attempt = AttemptMark::answered;
        }
        if (running(Stage::lookup)) return failed_lookup(event_);
        if (event_.proves_done && facts_.unknown) {
            out_.unknown = false;
            out_.inferred = true;
            out_.executed = Executed::yes;
            return finish(State::succeeded);
        }
        switch (treatment) {
            case Treatment::done:
                out_.unknown = false;
                out_.executed = Executed::yes;
                return finish(State::succeeded);
            case Treatment::not_found: return not_found();
            case Treatment::permanent: return permanent();
            case Treatment::limit: return limit(State::dead);
            case Treatment::refresh:
                if (event_.can_refresh) return again_with_new_token();
                return wait(Why::credential, storage::never);
            case Treatment::reauth: return wait(Why::credential, storage::never);
            case Treatment::passing: break;
        }
        return event_.executed == Executed::no ? passing(event_) : unknown(why_of(event_.error_class), event_);
    }

    Decision set_down() {
        if (!running(Stage::intent) && !running(Stage::lookup)) return Rejected{"nobody was sending it"};
        out_.attempt = AttemptMark::answered;
        return to(State::running, facts_.stage == Stage::lookup ? Stage::lookup : Stage::leased);
    }

    Transition again_with_new_token() {
        out_.refresh = true;
        return to(State::running, facts_.stage == Stage::lookup ? Stage::lookup : Stage::leased);
    }

    Transition permanent() {
        if (!facts_.unknown) out_.executed = event_.executed;
        return finish(State::failed);
    }

    Transition not_found() {
        // An earlier attempt has deleted it, or somebody else: it is gone, as was asked.
        if (facts_.deletes && facts_.unknown) {
            out_.unknown = false;
            out_.inferred = true;
            out_.executed = Executed::yes;
            return finish(State::succeeded);
        }
        if (!facts_.updates || facts_.not_found >= rules_.not_found) return permanent();
        out_.counts_not_found = true;
        return wait(Why::not_found, std::max(now_ + not_found_pause.count(), event_.not_before));
    }

    /// Limits wear out patience, not attempts.
    Transition limit(State worn_out) {
        if (now_ - facts_.begun >= rules_.limit_age.count()) {
            return worn_out == State::held ? hold(Why::lookup_failed) : finish(worn_out);
        }
        const UnixMs pause = limit_pause(event_.error_class).count();
        return wait(why_of(event_.error_class), std::max(now_ + pause, event_.not_before));
    }

    /// Certainly not carried out.
    Transition passing(const Event& event) {
        out_.counts_attempt = true;
        const unsigned n = facts_.attempts + 1;
        if (n > rules_.attempts) return finish(State::dead);
        return wait(why_of(event.error_class), backoff(n, event));
    }

    [[nodiscard]] UnixMs backoff(unsigned n, const Event& event) const noexcept {
        return std::max(now_ + pause_after(n, rules_, event.random).count(), event.not_before);
    }

    /// It may have been carried out.
    Transition unknown(Why why, const Event& event) {
        out_.counts_attempt = true;
        const unsigned n = facts_.attempts + 1;
        const bool used_up = n > rules_.attempts;
        out_.executed = Executed::unknown;
        if (facts_.kind == Kind::read) return used_up ? finish(State::dead) : wait(why, backoff(n, event));
        out_.unknown = true;
        const UnixMs due = std::max(backoff(n, event), settled());
        if (core::sabotaged(Sabotage::repeat_unsafe) && !used_up) return wait(why, due);
        switch (facts_.kind) {
            case Kind::read:
            case Kind::repeatable: return used_up ? finish(State::dead) : wait(why, due);
            // Also behind the last attempt: looking tells what became of it.
            case Kind::checkable:
                return to(State::waiting, Stage::lookup, why, used_up ? std::max(now_, settled()) : due);
            case Kind::keyed:
                if (used_up) return finish(State::dead);
                if (!event.key_honoured) return hold(Why::key_not_honoured);
                if (due >= facts_.first_intent + rules_.key_window.count()) return hold(Why::key_expired);
                return wait(why, due);
            case Kind::unsafe: break;
        }
        return hold(Why::outcome_unknown);
    }

    /// The lookup has no answer that says anything about the record.
    Transition failed_lookup(const Event& event) {
        switch (treatment_of(event)) {
            case Treatment::limit: return limit(State::held);
            case Treatment::refresh:
                if (event.can_refresh) return again_with_new_token();
                return wait(Why::credential, storage::never);
            case Treatment::reauth: return wait(Why::credential, storage::never);
            case Treatment::passing: {
                out_.counts_attempt = true;
                const unsigned n = facts_.attempts + 1;
                if (n > rules_.attempts) return hold(Why::lookup_failed);
                return wait(why_of(event.error_class), backoff(n, event));
            }
            case Treatment::done: return hold(Why::lookup_unreadable);
            case Treatment::not_found:
            case Treatment::permanent: break;
        }
        return hold(Why::lookup_refused);
    }

    Decision found() {
        if (!running(Stage::lookup)) return Rejected{"nobody was looking"};
        out_.attempt = AttemptMark::answered;
        switch (event_.found) {
            case Found::one:
                out_.unknown = false;
                out_.inferred = true;
                out_.executed = Executed::yes;
                return finish(State::succeeded);
            case Found::none:
                out_.unknown = false;
                out_.executed = Executed::no;
                if (facts_.attempts > rules_.attempts) return finish(State::dead);
                return to(State::queued, Stage::none, Why::none, now_);
            case Found::several: return hold(Why::lookup_several);
            case Found::older: return hold(Why::lookup_older);
            case Found::unreadable: break;
        }
        return hold(Why::lookup_unreadable);
    }

    Decision late_answer() {
        if (facts_.state != State::waiting && facts_.state != State::held) {
            return Rejected{"a newer decision has been made"};
        }
        out_.attempt = AttemptMark::answered;
        const Treatment treatment = treatment_of(event_);
        if (treatment == Treatment::done) {
            out_.unknown = false;
            out_.executed = Executed::yes;
            return finish(State::succeeded);
        }
        const bool proof = treatment == Treatment::permanent || (treatment == Treatment::not_found && !facts_.updates);
        if (!proof || event_.executed != Executed::no) return Rejected{"it proves nothing"};
        // Of attempts before that one it says nothing; of these two kinds there may be several that nobody saw end.
        const bool repeated = facts_.kind == Kind::repeatable || facts_.kind == Kind::keyed;
        out_.unknown = repeated && facts_.attempts > 1;
        out_.executed = out_.unknown ? Executed::unknown : Executed::no;
        return finish(State::failed);
    }

    Decision credential_changed() {
        if (facts_.state != State::waiting || !facts_.for_credential) return Rejected{"it does not wait for that"};
        return to(State::waiting, facts_.stage, Why::none, now_);
    }

    Decision retry() {
        if (facts_.state != State::held && facts_.state != State::dead && facts_.state != State::failed)
            return Rejected{"only what is held, dead or failed can be begun anew"};
        out_.begins_anew = true;
        return to(State::queued, Stage::none, Why::none, now_);
    }

    Decision discard() {
        if (facts_.state == State::running) return Rejected{"it is being sent"};
        if (facts_.state == State::succeeded || facts_.state == State::discarded) return Rejected{"it has ended"};
        Transition out = finish(State::discarded);
        // What may still be going on at the portal has its time here too.
        if (facts_.unknown) out.unblock_due = std::max(now_, settled());
        return out;
    }

    const Facts& facts_;
    const Event& event_;
    const UnixMs now_;
    const Rules& rules_;
    Transition out_;
};

}  // namespace

Decision transition(const Facts& facts, const Event& event, UnixMs now, const Rules& rules) {
    return Decider(facts, event, now, rules).decide();
}

Decision take_over(Facts facts, const Event& verdict, UnixMs now, const Rules& rules) {
    facts.state = State::running;
    facts.stage = Stage::intent;
    facts.first_intent = facts.intent;
    Event event = verdict;
    event.can_refresh = false;
    auto out = transition(facts, event, now, rules);
    if (!out) return out;
    if (out->state != State::waiting && out->state != State::held) return Rejected{"its verdict is final"};
    out->attempt = AttemptMark::none;
    out->callback = false;
    return out;
}

std::string_view to_string(Why why) noexcept {
    switch (why) {
        case Why::none: return "";
        case Why::rate_limit: return "rate_limit";
        case Why::overload: return "overload";
        case Why::operating_limit: return "operating_limit";
        case Why::server: return "server";
        case Why::network: return "network";
        case Why::timeout: return "timeout";
        case Why::gateway: return "gateway";
        case Why::not_found: return "not_found";
        case Why::credential: return storage::waits_for_credential;
        case Why::paused: return "paused";
        case Why::shutdown: return "shutdown";
        case Why::lost: return "lost";
        case Why::outcome_unknown: return "outcome_unknown";
        case Why::key_expired: return "key_expired";
        case Why::key_not_honoured: return "key_not_honoured";
        case Why::lookup_several: return "lookup_several";
        case Why::lookup_older: return "lookup_older";
        case Why::lookup_refused: return "lookup_refused";
        case Why::lookup_unreadable: return "lookup_unreadable";
        case Why::lookup_failed: return "lookup_failed";
    }
    return "";
}

std::string_view to_string(Event::Kind kind) noexcept {
    switch (kind) {
        case Event::Kind::lease: return "lease";
        case Event::Kind::grant: return "grant";
        case Event::Kind::give_back: return "give_back";
        case Event::Kind::not_sent: return "not_sent";
        case Event::Kind::answer: return "answer";
        case Event::Kind::set_down: return "set_down";
        case Event::Kind::lost: return "lost";
        case Event::Kind::found: return "found";
        case Event::Kind::late_answer: return "late_answer";
        case Event::Kind::credential_changed: return "credential_changed";
        case Event::Kind::retry: return "retry";
        case Event::Kind::discard: return "discard";
    }
    return "";
}

std::string_view to_string(AttemptMark mark) noexcept {
    switch (mark) {
        case AttemptMark::none: return "";
        case AttemptMark::opened: return "opened";
        case AttemptMark::answered: return "answered";
        case AttemptMark::not_sent: return "not_sent";
        case AttemptMark::unknown: return "unknown";
        case AttemptMark::lost: return "lost";
    }
    return "";
}

}  // namespace b24gate::operations
