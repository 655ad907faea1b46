// The methods of REST 3: tasks.task.*, main.eventlog.*, and what describes them.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

#include <algorithm>
#include <array>

namespace b24gate::simulator {
namespace {

constexpr long long max_limit = 1000;

MethodResult ok(json::value value) { return {std::move(value), {}, {}, {}, false}; }

std::string table_of(std::string_view method) { return method.substr(0, 5) == "tasks" ? "task" : "eventlog"; }

json::object view(const json::object& row, const std::vector<std::string>& select) {
    json::object out;
    for (const auto& [name, value] : project(row, select)) {
        const std::string key = to_camel(std::string_view(name.data(), name.size()));
        const bool number = key == "id" || key == "parentId" || key == "responsibleId" || key == "createdBy";
        out[key] = number && php::to_number(value) ? json::value(php::to_int(value)) : value;
    }
    return out;
}

std::optional<long long> id_of(const Invocation& call) {
    const json::value* id = php::get(call.params, "id");
    if (!id || !php::to_number(*id)) return std::nullopt;
    return php::to_int(*id);
}

MethodResult not_found(long long id) {
    return fail_v3(400, "EXCEPTION_ENTITYNOTFOUNDEXCEPTION", "Entity with id `" + std::to_string(id) + "` not found");
}

json::object columns(const json::value& fields) {
    json::object out;
    if (const auto* map = fields.if_object())
        for (const auto& [name, value] : *map)
            out[to_upper_snake(std::string_view(name.data(), name.size()))] = stringify(value);
    return out;
}

MethodResult get(Portal& portal, const Invocation& call) {
    const auto id = id_of(call);
    if (!id) return missing_v3({"id"});
    const json::object* row = portal.table(table_of(call.method)).find(*id);
    if (!row) return not_found(*id);
    return ok(json::object{{"item", view(*row, read_select(call.params, to_upper_snake))}});
}

/// `[["id", ">", 5], ..]`, also as objects with field, operator and value.
std::optional<MethodResult> read_filter(const json::value& params, ListQuery& query) {
    const json::value* filter = php::get(params, "filter");
    if (!filter) return std::nullopt;
    struct Row {
        std::string_view name;
        Condition::Op op;
    };
    static constexpr std::array rows{Row{"=", Condition::Op::equal},   Row{"!=", Condition::Op::not_equal},
                                     Row{">", Condition::Op::greater}, Row{">=", Condition::Op::greater_equal},
                                     Row{"<", Condition::Op::less},    Row{"<=", Condition::Op::less_equal},
                                     Row{"in", Condition::Op::in}};
    if (!filter->is_array())
        return fail_v3(400, "EXCEPTION_INVALIDFILTEREXCEPTION", "Filter must be a list of conditions");
    for (const json::value& condition : filter->get_array()) {
        const bool named = condition.is_object();
        const json::value* field = php::get(condition, named ? "field" : "0");
        const json::value* op = php::get(condition, named ? "operator" : "1");
        const json::value* value = php::get(condition, named ? "value" : "2");
        if (field && op && !value) std::swap(op, value);
        if (!field || !value)
            return fail_v3(400, "EXCEPTION_INVALIDFILTEREXCEPTION", "A condition is [field, operator, value]");
        const std::string name = op ? php::to_string(*op) : "=";
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == name; });
        if (row == rows.end())
            return fail_v3(400, "EXCEPTION_UNKNOWNFILTEROPERATOREXCEPTION", "Unknown filter operator `" + name + "`");
        query.filter.push_back({row->op, to_upper_snake(php::to_string(*field)), *value});
    }
    return std::nullopt;
}

