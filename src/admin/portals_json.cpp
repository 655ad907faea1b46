#include <b24gate/admin/portals_json.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <iterator>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/tokens/credential.hpp>
#include <b24gate/tokens/listing.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

constexpr const char* priority_names[] = {"interactive", "normal", "bulk"};

/// Those that callers get to know.
constexpr admission::RefusalReason told_reasons[] = {
    admission::RefusalReason::queue_full, admission::RefusalReason::client_queue_full,
    admission::RefusalReason::deadline, admission::RefusalReason::operating, admission::RefusalReason::breaker_open};

std::string_view name_of(admission::Breaker::State state) {
    switch (state) {
        case admission::Breaker::State::closed: return "closed";
        case admission::Breaker::State::open: return "open";
        case admission::Breaker::State::half_open: return "half_open";
    }
    return "closed";
}

std::string_view name_of(config::Plan::Kind kind) {
    switch (kind) {
        case config::Plan::Kind::standard: return "standard";
        case config::Plan::Kind::enterprise: return "enterprise";
        case config::Plan::Kind::automatic: return "auto";
        case config::Plan::Kind::none: return "none";
        case config::Plan::Kind::custom: return "custom";
    }
    return "custom";
}

json::object budget(const gateway::PortalRuntime& runtime, const admission::Snapshot& s) {
    json::object out;
    out["plan"] = name_of(runtime.config->plan.kind);
    out["plan_learnt"] = s.plan_learnt;
    const std::string license = runtime.portal->license();
    out["license"] = license.empty() ? json::value() : json::value(license);
    out["unlimited"] = s.unlimited;
    out["level"] = s.level;
    out["burst"] = s.burst;
    out["capacity"] = s.capacity;
    out["rate"] = s.rate;
    out["plan_rate"] = s.plan_rate;
    out["held_for_ms"] = core::to_ms(s.held_for);
    out["hits"] = s.counters.hits;
    out["rate_refusals"] = s.counters.rate_refusals;
    out["operating_refusals"] = s.counters.operating_refusals;
    return out;
}

json::object queue(const admission::Snapshot& s) {
    json::object by_priority, predicted, by_client;
    for (std::size_t i = 0; i < std::size(priority_names); ++i) {
        by_priority[priority_names[i]] = s.queue_by_priority[i];
        predicted[priority_names[i]] = core::to_ms(s.predicted_wait[i]);
    }
    for (const auto& flow : s.queue_by_client) {
        json::value& client = by_client[flow.client];
        if (!client.is_object()) client.emplace_object();
        client.as_object()[priority_names[static_cast<std::size_t>(flow.priority)]] = flow.size;
    }
    json::object out;
    out["length"] = s.queue;
    out["by_priority"] = std::move(by_priority);
    out["by_client"] = std::move(by_client);
    out["predicted_wait_ms"] = std::move(predicted);
    out["expired"] = s.counters.expired;
    out["cancelled"] = s.counters.cancelled;
    json::object refused;
    for (const admission::RefusalReason reason : told_reasons)
        refused[to_string(reason)] = s.counters.refused[static_cast<std::size_t>(reason)];
    out["refused"] = std::move(refused);
    return out;
}

/// Who has mixed up a key and a method has called a method that is a key.
json::array operating(const admission::Snapshot& s, const observe::Masker& masker) {
    json::array out;
    for (const auto& counter : s.operating) {
        json::object one;
        one["credential"] = counter.credential;
        one["method"] = masker.mask_text(counter.method);
        one["batched"] = counter.batched;
        one["used_s"] = counter.used;
        one["left_s"] = counter.left;
        one["limit_s"] = counter.limit;
        one["held_for_ms"] = core::to_ms(counter.held_for);
        out.push_back(std::move(one));
    }
    return out;
}

json::array breakers(const admission::Snapshot& s) {
    json::array out;
    for (const auto& breaker : s.breakers) {
        json::object one;
        one["credential"] = breaker.credential;
        one["state"] = name_of(breaker.state);
        one["why"] = breaker.why;
        one["retry_after_ms"] = core::to_ms(breaker.retry_after);
        out.push_back(std::move(one));
    }
    return out;
}

