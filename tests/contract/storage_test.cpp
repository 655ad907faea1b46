// What store.hpp promises, the same cases on both engines.
#include <algorithm>
#include <atomic>
#include <set>
#include <vector>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using storage::BucketLevel;
using storage::CredentialRecord;
using storage::PendingInstall;
using storage::PortalRecord;
using storage::RefreshLease;
using State = CredentialRecord::State;
using Verdict = RefreshLease::Verdict;

namespace {

Store::LeaseRequest ask(std::int64_t seen_version, std::string owner, std::int64_t lease_ms = 60'000) {
    Store::LeaseRequest out;
    out.portal = "main";
    out.credential = "app";
    out.seen_version = seen_version;
    out.owner = std::move(owner);
    out.lease_ms = lease_ms;
    return out;
}

RefreshLease begin(Store& store, Store::LeaseRequest request) {
    return get(store.begin_refresh(std::move(request), in(10s)));
}

CredentialRecord put(Store& store, NewPair pair, std::string portal = "main", std::string credential = "app") {
    return get(store.put_credential(std::move(portal), std::move(credential), std::move(pair), in(10s)));
}

CredentialRecord only(Store& store) {
    auto list = get(store.list_credentials(in(10s)));
    REQUIRE(list.records.size() == 1);
    return list.records.front();
}

bool fail(Store& store, const RefreshLease& lease, bool final, std::string reason, std::int64_t retry_in_ms) {
    Store::RefreshFailure failure;
    failure.portal = lease.record.portal;
    failure.credential = lease.record.credential;
    failure.seen_version = lease.record.version;
    failure.fence = lease.record.fence;
    failure.final = final;
    failure.reason = std::move(reason);
    failure.retry_in_ms = retry_in_ms;
    return get(store.fail_refresh(std::move(failure), in(10s)));
}

NewPair full_pair() {
    NewPair out;
    out.key_id = "key-1";
    out.sealed = std::string("\x00\x01\xff'\"\n$1{now}", 14);
    out.member_id = "member";
    out.client_endpoint = "https://one.example/rest/";
    out.server_endpoint = "https://oauth.example/rest/";
    out.scope = "crm,user, \xd0\xb7\xd0\xb0\xd0\xb4\xd0\xb0\xd1\x87\xd0\xb8";
    out.status = "L";
    out.user_id = 9'007'199'254'740'993;
    out.expires_in_ms = 3'600'000;
    return out;
}

}  // namespace

TEST_CASE_TEMPLATE("a fresh store is empty, answers, and keeps what was put when it is opened again", World,
                   B24GATE_ENGINES) {
    World world;
    {
        const auto store = open(world.url);
        get(store->ping(in(5s)));
        CHECK(get(store->list_credentials(in(5s))).records.empty());
        CHECK(get(store->list_portals(in(5s))).empty());
        CHECK(get(store->list_levels(in(5s))).levels.empty());
        put(*store, full_pair());
    }
    const auto store = open(world.url);
    const auto record = only(*store);
    const auto pair = full_pair();
    CHECK(record.portal == "main");
    CHECK(record.credential == "app");
    CHECK(record.version == 1);
    CHECK(record.state == State::active);
    CHECK(record.key_id == pair.key_id);
    CHECK(record.sealed == pair.sealed);
    CHECK(record.member_id == pair.member_id);
    CHECK(record.client_endpoint == pair.client_endpoint);
    CHECK(record.server_endpoint == pair.server_endpoint);
    CHECK(record.scope == pair.scope);
    CHECK(record.status == pair.status);
    CHECK(record.user_id == pair.user_id);
    CHECK(record.expires_at == record.obtained_at + pair.expires_in_ms);
    CHECK(record.refreshed_at == 0);
    CHECK(record.failures == 0);
    CHECK(record.retry_at == 0);
    CHECK(record.lease_owner.empty());
}

