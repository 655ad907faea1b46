// How long a silence may hold, and how alerts are shown.
#include <doctest/doctest.h>

#include <boost/json/object.hpp>

#include <b24gate/admin/alerts_api.hpp>
#include <b24gate/admin/alerts_json.hpp>
#include <b24gate/alerts/alert_rows.hpp>

using namespace b24gate;
using namespace b24gate::admin;
namespace json = boost::json;

namespace {

constexpr std::int64_t now = 1'700'000'000'000, hour = 3'600'000;

Query body(const char* name, const char* value) {
    json::object object;
    object[name] = value;
    const auto parsed = Query::from(object);
    REQUIRE(parsed.has_value());
    return *parsed;
}

}  // namespace

TEST_CASE("lengths of silences") {
    CHECK(*silence_length(body("for", "2h"), now) == 2 * hour);
    CHECK(*silence_length(body("for", "7d"), now) == 168 * hour);
    CHECK(*silence_length(body("until", "2023-11-14T23:13:20Z"), now) == hour);
    for (const auto& [name, value] :
         {std::pair("for", "8d"), std::pair("for", "0s"), std::pair("for", "soon"), std::pair("for", "-1h"),
          std::pair("until", "2023-11-14T22:00:00Z"), std::pair("until", "tomorrow"), std::pair("until", "2024-11-14"),
          std::pair("reason", "none")}) {
        CAPTURE(value);
        CHECK(silence_length(body(name, value), now).has_error());
    }
    json::object both;
    both["for"] = "1h";
    both["until"] = "2023-11-14T23:13:20Z";
    CHECK(silence_length(*Query::from(both), now).has_error());
}

TEST_CASE("what burns comes first") {
    config::Alerts settings;
    storage::AlertBoard board;
    const auto add = [&](config::AlertRule rule, alerts::State state, config::Severity severity, std::int64_t fired) {
        alerts::Alert alert;
        alert.id = alerts::alert_id(rule, "x");
        alert.rule = rule;
        alert.subject = "x";
        alert.state = state;
        alert.severity = severity;
        alert.since = alert.fired = fired;
        board.alerts.push_back(to_row(alert));
    };
    add(config::AlertRule::reload, alerts::State::resolved, config::Severity::page, now);
    add(config::AlertRule::disk, alerts::State::pending, config::Severity::page, now);
    add(config::AlertRule::callbacks, alerts::State::firing, config::Severity::warning, now);
    add(config::AlertRule::error_rate, alerts::State::firing, config::Severity::critical, now);
    storage::Silence silence;
    silence.rule = "call*";
    silence.subject = "*";
    silence.until = now + hour;
    board.silences.push_back(silence);
    const json::object out = alerts_json(settings, &board, {}, now);
    std::string order;
    for (const json::value& alert : out.at("alerts").as_array())
        order += std::string(alert.at("rule").as_string()) + " ";
    CHECK(order == "error_rate callbacks disk reload ");
    CHECK(out.at("alerts").at(0).at("silence").is_null());
    CHECK(out.at("alerts").at(1).at("silence").at("rule") == "call*");
    CHECK(out.at("rules").as_array().size() == config::alert_rule_count);
    CHECK(out.at("store") == true);
    CHECK(alerts_json(settings, nullptr, {}, now).at("store") == false);
}
