#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include <b24gate/operations/state_machine.hpp>

using namespace b24gate;
using namespace b24gate::operations;
using bitrix::ErrorClass;
using bitrix::Executed;
using EventKind = Event::Kind;

namespace {

constexpr UnixMs now = 1'790'000'000'000, second = 1'000, minute = 60'000, hour = 3'600'000, day = 24 * hour;
const Rules rules;

struct Place {
    State state;
    Stage stage;
};
constexpr Place places[] = {
    {State::queued, Stage::none},    {State::waiting, Stage::none},   {State::waiting, Stage::lookup},
    {State::running, Stage::leased}, {State::running, Stage::intent}, {State::running, Stage::lookup},
    {State::succeeded, Stage::none}, {State::failed, Stage::none},    {State::dead, Stage::none},
    {State::held, Stage::none},      {State::discarded, Stage::none},
};

std::string shown(State state, Stage stage) {
    std::string out(to_string(state));
    if (stage != Stage::none) out += "/" + std::string(to_string(stage));
    return out;
}
std::string shown(const Decision& decision) {
    return decision ? shown(decision->state, decision->stage) : std::string("-");
}

Facts at(Place place, Kind kind = Kind::repeatable) {
    Facts out;
    out.state = place.state;
    out.stage = place.stage;
    out.kind = kind;
    out.begun = now - minute;
    out.due = now;
    if (place.stage == Stage::intent || place.stage == Stage::lookup) out.first_intent = out.intent = now - second;
    return out;
}

Facts sending(Kind kind) { return at({State::running, Stage::intent}, kind); }
Facts looking() {
    Facts out = at({State::running, Stage::lookup}, Kind::checkable);
    out.unknown = true;
    out.attempts = 1;
    return out;
}

Event event(EventKind kind) {
    Event out;
    out.kind = kind;
    out.found = Found::one;
    return out;
}
Event verdict(ErrorClass error_class, Executed executed) {
    Event out = event(EventKind::answer);
    out.error_class = error_class;
    out.executed = executed;
    return out;
}
Event found(Found what) {
    Event out = event(EventKind::found);
    out.found = what;
    return out;
}

Transition must(const Facts& facts, const Event& happened, UnixMs when = now, const Rules& by = rules) {
    const Decision out = transition(facts, happened, when, by);
    REQUIRE(out.has_value());
    return *out;
}

}  // namespace

TEST_CASE("every state meets every event") {
    // One row an event, one column a place in the order of `places`; "-" is refused.
    const std::map<EventKind, std::vector<std::string>> table = {
        {EventKind::lease,
         {"running/leased", "running/leased", "running/lookup", "-", "-", "-", "-", "-", "-", "-", "-"}},
        {EventKind::grant, {"-", "-", "-", "running/intent", "-", "running/lookup", "-", "-", "-", "-", "-"}},
        {EventKind::give_back, {"-", "-", "-", "queued", "-", "waiting/lookup", "-", "-", "-", "-", "-"}},
        {EventKind::not_sent, {"-", "-", "-", "-", "waiting", "waiting/lookup", "-", "-", "-", "-", "-"}},
        // An answer "ok" to a lookup is an event `found`; as a verdict it says nothing.
        {EventKind::answer, {"-", "-", "-", "-", "succeeded", "held", "-", "-", "-", "-", "-"}},
        {EventKind::set_down, {"-", "-", "-", "-", "running/leased", "running/lookup", "-", "-", "-", "-", "-"}},
        {EventKind::lost, {"-", "-", "-", "queued", "waiting", "waiting/lookup", "-", "-", "-", "-", "-"}},
        {EventKind::found, {"-", "-", "-", "-", "-", "succeeded", "-", "-", "-", "-", "-"}},
        {EventKind::late_answer, {"-", "succeeded", "succeeded", "-", "-", "-", "-", "-", "-", "succeeded", "-"}},
        {EventKind::credential_changed, {"-", "waiting", "waiting/lookup", "-", "-", "-", "-", "-", "-", "-", "-"}},
        {EventKind::retry, {"-", "-", "-", "-", "-", "-", "-", "queued", "queued", "queued", "-"}},
        {EventKind::discard,
         {"discarded", "discarded", "discarded", "-", "-", "-", "-", "discarded", "discarded", "discarded", "-"}},
    };
    CHECK(table.size() == event_kind_count);
    for (const auto& [kind, row] : table) {
        REQUIRE(row.size() == std::size(places));
        for (std::size_t i = 0; i < row.size(); ++i) {
            Facts facts = at(places[i]);
            facts.for_credential = facts.state == State::waiting;
            CAPTURE(to_string(kind));
            CAPTURE(shown(places[i].state, places[i].stage));
            const Decision decision = transition(facts, event(kind), now, rules);
            CHECK(shown(decision) == row[i]);
            if (!decision) {
                CHECK_FALSE(decision.error().why.empty());
                continue;
            }
            // What holds for all of them.
            const Transition& t = *decision;
            CHECK(t.takes_lease == (kind == EventKind::lease));
            CHECK(t.begins_anew == (kind == EventKind::retry));
            CHECK(t.callback == (storage::is_final(t.state) || t.state == State::held));
            CHECK((t.attempt == AttemptMark::opened) == (kind == EventKind::grant));
            if (t.state == State::queued || t.state == State::waiting) CHECK(t.due >= now);
        }
    }
}

