#include <b24gate/bitrix/batch_answer.hpp>

#include <charconv>
#include <optional>
#include <utility>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/bitrix/timing.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

using Raw = std::optional<std::string_view>;

/// What the maps hold of one command.
struct Found {
    Raw result, error, total, next, time;
};

struct Map {
    std::string_view name;
    Raw Found::*place;
    Raw raw;
};

/// The number of "c17"; nullopt: no key of ours.
std::optional<std::size_t> number_of(std::string_view key, std::size_t commands) {
    if (key.size() < 2 || key.front() != 'c') return std::nullopt;
    key.remove_prefix(1);
    if (!core::is_digits(key) || (key.front() == '0' && key.size() > 1)) return std::nullopt;
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc{} || end != key.data() + key.size() || number >= commands) return std::nullopt;
    return number;
}

std::string broken(std::string_view map, std::string_view what) {
    return "the portal's answer to a batch is broken: " + std::string(map) + std::string(what);
}

/// Why the map cannot be read; empty: it was.
std::string read_map(const Map& map, std::vector<Found>& found) {
    json::Reader entry(*map.raw);
    if (!entry.is_object() && json::type_of(*map.raw) != json::Type::array) return broken(map.name, " is no map");
    while (entry.next()) {
        // A list that is not empty would mean numeric keys, and the gateway sends none.
        if (!entry.is_object()) return broken(map.name, " is a list");
        const auto number = number_of(entry.key(), found.size());
        if (!number) return broken(map.name, " holds a key that was not sent");
        Raw& place = found[*number].*map.place;
        if (place) return broken(map.name, " holds a key twice");
        place = entry.value();
    }
    return entry.complete() ? std::string() : broken(map.name, " breaks off");
}

/// The batch's own `time` for a command that has none: only old portals give none. Without what would count the batch's
/// running time as the method's.
std::string shared_time(std::string_view time) {
    json::Reader member(time);
    if (!member.is_object()) return {};
    std::string out = "{";
    while (member.next()) {
        if (member.key_is("operating") || member.key_is("operating_reset_at")) continue;
        if (out.size() > 1) out += ',';
        out.append(member.raw_key()).append(1, ':').append(member.value());
    }
    out += '}';
    return out;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out.append(R"(,")").append(name).append(R"(":)").append(value);
}

PartAnswer success(const Found& found, std::string_view time_of_batch) {
    PartAnswer part;
    part.kind = PartAnswer::Kind::success;
    part.outcome.upstream_status = 200;
    if (found.time) part.outcome.timing = timing_of(*found.time);
    const std::string_view time = found.time ? *found.time : time_of_batch;
    // The order of a single answer.
    part.body.reserve(found.result->size() + time.size() + 96);
    part.body.append(R"({"result":)").append(*found.result);
    if (found.next) append_member(part.body, "next", *found.next);
    if (found.total) append_member(part.body, "total", *found.total);
    if (!time.empty()) append_member(part.body, "time", time);
    part.body += '}';
    return part;
}

PartAnswer failure(std::string_view entry, bool writes) {
    PartAnswer part;
    part.kind = PartAnswer::Kind::error;
    part.outcome = classify_batch_error(entry, writes);
    part.body = entry;
    return part;
}

PartAnswer missing() {
    PartAnswer part;
    part.outcome.error_class = ErrorClass::server;
    part.outcome.executed = Executed::unknown;
    part.outcome.code = "GATEWAY_BAD_ANSWER";
    part.outcome.description = "The portal's answer to a batch says nothing of this call.";
    return part;
}

bool is_error_entry(std::string_view entry) {
    return json::type_of(entry) == json::Type::object && json::find(entry, "error").has_value();
}

}  // namespace

boost::system::result<std::vector<PartAnswer>, std::string> split_batch(std::string_view body,
                                                                        std::span<const Command* const> commands) {
    body = without_bom(body);
    if (json::type_of(body) != json::Type::object || json::validate(body))
        return std::string("the portal's answer to a batch is no JSON object");

    Raw answer, time;
    json::Reader member(body);
    while (member.next()) {
        if (member.key_is("error")) return std::string("the portal refused a batch as a whole");
        Raw* const place = member.key_is("result") ? &answer : member.key_is("time") ? &time : nullptr;
        if (!place) continue;
        if (*place) return broken("the answer", " holds a key twice");
        *place = member.value();
    }
    if (!answer || json::type_of(*answer) != json::Type::object) return broken("result", " is no map");

    Map maps[] = {{"result", &Found::result, {}},
                  {"result_error", &Found::error, {}},
                  {"result_total", &Found::total, {}},
                  {"result_next", &Found::next, {}},
                  {"result_time", &Found::time, {}}};
    json::Reader inner(*answer);
    while (inner.next()) {
        for (Map& map : maps) {
            if (!inner.key_is(map.name)) continue;
            if (map.raw) return broken("result", " holds a key twice");
            map.raw = inner.value();
        }
    }
    // Old portals have fewer maps; without these two there is nothing to tell a success by.
    if (!maps[0].raw || !maps[1].raw) return broken("result", " lacks the results or the errors");
    std::vector<Found> found(commands.size());
    for (const Map& map : maps) {
        if (!map.raw) continue;
        if (std::string why = read_map(map, found); !why.empty()) return why;
    }

    const std::string time_of_batch = time ? shared_time(*time) : std::string();
    std::vector<PartAnswer> parts;
    parts.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        // A handler's own error may stand beside a result; its entry then holds that result too.
        if (found[i].error)
            parts.push_back(is_error_entry(*found[i].error) ? failure(*found[i].error, commands[i]->writes)
                                                            : missing());
        else
            parts.push_back(found[i].result ? success(found[i], time_of_batch) : missing());
    }
    return parts;
}

}  // namespace b24gate::bitrix