MethodResult list(Portal& portal, const Invocation& call) {
    ListQuery query;
    if (auto error = read_filter(call.params, query)) return std::move(*error);
    if (const json::value* order = php::get(call.params, "order"); order && order->is_object())
        for (const auto& [key, value] : order->get_object())
            query.order.push_back({to_upper_snake(std::string_view(key.data(), key.size())),
                                   core::iequals(php::to_string(value), "desc")});
    long long limit = 50, offset = 0;
    if (const json::value* pagination = php::get(call.params, "pagination")) {
        const json::value *page = php::get(*pagination, "page"), *given = php::get(*pagination, "limit"),
                          *from = php::get(*pagination, "offset");
        if (given) {
            if (!php::to_number(*given) || php::to_int(*given) <= 0)
                return fail_v3(400, "EXCEPTION_INVALIDPAGINATIONEXCEPTION", "Invalid pagination");
            limit = std::min(php::to_int(*given), max_limit);
        }
        if (from) offset = std::max(0LL, php::to_int(*from));
        if (page) offset = std::clamp(php::to_int(*page) - 1, 0LL, 1'000'000'000LL) * limit;
    }
    query.start = offset;
    query.limit = static_cast<std::size_t>(limit);
    const std::vector<std::string> select = read_select(call.params, to_upper_snake);
    json::array items;
    for (const json::object* row : portal.table(table_of(call.method)).list(query).rows)
        items.push_back(view(*row, select));
    return ok(json::object{{"items", std::move(items)}});
}

MethodResult tail(Portal& portal, const Invocation& call) {
    const json::value* cursor = php::get(call.params, "cursor");
    const json::value* field = cursor ? php::get(*cursor, "field") : nullptr;
    const json::value* value = cursor ? php::get(*cursor, "value") : nullptr;
    if (!field || !value) return missing_v3({"cursor.field", "cursor.value"});
    const json::value *order = php::get(*cursor, "order"), *limit = php::get(*cursor, "limit");
    const bool down = order && core::iequals(php::to_string(*order), "desc");
    ListQuery query;
    if (auto error = read_filter(call.params, query)) return std::move(*error);
    const std::string column = to_upper_snake(php::to_string(*field));
    query.filter.push_back({down ? Condition::Op::less : Condition::Op::greater, column, *value});
    query.order = {{column, down}};
    query.limit = static_cast<std::size_t>(std::clamp(limit ? php::to_int(*limit) : 50LL, 1LL, max_limit));
    const std::vector<std::string> select = read_select(call.params, to_upper_snake);
    json::array items;
    for (const json::object* row : portal.table(table_of(call.method)).list(query).rows)
        items.push_back(view(*row, select));
    return ok(json::object{{"items", std::move(items)}});
}

MethodResult add(Portal& portal, const Invocation& call) {
    const json::value* fields = php::get(call.params, "fields");
    if (!fields) return missing_v3({"fields"});
    json::object given = columns(*fields);
    if (!given.contains("TITLE") || php::to_string(given["TITLE"]).empty()) return missing_v3({"title"});
    portal.count_marker("v3 " + std::string(call.method), given);
    const std::string user = std::to_string(call.call.credential.user);
    json::object row{{"TITLE", ""},
                     {"DESCRIPTION", ""},
                     {"STATUS", "2"},
                     {"RESPONSIBLE_ID", user},
                     {"PARENT_ID", "0"},
                     {"CREATED_BY", user},
                     {"CREATED_DATE", iso8601(call.now, portal.settings.utc_offset_minutes)}};
    for (auto& [name, value] : given) row[name] = std::move(value);
    return ok(json::object{{"id", portal.table("task").add(std::move(row))}});
}

MethodResult update(Portal& portal, const Invocation& call) {
    const auto id = id_of(call);
    const json::value* fields = php::get(call.params, "fields");
    if (!id || !fields) return missing_v3({!id ? "id" : "fields"});
    if (!portal.table("task").update(*id, columns(*fields))) return not_found(*id);
    return ok(true);
}

MethodResult erase(Portal& portal, const Invocation& call) {
    const auto id = id_of(call);
    if (!id) return missing_v3({"id"});
    if (!portal.table("task").erase(*id)) return not_found(*id);
    return ok(true);
}

MethodResult aggregate(Portal& portal, const Invocation& call) {
    ListQuery query;
    if (auto error = read_filter(call.params, query)) return std::move(*error);
    return ok(json::object{
        {"result",
         json::object{{"count", json::object{{"id", portal.table(table_of(call.method)).list(query).total}}}}}});
}

MethodResult fields(Portal&, const Invocation&) {
    json::array items;
    for (const char* name :
         {"id", "title", "description", "responsibleId", "parentId", "status", "createdBy", "createdDate"})
        items.push_back(json::object{{"name", name}, {"type", "string"}});
    return ok(json::object{{"items", std::move(items)}});
}

MethodResult access(Portal&, const Invocation& call) {
    const auto id = id_of(call);
    if (!id) return missing_v3({"id"});
    return ok(json::object{{"item", json::object{{"id", *id}, {"read", true}, {"edit", true}}}});
}

MethodResult scope_list(Portal&, const Invocation&) {
    json::object out;
    for (const auto& [name, method] : methods_v3()) out[name] = method.scope;
    return ok(std::move(out));
}

MethodResult openapi(Portal&, const Invocation&) {
    json::object paths;
    for (const auto& entry : methods_v3())
        paths["/" + entry.first] = json::object{{"post", json::object{{"operationId", entry.first}}}};
    MethodResult out = ok(json::object{{"openapi", "3.0.0"},
                                       {"info", json::object{{"title", "Bitrix24 REST"}, {"version", "3.0"}}},
                                       {"paths", std::move(paths)}});
    out.bare = true;
    return out;
}

}  // namespace

void register_v3(Registry& registry) {
    registry["tasks.task.get"] = {"tasks", get};
    registry["tasks.task.list"] = {"tasks", list};
    registry["tasks.task.tail"] = {"tasks", tail};
    registry["tasks.task.aggregate"] = {"tasks", aggregate};
    registry["tasks.task.add"] = {"tasks", add};
    registry["tasks.task.update"] = {"tasks", update};
    registry["tasks.task.delete"] = {"tasks", erase};
    registry["tasks.task.field.list"] = {"tasks", fields};
    registry["tasks.task.access.get"] = {"tasks", access};
    registry["main.eventlog.get"] = {"", get};
    registry["main.eventlog.list"] = {"", list};
    registry["main.eventlog.tail"] = {"", tail};
    registry["rest.scope.list"] = {"", scope_list};
    registry["rest.documentation.openapi"] = {"", openapi};
}

}  // namespace b24gate::simulator
