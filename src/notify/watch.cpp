#include <b24gate/notify/watch.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

#include <b24gate/storage/free_space.hpp>
#include <b24gate/tokens/refresh_policy.hpp>

namespace b24gate::notify {
namespace {

using config::AlertRule;

core::Duration window_of(const config::Alerts& settings, AlertRule rule) { return settings.rule(rule).window; }

}  // namespace

Watch::Watch(std::string name, std::string store_url, observe::GateMetrics& metrics, core::TimePoint now)
    : name_(std::move(name)),
      store_url_(std::move(store_url)),
      metrics_(metrics),
      started_(now),
      since_(core::unix_ms()) {}

alerts::Facts Watch::look(const gateway::Snapshot& snapshot, core::TimePoint now, alerts::UnixMs wall) {
    const config::Alerts& settings = snapshot.config->alerts;
    const core::Duration longest =
        std::max(window_of(settings, AlertRule::error_rate), window_of(settings, AlertRule::no_success));
    // Windows of another length count anew: what was kept may be too little.
    if (std::exchange(calls_window_, longest) != longest) calls_.clear();
    const core::Duration callbacks = window_of(settings, AlertRule::callbacks);
    if (std::exchange(callbacks_window_, callbacks) != callbacks) callbacks_ = alerts::CallWindow<1>(callbacks);
    std::erase_if(calls_, [&](const auto& entry) { return !snapshot.portals.contains(entry.first); });

    alerts::Facts out;
    out.name = name_;
    out.at = wall;
    out.since = since_;
    out.counted_ms = static_cast<std::uint64_t>(core::to_ms(now - started_));
    for (const auto& [name, runtime] : snapshot.portals) look_at_portal(name, runtime, now, settings, out);
    out.reload_failed = metrics_.config_reload_success.with({}).value() == 0;
    out.free_disk = storage::free_space(store_url_);
    callbacks_.sample({metrics_.callbacks.with({"given_up"}).value()}, now);
    out.callbacks_given_up = callbacks_.within(callbacks, now)[0];
    return out;
}

void Watch::look_at_portal(const std::string& name, const gateway::PortalRuntime& runtime, core::TimePoint now,
                           const config::Alerts& settings, alerts::Facts& out) {
    const auto by_fault = runtime.metrics->calls_by_fault();
    const std::uint64_t all = std::accumulate(by_fault.begin(), by_fault.end(), std::uint64_t{0});
    Calls& calls = calls_.try_emplace(name, calls_window_).first->second;
    calls.sample({all, by_fault[static_cast<std::size_t>(bitrix::Fault::system)],
                  all - by_fault[static_cast<std::size_t>(bitrix::Fault::none)]},
                 now);
    alerts::PortalFacts& facts = out.portals[name];
    const auto recent = calls.within(window_of(settings, AlertRule::error_rate), now);
    facts.calls = recent[0];
    facts.system = recent[1];
    facts.failed = calls.within(window_of(settings, AlertRule::no_success), now)[2];
    const double success = metrics_.last_success.with({name}).value();
    if (success > metrics_.start) facts.last_success = static_cast<alerts::UnixMs>(success * 1000);

    const admission::Snapshot budget = runtime.portal->snapshot();
    for (const auto& [config, live] : runtime.credentials) {
        alerts::CredentialFacts& credential = out.credentials.emplace_back();
        credential.portal = live->portal();
        credential.credential = live->name();
        const auto look = live->peek(now);
        credential.needs_reauth = look.state == tokens::Credential::State::needs_reauth;
        credential.reason = look.reason;
        if (look.token) credential.refresh_ends = tokens::refresh_token_age(live->record(), 0).ends_at;
        credential.breaker_open = std::any_of(budget.breakers.begin(), budget.breakers.end(), [&](const auto& breaker) {
            return breaker.credential == credential.credential && breaker.state != admission::Breaker::State::closed;
        });
    }
}

}  // namespace b24gate::notify