TEST_CASE("a key that is used up shows that the first sending was carried out") {
    Facts facts = at({State::running, Stage::intent});
    facts.kind = Kind::keyed;
    Event reused = verdict(ErrorClass::validation, Executed::no);
    reused.proves_done = true;
    CHECK(must(facts, reused).state == State::failed);  // nothing was sent before: it is another one's key
    facts.unknown = true;
    const Transition t = must(facts, reused);
    CHECK(t.state == State::succeeded);
    CHECK(t.inferred);
    CHECK_FALSE(t.unknown);
    CHECK(t.executed == Executed::yes);
}

TEST_CASE("a verdict by class and kind") {
    struct Row {
        ErrorClass error_class;
        Executed executed;
        // read, repeatable, checkable, keyed, unsafe
        const char* ends[5];
        bool counts;
    };
    const Row rows[] = {
        {ErrorClass::ok, Executed::yes, {"succeeded", "succeeded", "succeeded", "succeeded", "succeeded"}, false},
        {ErrorClass::rate_limit, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, false},
        {ErrorClass::overload, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, false},
        {ErrorClass::operating_limit, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, false},
        {ErrorClass::auth_expired, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, false},
        {ErrorClass::auth_invalid, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, false},
        {ErrorClass::permission, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::plan, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::validation, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::not_found, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::method_unknown, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::business, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::business, Executed::unknown, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::portal_gone, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::gateway, Executed::no, {"failed", "failed", "failed", "failed", "failed"}, false},
        {ErrorClass::gateway, Executed::unknown, {"waiting", "waiting", "waiting/lookup", "waiting", "held"}, true},
        {ErrorClass::server, Executed::unknown, {"waiting", "waiting", "waiting/lookup", "waiting", "held"}, true},
        {ErrorClass::server, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, true},
        {ErrorClass::network, Executed::unknown, {"waiting", "waiting", "waiting/lookup", "waiting", "held"}, true},
        {ErrorClass::network, Executed::no, {"waiting", "waiting", "waiting", "waiting", "waiting"}, true},
        {ErrorClass::timeout, Executed::unknown, {"waiting", "waiting", "waiting/lookup", "waiting", "held"}, true},
    };
    std::set<ErrorClass> classes;
    for (const Row& row : rows) {
        classes.insert(row.error_class);
        for (int k = 0; k < 5; ++k) {
            const auto kind = static_cast<Kind>(k);
            CAPTURE(bitrix::to_string(row.error_class));
            CAPTURE(bitrix::to_string(row.executed));
            CAPTURE(to_string(kind));
            const Transition t = must(sending(kind), verdict(row.error_class, row.executed));
            CHECK(shown(t.state, t.stage) == row.ends[k]);
            CHECK(t.counts_attempt == row.counts);
            if (t.state == State::failed) CHECK(t.executed == row.executed);
            if (t.state == State::held) CHECK(t.executed == Executed::unknown);
        }
    }
    CHECK(classes.size() == bitrix::error_class_count);
}

