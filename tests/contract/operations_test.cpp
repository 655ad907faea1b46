// What operation_store.hpp promises, the same cases on both engines.
#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <b24gate/storage/operation_store.hpp>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using storage::AttemptRecord;
using storage::Claim;
using storage::Discard;
using storage::Finish;
using storage::HandedOver;
using storage::HandOver;
using storage::Intent;
using storage::KeyRequest;
using storage::KeyVerdict;
using storage::OperationFilter;
using storage::OperationRecord;
using storage::OperationStore;
using storage::RepeatKind;
using State = storage::OperationState;
using Stage = storage::OperationStage;
using Verdict = HandedOver::Verdict;

namespace {

HandOver call(std::string id, std::string order = {}) {
    HandOver out;
    out.id = std::move(id);
    out.client = "shop";
    out.portal = "main";
    out.credential = "app";
    out.method = "crm.lead.add";
    out.kind = RepeatKind::repeatable;
    out.order = std::move(order);
    out.body = {"key", "body of " + out.id};
    return out;
}

HandOver keyed(std::string id, std::string key, std::string request = "request") {
    HandOver out = call(std::move(id));
    out.key = std::move(key);
    out.request = std::move(request);
    return out;
}

HandedOver hand(OperationStore& store, HandOver what) { return get(store.hand_over(std::move(what), in(10s))); }

storage::Leased lease(OperationStore& store, std::string owner, unsigned limit = 100, std::int64_t lease_ms = 60'000,
                      std::string portal = "main") {
    return get(store.lease(std::move(portal), limit, std::move(owner), lease_ms, in(10s)));
}

/// One that is there and due.
OperationRecord take(OperationStore& store, std::string owner = "gate-1", std::int64_t lease_ms = 60'000) {
    auto leased = lease(store, std::move(owner), 1, lease_ms);
    REQUIRE(leased.operations.size() == 1);
    return leased.operations.front();
}

std::string ids(const std::vector<OperationRecord>& records) {
    std::string out;
    for (const auto& record : records) out += record.id + " ";
    return out;
}

storage::Intended intend(OperationStore& store, const OperationRecord& record) {
    Intent intent;
    intent.claim = {record.id, record.fence};
    intent.owner = record.owner;
    intent.request_id = "req-" + record.id;
    intent.credential = record.credential;
    return get(store.record_intent({intent}, in(10s))).at(0);
}

Finish finish(const OperationRecord& record, State state, unsigned attempt = 0) {
    Finish out;
    out.claim = {record.id, record.fence};
    out.order = record.order;
    out.attempt = attempt;
    out.ended.mark = "answered";
    out.state = state;
    out.executed = "yes";
    out.callback = storage::is_final(state) || state == State::held;
    out.unblock = storage::is_final(state);
    return out;
}

bool finished(OperationStore& store, Finish what) { return get(store.finish_attempt(std::move(what), in(10s))); }

OperationRecord find(OperationStore& store, const std::string& id) {
    const auto found = get(store.find(id, in(10s)));
    REQUIRE(found.has_value());
    return *found;
}

std::map<std::string, std::int64_t> counts(OperationStore& store) {
    std::map<std::string, std::int64_t> out;
    for (const auto& count : get(store.counts(in(10s)))) out[std::string(to_string(count.state))] += count.count;
    return out;
}

storage::Retry retry_of(std::string id, std::string order, unsigned generation, std::string actor, std::string reason) {
    storage::Retry out;
    out.id = std::move(id);
    out.order = std::move(order);
    out.generation = generation;
    out.actor = std::move(actor);
    out.reason = std::move(reason);
    return out;
}

bool discard(OperationStore& store, const OperationRecord& record) {
    Discard out;
    out.id = record.id;
    out.order = record.order;
    out.seen = record.state;
    out.fence = record.fence;
    out.actor = "anna";
    out.reason = "no longer wanted";
    return get(store.discard(out, in(10s)));
}

}  // namespace

TEST_CASE_TEMPLATE("an operation from its hand-over to its answer", World, B24GATE_ENGINES) {
    World world;
    {
        const auto owner = open(world.url);
        OperationStore& store = owner->operations();
        HandOver first = call("a");
        first.callback = {"key", "sealed url"};
        first.request_id = "req-of-the-caller";
        const auto handed = hand(store, first);
        CHECK(handed.verdict == Verdict::taken);
        CHECK(handed.state == State::queued);
        CHECK_FALSE(handed.blocked);
        CHECK(handed.now > 1'700'000'000'000);
    }
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    const auto fresh = find(store, "a");
    CHECK(fresh.client == "shop");
    CHECK(fresh.portal == "main");
    CHECK(fresh.credential == "app");
    CHECK(fresh.method == "crm.lead.add");
    CHECK(fresh.kind == RepeatKind::repeatable);
    CHECK(fresh.state == State::queued);
    CHECK(fresh.has_callback);
    CHECK(fresh.request_id == "req-of-the-caller");
    CHECK(fresh.created == fresh.begun);
    CHECK(fresh.due == fresh.created);
    CHECK(fresh.priority == 1);
    CHECK(fresh.api == 2);
    CHECK(get(store.body("a", in(5s)))->body.bytes == "body of a");
    CHECK(get(store.body("a", in(5s)))->callback.bytes == "sealed url");
    CHECK_FALSE(get(store.answer("a", in(5s))).has_value());
    CHECK_FALSE(get(store.find("none", in(5s))).has_value());
    CHECK(get(store.next_due("main", in(5s))) == fresh.due);
    CHECK(get(store.next_due("other", in(5s))) == 0);

    const auto leased = take(store);
    CHECK(leased.state == State::running);
    CHECK(leased.stage == Stage::leased);
    CHECK(leased.owner == "gate-1");
    CHECK(leased.fence == 1);
    CHECK(lease(store, "gate-2").operations.empty());
    const auto intent = intend(store, leased);
    CHECK(intent.number == 1);
    CHECK(intent.intent == intent.first_intent);
    CHECK(find(store, "a").stage == Stage::intent);
    // Twice is once: it is no longer leased but under way.
    CHECK(intend(store, leased).number == 0);

    Finish done = finish(leased, State::succeeded, 1);
    done.answer = {"key", "sealed answer"};
    done.answer_status = 200;
    done.status = 200;
    done.error_class = "ok";
    done.ended.status = 200;
    done.ended.duration_ms = 120;
    done.ended.excerpt = {"key", "excerpt"};
    CHECK(finished(store, done));
    CHECK_FALSE(finished(store, done));
    const auto end = find(store, "a");
    CHECK(end.state == State::succeeded);
    CHECK(end.finished >= intent.intent);
    CHECK(end.executed == "yes");
    CHECK(end.owner.empty());
    CHECK(end.status == 200);
    CHECK(get(store.answer("a", in(5s)))->answer.bytes == "sealed answer");
    CHECK(get(store.answer("a", in(5s)))->status == 200);
    const auto attempts = get(store.attempts("a", in(5s)));
    REQUIRE(attempts.size() == 1);
    CHECK(attempts[0].number == 1);
    CHECK(attempts[0].mark == "answered");
    CHECK(attempts[0].gateway == "gate-1");
    CHECK(attempts[0].request_id == "req-a");
    CHECK(attempts[0].excerpt.bytes == "excerpt");
    CHECK(attempts[0].ended >= attempts[0].intent);
    CHECK(counts(store) == std::map<std::string, std::int64_t>{{"succeeded", 1}});
    CHECK(lease(store, "gate-1").operations.empty());
}

