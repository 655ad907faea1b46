#include <b24gate/alerts/conditions.hpp>

#include <algorithm>
#include <map>

namespace b24gate::alerts {
namespace {

using config::AlertRuleSettings;

double seconds(UnixMs ms) { return static_cast<double>(ms) / 1000; }

/// What all gateways together know of a portal.
struct PortalSum {
    PortalFacts facts;
    UnixMs since = 0;              ///< the first of them looks since then
    std::uint64_t counted_ms = 0;  ///< of who looks longest
};

struct CredentialSum {
    bool needs_reauth = false, breaker_open = false;
    std::string portal, reason;
    UnixMs refresh_ends = 0;
};

using Out = std::vector<Condition>;

Condition of(AlertRule rule, std::string subject, std::string portal = {}) {
    Condition out;
    out.rule = rule;
    out.subject = std::move(subject);
    out.portal = std::move(portal);
    return out;
}

Verdict verdict(bool yes) { return yes ? Verdict::yes : Verdict::no; }

void judge_error_rate(const AlertRuleSettings& rule, const std::string& name, const PortalSum& sum, Out& out) {
    Condition condition = of(AlertRule::error_rate, name, name);
    condition.part = sum.facts.system;
    condition.total = sum.facts.calls;
    condition.threshold = rule.threshold;
    if (condition.total != 0)
        condition.value = static_cast<double>(condition.part) / static_cast<double>(condition.total);
    const bool enough = condition.total >= std::max(1u, rule.min_calls);
    // What a process has seen just after its start is not the rate of the window.
    const bool warm = sum.counted_ms >= static_cast<std::uint64_t>(rule.window.count());
    const bool high = condition.value > rule.threshold;
    condition.verdict = !enough || (high && !warm) ? Verdict::unknown : verdict(high);
    out.push_back(std::move(condition));
}

void judge_no_success(const AlertRuleSettings& rule, const std::string& name, const PortalSum& sum, UnixMs now,
                      Out& out) {
    Condition condition = of(AlertRule::no_success, name, name);
    const UnixMs from = std::max(sum.facts.last_success, sum.since);
    condition.value = seconds(now - from);
    condition.threshold = seconds(rule.window.count());
    condition.part = condition.total = sum.facts.failed;
    if (now - sum.facts.last_success <= rule.window.count())
        condition.verdict = Verdict::no;
    else if (now - from <= rule.window.count() || sum.facts.failed < std::max(1u, rule.min_calls))
        condition.verdict = Verdict::unknown;  // a quiet night is no outage
    else
        condition.verdict = Verdict::yes;
    out.push_back(std::move(condition));
}

void judge_credential(const config::Alerts& settings, const std::string& name, const CredentialSum& sum, UnixMs now,
                      Out& out) {
    Condition reauth = of(AlertRule::needs_reauth, name, sum.portal);
    reauth.verdict = verdict(sum.needs_reauth);
    reauth.value = sum.needs_reauth;
    reauth.note = sum.reason;
    out.push_back(std::move(reauth));
    Condition breaker = of(AlertRule::breaker_open, name, sum.portal);
    breaker.verdict = verdict(sum.breaker_open);
    breaker.value = sum.breaker_open;
    out.push_back(std::move(breaker));
    if (sum.refresh_ends == 0) return;
    Condition token = of(AlertRule::refresh_token, name, sum.portal);
    token.value = seconds(sum.refresh_ends - now);
    token.threshold = seconds(settings.rule(AlertRule::refresh_token).window.count());
    // Who has to authorize it anew hears so already.
    token.verdict = verdict(token.value < token.threshold && !sum.needs_reauth);
    out.push_back(std::move(token));
}

void judge_gateways(const config::Alerts& settings, const std::vector<Facts>& gateways, Out& out) {
    std::map<std::string, bool> reload_failed;
    std::map<std::string, std::uint64_t> free;
    std::uint64_t given_up = 0;
    for (const Facts& facts : gateways) {
        reload_failed[facts.name] |= facts.reload_failed;
        given_up += facts.callbacks_given_up;
        if (!facts.free_disk) continue;
        const auto [found, fresh] = free.emplace(facts.name, *facts.free_disk);
        if (!fresh) found->second = std::min(found->second, *facts.free_disk);
    }
    for (const auto& [name, failed] : reload_failed) {
        Condition condition = of(AlertRule::reload, name);
        condition.verdict = verdict(failed);
        condition.value = failed;
        out.push_back(std::move(condition));
    }
    const std::uint64_t least = settings.rule(AlertRule::disk).free;
    for (const auto& [name, bytes] : free) {
        Condition condition = of(AlertRule::disk, name);
        condition.verdict = verdict(bytes < least);
        condition.value = static_cast<double>(bytes);
        condition.threshold = static_cast<double>(least);
        out.push_back(std::move(condition));
    }
    Condition callbacks = of(AlertRule::callbacks, "");
    callbacks.value = static_cast<double>(given_up);
    callbacks.threshold = settings.rule(AlertRule::callbacks).threshold;
    callbacks.verdict = verdict(callbacks.value > callbacks.threshold);
    out.push_back(std::move(callbacks));
}

void judge_channels(const std::vector<Facts>& gateways, Out& out) {
    for (const auto& [name, channel] : newest_channels(gateways)) {
        Condition condition = of(AlertRule::channel, name);
        condition.verdict = verdict(channel.failing);
        condition.value = channel.failing;
        condition.note = channel.error;
        out.push_back(std::move(condition));
    }
}

}  // namespace

std::map<std::string, ChannelFacts> newest_channels(const std::vector<Facts>& gateways) {
    std::map<std::string, ChannelFacts> out;
    for (const Facts& facts : gateways)
        for (const ChannelFacts& channel : facts.channels) {
            ChannelFacts& known = out[channel.name];
            if (std::max(channel.last_sent, channel.last_error) >= std::max(known.last_sent, known.last_error))
                known = channel;
        }
    return out;
}

std::vector<Condition> judge(const config::Alerts& settings, const std::vector<Facts>& gateways,
                             const StoreFacts& store, UnixMs now) {
    std::map<std::string, PortalSum> portals;
    std::map<std::string, CredentialSum> credentials;
    for (const Facts& facts : gateways) {
        for (const auto& [name, seen] : facts.portals) {
            PortalSum& sum = portals[name];
            sum.facts.calls += seen.calls;
            sum.facts.system += seen.system;
            sum.facts.failed += seen.failed;
            sum.facts.last_success = std::max(sum.facts.last_success, seen.last_success);
            sum.since = sum.since == 0 ? facts.since : std::min(sum.since, facts.since);
            sum.counted_ms = std::max(sum.counted_ms, facts.counted_ms);
        }
        for (const CredentialFacts& seen : facts.credentials) {
            CredentialSum& sum = credentials[seen.portal + "/" + seen.credential];
            sum.portal = seen.portal;
            sum.needs_reauth |= seen.needs_reauth;
            sum.breaker_open |= seen.breaker_open;
            if (!seen.reason.empty()) sum.reason = seen.reason;
            sum.refresh_ends = std::max(sum.refresh_ends, seen.refresh_ends);
        }
    }
    Out out;
    for (const auto& [name, sum] : portals) {
        judge_error_rate(settings.rule(AlertRule::error_rate), name, sum, out);
        judge_no_success(settings.rule(AlertRule::no_success), name, sum, now, out);
    }
    for (const auto& [name, sum] : credentials) judge_credential(settings, name, sum, now, out);
    Condition stuck = of(AlertRule::stuck_operations, "");
    stuck.threshold = settings.rule(AlertRule::stuck_operations).threshold;
    stuck.value = static_cast<double>(store.dead_or_held.value_or(0));
    stuck.verdict = store.dead_or_held ? verdict(stuck.value > stuck.threshold) : Verdict::unknown;
    out.push_back(std::move(stuck));
    judge_gateways(settings, gateways, out);
    judge_channels(gateways, out);
    return out;
}

Condition judge_store(const std::string& gateway, const std::string& error) {
    Condition out = of(AlertRule::store, gateway);
    out.verdict = verdict(!error.empty());
    out.value = !error.empty();
    out.note = error;
    return out;
}

}  // namespace b24gate::alerts