json::object batches(const gateway::PortalRuntime& runtime, const admission::Snapshot& s) {
    json::object out, sizes;
    for (std::size_t i = 0; i < s.batches.sizes.size(); ++i) sizes[admission::batch_size_names[i]] = s.batches.sizes[i];
    out["enabled"] = runtime.config->coalesce.enabled;
    out["batches"] = s.batches.batches;
    out["calls"] = s.batches.calls;
    out["hits_saved"] = s.batches.hits_saved;
    out["failed"] = s.batches.failed;
    out["by_size"] = std::move(sizes);
    json::array off;
    for (const auto& one : s.batches_off) {
        json::object entry;
        entry["credential"] = one.credential;
        entry["why"] = one.why;
        entry["retry_after_ms"] = core::to_ms(one.held_for);
        off.push_back(std::move(entry));
    }
    out["switched_off"] = std::move(off);
    return out;
}

/// The portal's identity, as the tokens in use tell it; null: webhooks tell none.
json::value member_id(const gateway::PortalRuntime& runtime) {
    for (const auto& [config, live] : runtime.credentials)
        if (const std::string id = live->record().member_id; !id.empty()) return json::value(id);
    return {};
}

json::object credential_json(const std::string& name, const config::Credential& config,
                             const tokens::Credential* live) {
    json::object out;
    out["name"] = name;
    const bool oauth = config.type == config::Credential::Type::oauth;
    out["type"] = oauth ? "oauth" : "webhook";
    if (live == nullptr) return out;
    const auto look = live->peek(core::Clock::now());
    const bool reauth = look.state == tokens::Credential::State::needs_reauth;
    out["state"] = reauth ? "needs_reauth" : "active";
    std::string reason = look.reason;
    if (oauth) {
        const storage::CredentialRecord record = live->record();
        const tokens::Listed row =
            tokens::listed(live->portal(), name, look.token ? &record : nullptr, core::unix_ms());
        // What this process knows may not have reached the store yet.
        if (!reauth || !look.token) out["state"] = row.state;
        if (reason.empty()) reason = row.reason;
        if (row.has_tokens) {
            out["expires_in_s"] = row.expires_in_s;
            if (row.refreshed_at != 0) out["refreshed_at"] = tokens::date(row.refreshed_at);
            out["refresh_token_age_days"] = row.refresh_token_age_days;
            out["refresh_token_days_left"] = row.refresh_token_days_left;
        }
    }
    if (!reason.empty()) out["reason"] = reason;
    return out;
}

json::value paused(const std::string& portal, const gateway::PortalPauses& pauses) {
    const auto pause = pauses.find(portal);
    if (!pause) return {};
    json::object out;
    out["since"] = time_value(pause->at);
    out["actor"] = pause->actor;
    out["reason"] = text_or_null(pause->reason);
    return out;
}

json::object portal(const gateway::PortalRuntime& runtime, const observe::Masker& masker) {
    const admission::Snapshot s = runtime.portal->snapshot();
    json::object out;
    out["name"] = runtime.config->name;
    out["url"] = runtime.portal->location().target.origin;
    out["member_id"] = member_id(runtime);
    out["mode"] = s.observe ? "observe" : "enforce";
    out["budget"] = budget(runtime, s);
    out["queue"] = queue(s);
    json::object in_flight;
    in_flight["now"] = s.in_flight;
    in_flight["max"] = s.max_in_flight;
    in_flight["max_configured"] = s.max_in_flight_configured;
    in_flight["slowdown"] = s.slowdown;
    out["in_flight"] = std::move(in_flight);
    out["operating"] = operating(s, masker);
    out["breakers"] = breakers(s);
    out["batches"] = batches(runtime, s);
    json::array credentials;
    for (const auto& [name, credential] : runtime.config->credentials) {
        credentials.push_back(credential_json(name, credential, runtime.live(&credential)));
    }
    out["credentials"] = std::move(credentials);
    if (s.observe) {
        json::object would;
        would["delayed"] = s.counters.would_delay;
        would["delay_s"] = s.counters.would_delay_s;
        would["delay_max_s"] = s.counters.would_delay_max_s;
        would["refused"] = s.counters.would_refuse;
        out["would_have"] = std::move(would);
    }
    return out;
}

}  // namespace

std::string portals_json(const gateway::Snapshot& snapshot, const gateway::PortalPauses& pauses,
                         const observe::Masker& masker, const std::string* only) {
    json::array portals;
    for (const auto& [name, runtime] : snapshot.portals) {
        if (only != nullptr && name != *only) continue;
        json::object one = portal(runtime, masker);
        one["paused"] = paused(name, pauses);
        portals.push_back(std::move(one));
    }
    json::object out;
    out["portals"] = std::move(portals);
    return to_text(out);
}

}  // namespace b24gate::admin