TEST_CASE("a lease: only what is due and not behind another one of its order key") {
    Facts facts = at({State::queued, Stage::none});
    facts.due = now + 1;
    CHECK(shown(transition(facts, event(EventKind::lease), now, rules)) == "-");
    facts.due = now;
    facts.blocked = true;
    CHECK(shown(transition(facts, event(EventKind::lease), now, rules)) == "-");
    facts.blocked = false;
    CHECK(must(facts, event(EventKind::lease)).takes_lease);
}

TEST_CASE("unsent, it goes back where it was, with the reason") {
    Facts facts = at({State::running, Stage::leased});
    Event back = event(EventKind::give_back);
    back.why = Why::paused;
    back.not_before = now + hour;
    Transition t = must(facts, back);
    CHECK(shown(t.state, t.stage) == "waiting");
    CHECK(t.why == Why::paused);
    CHECK(t.due == now + hour);
    CHECK_FALSE(t.counts_attempt);
    back.why = Why::credential;
    CHECK(must(facts, back).due == storage::never);
    // One that has failed before waits again; it is not as fresh as it was.
    facts.attempts = 1;
    CHECK(must(facts, event(EventKind::lost)).state == State::waiting);
    CHECK(must(facts, event(EventKind::lost)).due == now);
}

TEST_CASE("a repeat of a write waits until the portal can no longer be at work on it; a read does not") {
    const Event cut = verdict(ErrorClass::timeout, Executed::unknown);
    const UnixMs settled = now - second + rules.settle.count();
    CHECK(must(sending(Kind::read), cut).due == now + 30 * second);
    CHECK(must(sending(Kind::repeatable), cut).due == settled);
    CHECK(must(sending(Kind::checkable), cut).due == settled);
    CHECK(must(sending(Kind::keyed), cut).due == settled);
    // The pause may be longer than that, and so may what the portal asks for.
    Facts third = sending(Kind::repeatable);
    third.attempts = 2;
    CHECK(must(third, cut).due == now + 270 * second);
    Event asked = cut;
    asked.not_before = now + hour;
    CHECK(must(sending(Kind::repeatable), asked).due == now + hour);
    CHECK(must(sending(Kind::read), asked).due == now + hour);
    // What was not sent need not settle.
    CHECK(must(sending(Kind::unsafe), event(EventKind::not_sent)).due == now + 30 * second);
}

TEST_CASE("the gateway died while it was sent: as an answer that never came") {
    for (int k = 0; k < 5; ++k) {
        const Transition died = must(sending(static_cast<Kind>(k)), event(EventKind::lost));
        const Transition silent = must(sending(static_cast<Kind>(k)), verdict(ErrorClass::timeout, Executed::unknown));
        CHECK(died.state == silent.state);
        CHECK(died.stage == silent.stage);
        CHECK(died.due == silent.due);
        CHECK(died.attempt == AttemptMark::lost);
        CHECK(died.executed == Executed::unknown);
        CHECK(silent.attempt == AttemptMark::unknown);
    }
}

TEST_CASE("a delete that finds nothing after an unknown attempt has succeeded; else it has failed") {
    Facts facts = sending(Kind::repeatable);
    facts.deletes = true;
    const Event missing = verdict(ErrorClass::not_found, Executed::no);
    CHECK(must(facts, missing).state == State::failed);
    facts.unknown = true;
    const Transition t = must(facts, missing);
    CHECK(t.state == State::succeeded);
    CHECK(t.inferred);
    CHECK(t.executed == Executed::yes);
    CHECK_FALSE(t.unknown);
}