TEST_CASE_TEMPLATE("the store's clock is the time of day and stands beside what is listed", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    const auto wall = [] {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    const auto before = wall();
    put(*store, pair("a"));
    const auto list = get(store->list_credentials(in(5s)));
    const auto after = wall();
    CHECK(list.now >= before - 1);
    CHECK(list.now <= after + 1);
    CHECK(list.records.at(0).obtained_at >= before - 1);
    CHECK(list.records.at(0).obtained_at <= list.now);
}

TEST_CASE_TEMPLATE("credentials are told apart by portal and name, and listed in order", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("4"), "b", "x");
    put(*store, pair("2"), "a", "x");
    put(*store, pair("3"), "a", "y");
    std::string order;
    for (const auto& record : get(store->list_credentials(in(5s))).records) {
        order += record.portal + record.credential + record.sealed + " ";
    }
    CHECK(order == "ax2 ay3 bx4 ");
}

TEST_CASE_TEMPLATE("a pair from outside replaces the pair, keeps what it does not know, and starts over", World,
                   B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, full_pair());
    const auto lease = begin(*store, ask(1, "gate-1"));
    REQUIRE(lease.verdict == Verdict::granted);
    REQUIRE(fail(*store, lease, false, "network", 60'000));
    REQUIRE(get(store->mark_needs_reauth("main", "app", 1, "refused", in(5s))));
    auto again = begin(*store, ask(1, "gate-1"));
    CHECK(again.verdict == Verdict::changed);

    const auto record = put(*store, pair("second"));
    CHECK(record.version == 2);
    CHECK(record.state == State::active);
    CHECK(record.reason.empty());
    CHECK(record.sealed == "second");
    CHECK(record.key_id == "key");
    CHECK(record.member_id == "member");
    CHECK(record.client_endpoint == "https://one.example/rest/");
    CHECK(record.server_endpoint == "https://oauth.example/rest/");
    CHECK(record.scope == full_pair().scope);
    CHECK(record.status == "L");
    CHECK(record.user_id == full_pair().user_id);
    CHECK(record.failures == 0);
    CHECK(record.retry_at == 0);
    CHECK(record.refreshed_at == 0);

    NewPair moved = pair("third");
    moved.member_id = "other";
    moved.user_id = 5;
    CHECK(put(*store, moved).member_id == "other");
    CHECK(only(*store).user_id == 5);
}

TEST_CASE_TEMPLATE("a pair from outside ends a lease", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    const auto lease = begin(*store, ask(1, "gate-1"));
    REQUIRE(lease.verdict == Verdict::granted);
    const auto record = put(*store, pair("b"));
    CHECK(record.lease_owner.empty());
    CHECK(record.lease_until == 0);
    CHECK(record.fence == lease.record.fence);
    const auto next = begin(*store, ask(2, "gate-2"));
    CHECK(next.verdict == Verdict::granted);
    CHECK_FALSE(next.abandoned);
    CHECK_FALSE(fail(*store, lease, true, "late", 0));
}

TEST_CASE_TEMPLATE("a credential that was removed is gone, and its versions and fences are not used again", World,
                   B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    CHECK_FALSE(get(store->remove_credential("main", "app", in(5s))));
    put(*store, full_pair());
    const auto lease = begin(*store, ask(1, "gate-1"));
    CHECK(get(store->remove_credential("main", "app", in(5s))));
    CHECK_FALSE(get(store->remove_credential("main", "app", in(5s))));
    CHECK(get(store->list_credentials(in(5s))).records.empty());
    CHECK(begin(*store, ask(1, "gate-1")).verdict == Verdict::missing);
    CHECK_FALSE(get(store->mark_needs_reauth("main", "app", 1, "x", in(5s))));
    CHECK_FALSE(fail(*store, lease, true, "x", 0));
    CHECK_FALSE(get(store->reseal_credential("main", "app", "", "k", "s", in(5s))));
    CHECK(get(store->finish_refresh("main", "app", 1, pair("late"), in(5s))).version == 0);

    const auto record = put(*store, pair("new"));
    CHECK(record.version == 2);
    CHECK(record.member_id.empty());
    CHECK(record.user_id == 0);
    CHECK(get(store->finish_refresh("main", "app", 1, pair("late"), in(5s))).sealed == "new");
    const auto next = begin(*store, ask(2, "gate-2"));
    CHECK(next.verdict == Verdict::granted);
    CHECK_FALSE(next.abandoned);
    CHECK(next.record.fence > lease.record.fence);
}

TEST_CASE_TEMPLATE("who may refresh", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    CHECK(begin(*store, ask(1, "gate-1")).verdict == Verdict::missing);
    put(*store, pair("a"));

    const auto first = begin(*store, ask(1, "gate-1"));
    CHECK(first.verdict == Verdict::granted);
    CHECK_FALSE(first.abandoned);
    CHECK(first.record.lease_owner == "gate-1");
    CHECK(first.record.lease_until == first.now + 60'000);
    CHECK(first.record.fence == 1);
    CHECK(first.record.sealed == "a");

    SUBCASE("another one waits") {
        const auto second = begin(*store, ask(1, "gate-2"));
        CHECK(second.verdict == Verdict::busy);
        CHECK_FALSE(second.abandoned);
        CHECK(second.record.lease_owner == "gate-1");
        CHECK(second.record.lease_until == first.record.lease_until);
        CHECK(second.now >= first.now);
        CHECK(only(*store).fence == 1);
    }
    SUBCASE("the holder itself may begin again") {
        const auto second = begin(*store, ask(1, "gate-1"));
        CHECK(second.verdict == Verdict::granted);
        CHECK_FALSE(second.abandoned);
        CHECK(second.record.fence == 2);
    }
    SUBCASE("a holder that is known to be dead is none") {
        auto request = ask(1, "gate-2");
        request.dead_owner = "gate-1";
        const auto second = begin(*store, request);
        CHECK(second.verdict == Verdict::granted);
        CHECK(second.abandoned);
        CHECK(second.record.lease_owner == "gate-2");
        CHECK(second.record.fence == 2);
    }
    SUBCASE("another one's death changes nothing") {
        auto request = ask(1, "gate-2");
        request.dead_owner = "gate-3";
        CHECK(begin(*store, request).verdict == Verdict::busy);
    }
    SUBCASE("the pair has changed, also when somebody refreshes") {
        CHECK(begin(*store, ask(0, "gate-2")).verdict == Verdict::changed);
        CHECK(begin(*store, ask(2, "gate-2")).verdict == Verdict::changed);
        CHECK(begin(*store, ask(2, "gate-1")).record.version == 1);
    }
    SUBCASE("it needs a person") {
        REQUIRE(get(store->mark_needs_reauth("main", "app", 1, "APPLICATION_REMOVED", in(5s))));
        const auto second = begin(*store, ask(1, "gate-1"));
        CHECK(second.verdict == Verdict::changed);
        CHECK(second.record.state == State::needs_reauth);
        CHECK(second.record.reason == "APPLICATION_REMOVED");
    }
}

TEST_CASE_TEMPLATE("a lease whose time is over was abandoned, and is taken over with a new fence", World,
                   B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    REQUIRE(begin(*store, ask(1, "gate-1", 0)).verdict == Verdict::granted);
    const auto second = begin(*store, ask(1, "gate-2", 0));
    CHECK(second.verdict == Verdict::granted);
    CHECK(second.abandoned);
    CHECK(second.record.fence == 2);
    const auto own = begin(*store, ask(1, "gate-2"));
    CHECK(own.verdict == Verdict::granted);
    CHECK_FALSE(own.abandoned);
}

TEST_CASE_TEMPLATE("a refresh that succeeds", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, full_pair());
    auto lease = begin(*store, ask(1, "gate-1"));

    SUBCASE("writes the pair and ends the lease") {
        const auto record = get(store->finish_refresh("main", "app", 1, pair("b"), in(5s)));
        CHECK(record.version == 2);
        CHECK(record.sealed == "b");
        CHECK(record.lease_owner.empty());
        CHECK(record.lease_until == 0);
        CHECK(record.fence == 1);
        CHECK(record.member_id == "member");
        CHECK(record.user_id == full_pair().user_id);
        CHECK(record.refreshed_at >= lease.now);
        CHECK(record.refreshed_at == record.obtained_at);
        CHECK(record.expires_at == record.obtained_at + 3'600'000);
        CHECK(only(*store).sealed == "b");
    }
    SUBCASE("counts also when its lease has gone to another one") {
        auto request = ask(1, "gate-2");
        request.dead_owner = "gate-1";
        const auto taken = begin(*store, request);
        REQUIRE(taken.verdict == Verdict::granted);
        CHECK(get(store->finish_refresh("main", "app", 1, pair("b"), in(5s))).version == 2);
        // The one who took over has a pair of the same ancestor, which is worth nothing.
        const auto late = get(store->finish_refresh("main", "app", 1, pair("c"), in(5s)));
        CHECK(late.version == 2);
        CHECK(late.sealed == "b");
        CHECK_FALSE(fail(*store, taken, true, "invalid_grant", 0));
        CHECK(only(*store).state == State::active);
    }
    SUBCASE("counts although somebody has marked the credential") {
        REQUIRE(get(store->mark_needs_reauth("main", "app", 1, "refused", in(5s))));
        const auto record = get(store->finish_refresh("main", "app", 1, pair("b"), in(5s)));
        CHECK(record.state == State::active);
        CHECK(record.reason.empty());
    }
    SUBCASE("clears what failures before it have left") {
        REQUIRE(fail(*store, lease, false, "network", 60'000));
        auto request = ask(1, "gate-1");
        request.ignore_backoff = true;
        REQUIRE(begin(*store, request).verdict == Verdict::granted);
        const auto record = get(store->finish_refresh("main", "app", 1, pair("b"), in(5s)));
        CHECK(record.failures == 0);
        CHECK(record.retry_at == 0);
        CHECK(record.reason.empty());
    }
}

TEST_CASE_TEMPLATE("a refresh that fails for a passing reason", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    const auto lease = begin(*store, ask(1, "gate-1"));
    REQUIRE(fail(*store, lease, false, "network", 60'000));
    auto record = only(*store);
    CHECK(record.state == State::active);
    CHECK(record.failures == 1);
    CHECK(record.reason == "network");
    CHECK(record.lease_owner.empty());
    CHECK(record.retry_at >= lease.now + 60'000);
    CHECK(record.version == 1);

    const auto waits = begin(*store, ask(1, "gate-2"));
    CHECK(waits.verdict == Verdict::backing_off);
    CHECK(waits.record.retry_at == record.retry_at);
    auto request = ask(1, "gate-2");
    request.ignore_backoff = true;
    const auto person = begin(*store, request);
    CHECK(person.verdict == Verdict::granted);
    CHECK_FALSE(person.abandoned);
    // The first one's word comes late.
    CHECK_FALSE(fail(*store, lease, false, "network", 60'000));
    REQUIRE(fail(*store, person, false, "timeout", 0));
    record = only(*store);
    CHECK(record.failures == 2);
    CHECK(begin(*store, ask(1, "gate-2")).verdict == Verdict::granted);
}

TEST_CASE_TEMPLATE("a passing failure leaves the mark of a final one", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    const auto lease = begin(*store, ask(1, "gate-1"));
    REQUIRE(get(store->mark_needs_reauth("main", "app", 1, "refused", in(5s))));
    REQUIRE(fail(*store, lease, false, "network", 0));
    CHECK(only(*store).state == State::needs_reauth);
}

TEST_CASE_TEMPLATE("a refresh that fails for good", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    const auto lease = begin(*store, ask(1, "gate-1"));
    REQUIRE(fail(*store, lease, true, "invalid_grant", 0));
    const auto record = only(*store);
    CHECK(record.state == State::needs_reauth);
    CHECK(record.reason == "invalid_grant");
    CHECK(record.lease_owner.empty());
    CHECK(record.retry_at == 0);
    CHECK(begin(*store, ask(1, "gate-1")).verdict == Verdict::changed);
}

TEST_CASE_TEMPLATE("a mark counts for the pair that was refused, and for no newer one", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, pair("a"));
    put(*store, pair("b"));
    CHECK_FALSE(get(store->mark_needs_reauth("main", "app", 1, "refused", in(5s))));
    CHECK_FALSE(get(store->mark_needs_reauth("main", "none", 2, "refused", in(5s))));
    CHECK(only(*store).state == State::active);
    CHECK(get(store->mark_needs_reauth("main", "app", 2, "refused", in(5s))));
    CHECK(only(*store).state == State::needs_reauth);
}

TEST_CASE_TEMPLATE("another key takes the place of the one that sealed, unless the pair has changed", World,
                   B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    put(*store, full_pair());
    CHECK_FALSE(get(store->reseal_credential("main", "app", "other bytes", "key-2", "z", in(5s))));
    CHECK(get(store->reseal_credential("main", "app", full_pair().sealed, "key-2", "z", in(5s))));
    const auto record = only(*store);
    CHECK(record.sealed == "z");
    CHECK(record.key_id == "key-2");
    CHECK(record.version == 1);
}

TEST_CASE_TEMPLATE("an installation is given once, and not after its time", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    get(store->put_install(PendingInstall{"hash-1", "main", "app"}, 600'000, in(5s)));
    get(store->put_install(PendingInstall{"hash-2", "main", "other"}, 0, in(5s)));
    CHECK_FALSE(get(store->take_install("hash-3", in(5s))).has_value());
    CHECK_FALSE(get(store->take_install("hash-2", in(5s))).has_value());
    const auto install = get(store->take_install("hash-1", in(5s)));
    REQUIRE(install.has_value());
    CHECK(install->state_hash == "hash-1");
    CHECK(install->portal == "main");
    CHECK(install->credential == "app");
    CHECK_FALSE(get(store->take_install("hash-1", in(5s))).has_value());
}

TEST_CASE_TEMPLATE("a thousand installations at most, the oldest go", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    world.sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO " +
              std::string(World::prefix) +
              "installs (state_hash, portal, credential, expires_at) "
              "SELECT 'hash-' || i, 'main', 'app', 99999999999999 FROM n");
    for (int i = 1000; i < 1003; ++i) {
        get(store->put_install(PendingInstall{"hash-" + std::to_string(i), "main", "app"}, 600'000, in(5s)));
    }
    CHECK_FALSE(get(store->take_install("hash-0", in(5s))).has_value());
    CHECK_FALSE(get(store->take_install("hash-2", in(5s))).has_value());
    CHECK(get(store->take_install("hash-3", in(5s))).has_value());
    CHECK(get(store->take_install("hash-1002", in(5s))).has_value());
}

TEST_CASE_TEMPLATE("what is known of portals", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    get(store->put_portal(PortalRecord{"b", "m2", "https://b.example", "", true}, in(5s)));
    get(store->put_portal(PortalRecord{"a", "", "https://a.example", "https://new.example"}, in(5s)));
    get(store->put_portal(PortalRecord{"b", "", "https://b.example", "https://c.example"}, in(5s)));
    const auto list = get(store->list_portals(in(5s)));
    REQUIRE(list.size() == 2);
    CHECK(list[0].portal == "a");
    CHECK(list[0].url == "https://new.example");
    CHECK(list[1].member_id.empty());
    CHECK(list[1].configured_url == "https://b.example");
    CHECK(list[1].url == "https://c.example");
    CHECK_FALSE(list[0].keeps_keys);
    // Another gateway that has not seen it takes nothing back; another address is another portal.
    CHECK(list[1].keeps_keys);
    get(store->put_portal(PortalRecord{"b", "", "https://d.example", ""}, in(5s)));
    CHECK_FALSE(get(store->list_portals(in(5s)))[1].keeps_keys);
}

TEST_CASE_TEMPLATE("levels of buckets, by portal and egress", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    get(store->put_levels({}, in(5s)));
    get(store->put_levels({BucketLevel{"b", "e1", 1.5, 7}, BucketLevel{"a", "e2", 0, 0}}, in(5s)));
    get(store->put_levels({BucketLevel{"b", "e1", 49.123456789, 0}, BucketLevel{"b", "e2", 3, 0}}, in(5s)));
    const auto list = get(store->list_levels(in(5s)));
    REQUIRE(list.levels.size() == 3);
    CHECK(list.levels[0].portal == "a");
    CHECK(list.levels[0].level == 0);
    CHECK(list.levels[1].egress == "e1");
    CHECK(list.levels[1].level == 49.123456789);
    CHECK(list.levels[1].at > 1'700'000'000'000);
    CHECK(list.levels[1].at <= list.now);
}

TEST_CASE_TEMPLATE("a deadline that has passed is no reason to begin", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    const auto answer = wait(store->put_credential("main", "app", pair("a"), in(-1ms)));
    REQUIRE(answer.has_error());
    CHECK(answer.error().kind == Failure::Kind::timeout);
    CHECK_FALSE(answer.error().in_doubt);
    CHECK(get(store->list_credentials(in(5s))).records.empty());
}

TEST_CASE_TEMPLATE("a schema that is newer than the program is left alone", World, B24GATE_ENGINES) {
    World world;
    { const auto store = open(world.url); }
    world.sql("INSERT INTO " + std::string(World::prefix) + "schema_version (version) VALUES (9999)");
    CHECK(refusal(world.url).find("newer b24gate") != std::string::npos);
}

TEST_CASE_TEMPLATE("many stores compete for one lease: one gets it, and fences only grow", World, B24GATE_ENGINES) {
    constexpr int stores = 4, rounds = 25;
    World world;
    put(*open(world.url), pair("v1"));
    std::vector<std::vector<RefreshLease>> seen(stores);
    std::atomic<int> problems = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < stores; ++i) {
            threads.emplace_back([&, i] {
                // All of them open at once: the schema is there once.
                auto store = storage::open_store(world.url, 20s);
                if (!store) {
                    ++problems;
                    return;
                }
                std::int64_t version = 1;
                while (version <= rounds) {
                    auto lease = wait((*store)->begin_refresh(ask(version, "gate-" + std::to_string(i)), in(10s)));
                    if (!lease) {
                        ++problems;
                        return;
                    }
                    if (lease->verdict == Verdict::granted) {
                        seen[i].push_back(*lease);
                        auto done = wait((*store)->finish_refresh("main", "app", version,
                                                                  pair("v" + std::to_string(version + 1)), in(10s)));
                        if (!done || done->version != version + 1) ++problems;
                    } else if (lease->verdict == Verdict::busy) {
                        continue;
                    } else if (lease->verdict != Verdict::changed) {
                        ++problems;
                    }
                    version = lease->verdict == Verdict::granted ? version + 1 : lease->record.version;
                }
            });
        }
    }
    CHECK(problems == 0);
    std::vector<std::pair<std::int64_t, std::int64_t>> leases;
    for (const auto& of_one : seen) {
        for (const auto& lease : of_one) leases.emplace_back(lease.record.version, lease.record.fence);
    }
    std::sort(leases.begin(), leases.end());
    REQUIRE(leases.size() == rounds);
    for (int i = 0; i < rounds; ++i) {
        CHECK(leases[i].first == i + 1);
        CHECK(leases[i].second == i + 1);
    }
    CHECK(only(*open(world.url)).version == rounds + 1);
}

TEST_CASE_TEMPLATE("many coroutines and threads on one store", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    std::atomic<int> done = 0, failed = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                Loop loop;
                for (int i = 0; i < 50; ++i) {
                    boost::asio::co_spawn(
                        loop.io,
                        store->put_credential("p" + std::to_string(t), "c" + std::to_string(i % 5), pair("x"), in(20s)),
                        [&](std::exception_ptr, storage::Result<CredentialRecord> answer) {
                            ++(answer.has_value() ? done : failed);
                        });
                }
                loop.io.run();
            });
        }
    }
    CHECK(done == 200);
    CHECK(failed == 0);
    const auto list = get(store->list_credentials(in(5s)));
    REQUIRE(list.records.size() == 20);
    for (const auto& record : list.records) CHECK(record.version == 10);
}

TEST_CASE_TEMPLATE("how fast a pair is refreshed (not judged)", World, B24GATE_ENGINES) {
    World world(true);
    const auto store = open(world.url);
    constexpr int rounds = 100;
    const auto before = core::Clock::now();
    for (int i = 0; i < rounds; ++i) {
        const auto version = put(*store, pair("a")).version;
        get(store->finish_refresh("main", "app", version, pair("b"), in(5s)));
    }
    const auto seconds = core::to_seconds(core::Clock::now() - before);
    MESSAGE(std::string(World::name) << ": " << static_cast<int>(rounds / seconds)
                                     << " times put and finish per second");
}
