#include <b24gate/alerts/plan.hpp>

#include <algorithm>
#include <optional>

#include <b24gate/core/sha256.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::alerts {
namespace {

using config::AlertChannel;

/// Of what comes and goes a channel hears so often.
constexpr UnixMs flapping_interval = 3'600'000;

const Told* told_of(const Alert& alert, const std::string& channel) {
    const auto found = alert.told.find(channel);
    return found == alert.told.end() ? nullptr : &found->second;
}

bool any_glob(const std::vector<std::string>& globs, std::string_view text) {
    return std::any_of(globs.begin(), globs.end(),
                       [&](const std::string& glob) { return core::glob_match(glob, text); });
}

/// What there is to say of this alert; nullopt: nothing.
struct News {
    Item::Kind kind = Item::Kind::still;
    bool repeat = false;
};
std::optional<News> news_of(const Alert& alert, const Told* told, const config::Alerts& settings, UnixMs now) {
    const bool knows = told != nullptr && told->firing;
    if (alert.state == State::firing && !knows) return News{Item::Kind::fired};
    if (alert.state == State::resolved && knows) return News{Item::Kind::resolved};
    if (alert.state == State::firing && now - told->at >= settings.repeat_interval.count())
        return News{Item::Kind::still, true};
    return std::nullopt;
}

std::string notice_id(const Notice& notice) {
    std::string text = notice.channel + '\n' + std::string(to_string(notice.rule));
    for (const Item& item : notice.items) {
        const Told* told = told_of(item.alert, notice.channel);
        text += '\n' + item.alert.id + ' ' + std::to_string(static_cast<int>(item.kind)) + ' ' +
                std::to_string(item.alert.fired) + ' ' + std::to_string(told == nullptr ? 0 : told->count) + ' ' +
                std::to_string(told == nullptr ? 0 : told->at);
    }
    return "alert_" + core::to_hex(core::sha256(text)).substr(0, 24);
}

std::optional<Notice> plan_group(const config::Alerts& settings, const AlertChannel& channel, AlertRule rule,
                                 const std::vector<const Alert*>& members, UnixMs now) {
    Notice out;
    out.channel = channel.name;
    out.rule = rule;
    bool news = false, repeat = false, knows_any = false;
    UnixMs first = 0, last_told = 0;
    for (const Alert* alert : members) {
        const Told* told = told_of(*alert, channel.name);
        if (told != nullptr) last_told = std::max(last_told, told->at);
        knows_any = knows_any || (told != nullptr && told->firing);
        const auto said = news_of(*alert, told, settings, now);
        const bool flaps = flapping(*alert, now);
        if (said && !(flaps && told != nullptr && now - told->at < flapping_interval)) {
            (said->repeat ? repeat : news) = true;
            out.flapping = out.flapping || flaps;
            if (said->kind == Item::Kind::fired) first = first == 0 ? alert->fired : std::min(first, alert->fired);
            out.items.push_back(Item{said->kind, *alert});
        } else if (alert->state == State::firing && told != nullptr && told->firing) {
            out.items.push_back(Item{Item::Kind::still, *alert});
        }
    }
    if (!news && !repeat) return std::nullopt;
    // Others of the same kind may be about to follow: one message for all.
    const UnixMs due = channel.type == AlertChannel::Type::log ? 0
                       : knows_any                             ? last_told + settings.group_interval.count()
                                                               : first + settings.group_wait.count();
    if (!repeat && now < due) return std::nullopt;
    std::stable_sort(out.items.begin(), out.items.end(),
                     [](const Item& a, const Item& b) { return a.alert.severity > b.alert.severity; });
    out.id = notice_id(out);
    return out;
}

}  // namespace

bool Notice::firing() const noexcept {
    return std::any_of(items.begin(), items.end(), [](const Item& item) { return item.kind != Item::Kind::resolved; });
}

Severity Notice::severity() const noexcept {
    Severity out = Severity::info;
    for (const Item& item : items) out = std::max(out, item.alert.severity);
    return out;
}

bool goes_to(const Alert& alert, const AlertChannel& channel) {
    // That it is broken cannot be told through it, and what a portal cannot carry not through the portal.
    if (alert.rule == AlertRule::channel && alert.subject == channel.name) return false;
    if (channel.type == AlertChannel::Type::portal && alert.portal == channel.portal &&
        (alert.rule == AlertRule::needs_reauth || alert.rule == AlertRule::breaker_open ||
         alert.rule == AlertRule::no_success))
        return false;
    return alert.severity >= channel.least && any_glob(channel.rules, to_string(alert.rule)) &&
           (alert.portal.empty() || any_glob(channel.portals, alert.portal));
}

const storage::Silence* silence_of(const Alert& alert, const std::vector<storage::Silence>& silences, UnixMs now) {
    for (const storage::Silence& silence : silences)
        if (silence.until > now && core::glob_match(silence.rule, to_string(alert.rule)) &&
            core::glob_match(silence.subject, alert.subject))
            return &silence;
    return nullptr;
}

bool inhibited(const Alert& alert, const std::vector<Alert>& all) {
    const auto fires = [&](AlertRule rule) {
        return std::any_of(all.begin(), all.end(), [&](const Alert& other) {
            return other.rule == rule && other.state == State::firing && other.portal == alert.portal;
        });
    };
    switch (alert.rule) {
        case AlertRule::error_rate: return fires(AlertRule::needs_reauth) || fires(AlertRule::breaker_open);
        case AlertRule::no_success:
        case AlertRule::breaker_open: return fires(AlertRule::needs_reauth);
        default: return false;
    }
}

std::vector<Notice> plan(const config::Alerts& settings, const std::vector<Alert>& alerts,
                         const std::vector<storage::Silence>& silences, UnixMs now) {
    std::vector<Notice> out;
    for (const auto& [name, channel] : settings.channels)
        for (std::size_t i = 0; i < config::alert_rule_count; ++i) {
            const auto rule = static_cast<AlertRule>(i);
            std::vector<const Alert*> members;
            for (const Alert& alert : alerts)
                if (alert.rule == rule && alert.state != State::pending && goes_to(alert, channel) &&
                    silence_of(alert, silences, now) == nullptr &&
                    !(alert.state == State::firing && inhibited(alert, alerts)))
                    members.push_back(&alert);
            if (auto notice = plan_group(settings, channel, rule, members, now)) out.push_back(*std::move(notice));
        }
    return out;
}

void note_told(std::vector<Alert>& alerts, const Notice& notice, const std::string& reference, UnixMs now) {
    for (const Item& item : notice.items)
        for (Alert& alert : alerts) {
            if (alert.id != item.alert.id) continue;
            Told& told = alert.told[notice.channel];
            // It may have come to an end and begun anew while the message was under way.
            told.firing = item.kind != Item::Kind::resolved;
            told.at = now;
            told.count = item.kind == Item::Kind::fired ? 1 : told.count + 1;
            if (item.kind == Item::Kind::fired) told.reference = reference;
        }
}

}  // namespace b24gate::alerts
