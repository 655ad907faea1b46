#include <doctest/doctest.h>

#include <b24gate/gateway/plan_reader.hpp>

using namespace b24gate;
using namespace b24gate::gateway;
using namespace std::chrono_literals;
using Kind = config::Plan::Kind;

TEST_CASE("what app.info says of the plan") {
    struct {
        const char *answer, *license;
    } const cases[] = {
        {R"({"result":{"LICENSE":"ru_ent250","LICENSE_TYPE":"ent250","LICENSE_FAMILY":"ent"},"time":{}})", "ent"},
        {R"({"result":{"LICENSE":"ru_basic","LICENSE_TYPE":"basic","LICENSE_FAMILY":""}})", "basic"},
        {R"({"result":{"LICENSE":"ru_basic","LICENSE_TYPE":"ent100"}})", "ent100"},
        {R"({"result":{"SCOPE":["crm"],"LICENSE":"ru_ent250"}})", "ent250"},
        {R"({"result":{"LICENSE":"RU_ENT250"}})", "ent250"},
        {R"({"result":{"LICENSE":"de_project"}})", "project"},
        {R"({"result":{"LICENSE":"demo"}})", "demo"},
        {R"({"result":{"LICENSE":"en_selfhosted"}})", ""},
        {R"({"result":{"LICENSE":""}})", ""},
        {R"({"result":{"LICENSE":null,"LICENSE_FAMILY":7}})", ""},
        {R"({"result":{"LICENSE":["ru_ent250"]}})", ""},
        {R"({"result":[]})", ""},
        {R"({"result":true})", ""},
        {R"({"LICENSE":"ru_ent250"})", ""},
        {"<html>", ""},
        {"", ""},
    };
    for (const auto& c : cases) {
        CAPTURE(c.answer);
        CHECK(license_of(c.answer) == c.license);
    }
    CHECK(license_of(R"({"result":{"LICENSE_FAMILY":")" + std::string(1000, 'e') + "\"}}").empty());
}

TEST_CASE("the plan is asked for once, again after an hour, and only with plan = auto") {
    net::Worker worker(0);
    const auto target = upstream::parse_target("https://acme.bitrix24.com");
    REQUIRE(target.has_value());
    config::Portal config;
    config.name = "acme";
    config.plan.kind = Kind::automatic;
    config.assume_spent = false;
    const core::TimePoint now = core::Clock::now();
    const auto portal = std::make_shared<Portal>(config, *target, worker, now);
    CHECK(portal->claim_plan_reading(now));
    CHECK_FALSE(portal->claim_plan_reading(now + 59min));
    CHECK(portal->claim_plan_reading(now + 61min));
    CHECK_FALSE(portal->claim_plan_reading(now + 61min));

    CHECK(portal->snapshot().plan_rate == 2);
    const auto learnt = portal->learn_plan("ent250");
    CHECK(learnt.plan_rate == 5);
    CHECK(learnt.burst == 250);
    CHECK(learnt.plan_learnt);
    CHECK(portal->license() == "ent250");
    CHECK_FALSE(portal->claim_plan_reading(now + 1000h));

    portal->reconfigure(config, *target);  // a reload that changes nothing forgets nothing
    CHECK(portal->snapshot().plan_rate == 5);
    CHECK_FALSE(portal->claim_plan_reading(now + 1000h));

    config.plan = {Kind::standard, 50, 2};
    portal->reconfigure(config, *target);
    CHECK(portal->license().empty());
    CHECK(portal->learn_plan("ent250").plan_rate == 2);  // the answer came too late: the operator has decided
    CHECK_FALSE(portal->claim_plan_reading(now + 2000h));
    config.plan.kind = Kind::automatic;
    portal->reconfigure(config, *target);
    CHECK(portal->claim_plan_reading(now));
}

TEST_CASE("a portal's settings for its budget") {
    config::Portal config;
    CHECK(admission_settings(config).initial_level == 1);
    CHECK_FALSE(admission_settings(config).observe);
    config.assume_spent = false;
    config.mode = config::Portal::Mode::observe;
    CHECK(admission_settings(config).initial_level == 0);
    CHECK(admission_settings(config).observe);
}