TEST_CASE("an update that finds nothing looks once more") {
    Facts facts = sending(Kind::repeatable);
    facts.updates = true;
    const Event missing = verdict(ErrorClass::not_found, Executed::no);
    const Transition t = must(facts, missing);
    CHECK(t.state == State::waiting);
    CHECK(t.why == Why::not_found);
    CHECK(t.counts_not_found);
    CHECK_FALSE(t.counts_attempt);
    CHECK(t.due == now + not_found_pause.count());
    facts.not_found = 1;
    CHECK(must(facts, missing).state == State::failed);
    // Whether an earlier one came through nobody knows.
    facts.unknown = true;
    CHECK(must(facts, missing).executed == Executed::unknown);
}

TEST_CASE("a token that has expired: one refresh, then it needs a person") {
    Event expired = verdict(ErrorClass::auth_expired, Executed::no);
    expired.can_refresh = true;
    const Transition t = must(sending(Kind::unsafe), expired);
    CHECK(shown(t.state, t.stage) == "running/leased");
    CHECK(t.refresh);
    CHECK_FALSE(t.takes_lease);
    CHECK(t.attempt == AttemptMark::answered);
    CHECK(shown(transition(looking(), expired, now, rules)) == "running/lookup");
    expired.can_refresh = false;
    const Transition stuck = must(sending(Kind::unsafe), expired);
    CHECK(stuck.state == State::waiting);
    CHECK(stuck.why == Why::credential);
    CHECK(stuck.due == storage::never);
    CHECK_FALSE(stuck.counts_attempt);
}

TEST_CASE("a new credential wakes what waits for it, and nothing else") {
    Facts facts = at({State::waiting, Stage::lookup}, Kind::checkable);
    CHECK(shown(transition(facts, event(EventKind::credential_changed), now, rules)) == "-");
    facts.for_credential = true;
    const Transition t = must(facts, event(EventKind::credential_changed));
    CHECK(shown(t.state, t.stage) == "waiting/lookup");
    CHECK(t.due == now);
    CHECK(t.why == Why::none);
}

TEST_CASE("limits count no attempts, but patience ends") {
    for (const ErrorClass limit : {ErrorClass::rate_limit, ErrorClass::overload, ErrorClass::operating_limit}) {
        Facts facts = sending(Kind::unsafe);
        Event refused = verdict(limit, Executed::no);
        refused.not_before = now + 10 * minute;
        CHECK(must(facts, refused).due == now + 10 * minute);
        refused.not_before = 0;
        CHECK(must(facts, refused).due > now);
        facts.begun = now - 3 * day + 1;
        CHECK(must(facts, refused).state == State::waiting);
        facts.begun = now - 3 * day;
        const Transition t = must(facts, refused);
        CHECK(t.state == State::dead);
        CHECK(t.executed == Executed::no);
        // A lookup that is held up so long leaves an unknown outcome behind.
        Facts lookup = looking();
        lookup.begun = now - 3 * day;
        CHECK(must(lookup, refused).state == State::held);
    }
}

TEST_CASE("a look at the record") {
    const Transition one = must(looking(), found(Found::one));
    CHECK(one.state == State::succeeded);
    CHECK(one.inferred);
    CHECK(one.executed == Executed::yes);
    const Transition none = must(looking(), found(Found::none));
    CHECK(none.state == State::queued);
    CHECK(none.due == now);
    CHECK_FALSE(none.unknown);
    for (const Found what : {Found::several, Found::older, Found::unreadable}) {
        const Transition t = must(looking(), found(what));
        CHECK(t.state == State::held);
        CHECK(t.why != Why::none);
        CHECK(t.unknown);
        CHECK(t.callback);
    }
    // It looked because the last attempt was unknown: nothing is there, and the budget is used up.
    Facts last = looking();
    last.attempts = rules.attempts + 1;
    const Transition t = must(last, found(Found::none));
    CHECK(t.state == State::dead);
    CHECK(t.executed == Executed::no);
}

