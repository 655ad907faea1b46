#include <b24gate/alerts/alert_rows.hpp>

#include <boost/json/serialize.hpp>

#include "json_parts.hpp"

namespace b24gate::alerts {
namespace {

namespace json = boost::json;

json::object told_json(const Told& told) {
    json::object out;
    out["firing"] = told.firing;
    out["at"] = told.at;
    out["count"] = told.count;
    out["reference"] = told.reference;
    return out;
}

template <class T>
T value_of(std::string_view name, std::initializer_list<T> all) {
    for (const T value : all)
        if (to_string(value) == name) return value;
    return *all.begin();
}

}  // namespace

storage::AlertRow to_row(const Alert& alert) {
    storage::AlertRow out;
    out.id = alert.id;
    out.rule = to_string(alert.rule);
    out.subject = alert.subject;
    out.state = to_string(alert.state);
    out.changed = alert.state == State::pending  ? alert.since
                  : alert.state == State::firing ? alert.fired
                                                 : alert.resolved;
    json::object more;
    more["portal"] = alert.portal;
    more["severity"] = to_string(alert.severity);
    more["since"] = alert.since;
    more["fired"] = alert.fired;
    more["resolved"] = alert.resolved;
    more["last_true"] = alert.last_true;
    more["seen"] = alert.seen;
    more["end"] = to_string(alert.end);
    more["value"] = alert.value;
    more["peak"] = alert.peak;
    more["threshold"] = alert.threshold;
    more["part"] = alert.part;
    more["total"] = alert.total;
    more["note"] = alert.note;
    json::array firings;
    for (const UnixMs at : alert.firings) firings.emplace_back(at);
    more["firings"] = std::move(firings);
    json::object told;
    for (const auto& [channel, one] : alert.told) told[channel] = told_json(one);
    more["told"] = std::move(told);
    out.more = json::serialize(more);
    return out;
}

std::optional<Alert> of_row(const storage::AlertRow& row) {
    const auto rule = parse_rule(row.rule);
    const auto more = parse_object(row.more);
    if (!rule || !more) return std::nullopt;
    Alert out;
    out.id = row.id;
    out.rule = *rule;
    out.subject = row.subject;
    out.state = value_of(row.state, {State::pending, State::firing, State::resolved});
    out.portal = text_of(*more, "portal");
    out.severity =
        value_of(text_of(*more, "severity"), {Severity::warning, Severity::info, Severity::critical, Severity::page});
    out.since = number_of(*more, "since");
    out.fired = number_of(*more, "fired");
    out.resolved = number_of(*more, "resolved");
    out.last_true = number_of(*more, "last_true");
    out.seen = number_of(*more, "seen");
    out.end = value_of(text_of(*more, "end"), {End::fixed, End::no_data, End::gone});
    out.value = real_of(*more, "value");
    out.peak = real_of(*more, "peak");
    out.threshold = real_of(*more, "threshold");
    out.part = count_of(*more, "part");
    out.total = count_of(*more, "total");
    out.note = text_of(*more, "note");
    for (const json::value& at : elements_of(*more, "firings"))
        if (const auto* number = at.if_int64()) out.firings.push_back(*number);
    for (const auto& [channel, value] : members_of(*more, "told")) {
        const json::object* const one = value.if_object();
        if (one == nullptr) continue;
        Told& told = out.told[std::string(channel)];
        told.firing = flag_of(*one, "firing");
        told.at = number_of(*one, "at");
        told.count = static_cast<unsigned>(count_of(*one, "count"));
        told.reference = text_of(*one, "reference");
    }
    return out;
}

}  // namespace b24gate::alerts
