// Every rule: when it fires, when it does not, and when it is over.
#include <functional>

#include "world.hpp"

using namespace b24gate::alerts;
using namespace b24gate::alerts::test;

namespace {

struct Case {
    const char* what;
    AlertRule rule;
    const char* subject;
    UnixMs hold;  ///< how long it is pending
    std::function<void(World&)> break_it, mend_it;
};

/// No call succeeds from now on; those that fail go on.
void no_success(World& w) {
    w.acme().last_success = w.now - 31 * minute;
    w.acme().failed = 5;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"more than a tenth of the calls fail", AlertRule::error_rate, "acme", minute,
         [](World& w) { w.acme().system = 11; }, [](World& w) { w.acme().system = 10; }},
        {"nothing succeeds and there is traffic", AlertRule::no_success, "acme", 0, no_success,
         [](World& w) { w.acme().last_success = w.now; }},
        {"operations wait for a person", AlertRule::stuck_operations, "", minute,
         [](World& w) { w.store.dead_or_held = 101; }, [](World& w) { w.store.dead_or_held = 100; }},
        {"a refresh token is about to lapse", AlertRule::refresh_token, "acme/main", 0,
         [](World& w) { w.credential().refresh_ends = w.now + 23 * hour; },
         [](World& w) { w.credential().refresh_ends = w.now + 180 * 24 * hour; }},
        {"a credential has to be authorized anew", AlertRule::needs_reauth, "acme/main", 0,
         [](World& w) { w.credential().needs_reauth = true; }, [](World& w) { w.credential().needs_reauth = false; }},
        {"a breaker is open", AlertRule::breaker_open, "acme/main", 5 * minute,
         [](World& w) { w.credential().breaker_open = true; }, [](World& w) { w.credential().breaker_open = false; }},
        {"the store does not answer", AlertRule::store, "host1", 30 * second,
         [](World& w) { w.store_error = "connection refused"; }, [](World& w) { w.store_error.clear(); }},
        {"little disk", AlertRule::disk, "host1", minute, [](World& w) { w.gateway().free_disk = 1000; },
         [](World& w) { w.gateway().free_disk = 2ull << 30; }},
        {"callbacks given up", AlertRule::callbacks, "", 0, [](World& w) { w.gateway().callbacks_given_up = 1; },
         [](World& w) { w.gateway().callbacks_given_up = 0; }},
        {"a reload failed", AlertRule::reload, "host1", 0, [](World& w) { w.gateway().reload_failed = true; },
         [](World& w) { w.gateway().reload_failed = false; }},
        {"a channel fails", AlertRule::channel, "mail", 5 * minute,
         [](World& w) {
             w.gateway().channels = {ChannelFacts{"mail", true, "refused", 0, w.now}};
         },
         [](World& w) {
             w.gateway().channels = {ChannelFacts{"mail", false, "", w.now + 1, 0}};
         }},
    };
    return all;
}

}  // namespace

TEST_CASE("every rule has its case") {
    for (std::size_t i = 0; i < b24gate::config::alert_rule_count; ++i) {
        CAPTURE(to_string(static_cast<AlertRule>(i)));
        CHECK(std::any_of(cases().begin(), cases().end(),
                          [&](const Case& c) { return c.rule == static_cast<AlertRule>(i); }));
    }
}

TEST_CASE("each rule fires after its time and is over when the trouble has been gone for a while") {
    for (const Case& c : cases()) {
        CAPTURE(c.what);
        World world;
        world.pass(minute);
        CHECK(world.engine.alerts().empty());
        c.break_it(world);
        world.look();
        CHECK(world.state(c.rule, c.subject) == (c.hold == 0 ? "firing" : "pending"));
        if (c.hold != 0) {
            world.pass(c.hold - 15 * second);
            CHECK(world.state(c.rule, c.subject) == "pending");
            CHECK(world.sent.empty());
        }
        world.pass(15 * second);
        CHECK(world.state(c.rule, c.subject) == "firing");
        world.pass(30 * second);
        REQUIRE(world.sent.size() == 1);
        CHECK(world.sent[0].rule == c.rule);
        CHECK(world.sent[0].items.at(0).kind == Item::Kind::fired);
        c.mend_it(world);
        world.pass(4 * minute);
        CHECK(world.state(c.rule, c.subject) == "firing");
        world.pass(2 * minute);
        CHECK(world.state(c.rule, c.subject) == "resolved");
        world.pass(5 * minute);
        REQUIRE(world.sent.size() == 2);
        CHECK(world.sent[1].items.at(0).kind == Item::Kind::resolved);
        CHECK_FALSE(world.sent[1].firing());
        world.pass(15 * minute);
        CHECK(world.sent.size() == 2);
    }
}