TEST_CASE("a look that fails") {
    Transition t = must(looking(), verdict(ErrorClass::server, Executed::unknown));
    CHECK(shown(t.state, t.stage) == "waiting/lookup");
    CHECK(t.counts_attempt);
    CHECK(shown(transition(looking(), event(EventKind::not_sent), now, rules)) == "waiting/lookup");
    CHECK(must(looking(), verdict(ErrorClass::permission, Executed::no)).why == Why::lookup_refused);
    CHECK(must(looking(), verdict(ErrorClass::not_found, Executed::no)).state == State::held);
    t = must(looking(), verdict(ErrorClass::auth_invalid, Executed::no));
    CHECK(shown(t.state, t.stage) == "waiting/lookup");
    CHECK(t.due == storage::never);
    Facts tired = looking();
    tired.attempts = rules.attempts;
    t = must(tired, verdict(ErrorClass::timeout, Executed::unknown));
    CHECK(t.state == State::held);
    CHECK(t.why == Why::lookup_failed);
}

TEST_CASE("a keyed write is repeated as long as the portal remembers its key") {
    const Event cut = verdict(ErrorClass::server, Executed::unknown);
    Facts facts = sending(Kind::keyed);
    CHECK(must(facts, cut).state == State::waiting);
    Event unproven = cut;
    unproven.key_honoured = false;
    CHECK(must(facts, unproven).why == Why::key_not_honoured);
    facts.first_intent = now - 23 * hour + 70 * second;
    const Transition late = must(facts, cut);
    CHECK(late.state == State::held);
    CHECK(late.why == Why::key_expired);

    // It waited for something else meanwhile: it is not sent, whatever the wait was for.
    Facts leased = at({State::running, Stage::leased}, Kind::keyed);
    leased.unknown = true;
    leased.first_intent = now - 23 * hour + 1;
    CHECK(must(leased, event(EventKind::grant)).stage == Stage::intent);
    leased.first_intent = now - 23 * hour;
    const Transition t = must(leased, event(EventKind::grant));
    CHECK(t.state == State::held);
    CHECK(t.attempt == AttemptMark::none);
    // What was certainly not carried out may be sent at any time.
    leased.unknown = false;
    CHECK(must(leased, event(EventKind::grant)).stage == Stage::intent);
}

TEST_CASE("an answer that comes late") {
    Event late = event(EventKind::late_answer);
    Facts held = at({State::held, Stage::none}, Kind::unsafe);
    held.unknown = true;
    CHECK(must(held, late).executed == Executed::yes);
    late.error_class = ErrorClass::validation;
    late.executed = Executed::no;
    CHECK(must(held, late).state == State::failed);
    CHECK(must(held, late).executed == Executed::no);
    for (const ErrorClass nothing : {ErrorClass::server, ErrorClass::rate_limit, ErrorClass::auth_expired}) {
        late.error_class = nothing;
        CHECK(shown(transition(held, late, now, rules)) == "-");
    }
    // What an attempt before that one has done it does not tell.
    late.error_class = ErrorClass::validation;
    Facts repeated = at({State::waiting, Stage::none}, Kind::keyed);
    repeated.unknown = true;
    repeated.attempts = 1;
    CHECK(must(repeated, late).executed == Executed::no);
    repeated.attempts = 2;
    CHECK(must(repeated, late).state == State::failed);
    CHECK(must(repeated, late).executed == Executed::unknown);
    late.error_class = ErrorClass::business;
    late.executed = Executed::unknown;
    CHECK(shown(transition(held, late, now, rules)) == "-");
}

