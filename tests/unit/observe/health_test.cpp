#include <b24gate/observe/health.hpp>

#include <doctest/doctest.h>

#include <thread>

using namespace b24gate::observe;

TEST_CASE("live is live, whatever else") {
    Health health;
    CHECK(health.live().status == 200);
    CHECK(health.live().body == R"({"status":"ok"})");
    health.drain();
    CHECK(health.live().status == 200);
}

TEST_CASE("ready, or not and why") {
    struct {
        bool started, draining, store;
        unsigned status;
        const char* body;
    } const rows[] = {
        {true, false, true, 200, R"({"status":"ready","reasons":[],"portals":{}})"},
        {false, false, true, 503, R"({"status":"not_ready","reasons":["starting"],"portals":{}})"},
        {true, true, true, 503, R"({"status":"not_ready","reasons":["draining"],"portals":{}})"},
        {true, false, false, 503, R"({"status":"not_ready","reasons":["store"],"portals":{}})"},
        {true, true, false, 503, R"({"status":"not_ready","reasons":["draining","store"],"portals":{}})"},
        {false, true, false, 503, R"({"status":"not_ready","reasons":["starting","draining","store"],"portals":{}})"},
    };
    for (const auto& row : rows) {
        Health health;
        if (row.started) health.started();
        if (row.draining) health.drain();
        health.store_usable(row.store);
        CHECK(health.readiness().status == row.status);
        CHECK(health.readiness().body == row.body);
        CHECK(health.ready() == (row.status == 200));
        CHECK(health.draining() == row.draining);
    }
}

TEST_CASE("a store that comes back makes it ready again") {
    Health health;
    health.started();
    health.store_usable(false);
    CHECK_FALSE(health.ready());
    health.store_usable(true);
    CHECK(health.ready());
}

TEST_CASE("portals are listed with their state, which makes nobody unready") {
    Health health;
    health.started();
    health.portals({"b\"eta", "acme"});
    const auto acme = health.portal("acme");
    REQUIRE(acme);
    acme->set(PortalState::overload);
    CHECK(health.readiness().status == 200);
    CHECK(health.readiness().body == R"({"status":"ready","reasons":[],"portals":{"acme":"overload","b\"eta":"ok"}})");
    // After a reload one is gone, one is new, and the one that stays keeps its state.
    health.portals({"acme", "gamma"});
    CHECK(health.portal("acme") == acme);
    CHECK_FALSE(health.portal("b\"eta"));
    CHECK(health.readiness().body == R"({"status":"ready","reasons":[],"portals":{"acme":"overload","gamma":"ok"}})");
    for (const auto& [state, word] : {std::pair{PortalState::ok, "ok"},
                                      {PortalState::overload, "overload"},
                                      {PortalState::needs_reauth, "needs_reauth"},
                                      {PortalState::unreachable, "unreachable"},
                                      {PortalState::gone, "gone"},
                                      {PortalState::paused, "paused"}}) {
        acme->set(state);
        CHECK(acme->state() == state);
        CHECK(to_string(state) == word);
    }
}

TEST_CASE("state may change while others look") {
    Health health;
    health.portals({"acme"});
    std::thread writer([&] {
        for (int i = 0; i < 1000; ++i) {
            health.store_usable(i % 2 == 0);
            health.portals({"acme", i % 2 == 0 ? "x" : "y"});
            if (const auto acme = health.portal("acme"))
                acme->set(i % 2 == 0 ? PortalState::ok : PortalState::unreachable);
        }
        health.started();
    });
    for (int i = 0; i < 1000; ++i) {
        const HealthAnswer answer = health.readiness();
        const bool ready = answer.body.find("\"reasons\":[]") != std::string::npos;
        if (ready != (answer.status == 200)) FAIL("the status and the reasons disagree");
    }
    writer.join();
    health.store_usable(true);
    CHECK(health.ready());
}
