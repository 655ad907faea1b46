#include <b24gate/simulator/executions.hpp>

#include <b24gate/core/text.hpp>
#include <b24gate/simulator/portal.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>

namespace b24gate::simulator {
namespace {

/// What a method made stands in its answer, what it worked on in its parameters.
long long record_of(const json::value& params, const MethodResult& result) {
    const json::value* made = &result.value;
    for (const char* around : {"item", "task"})
        if (const json::value* inner = php::get(result.value, around)) made = inner;
    if (const json::value* id = php::get_any_case(*made, "id")) return php::to_int(*id);
    if (made->is_number()) return php::to_int(*made);
    for (const char* name : {"id", "taskId"})
        if (const json::value* id = php::get_any_case(params, name)) return php::to_int(*id);
    return 0;
}

std::string hex(std::uint64_t number) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
    return text;
}

}  // namespace

std::string marker_of(const json::value& params) {
    const json::value* fields = php::get_any_case(params, "fields");
    if (fields) {
        for (const char* name : {"UF_MARK", "ufMark", "ORIGIN_ID", "originId", "XML_ID", "xmlId", "TITLE", "title"})
            if (const json::value* marker = php::get(*fields, name))
                if (std::string text = php::to_string(*marker); !text.empty()) return text;
    }
    const json::value* marker = php::get(params, "UF_MARK");
    return marker ? php::to_string(*marker) : std::string();
}

void ExecutionLog::add(const Call& call, std::string_view method, const json::value& params, const MethodResult& result,
                       bool batched, Moment started, Moment ended) {
    if (keep == 0) return;
    if (log_.size() >= keep) log_.pop_front();
    const Credential& by = call.credential;
    Execution out;
    out.number = ++last_;
    out.started = started;
    out.ended = ended;
    out.method = name(std::string(method));
    out.credential =
        name((by.client_id.empty() ? std::string("webhook") : by.client_id) + " " + std::to_string(by.user));
    out.record = result.error ? 0 : record_of(params, result);
    out.marker = marker_of(params);
    out.body = std::hash<std::string>()(php::json_encode(params, {false, false}));
    out.key = call.idempotency_key;
    if (result.error) out.error = result.error->code.empty() ? result.error->text : result.error->code;
    out.batched = batched;
    log_.push_back(std::move(out));
}

json::object ExecutionLog::page(std::uint64_t after, std::size_t limit) const {
    const auto first = std::upper_bound(log_.begin(), log_.end(), after,
                                        [](std::uint64_t number, const Execution& e) { return number < e.number; });
    json::array rows;
    std::uint64_t next = after;
    for (auto at = first; at != log_.end() && rows.size() < limit; ++at) {
        const Execution& e = *at;
        rows.push_back(json::object{{"number", e.number},
                                    {"started", unix_seconds(e.started)},
                                    {"ended", unix_seconds(e.ended)},
                                    {"method", *e.method},
                                    {"credential", *e.credential},
                                    {"record", e.record},
                                    {"marker", e.marker},
                                    {"body", hex(e.body)},
                                    {"key", e.key},
                                    {"error", e.error},
                                    {"batched", e.batched}});
        next = e.number;
    }
    return {{"executions", std::move(rows)}, {"next", next}, {"last", last_}};
}

}  // namespace b24gate::simulator
