#include "overview_json.hpp"

#include <boost/json/array.hpp>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/portals_json.hpp>
#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

constexpr std::size_t lately = 5;  ///< minutes
/// A gateway whose heart has been silent for so long is not there any more.
constexpr std::int64_t alive_ms = 60'000;

json::object calls_json(const FaultTotals& calls) {
    json::object out;
    std::uint64_t all = 0;
    for (const std::uint64_t count : calls) all += count;
    out["calls"] = all;
    for (const auto fault : {bitrix::Fault::system, bitrix::Fault::refused, bitrix::Fault::limit})
        out[to_string(fault)] = calls[static_cast<std::size_t>(fault)];
    return out;
}

json::object portal_json(const std::string& name, const gateway::PortalRuntime& runtime, const OverviewFacts& facts) {
    const admission::Snapshot s = runtime.portal->snapshot();
    json::object out;
    out["name"] = name;
    out["paused"] = runtime.portal->paused();
    json::object budget;
    budget["unlimited"] = s.unlimited;
    budget["level"] = s.level;
    budget["capacity"] = s.capacity;
    budget["rate"] = s.rate;
    out["budget"] = std::move(budget);
    out["queue"] = s.queue;
    out["in_flight"] = s.in_flight;
    out["breaker"] = s.breakers.empty() ? json::value("closed") : json::value("open");
    bool reauth = false;
    for (const auto& [config, live] : runtime.credentials)
        reauth = reauth || live->peek(core::Clock::now()).state == tokens::Credential::State::needs_reauth;
    out["needs_reauth"] = reauth;
    out["lately"] = calls_json(facts.shared.minutes.of(name, lately, facts.now / 1000));
    return out;
}

json::value operations_json(const OverviewFacts& facts) {
    if (!facts.counts) return {};
    std::array<std::int64_t, storage::operation_state_count> sums{};
    for (const storage::OperationCount& count : *facts.counts)
        sums[static_cast<std::size_t>(count.state)] += count.count;
    json::object out;
    for (std::size_t i = 0; i < sums.size(); ++i) out[to_string(static_cast<storage::OperationState>(i))] = sums[i];
    return out;
}

json::value gateways_json(const OverviewFacts& facts) {
    if (!facts.gateways) return {};
    json::array out;
    for (const storage::GatewayRecord& gateway : *facts.gateways) {
        if (gateway.seen < facts.now - alive_ms) continue;
        json::object one;
        one["instance"] = gateway.instance;
        one["version"] = gateway.version;
        one["started"] = time_value(gateway.started);
        one["seen"] = time_value(gateway.seen);
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

json::object overview_json(const OverviewFacts& facts) {
    const AdminShared& shared = facts.shared;
    json::object out;
    json::object gateway;
    gateway["version"] = B24GATE_VERSION;
    gateway["egress"] = facts.snapshot.config->server.egress;
    gateway["started"] = time_value(shared.started);
    gateway["now"] = time_value(facts.now);
    gateway["ready"] = shared.health.ready();
    gateway["draining"] = shared.health.draining();
    gateway["store"] = facts.counts.has_value();
    out["gateway"] = std::move(gateway);

    json::array minutes;
    FaultTotals recent{};
    const auto all = shared.minutes.all(facts.now / 1000);
    for (std::size_t i = 0; i < all.size(); ++i) {
        json::object minute = calls_json(all[i].calls);
        minute["begin"] = time_value(all[i].begin * 1000);
        minutes.push_back(std::move(minute));
        if (i + lately >= all.size())
            for (std::size_t f = 0; f < recent.size(); ++f) recent[f] += all[i].calls[f];
    }
    out["minutes"] = std::move(minutes);
    out["lately"] = calls_json(recent);

    json::array portals;
    std::size_t queue = 0;
    for (const auto& [name, runtime] : facts.snapshot.portals) {
        json::object one = portal_json(name, runtime, facts);
        queue += one["queue"].to_number<std::size_t>();
        portals.push_back(std::move(one));
    }
    out["queue"] = queue;
    out["portals"] = std::move(portals);
    out["operations"] = operations_json(facts);
    out["gateways"] = gateways_json(facts);
    return out;
}

}  // namespace b24gate::admin
