// Simulated gateways whose facts a test sets, and the clock that alerts see. No sleeping: time is told to go on.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include <b24gate/alerts/conditions.hpp>
#include <b24gate/alerts/engine.hpp>
#include <b24gate/alerts/plan.hpp>

namespace b24gate::alerts::test {

inline constexpr UnixMs second = 1000, minute = 60 * second, hour = 60 * minute;

/// Several hours into the life of a gateway, so that its windows are full.
inline constexpr UnixMs noon = 1'700'000'000'000;

struct World {
    config::Alerts settings;
    std::vector<Facts> gateways;
    StoreFacts store;
    std::string store_error;
    Engine engine;
    UnixMs now = noon;
    std::vector<storage::Silence> silences;
    std::vector<Notice> sent;

    World() {
        add_gateway("host1");
        config::AlertChannel channel;
        channel.name = "hook";
        channel.type = config::AlertChannel::Type::webhook;
        settings.channels["hook"] = channel;
        store.dead_or_held = 0;
    }

    Facts& add_gateway(const std::string& name) {
        Facts& facts = gateways.emplace_back();
        facts.name = name;
        facts.since = noon - 6 * hour;
        facts.counted_ms = 6 * hour;
        PortalFacts& acme = facts.portals["acme"];
        acme.calls = 100;
        acme.last_success = noon;
        facts.credentials.push_back(CredentialFacts{"acme", "main", false, "", 0, false});
        facts.free_disk = 100ull << 30;
        return facts;
    }
    Facts& gateway(std::size_t i = 0) { return gateways.at(i); }
    PortalFacts& acme(std::size_t i = 0) { return gateway(i).portals.at("acme"); }
    CredentialFacts& credential(std::size_t i = 0) { return gateway(i).credentials.at(0); }

    /// One look; answers what has changed.
    std::vector<Alert> look() {
        auto conditions = judge(settings, gateways, store, now);
        conditions.push_back(judge_store("host1", store_error));
        auto news = engine.step(settings, conditions, now);
        for (Notice& notice : plan(settings, engine.alerts(), silences, now)) {
            note_told(engine.alerts(), notice, "ref", now);
            sent.push_back(std::move(notice));
        }
        return news;
    }
    /// Looks every 15 s while time passes.
    void pass(UnixMs time) {
        for (const UnixMs end = now + time; now < end;) {
            now += 15 * second;
            look();
        }
    }

    const Alert* find(AlertRule rule, const std::string& subject) const {
        for (const Alert& alert : engine.alerts())
            if (alert.rule == rule && alert.subject == subject) return &alert;
        return nullptr;
    }
    /// "pending", "firing", "resolved"; "" where there is none.
    std::string state(AlertRule rule, const std::string& subject) const {
        const Alert* alert = find(rule, subject);
        return alert == nullptr ? "" : std::string(to_string(alert->state));
    }
    std::vector<Notice> take_sent() { return std::exchange(sent, {}); }
};

}  // namespace b24gate::alerts::test