TEST_CASE_TEMPLATE("a hand-over may be said twice: it is there once", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    CHECK(hand(store, call("a")).verdict == Verdict::taken);
    CHECK(hand(store, call("a")).verdict == Verdict::taken);
    CHECK(hand(store, keyed("b", "k")).verdict == Verdict::taken);
    CHECK(hand(store, keyed("b", "k")).verdict == Verdict::taken);
    CHECK(counts(store)["queued"] == 2);
    CHECK(lease(store, "gate-1").operations.size() == 2);
}

TEST_CASE_TEMPLATE("an idempotency key gives one operation, and refuses another request", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    CHECK(hand(store, keyed("a", "k")).verdict == Verdict::taken);
    const auto twin = hand(store, keyed("b", "k"));
    CHECK(twin.verdict == Verdict::repeated);
    CHECK(twin.key.operation == "a");
    CHECK_FALSE(get(store.find("b", in(5s))).has_value());
    CHECK(hand(store, keyed("c", "k", "other")).verdict == Verdict::conflict);
    // Another client's is another key.
    HandOver other = keyed("d", "k");
    other.client = "bank";
    CHECK(hand(store, other).verdict == Verdict::taken);
    CHECK(counts(store)["queued"] == 2);

    KeyRequest request;
    request.client = "shop";
    request.key = "k";
    request.request = "request";
    request.holder = "call-1";
    request.owner = "gate-1";
    request.lifetime_ms = 60'000;
    const auto sync = get(store.begin_key(request, in(5s)));
    CHECK(sync.kind == KeyVerdict::Kind::operation);
    CHECK(sync.key.operation == "a");
}

TEST_CASE_TEMPLATE("an idempotency key of a synchronous call", World, B24GATE_ENGINES) {
    using Kind = KeyVerdict::Kind;
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    KeyRequest first;
    first.client = "shop";
    first.key = "k";
    first.request = "request";
    first.holder = "call-1";
    first.owner = "gate-1";
    first.lifetime_ms = 60'000;
    const auto begin = [&](KeyRequest request) { return get(store.begin_key(std::move(request), in(5s))); };
    CHECK(begin(first).kind == Kind::fresh);
    CHECK(begin(first).kind == Kind::fresh);
    KeyRequest second = first;
    second.holder = "call-2";
    second.owner = "gate-2";
    CHECK(begin(second).kind == Kind::in_flight);
    CHECK(begin(second).key.owner == "gate-1");
    get(store.heartbeat("gate-1", "1.0", in(5s)));
    CHECK(begin(second).key.owner_seen > 0);
    KeyRequest other = second;
    other.request = "another";
    CHECK(begin(other).kind == Kind::conflict);
    CHECK(hand(store, keyed("a", "k")).verdict == Verdict::repeated);

    SUBCASE("its answer is kept for the twins") {
        CHECK(get(store.finish_key("shop", "k", "call-1", 200, {"key", "answer"}, in(5s))));
        CHECK_FALSE(get(store.finish_key("shop", "k", "call-1", 200, {"key", "late"}, in(5s))));
        const auto done = begin(second);
        CHECK(done.kind == Kind::done);
        CHECK(done.key.answer.bytes == "answer");
        CHECK(done.key.status == 200);
    }
    SUBCASE("it was not carried out: nothing is kept") {
        CHECK_FALSE(get(store.forget_key("shop", "k", "call-2", in(5s))));
        CHECK(get(store.forget_key("shop", "k", "call-1", in(5s))));
        CHECK(begin(other).kind == Kind::fresh);
    }
    SUBCASE("its gateway died, and nobody knows") {
        second.dead_owner = "gate-1";
        CHECK(begin(second).kind == Kind::lost);
    }
    SUBCASE("its gateway died, and a repeat is safe") {
        CHECK(get(store.forget_key("shop", "k", "call-1", in(5s))));
        first.safe = true;
        CHECK(begin(first).kind == Kind::fresh);
        second.dead_owner = "gate-1";
        CHECK(begin(second).kind == Kind::fresh);
        CHECK_FALSE(get(store.finish_key("shop", "k", "call-1", 200, {"key", "late"}, in(5s))));
        CHECK(get(store.finish_key("shop", "k", "call-2", 200, {"key", "x"}, in(5s))));
    }
    SUBCASE("it goes on as an operation") {
        HandOver goes_on = keyed("op", "k");
        goes_on.key_holder = "call-1";
        goes_on.state = State::waiting;
        goes_on.why = "server";
        goes_on.attempts = 1;
        goes_on.unknown = true;
        AttemptRecord attempt;
        attempt.number = 1;
        attempt.mark = "unknown";
        attempt.status = 502;
        goes_on.history.push_back(attempt);
        const auto handed = hand(store, goes_on);
        CHECK(handed.verdict == Verdict::taken);
        CHECK(handed.state == State::waiting);
        CHECK(hand(store, goes_on).verdict == Verdict::taken);
        CHECK(begin(second).kind == Kind::operation);
        const auto record = find(store, "op");
        CHECK(record.why == "server");
        CHECK(record.unknown);
        CHECK(record.tried == 1);
        CHECK(get(store.attempts("op", in(5s))).at(0).status == 502);
        goes_on.id = "op2";
        CHECK(hand(store, goes_on).verdict == Verdict::withdrawn);
        CHECK_FALSE(get(store.find("op2", in(5s))).has_value());
    }
    SUBCASE("its time is over") {
        KeyRequest brief = first;
        brief.key = "brief";
        brief.lifetime_ms = 0;
        CHECK(begin(brief).kind == Kind::fresh);
        KeyRequest next = brief;
        next.holder = "call-3";
        next.request = "another";
        CHECK(begin(next).kind == Kind::fresh);
    }
}