TEST_CASE("each rule can be switched off") {
    for (const Case& c : cases()) {
        CAPTURE(c.what);
        World world;
        world.settings.rules[static_cast<std::size_t>(c.rule)].enabled = false;
        c.break_it(world);
        world.pass(10 * minute);
        CHECK(world.state(c.rule, c.subject) == "");
    }
}

TEST_CASE("a share of few calls says nothing") {
    World world;
    world.acme().calls = 19;
    world.acme().system = 19;
    world.pass(5 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "");
    world.acme().calls = 20;
    world.pass(2 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "firing");
    // The traffic ceases: nobody knows, so it fires on for half an hour, and says why it ends.
    world.acme() = PortalFacts{0, 0, 0, noon};
    world.pass(25 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "firing");
    world.pass(6 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "resolved");
    CHECK(world.find(AlertRule::error_rate, "acme")->end == End::no_data);
}

TEST_CASE("calls are summed over the gateways") {
    World world;
    world.add_gateway("host2");
    world.acme(0).system = 20;  // a fifth there, a tenth of all
    world.pass(5 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "");
    world.acme(1).system = 1;
    world.pass(2 * minute);
    const Alert* alert = world.find(AlertRule::error_rate, "acme");
    REQUIRE(alert != nullptr);
    CHECK(alert->part == 21);
    CHECK(alert->total == 200);
    // One that gets through is a success for all.
    World other;
    other.add_gateway("host2");
    no_success(other);
    other.pass(5 * minute);
    CHECK(other.state(AlertRule::no_success, "acme") == "");
}

TEST_CASE("a gateway that has just been started does not judge by its first calls") {
    World world;
    world.gateway().since = noon - minute;
    world.gateway().counted_ms = minute;
    world.acme() = PortalFacts{50, 50, 50, 0};
    world.pass(3 * minute);
    CHECK(world.engine.alerts().empty());
    world.gateway().counted_ms = 6 * minute;
    world.pass(2 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "firing");
    CHECK(world.state(AlertRule::no_success, "acme") == "");
    world.pass(25 * minute);
    CHECK(world.state(AlertRule::no_success, "acme") == "firing");
}

TEST_CASE("a quiet night is no outage") {
    World world;
    world.acme() = PortalFacts{0, 0, 4, noon};
    world.pass(8 * hour);
    CHECK(world.engine.alerts().empty());
}

TEST_CASE("what is not watched any more is over") {
    World world;
    world.credential().needs_reauth = true;
    world.pass(minute);
    world.gateway().credentials.clear();
    world.pass(6 * minute);
    const Alert* alert = world.find(AlertRule::needs_reauth, "acme/main");
    REQUIRE(alert != nullptr);
    CHECK(alert->state == State::resolved);
    CHECK(alert->end == End::gone);
}

TEST_CASE("an operation count that is not known ends nothing and begins nothing") {
    World world;
    world.store.dead_or_held = 500;
    world.pass(2 * minute);
    CHECK(world.state(AlertRule::stuck_operations, "") == "firing");
    world.store.dead_or_held.reset();
    world.pass(20 * minute);
    CHECK(world.state(AlertRule::stuck_operations, "") == "firing");
}

TEST_CASE("a credential that has to be authorized anew has no token to warn of") {
    World world;
    world.credential().needs_reauth = true;
    world.credential().refresh_ends = world.now + hour;
    world.pass(minute);
    CHECK(world.state(AlertRule::refresh_token, "acme/main") == "");
    CHECK(world.state(AlertRule::needs_reauth, "acme/main") == "firing");
}