TEST_CASE("who lets the next one of an order key go") {
    Facts facts = sending(Kind::repeatable);
    const Event refused = verdict(ErrorClass::validation, Executed::no);
    CHECK_FALSE(must(facts, verdict(ErrorClass::ok, Executed::yes)).unblock);
    facts.ordered = true;
    Transition t = must(facts, verdict(ErrorClass::ok, Executed::yes));
    CHECK(t.unblock);
    CHECK(t.unblock_due == now);
    CHECK(must(facts, refused).unblock);
    Rules strict;
    strict.block_on_failure = true;
    CHECK_FALSE(must(facts, refused, now, strict).unblock);
    CHECK(must(facts, verdict(ErrorClass::ok, Executed::yes), now, strict).unblock);
    facts.state = State::failed;
    facts.stage = Stage::none;
    CHECK(must(facts, event(EventKind::discard), now, strict).unblock);

    Facts unsafe = sending(Kind::unsafe);
    unsafe.ordered = true;
    CHECK_FALSE(must(unsafe, verdict(ErrorClass::timeout, Executed::unknown)).unblock);

    // Its last attempt was cut off: the next one must not arrive before it.
    Facts last = sending(Kind::repeatable);
    last.ordered = true;
    last.attempts = rules.attempts;
    t = must(last, verdict(ErrorClass::timeout, Executed::unknown));
    CHECK(t.state == State::dead);
    CHECK(t.unblock);
    CHECK(t.unblock_due == last.intent + rules.settle.count());
    Facts held = at({State::held, Stage::none}, Kind::unsafe);
    held.ordered = held.unknown = true;
    held.intent = now - second;
    CHECK(must(held, event(EventKind::discard)).unblock_due == now - second + rules.settle.count());
}

TEST_CASE("a synchronous call that failed goes on as an operation, if that can help") {
    Facts facts;
    facts.kind = Kind::unsafe;
    facts.begun = facts.intent = now - second;
    const auto taken = [&](ErrorClass error_class, Executed executed) {
        return shown(take_over(facts, verdict(error_class, executed), now, rules));
    };
    CHECK(taken(ErrorClass::ok, Executed::yes) == "-");
    CHECK(taken(ErrorClass::validation, Executed::no) == "-");
    CHECK(taken(ErrorClass::rate_limit, Executed::no) == "waiting");
    CHECK(taken(ErrorClass::auth_invalid, Executed::no) == "waiting");
    CHECK(taken(ErrorClass::network, Executed::no) == "waiting");
    CHECK(taken(ErrorClass::timeout, Executed::unknown) == "held");
    facts.kind = Kind::checkable;
    CHECK(taken(ErrorClass::timeout, Executed::unknown) == "waiting/lookup");
}

namespace {

/// Lives through it all: each attempt ends with the same verdict.
struct Life {
    int sent = 0, looked = 0;
    UnixMs took = 0;
    Transition end;
};

Life live(Kind kind, const Event& every, Found look = Found::none, double random = 0.5, bool updates = false) {
    Facts facts;
    facts.kind = kind;
    facts.updates = updates;
    facts.begun = now;
    Life life;
    UnixMs clock = now;
    Transition t;
    const auto apply = [&](const Event& happened) {
        t = must(facts, happened, clock);
        facts.state = t.state;
        facts.stage = t.stage;
        facts.due = t.due;
        facts.unknown = t.unknown;
        facts.attempts += t.counts_attempt;
        facts.not_found += t.counts_not_found;
        facts.for_credential = t.why == Why::credential;
    };
    for (int step = 0; step < 1'000'000; ++step) {
        if (storage::is_final(facts.state) || facts.state == State::held || facts.due == storage::never) break;
        clock = std::max(clock, facts.due);
        apply(event(EventKind::lease));
        apply(event(EventKind::grant));
        if (facts.stage == Stage::lookup) {
            ++life.looked;
            clock += 50;
            apply(found(look));
            continue;
        }
        if (facts.state != State::running) break;
        facts.intent = clock;
        if (facts.first_intent == 0) facts.first_intent = clock;
        ++life.sent;
        clock += 50;
        Event answer = every;
        answer.random = random;
        if (every.not_before != 0) answer.not_before = clock + every.not_before;
        apply(answer);
    }
    life.took = clock - now;
    life.end = t;
    return life;
}

}  // namespace