TEST_CASE_TEMPLATE("what is leased: by priority, then by time, then in order, and only what is due", World,
                   B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    const auto put = [&](const std::string& id, int priority, storage::UnixMs not_before, std::string portal = "main") {
        HandOver one = call(id);
        one.priority = priority;
        one.not_before = not_before;
        one.portal = std::move(portal);
        return hand(store, one).now;
    };
    put("bulk", 2, 0);
    put("normal-1", 1, 0);
    put("elsewhere", 0, 0, "other");
    put("normal-2", 1, 0);
    const auto now = put("screen", 0, 0);
    put("later", 0, now + 3'600'000);
    CHECK(find(store, "later").begun == now + 3'600'000);
    CHECK(ids(lease(store, "gate-1", 3).operations) == "screen normal-1 normal-2 ");
    CHECK(ids(lease(store, "gate-1").operations) == "bulk ");
    CHECK(get(store.next_due("main", in(5s))) == now + 3'600'000);
    CHECK(ids(lease(store, "gate-1", 9, 1'000, "other").operations) == "elsewhere ");
}

TEST_CASE_TEMPLATE("a lease that is over is no lease: nothing may be sent under it", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    const auto first = take(store, "gate-1", 0);
    CHECK(intend(store, first).number == 0);
    CHECK(get(store.renew("gate-1", 60'000, in(5s))).claims.at(0).fence == 1);
    CHECK(get(store.renew("gate-2", 60'000, in(5s))).claims.empty());
    CHECK(intend(store, first).number == 1);

    // Taken over: the fence has grown, and the old one can do nothing.
    const auto taken = get(store.recover("gate-2", "gate-1", 0, 60'000, 100, in(5s)));
    REQUIRE(taken.operations.size() == 1);
    CHECK(taken.operations[0].stage == Stage::intent);
    CHECK(taken.operations[0].fence == 2);
    CHECK(taken.operations[0].owner == "gate-2");
    CHECK(taken.operations[0].tried == 1);
    CHECK(get(store.renew("gate-1", 60'000, in(5s))).claims.empty());
    Finish late = finish(first, State::succeeded, 1);
    late.ended.status = 200;
    CHECK_FALSE(finished(store, late));
    CHECK(find(store, "a").state == State::running);
    // But what it has seen is evidence.
    CHECK(get(store.attempts("a", in(5s))).at(0).mark == "answered");
    Finish lost = finish(taken.operations[0], State::waiting, 1);
    lost.ended.mark = "lost";
    lost.why = "lost";
    lost.due = taken.now + 3'600'000;
    lost.counts_attempt = lost.unknown = true;
    CHECK(finished(store, lost));
    CHECK(get(store.attempts("a", in(5s))).at(0).mark == "answered");
    CHECK(find(store, "a").attempts == 1);
    // And may settle what waits.
    CHECK(get(store.finish_late(late, in(5s))));
    CHECK(find(store, "a").state == State::succeeded);
    CHECK_FALSE(get(store.finish_late(late, in(5s))));
}

TEST_CASE_TEMPLATE("an answer that comes after a newer attempt has begun changes nothing", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    const auto first = take(store);
    REQUIRE(intend(store, first).number == 1);
    Finish cut = finish(first, State::waiting, 1);
    cut.ended.mark = "unknown";
    REQUIRE(finished(store, cut));
    const auto second = take(store);
    REQUIRE(intend(store, second).number == 2);
    const Finish late = finish(first, State::succeeded, 1);
    CHECK_FALSE(get(store.finish_late(late, in(5s))));
    Finish again = finish(second, State::waiting, 2);
    again.ended.mark = "unknown";
    REQUIRE(finished(store, again));
    CHECK_FALSE(get(store.finish_late(late, in(5s))));
    Finish wrong_fence = finish(first, State::succeeded, 2);
    CHECK_FALSE(get(store.finish_late(wrong_fence, in(5s))));
    CHECK(get(store.finish_late(finish(second, State::succeeded, 2), in(5s))));
}

TEST_CASE_TEMPLATE("who is recovered: dead gateways', and what outlived its lease", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    for (const char* id : {"a", "b", "c"}) hand(store, call(id));
    take(store, "gate-1", 60'000);
    take(store, "gate-2", 0);
    take(store, "gate-3", 60'000);
    get(store.heartbeat("gate-1", "1.0", in(5s)));
    const auto recovered = [&](std::string dead, std::int64_t after_ms) {
        return ids(get(store.recover("gate-9", std::move(dead), after_ms, 60'000, 100, in(5s))).operations);
    };
    CHECK(recovered("", 0) == "b ");
    CHECK(recovered("", 60'000).empty());
    world.sql("UPDATE " + std::string(World::prefix) + "gateway SET seen = seen - 61000");
    CHECK(recovered("", 60'000) == "a ");
    CHECK(recovered("gate-3", 0) == "c ");
    CHECK(recovered("gate-3", 0).empty());
    CHECK(get(store.gateways(in(5s))).at(0).instance == "gate-1");
}

TEST_CASE_TEMPLATE("leases that were not used are given back", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    hand(store, call("b"));
    const auto leased = lease(store, "gate-1");
    std::vector<Finish> back;
    for (const auto& record : leased.operations) back.push_back(finish(record, State::queued));
    back[1].claim.fence = 7;
    CHECK(get(store.give_back(back, in(5s))) == 1);
    CHECK(get(store.give_back({}, in(5s))) == 0);
    CHECK(ids(lease(store, "gate-2").operations) == "a ");
}

TEST_CASE_TEMPLATE("a new token for one that keeps its lease", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    const auto leased = take(store);
    REQUIRE(intend(store, leased).number == 1);
    Finish refresh = finish(leased, State::running, 1);
    refresh.stage = Stage::leased;
    refresh.keep_lease = true;
    CHECK(finished(store, refresh));
    CHECK(find(store, "a").owner == "gate-1");
    const auto second = intend(store, leased);
    CHECK(second.number == 2);
    CHECK(second.first_intent <= second.intent);
}

TEST_CASE_TEMPLATE("what waits for a credential is woken by that one alone", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    HandOver other = call("b");
    other.credential = "second";
    hand(store, other);
    for (const auto& record : lease(store, "gate-1").operations) {
        Finish stuck = finish(record, State::waiting);
        stuck.why = storage::waits_for_credential;
        stuck.due = storage::never;
        REQUIRE(finished(store, stuck));
    }
    CHECK(lease(store, "gate-1").operations.empty());
    CHECK(get(store.wake_credential("other", "app", in(5s))) == 0);
    CHECK(get(store.wake_credential("main", "app", in(5s))) == 1);
    CHECK(get(store.wake_credential("main", "app", in(5s))) == 0);
    CHECK(ids(lease(store, "gate-1").operations) == "a ");
    CHECK(find(store, "b").due == storage::never);
}

TEST_CASE_TEMPLATE("an order key: one after the other, in the order of the hand-overs", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    CHECK_FALSE(hand(store, call("a1", "A")).blocked);
    CHECK(hand(store, call("a2", "A")).blocked);
    CHECK(hand(store, call("a3", "A")).blocked);
    CHECK_FALSE(hand(store, call("b1", "B")).blocked);
    CHECK_FALSE(hand(store, call("free")).blocked);
    const auto first = lease(store, "gate-1").operations;
    CHECK(ids(first) == "a1 b1 free ");

    SUBCASE("the next one goes when one ends, not before it is time") {
        Finish done = finish(first[0], State::succeeded);
        done.unblock_due = find(store, "a1").created + 3'600'000;
        REQUIRE(finished(store, done));
        CHECK(lease(store, "gate-1").operations.empty());
        CHECK(find(store, "a2").due == done.unblock_due);
        CHECK(find(store, "a3").blocked);
    }
    SUBCASE("a wait keeps the others waiting") {
        REQUIRE(finished(store, finish(first[0], State::waiting)));
        CHECK(ids(lease(store, "gate-1").operations) == "a1 ");
    }
    SUBCASE("held keeps the others waiting, until somebody decides") {
        Finish held = finish(first[0], State::held);
        REQUIRE(finished(store, held));
        CHECK(lease(store, "gate-1").operations.empty());
        const auto record = find(store, "a1");
        SUBCASE("to give it up") {
            CHECK(discard(store, record));
            CHECK_FALSE(discard(store, record));
            CHECK(ids(lease(store, "gate-1").operations) == "a2 ");
        }
        SUBCASE("to begin it anew") {
            CHECK(get(store.retry(retry_of("a1", "A", 0, "anna", "seen"), in(5s))));
            CHECK_FALSE(get(store.retry(retry_of("a1", "A", 0, "anna", "seen"), in(5s))));
            CHECK(ids(lease(store, "gate-1").operations) == "a1 ");
        }
    }
    SUBCASE("a failure that blocks") {
        Finish failed = finish(first[0], State::failed);
        failed.unblock = false;
        REQUIRE(finished(store, failed));
        CHECK(lease(store, "gate-1").operations.empty());
        CHECK(hand(store, call("a4", "A")).blocked);
        CHECK(discard(store, find(store, "a1")));
        CHECK(ids(lease(store, "gate-1").operations) == "a2 ");
    }
    SUBCASE("one that is begun anew after it let the next one go waits for its turn") {
        REQUIRE(finished(store, finish(first[0], State::dead)));
        const auto second = take(store);
        CHECK(second.id == "a2");
        CHECK(get(store.retry(retry_of("a1", "A", 0, "anna", "again"), in(5s))));
        CHECK(find(store, "a1").blocked);
        CHECK(lease(store, "gate-1").operations.empty());
        REQUIRE(finished(store, finish(second, State::succeeded)));
        CHECK(ids(lease(store, "gate-1").operations) == "a1 ");
        CHECK(find(store, "a3").blocked);
    }
    SUBCASE("one that waits behind is given up: nothing else moves") {
        CHECK(discard(store, find(store, "a2")));
        CHECK(lease(store, "gate-1").operations.empty());
        REQUIRE(finished(store, finish(first[0], State::succeeded)));
        CHECK(ids(lease(store, "gate-1").operations) == "a3 ");
    }
    CHECK(get(store.unblock_strays(in(5s))) == 0);
}

TEST_CASE_TEMPLATE("one that was left behind is found", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    for (const char* id : {"a1", "a2", "a3"}) hand(store, call(id, "A"));
    world.sql("UPDATE " + std::string(World::prefix) + "operation SET blocks = 0, finished = 1 WHERE id = 'a1'");
    CHECK(get(store.unblock_strays(in(5s))) == 1);
    CHECK_FALSE(find(store, "a2").blocked);
    CHECK(find(store, "a3").blocked);
}

TEST_CASE_TEMPLATE("a person begins one anew, or gives it up; both are written down", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    CHECK_FALSE(get(store.retry(retry_of("a", "", 0, "anna", "x"), in(5s))));
    const auto leased = take(store);
    CHECK_FALSE(discard(store, find(store, "a")));
    REQUIRE(intend(store, leased).number == 1);
    Finish dead = finish(leased, State::dead, 1);
    dead.counts_attempt = dead.unknown = true;
    REQUIRE(finished(store, dead));
    CHECK(get(store.retry(retry_of("a", "", 0, "anna", "the portal is back"), in(5s))));
    const auto anew = find(store, "a");
    CHECK(anew.priority == 1);
    CHECK(anew.state == State::queued);
    CHECK(anew.generation == 1);
    CHECK(anew.attempts == 0);
    CHECK(anew.first_intent == 0);
    CHECK(anew.finished == 0);
    CHECK(anew.unknown);
    const auto stale = find(store, "a");
    const auto again = take(store);
    CHECK(intend(store, again).number == 2);
    CHECK_FALSE(discard(store, stale));
    REQUIRE(finished(store, finish(again, State::failed, 2)));
    CHECK(discard(store, find(store, "a")));
    get(store.put_audit("anna", "pause", "", "maintenance", in(5s)));
    const auto audit = get(store.list_audit(0, 10, in(5s)));
    REQUIRE(audit.size() == 3);
    const auto older = get(store.list_audit(audit[0].number, 1, in(5s)));
    REQUIRE(older.size() == 1);
    CHECK(older[0].number == audit[1].number);
    CHECK(older[0].action == "discard");
    CHECK(get(store.list_audit(audit[2].number, 10, in(5s))).empty());
    CHECK(audit[0].action == "pause");
    CHECK(audit[1].action == "discard");
    CHECK(audit[1].operation == "a");
    CHECK(audit[2].action == "retry");
    CHECK(audit[2].actor == "anna");
    CHECK(audit[2].reason == "the portal is back");
}

TEST_CASE_TEMPLATE("one of many that are begun anew goes last", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    hand(store, call("a"));
    REQUIRE(finished(store, finish(take(store), State::dead)));
    auto retry = retry_of("a", "", 0, "anna", "all of them");
    retry.as_bulk = true;
    CHECK(get(store.retry(std::move(retry), in(5s))));
    CHECK(find(store, "a").priority == 2);
}

TEST_CASE_TEMPLATE("lists: the newest first, page by page, by any mark", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    for (int i = 0; i < 9; ++i) {
        HandOver one = call("op-" + std::to_string(i));
        one.client = i % 2 == 0 ? "shop" : "bank";
        one.portal = i < 3 ? "main" : "other";
        one.method = i % 3 == 0 ? "crm.deal.add" : "tasks.task.add";
        hand(store, one);
    }
    for (const auto& record : lease(store, "gate-1").operations) {
        Finish failed = finish(record, State::failed);
        failed.error_class = "validation";
        REQUIRE(finished(store, failed));
    }
    const auto list = [&](auto fill) {
        OperationFilter filter;
        fill(filter);
        return get(store.list(filter, in(5s)));
    };
    CHECK(ids(list([](auto&) {}).operations) == "op-8 op-7 op-6 op-5 op-4 op-3 op-2 op-1 op-0 ");
    CHECK(list([](auto&) {}).next == 0);
    const auto page = list([](auto& f) { f.limit = 4; });
    CHECK(ids(page.operations) == "op-8 op-7 op-6 op-5 ");
    REQUIRE(page.next != 0);
    CHECK(ids(list([&](auto& f) {
                  f.limit = 4;
                  f.before = page.next;
              }).operations) == "op-4 op-3 op-2 op-1 ");
    CHECK(ids(list([](auto& f) { f.state = State::failed; }).operations) == "op-2 op-1 op-0 ");
    CHECK(ids(list([](auto& f) { f.state = State::queued; }).operations) == "op-8 op-7 op-6 op-5 op-4 op-3 ");
    CHECK(ids(list([](auto& f) { f.client = "bank"; }).operations) == "op-7 op-5 op-3 op-1 ");
    CHECK(ids(list([](auto& f) {
                  f.state = State::failed;
                  f.client = "bank";
              }).operations) == "op-1 ");
    CHECK(ids(list([](auto& f) { f.portal = "main"; }).operations) == "op-2 op-1 op-0 ");
    CHECK(ids(list([](auto& f) { f.method = "crm.deal.add"; }).operations) == "op-6 op-3 op-0 ");
    CHECK(ids(list([](auto& f) { f.method = "crm.*"; }).operations) == "op-6 op-3 op-0 ");
    CHECK(ids(list([](auto& f) { f.method = "crm"; }).operations).empty());
    HandOver shouted = call("loud");
    shouted.method = "Bizproc.Workflow.START";
    hand(store, shouted);
    CHECK(ids(list([](auto& f) { f.method = "bizproc.workflow.start"; }).operations) == "loud ");
    CHECK(ids(list([](auto& f) { f.method = "bizproc.*"; }).operations) == "loud ");
    CHECK(ids(list([](auto& f) { f.error_class = "validation"; }).operations) == "op-2 op-1 op-0 ");
    CHECK(list([](auto& f) { f.until = 1; }).operations.empty());
    CHECK(list([&](auto& f) { f.from = page.now - 3'600'000; }).operations.size() == 10);
}

TEST_CASE_TEMPLATE("what ended long ago goes, with all that belongs to it", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    const std::string prefix(World::prefix);
    for (const char* id : {"ok", "failed", "held", "told"}) {
        HandOver one = call(id);
        if (std::string_view(id) == "told") one.callback = {"key", "url"};
        hand(store, one);
    }
    hand(store, keyed("keyed", "k"));
    for (const auto& record : lease(store, "gate-1").operations) {
        const unsigned attempt = intend(store, record).number;
        const State state = record.id == "failed" ? State::failed
                            : record.id == "held" ? State::held
                                                  : State::succeeded;
        Finish end = finish(record, state, attempt);
        end.answer = {"key", "answer"};
        REQUIRE(finished(store, end));
    }
    hand(store, call("queued"));
    world.sql("UPDATE " + prefix + "operation SET finished = finished - 3600000 WHERE finished > 0");
    const auto clean = [&](std::int64_t succeeded, std::int64_t failed) {
        return get(store.cleanup(succeeded, failed, 100, in(5s)));
    };
    CHECK(clean(7'200'000, 7'200'000) == 0);
    CHECK(clean(1'800'000, 7'200'000) == 1);
    CHECK_FALSE(get(store.find("ok", in(5s))).has_value());
    CHECK(get(store.attempts("ok", in(5s))).empty());
    CHECK(clean(1'800'000, 1'800'000) == 1);
    // Its key holds for a day more, its callback has not been delivered, and what is held has not ended.
    CHECK(find(store, "keyed").state == State::succeeded);
    CHECK(find(store, "told").state == State::succeeded);
    CHECK(find(store, "held").state == State::held);
    CHECK(hand(store, keyed("twin", "k")).verdict == Verdict::repeated);
    world.sql("UPDATE " + prefix + "operation SET finished = finished - 86400000 WHERE finished > 0");
    world.sql("UPDATE " + prefix + "idempotency SET expires = expires - 86400000");
    CHECK(clean(1'800'000, 1'800'000) == 2);  // the operation and its key
    CHECK(hand(store, keyed("next", "k")).verdict == Verdict::taken);
    const auto due = get(store.lease_callbacks("gate-1", 10, 60'000, in(5s)));
    REQUIRE(due.size() == 1);
    CHECK(get(store.finish_callback(due[0].number, due[0].fence, {}, in(5s))));
    CHECK(clean(1'800'000, 1'800'000) == 1);
    CHECK(counts(store) == std::map<std::string, std::int64_t>{{"held", 1}, {"queued", 2}});
}

TEST_CASE_TEMPLATE("callbacks: written with the end, delivered by one, again when that fails", World, B24GATE_ENGINES) {
    using End = storage::CallbackEnd::Kind;
    World world;
    const std::string prefix(World::prefix);
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    HandOver one = call("a");
    one.callback = {"key", "sealed url"};
    hand(store, one);
    hand(store, call("quiet"));
    for (const auto& record : lease(store, "gate-1").operations) REQUIRE(finished(store, finish(record, State::held)));
    const auto due = [&](std::string who, std::int64_t lease_ms = 60'000) {
        return get(store.lease_callbacks(std::move(who), 10, lease_ms, in(5s)));
    };
    const auto first = due("gate-1", 0);
    CHECK(first.empty());  // a lease that is over when it begins is none
    const auto second = due("gate-2");
    REQUIRE(second.size() == 1);
    CHECK(second[0].event == "held");
    CHECK(second[0].webhook_id == "msg_a_held_0_0");
    CHECK(second[0].operation.id == "a");
    CHECK(second[0].operation.state == State::held);
    CHECK(second[0].url.bytes == "sealed url");
    CHECK(second[0].tries == 0);
    CHECK(due("gate-3").empty());
    CHECK(due("gate-2").empty());
    CHECK_FALSE(get(store.finish_callback(second[0].number, second[0].fence - 1, {}, in(5s))));
    CHECK(get(store.finish_callback(second[0].number, second[0].fence, {End::again, 0, 500}, in(5s))));
    const auto third = due("gate-3");
    REQUIRE(third.size() == 1);
    CHECK(third[0].tries == 1);
    CHECK(third[0].webhook_id == second[0].webhook_id);
    // One that was not sent comes back as it was.
    CHECK(get(store.finish_callback(third[0].number, third[0].fence, {End::postponed, 60'000, 0}, in(5s))));
    CHECK(due("gate-3").empty());
    world.sql("UPDATE " + prefix + "callback SET due = due - 60000");
    const auto fourth = due("gate-4");
    REQUIRE(fourth.size() == 1);
    CHECK(fourth[0].tries == 1);
    CHECK(get(store.finish_callback(fourth[0].number, fourth[0].fence, {End::delivered, 0, 200}, in(5s))));
    CHECK(due("gate-3").empty());
    CHECK(discard(store, find(store, "a")));
    const auto other = due("gate-1");
    REQUIRE(other.size() == 1);
    CHECK(other[0].event == "discarded");
    CHECK(other[0].webhook_id != second[0].webhook_id);
    CHECK(get(store.finish_callback(other[0].number, other[0].fence, {End::given_up, 0, 410}, in(5s))));
    CHECK(due("gate-1").empty());
}

TEST_CASE_TEMPLATE("the oldest that is pending, held, or to be told of", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    const auto oldest = [&] { return get(store.oldest(in(5s))); };
    CHECK(oldest().pending == 0);
    CHECK(oldest().held == 0);
    CHECK(oldest().callback == 0);
    HandOver one = call("a");
    one.callback = {"key", "sealed url"};
    hand(store, one);
    hand(store, call("b"));
    // The second one is the younger one.
    const std::string table = std::string(World::prefix) + "operation";
    world.sql("UPDATE " + table + " SET created = 1000 WHERE id = 'a'");
    world.sql("UPDATE " + table + " SET created = 2000 WHERE id = 'b'");
    CHECK(oldest().pending == 1000);
    const auto leased = take(store);
    CHECK(oldest().pending == 1000);  // running is pending
    REQUIRE(finished(store, finish(leased, State::held)));
    CHECK(oldest().pending == 2000);
    CHECK(oldest().held == 1000);
    CHECK(oldest().callback > 1'700'000'000'000);
    CHECK(discard(store, find(store, "a")));
    CHECK(discard(store, find(store, "b")));
    CHECK(oldest().pending == 0);
    CHECK(oldest().held == 0);
}

TEST_CASE_TEMPLATE("one that cannot be written fails alone", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    Loop loop;
    int taken = 0, refused = 0;
    for (int i = 0; i < 40; ++i) {
        HandOver one = call("op-" + std::to_string(i));
        if (i % 10 == 3) one.priority = 7;  // the schema refuses it
        boost::asio::co_spawn(
            loop.io, store.hand_over(std::move(one), in(10s)),
            [&](std::exception_ptr, storage::Result<HandedOver> answer) { ++(answer ? taken : refused); });
    }
    loop.io.run();
    CHECK(taken == 36);
    CHECK(refused == 4);
    CHECK(counts(store)["queued"] == 36);
}

TEST_CASE_TEMPLATE("twins that come at once get one operation", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url), second = open(world.url);
    std::atomic<int> taken = 0, repeated = 0, wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                OperationStore& store = (t % 2 == 0 ? owner : second)->operations();
                for (int i = 0; i < 10; ++i) {
                    const std::string id = "op-" + std::to_string(i) + "-" + std::to_string(t);
                    auto handed = wait(store.hand_over(keyed(id, "k" + std::to_string(i)), in(20s)));
                    if (!handed) {
                        ++wrong;
                    } else if (handed->verdict == Verdict::taken) {
                        ++taken;
                    } else if (handed->verdict == Verdict::repeated &&
                               handed->key.operation.starts_with("op-" + std::to_string(i) + "-")) {
                        ++repeated;
                    }
                }
            });
        }
    }
    CHECK(wrong == 0);
    CHECK(taken == 10);
    CHECK(repeated == 30);
    CHECK(counts(owner->operations())["queued"] == 10);
}

TEST_CASE_TEMPLATE("many workers: one has it at a time, fences rise, order keys hold, counters are right", World,
                   B24GATE_ENGINES) {
    constexpr int operations = 240, keys = 12, workers = 4;
    World world;
    const auto keeper = open(world.url);
    // In a fixed order within each key, some at a time.
    std::map<std::string, std::vector<std::string>> order;
    std::mutex mutex;
    std::map<std::string, std::string> has;               // operation -> worker
    std::map<std::string, std::int64_t> fence;            // the last one seen
    std::map<std::string, std::vector<std::string>> ran;  // key -> operations in the order of their ends
    std::set<std::string> running;                        // keys
    std::atomic<int> ended = 0, problems = 0;
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] {
            for (int i = 0; i < operations; ++i) {
                const std::string id = "op-" + std::to_string(i);
                const std::string key = i % 3 == 0 ? "" : "key-" + std::to_string(i % keys);
                if (!key.empty()) order[key].push_back(id);
                HandOver one = call(id, key);
                one.client = "client-" + std::to_string(i % 5);
                if (!wait(keeper->operations().hand_over(std::move(one), in(20s)))) ++problems;
            }
        });
        for (int w = 0; w < workers; ++w) {
            threads.emplace_back([&, w] {
                const auto own = storage::open_store(world.url, 20s);
                if (!own) {
                    ++problems;
                    return;
                }
                OperationStore& store = (*own)->operations();
                std::mt19937 random(static_cast<unsigned>(w));
                const std::string me = "gate-" + std::to_string(w);
                const auto end = core::Clock::now() + 30s;
                while (ended < operations && problems == 0) {
                    if (core::Clock::now() > end) ++problems;
                    auto leased = wait(store.lease("main", 5, me, 60'000, in(20s)));
                    if (!leased) {
                        ++problems;
                        break;
                    }
                    std::vector<Intent> intents;
                    for (const auto& record : leased->operations) {
                        const std::lock_guard lock(mutex);
                        if (!has[record.id].empty()) ++problems;
                        has[record.id] = me;
                        if (record.fence <= fence[record.id]) ++problems;
                        fence[record.id] = record.fence;
                        if (!record.order.empty() && !running.insert(record.order).second) ++problems;
                        Intent intent;
                        intent.claim = {record.id, record.fence};
                        intent.owner = me;
                        intents.push_back(intent);
                    }
                    auto intended = wait(store.record_intent(intents, in(20s)));
                    if (!intended || intended->size() != intents.size()) {
                        ++problems;
                        break;
                    }
                    for (std::size_t i = 0; i < leased->operations.size(); ++i) {
                        const auto& record = leased->operations[i];
                        if (intended->at(i).number == 0) ++problems;
                        const unsigned dice = random() % 4;
                        Finish next = finish(record,
                                             dice == 0   ? State::waiting
                                             : dice == 1 ? State::failed
                                                         : State::succeeded,
                                             intended->at(i).number);
                        {
                            const std::lock_guard lock(mutex);
                            has[record.id].clear();
                            running.erase(record.order);
                            if (storage::is_final(next.state) && !record.order.empty())
                                ran[record.order].push_back(record.id);
                        }
                        const bool final = storage::is_final(next.state);
                        auto done = wait(store.finish_attempt(std::move(next), in(20s)));
                        if (!done || !*done) ++problems;
                        if (final) ++ended;
                    }
                }
            });
        }
    }
    CHECK(problems == 0);
    CHECK(ended == operations);
    CHECK(ran == order);
    OperationStore& store = keeper->operations();
    std::map<std::string, std::int64_t> real;
    OperationFilter filter;
    filter.limit = 500;
    for (const auto& record : get(store.list(filter, in(10s))).operations) {
        ++real[std::string(to_string(record.state))];
        const auto attempts = get(store.attempts(record.id, in(10s)));
        CHECK(attempts.size() == record.tried);
        for (std::size_t i = 1; i < attempts.size(); ++i) CHECK(attempts[i].fence > attempts[i - 1].fence);
    }
    CHECK(counts(store) == real);
    CHECK(get(store.unblock_strays(in(10s))) == 0);
}

TEST_CASE_TEMPLATE("counters are what a count would find, after any history", World, B24GATE_ENGINES) {
    World world;
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    std::mt19937 random(11);
    int made = 0;
    for (int step = 0; step < 400; ++step) {
        const std::string id = "op-" + std::to_string(made == 0 ? 0 : random() % static_cast<unsigned>(made));
        switch (random() % 6) {
            case 0:
            case 1: {
                HandOver one = call("op-" + std::to_string(made++), random() % 2 == 0 ? "A" : "");
                one.client = random() % 2 == 0 ? "shop" : "bank";
                one.not_before = random() % 5 == 0 ? storage::never : 0;
                hand(store, one);
                break;
            }
            case 2:
            case 3:
                for (const auto& record : lease(store, "gate-1", 2).operations) {
                    constexpr State ends[] = {State::waiting, State::succeeded, State::failed,
                                              State::dead,    State::held,      State::queued};
                    finished(store, finish(record, ends[random() % 6]));
                }
                break;
            case 4:
                if (made > 0) discard(store, find(store, id));
                break;
            default:
                if (made > 0) {
                    const auto record = find(store, id);
                    get(store.retry(retry_of(record.id, record.order, record.generation, "anna", "x"), in(5s)));
                }
        }
        if (step == 200) get(store.cleanup(0, 0, 10, in(5s)));
        if (made == 0) continue;
        // find() needs them all: those that were cleaned up are handed over again.
        for (int i = 0; step == 200 && i < made; ++i)
            if (!get(store.find("op-" + std::to_string(i), in(5s)))) hand(store, call("op-" + std::to_string(i)));
    }
    std::map<std::tuple<std::string, std::string, State>, std::int64_t> real, kept;
    OperationFilter filter;
    filter.limit = 500;
    int heads = 0;
    for (const auto& record : get(store.list(filter, in(10s))).operations) {
        ++real[{record.client, record.portal, record.state}];
        heads += record.order == "A" && !record.blocked && !storage::is_final(record.state);
    }
    for (const auto& count : get(store.counts(in(10s)))) kept[{count.client, count.portal, count.state}] = count.count;
    CHECK(kept == real);
    CHECK(heads <= 1);
    CHECK(get(store.unblock_strays(in(10s))) == 0);
}

TEST_CASE("killed at any moment: what was promised is there, and nothing is there twice") {
    constexpr int kills = 40;
    Sqlite world;
    { get(open(world.url)->ping(in(5s))); }
    std::mt19937 random(5);
    std::set<std::string> promised;
    for (int round = 0; round < kills; ++round) {
        int pipe[2];
        REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
        std::cout.flush();
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            auto own = storage::open_store(world.url, 10s);
            if (!own) ::_exit(1);
            OperationStore& store = (*own)->operations();
            (void)!::write(pipe[1], "o", 1);
            for (int i = 0;; ++i) {
                const std::string id = std::to_string(round) + "-" + std::to_string(i);
                if (!wait(store.hand_over(keyed(id, id), in(5s)))) ::_exit(2);
                const std::string line = id + "\n";
                (void)!::write(pipe[1], line.data(), line.size());
                auto leased = wait(store.lease("main", 1, "gate-" + std::to_string(round), 60'000, in(5s)));
                if (!leased || leased->operations.size() != 1) ::_exit(3);
                Intent intent;
                intent.claim = {leased->operations[0].id, leased->operations[0].fence};
                intent.owner = leased->operations[0].owner;
                auto number = wait(store.record_intent({intent}, in(5s)));
                if (!number || number->at(0).number == 0) ::_exit(4);
                auto done = wait(store.finish_attempt(
                    finish(leased->operations[0], State::succeeded, number->at(0).number), in(5s)));
                if (!done || !*done) ::_exit(5);
            }
        }
        char opened = 0;
        CHECK(::read(pipe[0], &opened, 1) == 1);
        ::usleep(std::uniform_int_distribution<useconds_t>(0, 15'000)(random));
        ::kill(child, SIGKILL);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status));
        ::close(pipe[1]);
        std::string said;
        char piece[4096];
        for (ssize_t n = 0; (n = ::read(pipe[0], piece, sizeof piece)) > 0;)
            said.append(piece, static_cast<std::size_t>(n));
        ::close(pipe[0]);
        for (std::size_t at = 0, end = 0; (end = said.find('\n', at)) != std::string::npos; at = end + 1)
            promised.insert(said.substr(at, end - at));

        const auto own = open(world.url);
        OperationStore& store = own->operations();
        // What it had is known, and how far it had come.
        const auto lost = get(store.recover("reaper", "gate-" + std::to_string(round), 0, 60'000, 100, in(5s)));
        for (const auto& record : lost.operations) {
            CHECK((record.stage == Stage::leased || record.stage == Stage::intent));
            CHECK(record.tried == (record.stage == Stage::intent ? 1 : 0));
            Finish end = finish(record, State::dead, record.tried);
            end.ended.mark = "lost";
            CHECK(finished(store, end));
        }
        for (const auto& record : lease(store, "reaper").operations)
            CHECK(finished(store, finish(record, State::failed)));
    }
    const auto own = open(world.url);
    OperationStore& store = own->operations();
    std::map<std::string, std::int64_t> real;
    std::set<std::string> there;
    OperationFilter filter;
    filter.limit = 500;
    do {
        const auto page = get(store.list(filter, in(10s)));
        for (const auto& record : page.operations) {
            ++real[std::string(to_string(record.state))];
            CHECK(there.insert(record.id).second);
            CHECK(storage::is_final(record.state));
        }
        filter.before = page.next;
    } while (filter.before != 0);
    CHECK(std::includes(there.begin(), there.end(), promised.begin(), promised.end()));
    CHECK(counts(store) == real);
    CHECK(promised.size() > kills);
    CHECK(real["succeeded"] > 0);
}
