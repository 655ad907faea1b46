// Carrying calls out: one method, a batch, and the envelope around what comes back.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/batch.hpp>
#include <b24gate/simulator/methods.hpp>
#include <b24gate/simulator/portal.hpp>

#include <algorithm>
#include <cstdio>

namespace b24gate::simulator {
namespace {

void append_xml(std::string& out, const json::value& value) {
    const auto element = [&](std::string_view name, const json::value& inner) {
        out += "<";
        out += name;
        out += ">";
        append_xml(out, inner);
        out += "</";
        out += name;
        out += ">";
    };
    if (const auto* list = value.if_array()) {
        for (const json::value& item : *list) element("item", item);
    } else if (const auto* map = value.if_object()) {
        for (const auto& [key, item] : *map) element(std::string_view(key.data(), key.size()), item);
    } else {
        for (const char c : php::to_string(value)) {
            switch (c) {
                case '<': out += "&lt;"; break;
                case '>': out += "&gt;"; break;
                case '&': out += "&amp;"; break;
                default: out += c;
            }
        }
    }
}

/// The commands of a batch in their order, as PHP iterates over `cmd`.
std::vector<std::pair<std::string, const json::value*>> commands_of(const json::value& params) {
    std::vector<std::pair<std::string, const json::value*>> out;
    const json::value* cmd = php::get_any_case(params, "CMD");
    if (!cmd) return out;
    if (const auto* list = cmd->if_array())
        for (std::size_t i = 0; i < list->size(); ++i) out.emplace_back(std::to_string(i), &(*list)[i]);
    else if (const auto* map = cmd->if_object())
        for (const auto& [key, value] : *map) out.emplace_back(std::string(key.data(), key.size()), &value);
    return out;
}

constexpr std::size_t max_batch = 50;

}  // namespace

OperatingBaskets& Portal::baskets(const Call& call, std::string_view method, bool in_batch) {
    // Inside a batch the portal does not know which webhook it works for: all of them share one account.
    const bool shared = in_batch && call.credential.kind == Credential::Kind::webhook;
    return baskets_[(shared ? std::string("webhook/") : call.credential.entity) + "|" + std::string(method)];
}

Micros Portal::latency_of(std::string_view lower) const {
    const auto exact = settings.methods.find(std::string(lower));
    if (exact != settings.methods.end() && exact->second.latency) return *exact->second.latency;
    for (const auto& [pattern, method] : settings.methods)
        if (method.latency && pattern.find('*') != std::string::npos && core::glob_match(pattern, lower))
            return *method.latency;
    return settings.latency;
}

Micros Portal::running_time(const Call& call) const {
    if (call.lower == "download" || call.lower == "upload") return Micros(0);
    if (call.lower != "batch") return latency_of(call.lower);
    Micros sum(0);
    if (call.version == 3) {
        const auto body = php::json_decode(call.body);
        if (body && body->is_array())
            for (const json::value& item : body->get_array())
                if (const json::value* method = php::get(item, "method"))
                    sum += latency_of(core::to_lower(php::to_string(*method)));
        return sum;
    }
    std::size_t count = 0;
    for (const auto& [key, command] : commands_of(call.params)) {
        if (count++ >= max_batch) break;
        if (command->is_string()) sum += latency_of(core::to_lower(php::parse_url(php::to_string(*command)).path));
    }
    return sum;
}

json::object Portal::time_of(Moment started, Moment finished, Micros processing, OperatingBaskets* spent) const {
    json::object out;
    out.reserve(8);
    out["start"] = unix_seconds(started);
    out["finish"] = unix_seconds(finished);
    out["duration"] = seconds(finished - started);
    out["processing"] = seconds(processing);
    out["date_start"] = iso8601(started, settings.utc_offset_minutes);
    out["date_finish"] = iso8601(finished, settings.utc_offset_minutes);
    if (settings.operating && !settings.self_hosted) {
        if (spent)
            if (const auto reset = spent->reset_at(finished)) out["operating_reset_at"] = *reset;
        out["operating"] = spent ? seconds(spent->sum(finished)) : 0.0;
    }
    return out;
}

Portal::Ran Portal::run(const Call& call, std::string_view method, json::value params, bool in_batch, Moment started,
                        Moment now) {
    const bool v3 = call.version == 3;
    const Registry& registry = v3 ? methods_v3() : methods_v2();
    const auto found = registry.find(method);
    const auto given = settings.methods.find(std::string(method));
    const bool stubbed = given != settings.methods.end() && given->second.result;
    Ran out;
    if (found == registry.end() && !stubbed) {
        out.result.error =
            v3 ? fail_v3(404, "EXCEPTION_METHODNOTFOUNDEXCEPTION", "Method `" + std::string(method) + "` not found")
                     .error
               : known_error("ERROR_METHOD_NOT_FOUND");
        return out;
    }
    OperatingBaskets& spent = baskets(call, method, in_batch && !v3);
    if (in_batch) {
        if (found != registry.end() && !call.credential.allows(found->second.scope)) {
            out.result.error = known_error("insufficient_scope");
            out.result.error->text.clear();
            return out;
        }
        if (given != settings.methods.end() && !given->second.refuse.empty()) {
            out.result.error = known_error(given->second.refuse);
            return out;
        }
        // REST 3 charges the commands of a batch nowhere.
        if (!v3 && settings.operating && !settings.self_hosted && spent.sum(now) > settings.operating_limit) {
            ++stats.refused_operating;
            out.result.error = known_error("OPERATION_TIME_LIMIT");
            return out;
        }
    }
    long long start = 0;
    if (!v3)
        if (const auto offset = php::take(params, "start")) start = php::to_int(*offset);

    ++stats.executions[std::string(method)];
    if (stubbed)
        out.result.value = *given->second.result;
    else
        out.result = found->second.handler(*this, Invocation{call, method, params, start, now});
    executions.add(call, method, params, out.result, in_batch, started, now);

    const Micros latency = latency_of(method);
    Micros cost = latency;
    if (given != settings.methods.end() && given->second.operating) cost = *given->second.operating;
    if (!(v3 && in_batch)) spent.add(cost, now);
    out.time = time_of(started, now, latency, &spent);
    return out;
}

MethodResult Portal::batch(const Call& call, Moment started, Moment now) {
    ++stats.batches;
    const json::value* halt = php::get_any_case(call.params, "HALT");
    BatchMaps maps;
    std::size_t count = 0;
    Moment begins = started;
    for (const auto& [key, command] : commands_of(call.params)) {
        std::optional<Error> error;
        if (count++ >= max_batch) {
            error = known_error("ERROR_BATCH_LENGTH_EXCEEDED");
        } else {
            if (!command->is_string()) continue;
            const php::Url url = php::parse_url(php::to_string(*command));
            const std::string lower = core::to_lower(url.path);
            if (url.path == "batch" || url.path == "download" || url.path == "upload") {
                error = known_error("ERROR_BATCH_METHOD_NOT_ALLOWED");
            } else {
                json::value params = maps.substitute(php::parse_str(url.query, {settings.max_input_vars, 64}));
                // The credential of the batch goes over each command's own.
                for (const char* name : {"auth", "access_token", "ap", "aplogin", "state"})
                    if (php::get(params, name)) php::take(params, name);
                const Moment ends = std::min(now, begins + latency_of(lower));
                Ran ran = run(call, lower, std::move(params), true, begins, ends);
                begins = ends;
                error = std::move(ran.result.error);
                if (!error) {
                    maps.result[key] = std::move(ran.result.value);
                    if (ran.result.total) maps.total[key] = *ran.result.total;
                    if (ran.result.next) maps.next[key] = *ran.result.next;
                    maps.time[key] = std::move(ran.time);
                }
            }
        }
        if (!error) continue;
        ++stats.errors[error->code];
        json::object entry{{"error", error->code}, {"error_description", error->text}};
        for (auto& [name, value] : error->extra) entry[name] = std::move(value);
        maps.error[key] = std::move(entry);
        if (halt && php::truthy(*halt)) break;
    }
    return {maps.answer(), {}, {}, {}, false};
}

Response Portal::execute(const Call& call, Moment started, Moment now) {
    if (call.version == 3) return execute_v3(call, started, now);
    if (call.lower == "download") {
        ++stats.executions["download"];
        const auto payload = open_link(call, "download");
        const json::value query = php::parse_str(payload.value_or(""));
        const json::value* id = php::get(query, "id");
        const auto found = files_.find(id ? php::to_int(*id) : 0);
        if (found == files_.end()) return error_response(call, {404, "ERROR_NOT_FOUND", "File not found", {}});
        const File& file = found->second;
        Response out;
        out.headers = {{"Server", "nginx"},
                       {"Content-Type", "application/octet-stream"},
                       {"Content-Disposition", "attachment; filename=\"" + file.name + "\""}};
        if (file.content.empty())
            out.generated = GeneratedBody{file.size, static_cast<std::uint64_t>(found->first)};
        else
            out.body = file.content;
        return out;
    }
    if (call.lower == "batch") {
        ++stats.executions["batch"];
        const MethodResult result = batch(call, started, now);
        return envelope(call, result, time_of(started, now, now - started, nullptr));
    }
    Ran ran = run(call, call.lower, call.params, false, started, now);
    if (ran.result.error) return error_response(call, std::move(*ran.result.error));
    return envelope(call, ran.result, std::move(ran.time));
}

Response Portal::envelope(const Call& call, const MethodResult& result, json::object time) {
    Response out;
    const double took = time.contains("duration") ? time["duration"].to_number<double>() : 0;
    const php::EncodeOptions encode{settings.escape_slashes, settings.escape_unicode};
    const bool xml = call.xml && call.version == 2;
    out.headers.reserve(10);
    out.headers.emplace_back("Server", "nginx");
    out.headers.emplace_back("Content-Type", xml ? "text/xml; charset=utf-8" : "application/json; charset=utf-8");
    out.headers.emplace_back("Access-Control-Allow-Origin", "*");
    out.headers.emplace_back("Access-Control-Allow-Headers", "origin, content-type, accept");
    out.headers.emplace_back("X-Content-Type-Options", "nosniff");
    if (!settings.self_hosted) {
        if (!call.credential.client_id.empty())
            out.headers.emplace_back("X-Bitrix-Rest-Application", call.credential.client_id);
        char text[32];
        std::snprintf(text, sizeof text, "%.10f", took);
        out.headers.emplace_back("X-Bitrix-Rest-Time", text);
        out.headers.emplace_back("X-Bitrix-Rest-User-Time", "0.0000000000");
        out.headers.emplace_back("X-Bitrix-Rest-System-Time", "0.0000000000");
    }
    if (result.bare) {
        out.body = php::json_encode(result.value, encode);
        return out;
    }
    if (xml) {
        json::object body{{"result", result.value}};
        if (result.next) body["next"] = *result.next;
        if (result.total) body["total"] = *result.total;
        body["time"] = std::move(time);
        out.body = "<response>";
        append_xml(out.body, body);
        out.body += "</response>";
        return out;
    }
    out.body.reserve(512);
    out.body = "{\"result\":";
    php::json_encode(out.body, result.value, encode);
    if (result.next) out.body += ",\"next\":" + std::to_string(*result.next);
    if (result.total) out.body += ",\"total\":" + std::to_string(*result.total);
    out.body += ",\"time\":";
    php::json_encode(out.body, time, encode);
    out.body += '}';
    return out;
}

}  // namespace b24gate::simulator