TEST_CASE("each class of error ends where the contract says, after as many attempts as it says") {
    for (const ErrorClass permanent :
         {ErrorClass::permission, ErrorClass::plan, ErrorClass::validation, ErrorClass::not_found,
          ErrorClass::method_unknown, ErrorClass::business, ErrorClass::portal_gone, ErrorClass::gateway}) {
        const Life life = live(Kind::repeatable, verdict(permanent, Executed::no));
        CHECK(life.end.state == State::failed);
        CHECK(life.sent == 1);
    }
    const Life update = live(Kind::repeatable, verdict(ErrorClass::not_found, Executed::no), Found::none, 0.5, true);
    CHECK(update.end.state == State::failed);
    CHECK(update.sent == 2);

    for (const ErrorClass passing : {ErrorClass::server, ErrorClass::network, ErrorClass::timeout}) {
        for (const double random : {0.0, 0.5, 0.999}) {
            CAPTURE(random);
            for (const Kind kind : {Kind::read, Kind::repeatable}) {
                const Life life = live(kind, verdict(passing, Executed::unknown), Found::none, random);
                CHECK(life.end.state == State::dead);
                CHECK(life.sent == 9);
                CHECK(life.took > 16 * hour);
                CHECK(life.took < 27 * hour);
            }
            // Certainly not carried out: any kind.
            const Life unsent = live(Kind::unsafe, verdict(passing, Executed::no), Found::none, random);
            CHECK(unsent.end.state == State::dead);
            CHECK(unsent.end.executed == Executed::no);
            CHECK(unsent.sent == 9);
            const Life unsafe = live(Kind::unsafe, verdict(passing, Executed::unknown), Found::none, random);
            CHECK(unsafe.end.state == State::held);
            CHECK(unsafe.sent == 1);
            const Life absent = live(Kind::checkable, verdict(passing, Executed::unknown), Found::none, random);
            CHECK(absent.end.state == State::dead);
            CHECK(absent.end.executed == Executed::no);
            CHECK(absent.sent == 9);
            CHECK(absent.looked == 9);
            const Life there = live(Kind::checkable, verdict(passing, Executed::unknown), Found::one, random);
            CHECK(there.end.state == State::succeeded);
            CHECK(there.sent == 1);
            CHECK(there.looked == 1);
        }
        const Life keyed = live(Kind::keyed, verdict(passing, Executed::unknown), Found::none, 0.5);
        CHECK(keyed.end.state == State::dead);
        CHECK(keyed.sent == 9);
        const Life slow = live(Kind::keyed, verdict(passing, Executed::unknown), Found::none, 0.999);
        CHECK(slow.end.state == State::held);
        CHECK(slow.end.why == Why::key_expired);
        CHECK(slow.took < 23 * hour);
    }
    for (const ErrorClass limit : {ErrorClass::rate_limit, ErrorClass::overload, ErrorClass::operating_limit}) {
        Event refused = verdict(limit, Executed::no);
        refused.not_before = 10 * minute;
        const Life life = live(Kind::unsafe, refused);
        CHECK(life.end.state == State::dead);
        CHECK(life.sent > 400);
        CHECK(life.took >= 3 * day);
        CHECK(life.took < 3 * day + 15 * minute);
    }
    for (const ErrorClass auth : {ErrorClass::auth_invalid, ErrorClass::auth_expired}) {
        const Life life = live(Kind::unsafe, verdict(auth, Executed::no));
        CHECK(life.end.state == State::waiting);
        CHECK(life.end.due == storage::never);
        CHECK(life.sent == 1);
    }
}

TEST_CASE("words are there and differ") {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(Why::lookup_failed); ++i) words.insert(to_string(static_cast<Why>(i)));
    CHECK(words.size() == static_cast<std::size_t>(Why::lookup_failed) + 1);
    for (int i = 0; i < storage::operation_state_count; ++i)
        CHECK(storage::operation_state(to_string(static_cast<State>(i))) == static_cast<State>(i));
    for (int i = 0; i < 4; ++i)
        CHECK(storage::operation_stage(to_string(static_cast<Stage>(i))) == static_cast<Stage>(i));
    for (int i = 0; i < 5; ++i) CHECK(storage::repeat_kind(to_string(static_cast<Kind>(i))) == static_cast<Kind>(i));
    CHECK_FALSE(storage::operation_state("Queued").has_value());
}
