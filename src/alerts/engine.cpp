#include <b24gate/alerts/engine.hpp>

#include <algorithm>
#include <set>

#include <b24gate/core/sha256.hpp>

namespace b24gate::alerts {
namespace {

using config::AlertRuleSettings;

constexpr UnixMs minute = 60'000, hour = 60 * minute, day = 24 * hour;
/// So long an alert fires on without anybody knowing whether the trouble goes on.
constexpr UnixMs blind_for = 30 * minute;
/// Nobody has looked for so long: what was pending may have been over in between.
constexpr UnixMs unwatched = 2 * minute;
constexpr UnixMs remembered = 7 * day;
constexpr std::size_t flaps = 4;
constexpr std::size_t most_firings = 20;

Alert made_of(const Condition& condition) {
    Alert out;
    out.id = alert_id(condition.rule, condition.subject);
    out.rule = condition.rule;
    out.subject = condition.subject;
    out.portal = condition.portal;
    return out;
}

void look(Alert& alert, const Condition& condition) {
    alert.value = condition.value;
    alert.threshold = condition.threshold;
    alert.part = condition.part;
    alert.total = condition.total;
    if (!condition.note.empty()) alert.note = condition.note;
    alert.portal = condition.portal;
}

void fire(Alert& alert, UnixMs now) {
    alert.state = State::firing;
    alert.fired = now;
    alert.resolved = 0;
    alert.peak = alert.value;
    std::erase_if(alert.firings, [&](UnixMs at) { return at <= now - hour; });
    if (alert.firings.size() >= most_firings) alert.firings.erase(alert.firings.begin());
    alert.firings.push_back(now);
}

void resolve(Alert& alert, End end, UnixMs now) {
    alert.state = State::resolved;
    alert.end = end;
    alert.resolved = now;
}

void trouble(Alert& alert, const Condition& condition, const AlertRuleSettings& rule, UnixMs now) {
    if (alert.state == State::resolved || (alert.state == State::pending && alert.since == 0)) {
        alert.state = State::pending;
        alert.since = now;
    } else if (alert.state == State::pending && now - alert.seen > unwatched) {
        alert.since = now;
    }
    look(alert, condition);
    alert.last_true = now;
    if (alert.state == State::pending && now - alert.since >= rule.hold.count()) fire(alert, now);
    // Of what is too little the least is the worst.
    const bool less_is_worse = alert.rule == AlertRule::disk || alert.rule == AlertRule::refresh_token;
    alert.peak = less_is_worse ? std::min(alert.peak, alert.value) : std::max(alert.peak, alert.value);
}

/// What is pending and has never fired leaves no trace; else it is over as it was before.
void calm(Alert& alert) {
    if (alert.state != State::pending) return;
    if (alert.fired != 0)
        alert.state = State::resolved;
    else
        alert.last_true = 0;
}

void no_trouble(Alert& alert, Verdict verdict, End end, const config::Alerts& settings, UnixMs now) {
    calm(alert);
    if (alert.state != State::firing) return;
    const UnixMs patience = verdict == Verdict::unknown ? blind_for : settings.keep.count();
    if (now - alert.last_true >= patience) resolve(alert, verdict == Verdict::unknown ? End::no_data : end, now);
}

}  // namespace

std::string_view to_string(State state) noexcept {
    switch (state) {
        case State::pending: return "pending";
        case State::firing: return "firing";
        case State::resolved: return "resolved";
    }
    return "resolved";
}

std::string_view to_string(End end) noexcept {
    switch (end) {
        case End::fixed: return "fixed";
        case End::no_data: return "no_data";
        case End::gone: return "gone";
    }
    return "fixed";
}

std::string alert_id(AlertRule rule, std::string_view subject) {
    std::string text(to_string(rule));
    text += '\n';
    text += subject;
    return core::to_hex(core::sha256(text)).substr(0, 16);
}

std::optional<AlertRule> parse_rule(std::string_view name) noexcept {
    for (std::size_t i = 0; i < config::alert_rule_count; ++i)
        if (to_string(static_cast<AlertRule>(i)) == name) return static_cast<AlertRule>(i);
    return std::nullopt;
}

bool flapping(const Alert& alert, UnixMs now) noexcept {
    return static_cast<std::size_t>(std::count_if(alert.firings.begin(), alert.firings.end(),
                                                  [&](UnixMs at) { return at > now - hour; })) >= flaps;
}

std::vector<Alert> Engine::step(const config::Alerts& settings, const std::vector<Condition>& conditions, UnixMs now) {
    std::vector<Alert> news;
    std::set<std::string> judged;
    for (const Condition& condition : conditions) {
        const AlertRuleSettings& rule = settings.rule(condition.rule);
        if (!rule.enabled) continue;
        const std::string id = alert_id(condition.rule, condition.subject);
        if (!judged.insert(id).second) continue;
        auto found = std::find_if(alerts_.begin(), alerts_.end(), [&](const Alert& a) { return a.id == id; });
        if (found == alerts_.end()) {
            if (condition.verdict != Verdict::yes) continue;
            alerts_.push_back(made_of(condition));
            found = std::prev(alerts_.end());
            found->seen = now;
        }
        const bool fresh = found->since == 0;
        const State before = found->state;
        found->severity = rule.severity;
        if (condition.verdict == Verdict::yes) {
            trouble(*found, condition, rule, now);
        } else {
            if (condition.verdict == Verdict::no && found->state == State::firing) look(*found, condition);
            no_trouble(*found, condition.verdict, End::fixed, settings, now);
        }
        found->seen = now;
        if (fresh || found->state != before) news.push_back(*found);
    }
    for (Alert& alert : alerts_) {
        if (judged.contains(alert.id)) continue;
        const State before = alert.state;
        no_trouble(alert, Verdict::no, End::gone, settings, now);
        alert.seen = now;
        if (alert.state != before) news.push_back(alert);
    }
    std::erase_if(alerts_, [&](const Alert& a) {
        return (a.state == State::pending && a.last_true == 0) ||
               (a.state == State::resolved && now - a.resolved > remembered);
    });
    return news;
}

}  // namespace b24gate::alerts
