// REST 3: its envelope, its batch and its idempotency keys.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

#include <algorithm>

namespace b24gate::simulator {
namespace {

/// `alias.path` of a `$ref`, read from what earlier commands gave back under `item` or `items`.
std::optional<json::value> look_up(const json::object& aliases, std::string_view reference) {
    const std::size_t dot = reference.find('.');
    const auto alias = reference.substr(0, dot);
    const json::value* at = aliases.if_contains(json::string_view(alias.data(), alias.size()));
    if (!at) return std::nullopt;
    if (const json::value* item = php::get(*at, "item")) at = item;
    std::string_view rest = dot == std::string_view::npos ? std::string_view() : reference.substr(dot + 1);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('.'), rest.size());
        at = php::get(*at, rest.substr(0, end));
        if (!at) return std::nullopt;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return *at;
}

std::optional<json::value> collect(const json::object& aliases, std::string_view reference) {
    const std::size_t dot = reference.find('.');
    const auto alias = reference.substr(0, dot);
    const json::value* at = aliases.if_contains(json::string_view(alias.data(), alias.size()));
    const json::value* items = at ? php::get(*at, "items") : nullptr;
    if (!items || !items->is_array() || dot == std::string_view::npos) return std::nullopt;
    json::array out;
    for (const json::value& item : items->get_array())
        if (const json::value* field = php::get(item, reference.substr(dot + 1))) out.push_back(*field);
    return out;
}

/// Puts the values in for `{"$ref": ..}` and `{"$refArray": ..}`; false: one of them leads nowhere.
bool resolve(json::value& tree, const json::object& aliases, int depth = 0) {
    if (depth > 64) return false;
    if (auto* list = tree.if_array())
        return std::all_of(list->begin(), list->end(),
                           [&](json::value& item) { return resolve(item, aliases, depth + 1); });
    auto* map = tree.if_object();
    if (!map) return true;
    if (map->size() == 1) {
        const json::value *ref = map->if_contains("$ref"), *all = map->if_contains("$refArray");
        if (ref || all) {
            auto value = ref ? look_up(aliases, php::to_string(*ref)) : collect(aliases, php::to_string(*all));
            if (!value) return false;
            tree = std::move(*value);
            return true;
        }
    }
    for (auto& item : *map)
        if (!resolve(item.value(), aliases, depth + 1)) return false;
    return true;
}

MethodResult bad_batch(std::string message) {
    return fail_v3(400, "EXCEPTION_INVALIDSELECTEXCEPTION", std::move(message));
}

bool is_mutation(std::string_view lower) {
    const std::string_view verb = lower.substr(lower.rfind('.') + 1);
    return verb != "get" && verb != "list" && verb != "tail" && verb != "aggregate" && lower != "batch" &&
           lower.substr(0, 5) != "rest.";
}

}  // namespace

Response Portal::execute_v3(const Call& call, Moment started, Moment now) {
    const auto refuse = [&](MethodResult result) { return error_response(call, std::move(*result.error)); };
    if (call.post && (!call.json_body || !call.body_valid) && !call.body.empty())
        return refuse(fail_v3(400, "EXCEPTION_INVALIDJSONEXCEPTION", "Invalid JSON in request body"));

    if (call.lower == "batch") {
        ++stats.executions["batch"];
        ++stats.batches;
        if (!call.params.is_array()) return refuse(bad_batch("Batch request must be a list of commands"));
        const json::array& commands = call.params.get_array();
        // Names first: an unknown one, and nothing runs.
        std::vector<std::string> seen;
        for (const json::value& command : commands) {
            const json::value *method = php::get(command, "method"), *query = php::get(command, "query");
            if (!method || !method->is_string() || !query || !php::is_array(*query))
                return refuse(bad_batch("Every command needs `method` and `query`"));
            if (const json::value* as = php::get(command, "as")) {
                if (std::find(seen.begin(), seen.end(), php::to_string(*as)) != seen.end())
                    return refuse(bad_batch("Duplicate alias `" + php::to_string(*as) + "`"));
                seen.push_back(php::to_string(*as));
            }
            const std::string name = core::to_lower(php::to_string(*method));
            if (!methods_v3().contains(name))
                return refuse(fail_v3(404, "EXCEPTION_METHODNOTFOUNDEXCEPTION", "Method `" + name + "` not found"));
        }
        json::object aliases;
        json::array results;
        Moment begins = started;
        for (const json::value& command : commands) {
            const std::string name = core::to_lower(php::to_string(command.at("method")));
            json::value query = command.at("query");
            if (!resolve(query, aliases))
                return refuse(bad_batch("A reference in the query of `" + name + "` cannot be resolved"));
            const Moment ends = std::min(now, begins + latency_of(name));
            Ran ran = run(call, name, std::move(query), true, begins, ends);
            begins = ends;
            // What ran before stays done; its results are lost.
            if (ran.result.error) return error_response(call, std::move(*ran.result.error));
            if (const json::value* as = php::get(command, "as")) aliases[php::to_string(*as)] = ran.result.value;
            results.push_back(std::move(ran.result.value));
        }
        MethodResult all;
        all.value = std::move(results);
        return envelope(call, all, time_of(started, now, now - started, nullptr));
    }

    const bool keyed = !call.idempotency_key.empty() && is_mutation(call.lower);
    const std::string slot = call.credential.entity + "|" + std::to_string(call.credential.user) + "|" + call.lower +
                             "|" + call.idempotency_key;
    const std::size_t hash = std::hash<std::string>()(call.body);
    if (keyed) {
        const std::string& key = call.idempotency_key;
        if (key.size() > 255 || std::any_of(key.begin(), key.end(), [](char c) { return c < 0x20 || c > 0x7E; }))
            return refuse(fail_v3(400, "EXCEPTION_INVALIDIDEMPOTENCYKEYEXCEPTION", "Invalid idempotency key"));
        const auto found = replays_.find(slot);
        // Of two that are under way at once each may be carried out: only what had ended before is replayed.
        if (found != replays_.end() && now < found->second.expires && found->second.stored <= started) {
            if (found->second.body_hash != hash)
                return refuse(fail_v3(422, "EXCEPTION_IDEMPOTENCYKEYREUSEDEXCEPTION",
                                      "Idempotency key was already used with another request body"));
            Response out = envelope(call, {}, {});
            out.body = found->second.answer;
            out.headers.emplace_back("Idempotency-Key", key);
            out.headers.emplace_back("Idempotent-Replayed", "true");
            return out;
        }
    }
    Ran ran = run(call, call.lower, call.params, false, started, now);
    if (ran.result.error) return error_response(call, std::move(*ran.result.error));
    Response out = envelope(call, ran.result, std::move(ran.time));
    if (keyed) {
        Replay& kept = replays_[slot];
        if (kept.expires <= now) kept = {hash, out.body, now, now + std::chrono::hours(24)};
        out.headers.emplace_back("Idempotency-Key", call.idempotency_key);
    }
    return out;
}

}  // namespace b24gate::simulator
