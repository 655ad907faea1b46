#include <b24gate/admin/alerts_json.hpp>

#include <boost/json/array.hpp>

#include <algorithm>
#include <map>

#include <b24gate/admin/json_text.hpp>
#include <b24gate/alerts/alert_rows.hpp>
#include <b24gate/alerts/message.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;
using alerts::Alert;

std::string_view to_string(config::AlertChannel::Type type) {
    using Type = config::AlertChannel::Type;
    switch (type) {
        case Type::log: return "log";
        case Type::webhook: return "webhook";
        case Type::telegram: return "telegram";
        case Type::email: return "email";
        case Type::portal: return "portal";
    }
    return "log";
}

json::object silence_json(const storage::Silence& silence) {
    json::object out;
    out["id"] = silence.id;
    out["rule"] = silence.rule;
    out["subject"] = silence.subject;
    out["actor"] = silence.actor;
    out["reason"] = text_or_null(silence.reason);
    out["at"] = time_value(silence.at);
    out["until"] = time_value(silence.until);
    return out;
}

json::object alert_json(const Alert& alert, const config::Alerts& settings,
                        const std::vector<storage::Silence>& silences, storage::UnixMs now) {
    json::object out;
    out["id"] = alert.id;
    out["rule"] = to_string(alert.rule);
    out["subject"] = text_or_null(alert.subject);
    out["portal"] = text_or_null(alert.portal);
    out["severity"] = to_string(alert.severity);
    out["state"] = to_string(alert.state);
    out["since"] = time_value(alert.since);
    out["fired"] = time_value(alert.fired);
    out["resolved"] = alert.state == alerts::State::resolved ? time_value(alert.resolved) : json::value();
    out["end"] = alert.state == alerts::State::resolved ? json::value(to_string(alert.end)) : json::value();
    out["value"] = alert.value;
    out["peak"] = alert.peak;
    out["threshold"] = alert.threshold;
    out["part"] = alert.part;
    out["total"] = alert.total;
    out["note"] = text_or_null(alert.note);
    out["flapping"] = flapping(alert, now);
    json::object words;
    for (const auto& [name, language] :
         {std::pair("en", alerts::Language::en), std::pair("ru", alerts::Language::ru)}) {
        const alerts::RuleTexts& texts = alerts::texts_of(alert.rule, language);
        json::object one;
        one["headline"] = headline(alert, settings, language);
        one["meaning"] = texts.meaning;
        one["advice"] = alerts::filled(texts.advice, {{"subject", alert.subject}});
        words[name] = std::move(one);
    }
    out["texts"] = std::move(words);
    const storage::Silence* silence = silence_of(alert, silences, now);
    out["silence"] = silence == nullptr ? json::value() : json::value(silence_json(*silence));
    json::array told;
    for (const auto& [channel, last] : alert.told) {
        json::object one;
        one["channel"] = channel;
        one["firing"] = last.firing;
        one["at"] = time_value(last.at);
        told.push_back(std::move(one));
    }
    out["told"] = std::move(told);
    return out;
}

json::array rules_json(const config::Alerts& settings) {
    json::array out;
    for (std::size_t i = 0; i < config::alert_rule_count; ++i) {
        const auto rule = static_cast<config::AlertRule>(i);
        const config::AlertRuleSettings& set = settings.rule(rule);
        json::object one;
        one["rule"] = to_string(rule);
        one["enabled"] = set.enabled;
        one["severity"] = to_string(set.severity);
        one["threshold"] = set.threshold;
        one["window_s"] = static_cast<double>(set.window.count()) / 1000;
        one["for_s"] = static_cast<double>(set.hold.count()) / 1000;
        one["min_calls"] = set.min_calls;
        one["free"] = set.free;
        out.push_back(std::move(one));
    }
    return out;
}

json::array channels_json(const config::Alerts& settings, const std::map<std::string, alerts::ChannelFacts>& seen) {
    json::array out;
    for (const auto& [name, channel] : settings.channels) {
        json::object one;
        one["name"] = name;
        one["type"] = to_string(channel.type);
        one["severity"] = to_string(channel.least);
        json::array rules, portals;
        for (const std::string& rule : channel.rules) rules.emplace_back(rule);
        for (const std::string& portal : channel.portals) portals.emplace_back(portal);
        one["rules"] = std::move(rules);
        one["portals"] = std::move(portals);
        const auto facts = seen.find(name);
        const alerts::ChannelFacts none, &last = facts == seen.end() ? none : facts->second;
        one["failing"] = last.failing;
        one["error"] = text_or_null(last.error);
        one["last_sent"] = time_value(last.last_sent);
        one["last_error"] = time_value(last.last_error);
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

json::object alerts_json(const config::Alerts& settings, const storage::AlertBoard* board,
                         const std::vector<Alert>& own, storage::UnixMs now) {
    static const std::vector<storage::Silence> none;
    const auto& silences = board == nullptr ? none : board->silences;
    std::vector<Alert> all = own;
    std::vector<alerts::Facts> seen;
    if (board != nullptr) {
        for (const storage::AlertRow& row : board->alerts)
            if (auto alert = alerts::of_row(row)) all.push_back(*std::move(alert));
        for (const storage::AlertReport& report : board->reports)
            if (auto facts = alerts::parse_facts(report.facts)) seen.push_back(*std::move(facts));
    }
    // What burns first; then the newest.
    std::stable_sort(all.begin(), all.end(), [](const Alert& a, const Alert& b) {
        const auto rank = [](const Alert& x) {
            return x.state == alerts::State::firing ? 0 : x.state == alerts::State::pending ? 1 : 2;
        };
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        if (a.severity != b.severity) return a.severity > b.severity;
        return std::max(a.fired, a.since) > std::max(b.fired, b.since);
    });
    json::array shown, held;
    for (const Alert& alert : all) shown.push_back(alert_json(alert, settings, silences, now));
    for (const storage::Silence& silence : silences) held.push_back(silence_json(silence));
    json::object out;
    out["now"] = time_value(now);
    out["store"] = board != nullptr;
    out["enabled"] = settings.enabled;
    out["alerts"] = std::move(shown);
    out["silences"] = std::move(held);
    out["rules"] = rules_json(settings);
    out["channels"] = channels_json(settings, alerts::newest_channels(seen));
    return out;
}

}  // namespace b24gate::admin
