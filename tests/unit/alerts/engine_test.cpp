// How alerts come, go and come again, and what is told of them when.
#include <b24gate/alerts/alert_rows.hpp>

#include "world.hpp"

using namespace b24gate::alerts;
using namespace b24gate::alerts::test;

namespace {

void fail(World& world, bool yes) { world.credential().needs_reauth = yes; }
constexpr AlertRule rule = AlertRule::needs_reauth;

std::vector<Alert> through_the_store(const std::vector<Alert>& alerts) {
    std::vector<Alert> out;
    for (const Alert& alert : alerts) {
        auto again = of_row(to_row(alert));
        REQUIRE(again.has_value());
        CHECK(*again == alert);
        out.push_back(*again);
    }
    return out;
}

}  // namespace

TEST_CASE("pending that ends is never heard of") {
    World world;
    world.acme().system = 50;
    world.pass(45 * second);
    CHECK(world.state(AlertRule::error_rate, "acme") == "pending");
    world.acme().system = 0;
    world.look();
    CHECK(world.engine.alerts().empty());
    CHECK(world.sent.empty());
}

TEST_CASE("what came and went before anybody was told is not told") {
    World world;
    world.settings.group_wait = std::chrono::minutes(10);
    world.settings.keep = std::chrono::seconds(0);
    fail(world, true);
    world.pass(minute);
    fail(world, false);
    world.pass(hour);
    CHECK(world.state(rule, "acme/main") == "resolved");
    CHECK(world.sent.empty());
}

TEST_CASE("a short break in the trouble is no end of it") {
    World world;
    fail(world, true);
    world.pass(2 * minute);
    fail(world, false);
    world.pass(4 * minute);
    fail(world, true);
    world.pass(20 * minute);
    CHECK(world.sent.size() == 1);
    CHECK(world.find(rule, "acme/main")->firings.size() == 1);
}

TEST_CASE("it is repeated at long intervals while it fires") {
    World world;
    fail(world, true);
    world.pass(9 * hour);
    REQUIRE(world.sent.size() == 3);
    CHECK(world.sent[1].items.at(0).kind == Item::Kind::still);
    CHECK(world.sent[0].id != world.sent[1].id);
    CHECK(world.sent[1].id != world.sent[2].id);
}

TEST_CASE("twenty at once make one message") {
    World world;
    for (int i = 0; i < 20; ++i) {
        CredentialFacts one{"p" + std::to_string(i), "main", true, "invalid_grant", 0, false};
        world.gateway().credentials.push_back(one);
        world.now += second;
        world.look();
    }
    world.pass(10 * minute);
    REQUIRE(world.sent.size() == 1);
    CHECK(world.sent[0].items.size() == 20);
}

TEST_CASE("another one of a group waits for the group's next message, which names all") {
    World world;
    fail(world, true);
    world.pass(2 * minute);
    world.gateway().credentials.push_back(CredentialFacts{"beta", "main", true, "", 0, false});
    world.pass(3 * minute);
    CHECK(world.sent.size() == 1);
    world.pass(3 * minute);
    REQUIRE(world.sent.size() == 2);
    REQUIRE(world.sent[1].items.size() == 2);
}

TEST_CASE("what comes and goes all the time is told of once an hour") {
    World world;
    world.settings.keep = std::chrono::seconds(0);
    for (int i = 0; i < 60; ++i) {
        fail(world, i % 2 == 0);
        world.pass(2 * minute);
    }
    CHECK(world.sent.size() <= 12);
    CHECK(std::any_of(world.sent.begin(), world.sent.end(), [](const Notice& n) { return n.flapping; }));
    // In the second hour it is known to: one or two messages, not thirty.
    CHECK(std::count_if(world.sent.begin(), world.sent.end(),
                        [&](const Notice& n) { return n.items.at(0).alert.seen > noon + hour; }) <= 2);
}

TEST_CASE("a silence holds messages back, not the alert") {
    World world;
    b24gate::storage::Silence silence;
    silence.rule = "needs_*";
    silence.subject = "acme/*";
    silence.until = world.now + hour;
    world.silences.push_back(silence);
    fail(world, true);
    world.gateway().credentials.push_back(CredentialFacts{"beta", "main", true, "", 0, false});
    world.pass(59 * minute);
    CHECK(world.state(rule, "acme/main") == "firing");
    REQUIRE(world.sent.size() == 1);
    REQUIRE(world.sent[0].items.size() == 1);
    CHECK(world.sent[0].items[0].alert.subject == "beta/main");
    CHECK(silence_of(*world.find(rule, "acme/main"), world.silences, world.now) != nullptr);
    CHECK(silence_of(*world.find(rule, "beta/main"), world.silences, world.now) == nullptr);
    // When it is over and the trouble is not, it is told at once.
    world.pass(2 * minute);
    REQUIRE(world.sent.size() == 2);
    CHECK(world.sent[1].items.size() == 2);
}

