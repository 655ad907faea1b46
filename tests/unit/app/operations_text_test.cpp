#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include <sstream>

#include "../../../src/app/operations_text.hpp"
#include "../../../src/app/status_text.hpp"

using namespace b24gate::app;

namespace {

boost::json::object parsed(const char* text) { return boost::json::parse(text).as_object(); }

}  // namespace

TEST_CASE("what comes from elsewhere cannot speak to the terminal") {
    CHECK(printable("a\x1b[31mb\x07\n\x7f") == "a?[31mb???");
    CHECK(printable("caf\xC3\xA9 \xC2\x9B") == "caf\xC3\xA9 ??");
    CHECK(member(parsed(R"({"a": "x\u001by", "b": null, "c": 5, "d": true})"), "a") == "x?y");
    CHECK(member(parsed(R"({"a": null})"), "a") == "-");
    CHECK(member(parsed(R"({"a": 5})"), "a") == "5");
    CHECK(member(parsed("{}"), "a") == "-");
}

TEST_CASE("lists that are empty say whether they have ended") {
    CHECK(operations_table(parsed(R"({"operations": [], "next": null})")) == "there are no such operations\n");
    CHECK(operations_table(parsed(R"({"operations": [], "next": "abc"})")).find("--next abc") != std::string::npos);
}

TEST_CASE("a plan names what could be done twice") {
    const std::string text = plan_text(parsed(
        R"({"action": "retry", "count": 3, "complete": false, "filter": "state=held", "held": 2, "held_left_out": 0,
            "by_state": {"held": 2, "dead": 1}, "by_class": {}, "by_method": {"crm.deal.add": 3},
            "by_portal": {"acme": 3}, "oldest": "2026-03-01T09:15:10.000Z", "newest": "2026-03-01T09:15:11.000Z",
            "estimate_s": 206})"));
    CHECK(text.starts_with("retry 3 operations, and there are more\n"));
    CHECK(text.find("held      2: nobody knows") != std::string::npos);
    CHECK(text.find("held 2, dead 1") != std::string::npos);
    CHECK(text.find("about 206 s") != std::string::npos);
    CHECK(text.find("2026-03-01T09:15:10Z to") != std::string::npos);
}

TEST_CASE("the status fits on a screen of 80 columns") {
    const auto overview = parsed(
        R"({"gateway": {"version": "0.1.0", "egress": "default", "started": "2026-03-01T09:15:10.000Z", "ready": true,
                        "draining": false, "store": true},
            "lately": {"calls": 123456, "system": 12345, "refused": 12345, "limit": 12345}, "queue": 10000,
            "operations": {"queued": 123456, "running": 10, "waiting": 12345, "succeeded": 1234567, "failed": 1234,
                           "dead": 1234, "held": 123, "discarded": 12345},
            "portals": [{"name": "acme", "lately": {"calls": 200, "system": 3}}]})");
    const auto portals = parsed(
        R"({"portals": [
            {"name": "acme", "paused": null, "budget": {"unlimited": false, "level": 12.3, "capacity": 50, "rate": 2},
             "queue": {"length": 7}, "in_flight": {"now": 3}, "breakers": [],
             "credentials": [{"state": "active", "refresh_token_days_left": 179}]},
            {"name": "a-portal-with-a-very-long-name", "paused": {"since": null}, "budget": {"unlimited": true},
             "queue": {"length": 0}, "in_flight": {"now": 0}, "breakers": [], "credentials": []},
            {"name": "lost", "paused": null, "budget": {"unlimited": true}, "queue": {"length": 0},
             "in_flight": {"now": 0}, "breakers": [{"state": "open"}], "credentials": [{"state": "needs_reauth"}]}]})");
    const std::string text = status_text(overview, portals);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);
    for (const char* part :
         {"ready", "12/50 2/s", "3/200", "179 d", "paused", "authorize", "no limit", "a-portal-with-a-"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, part);
    CHECK(status_text(parsed("{}"), parsed("{}")).find("no portals") != std::string::npos);
}
