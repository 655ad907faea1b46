// What alert_store.hpp promises, the same cases on both engines.
#include <b24gate/storage/alert_store.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using storage::AlertRow;
using storage::AlertStore;
using storage::AlertTurn;
using storage::Silence;

namespace {

AlertTurn turn(Store& store, std::string gateway, std::int64_t lease_ms = 60'000, std::int64_t report_ms = 60'000) {
    return get(store.alerts().take_turn(gateway, "{\"of\":\"" + gateway + "\"}", report_ms, lease_ms, in(10s)));
}

AlertRow row(std::string id, std::string state = "firing") {
    AlertRow out;
    out.id = std::move(id);
    out.rule = "disk";
    out.subject = "host '1'";
    out.state = std::move(state);
    out.more = R"({"told":{}})";
    out.changed = 7;
    return out;
}

bool save(Store& store, const std::string& gateway, std::int64_t fence, std::vector<AlertRow> changed,
          std::vector<std::string> gone = {}) {
    return get(store.alerts().save_alerts(gateway, fence, std::move(changed), std::move(gone), in(10s)));
}

Silence silence(std::string subject) {
    Silence out;
    out.rule = "*";
    out.subject = std::move(subject);
    out.actor = "anna";
    out.reason = "known";
    return out;
}

}  // namespace

TEST_CASE_TEMPLATE("one gateway looks after the alerts", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    const AlertTurn first = turn(*store, "a");
    CHECK(first.mine);
    CHECK(first.board.now > 1'700'000'000'000);
    const AlertTurn second = turn(*store, "b");
    CHECK_FALSE(second.mine);
    // What both have seen is there for both.
    REQUIRE(second.board.reports.size() == 2);
    CHECK(second.board.reports[0].gateway == "a");
    CHECK(second.board.reports[1].facts == R"({"of":"b"})");
    const AlertTurn again = turn(*store, "a");
    CHECK(again.mine);
    CHECK(again.fence == first.fence);
    // It leaves: the next one takes over at once, under another fence.
    get(store->alerts().leave("a", in(10s)));
    const AlertTurn heir = turn(*store, "b");
    CHECK(heir.mine);
    CHECK(heir.fence > first.fence);
    CHECK(heir.board.reports.size() == 1);
    CHECK_FALSE(turn(*store, "a").mine);
}

TEST_CASE_TEMPLATE("who was silent for too long has lost the right, and what it said", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    const AlertTurn first = turn(*store, "a", 1);
    std::this_thread::sleep_for(20ms);
    const AlertTurn second = turn(*store, "b", 60'000, 10);
    CHECK(second.mine);
    CHECK(second.board.reports.size() == 1);
    CHECK_FALSE(save(*store, "a", first.fence, {row("x")}));
    CHECK(second.board.alerts.empty());
    CHECK(get(store->alerts().list_alerts(in(10s))).alerts.empty());
    CHECK(save(*store, "b", second.fence, {row("x")}));
    CHECK_FALSE(save(*store, "b", second.fence + 1, {}, {"x"}));
    CHECK(get(store->alerts().list_alerts(in(10s))).alerts.size() == 1);
}

TEST_CASE_TEMPLATE("alerts are kept, changed and dropped, also over a restart", World, B24GATE_ENGINES) {
    World world;
    std::int64_t fence = 0;
    {
        const auto store = open(world.url);
        fence = turn(*store, "a").fence;
        CHECK(save(*store, "a", fence, {row("x"), row("y", "pending"), row("z", "resolved")}));
        AlertRow changed = row("x", "resolved");
        changed.changed = 8;
        CHECK(save(*store, "a", fence, {changed}, {"y", "none"}));
    }
    const auto store = open(world.url);
    const auto board = get(store->alerts().list_alerts(in(10s)));
    REQUIRE(board.alerts.size() == 2);
    CHECK(board.alerts[0].id == "x");
    CHECK(board.alerts[0].state == "resolved");
    CHECK(board.alerts[0].changed == 8);
    CHECK(board.alerts[0].subject == "host '1'");
    CHECK(board.alerts[0].more == R"({"told":{}})");
    CHECK(board.alerts[1].id == "z");
    CHECK(board.reports.size() == 1);
    CHECK(turn(*store, "a").fence == fence);
}

TEST_CASE_TEMPLATE("silences hold for their time", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    AlertStore& alerts = store->alerts();
    const auto first = get(alerts.put_silence(silence("acme/*"), 60'000, in(10s)));
    const auto second = get(alerts.put_silence(silence("beta"), 1, in(10s)));
    CHECK(second > first);
    std::this_thread::sleep_for(20ms);
    auto held = get(alerts.list_alerts(in(10s))).silences;
    REQUIRE(held.size() == 1);
    CHECK(held[0].id == first);
    CHECK(held[0].rule == "*");
    CHECK(held[0].subject == "acme/*");
    CHECK(held[0].actor == "anna");
    CHECK(held[0].reason == "known");
    CHECK(held[0].until - held[0].at == 60'000);
    CHECK(get(alerts.end_silence(first, in(10s))));
    CHECK_FALSE(get(alerts.end_silence(first, in(10s))));
    CHECK(get(alerts.list_alerts(in(10s))).silences.empty());
}

TEST_CASE_TEMPLATE("of gateways that ask at once one gets the turn", World, B24GATE_ENGINES) {
    World world;
    const auto store = open(world.url);
    std::vector<std::thread> threads;
    std::atomic<int> mine{0};
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&, i] {
            for (int round = 0; round < 5; ++round)
                if (turn(*store, "g" + std::to_string(i)).mine && round == 0) ++mine;
        });
    for (auto& thread : threads) thread.join();
    CHECK(mine == 1);
    CHECK(get(store->alerts().list_alerts(in(10s))).reports.size() == 8);
}