TEST_CASE("a reason mutes what follows from it") {
    World world;
    fail(world, true);
    world.acme().system = 100;
    world.pass(10 * minute);
    CHECK(world.state(AlertRule::error_rate, "acme") == "firing");
    REQUIRE(world.sent.size() == 1);
    CHECK(world.sent[0].rule == rule);
}

TEST_CASE("channels get what they are for") {
    struct Case {
        const char* what;
        void (*set)(b24gate::config::AlertChannel&);
        bool gets;
    };
    const Case cases[] = {
        {"everything", [](b24gate::config::AlertChannel&) {}, true},
        {"that severe", [](auto& c) { c.least = Severity::critical; }, true},
        {"more severe", [](auto& c) { c.least = Severity::page; }, false},
        {"the rule",
         [](auto& c) {
             c.rules = {"store", "needs_reauth"};
         },
         true},
        {"other rules", [](auto& c) { c.rules = {"store"}; }, false},
        {"the portal", [](auto& c) { c.portals = {"ac*"}; }, true},
        {"other portals", [](auto& c) { c.portals = {"beta"}; }, false},
        {"the portal itself, whose access is lost",
         [](auto& c) {
             c.type = b24gate::config::AlertChannel::Type::portal;
             c.portal = "acme";
         },
         false},
        {"another portal's people",
         [](auto& c) {
             c.type = b24gate::config::AlertChannel::Type::portal;
             c.portal = "beta";
         },
         true},
    };
    for (const Case& c : cases) {
        CAPTURE(c.what);
        World world;
        c.set(world.settings.channels["hook"]);
        fail(world, true);
        world.pass(10 * minute);
        CHECK(world.sent.size() == (c.gets ? 1u : 0u));
    }
}

TEST_CASE("that a channel is broken is told through the others") {
    World world;
    b24gate::config::AlertChannel mail;
    mail.name = "mail";
    mail.type = b24gate::config::AlertChannel::Type::email;
    world.settings.channels["mail"] = mail;
    world.gateway().channels = {ChannelFacts{"mail", true, "refused", 0, world.now}};
    world.pass(10 * minute);
    REQUIRE(world.sent.size() == 1);
    CHECK(world.sent[0].channel == "hook");
}

TEST_CASE("the log hears of everything at once") {
    World world;
    world.settings.channels["hook"].type = b24gate::config::AlertChannel::Type::log;
    fail(world, true);
    world.look();
    CHECK(world.sent.size() == 1);
}

TEST_CASE("a message that could not be sent is planned again with the same id, as things are by then") {
    World world;
    fail(world, true);
    Engine& engine = world.engine;
    const auto look = [&](UnixMs time) {
        world.now += time;
        engine.step(world.settings, judge(world.settings, world.gateways, world.store, world.now), world.now);
        return plan(world.settings, engine.alerts(), {}, world.now);
    };
    static_cast<void>(look(0));
    const auto first = look(minute);
    REQUIRE(first.size() == 1);
    const auto again = look(minute);
    REQUIRE(again.size() == 1);
    CHECK(again[0].id == first[0].id);
    // It ended before anybody could be told.
    fail(world, false);
    CHECK(look(6 * minute).empty());
}

TEST_CASE("a restart keeps what fires and what was told; what was pending begins anew after a gap") {
    World world;
    fail(world, true);
    world.acme().system = 50;
    world.pass(30 * second);
    CHECK(world.state(AlertRule::error_rate, "acme") == "pending");
    world.pass(15 * second);
    REQUIRE(world.sent.size() == 1);
    world.engine = Engine(through_the_store(world.engine.alerts()));
    world.now += hour;
    world.look();
    CHECK(world.state(rule, "acme/main") == "firing");
    CHECK(world.state(AlertRule::error_rate, "acme") == "pending");
    world.pass(10 * minute);
    CHECK(std::none_of(world.sent.begin() + 1, world.sent.end(), [](const Notice& n) { return n.rule == rule; }));
    fail(world, false);
    world.pass(15 * minute);
    CHECK(world.sent.back().items.at(0).kind == Item::Kind::resolved);
    through_the_store(world.engine.alerts());
}

TEST_CASE("what is over is remembered for a week") {
    World world;
    fail(world, true);
    world.pass(minute);
    fail(world, false);
    world.pass(7 * minute);
    CHECK(world.state(rule, "acme/main") == "resolved");
    world.now += 8 * 24 * hour;
    world.look();
    CHECK(world.engine.alerts().empty());
}

TEST_CASE("rows that are none of ours are left alone") {
    b24gate::storage::AlertRow row;
    row.rule = "no_such_rule";
    row.more = "{}";
    CHECK_FALSE(of_row(row).has_value());
    row.rule = "disk";
    CHECK(of_row(row).has_value());
    row.more = "[";
    CHECK_FALSE(of_row(row).has_value());
}
