// Portals that a person has paused.
#include <doctest/doctest.h>

#include "world.hpp"

using namespace b24gate;
using namespace b24gate::test;

namespace {

storage::PauseRecord pause(std::string portal, std::string actor, std::string reason) {
    storage::PauseRecord out;
    out.portal = std::move(portal);
    out.actor = std::move(actor);
    out.reason = std::move(reason);
    return out;
}

}  // namespace

TEST_CASE_TEMPLATE("a pause is kept until somebody ends it", World, B24GATE_ENGINES) {
    World world;
    storage::UnixMs since = 0;
    {
        const auto store = open(world.url);
        CHECK(get(store->list_pauses(in(5s))).empty());
        get(store->put_pause(pause("beta", "anna", "maintenance"), in(5s)));
        get(store->put_pause(pause("acme", "boris", ""), in(5s)));
        const auto listed = get(store->list_pauses(in(5s)));
        REQUIRE(listed.size() == 2);
        CHECK(listed[0].portal == "acme");
        CHECK(listed[1].actor == "anna");
        CHECK(listed[1].reason == "maintenance");
        since = listed[1].at;
        CHECK(since > 1'700'000'000'000);
    }
    const auto store = open(world.url);
    get(store->put_pause(pause("beta", "carla", "still"), in(5s)));
    const auto listed = get(store->list_pauses(in(5s)));
    REQUIRE(listed.size() == 2);
    CHECK(listed[1].actor == "carla");
    CHECK(listed[1].at == since);
    CHECK(get(store->remove_pause("beta", in(5s))));
    CHECK_FALSE(get(store->remove_pause("beta", in(5s))));
    CHECK(get(store->list_pauses(in(5s))).size() == 1);
}
