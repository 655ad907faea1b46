// tasks.task.* of the classic generation. REST 3 has methods of the same names with another contract.
#include <b24gate/simulator/methods.hpp>

namespace b24gate::simulator {
namespace {

MethodResult ok(json::value value) { return {std::move(value), {}, {}, {}, false}; }

/// Fields come as TITLE, title or createdDate; rows keep TITLE and CREATED_DATE.
std::string to_column(std::string_view name) {
    const bool upper = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    return upper ? std::string(name) : to_upper_snake(name);
}

long long task_id(const Invocation& call) {
    for (const char* name : {"taskId", "id"})
        if (const json::value* id = php::get_any_case(call.params, name)) return php::to_int(*id);
    return 0;
}

json::object view(const json::object& row, const std::vector<std::string>& select) {
    json::object out;
    for (const auto& [name, value] : project(row, select))
        out[to_camel(std::string_view(name.data(), name.size()))] = value;
    return out;
}

json::object columns(const Invocation& call) {
    json::object out;
    const json::value* fields = php::get_any_case(call.params, "fields");
    if (fields && fields->is_object())
        for (const auto& [name, value] : fields->get_object())
            out[to_column(std::string_view(name.data(), name.size()))] = stringify(value);
    return out;
}

MethodResult not_found() { return fail(400, "0", "Task not found or access denied"); }

MethodResult add(Portal& portal, const Invocation& call) {
    json::object given = columns(call);
    if (!given.contains("TITLE") || php::to_string(given["TITLE"]).empty())
        return fail(400, "0", "Task name is not specified");
    portal.count_marker(call.method, given);
    const std::string user = std::to_string(call.call.credential.user);
    json::object row{{"TITLE", ""},        {"DESCRIPTION", ""},
                     {"STATUS", "2"},      {"RESPONSIBLE_ID", user},
                     {"CREATED_BY", user}, {"CREATED_DATE", iso8601(call.now, portal.settings.utc_offset_minutes)}};
    for (auto& [name, value] : given) row[name] = std::move(value);
    Table& table = portal.table("task");
    return ok(json::object{{"task", view(*table.find(table.add(std::move(row))), {})}});
}

MethodResult get(Portal& portal, const Invocation& call) {
    const json::object* row = portal.table("task").find(task_id(call));
    if (!row) return not_found();
    return ok(json::object{{"task", view(*row, read_select(call.params, to_column))}});
}

MethodResult list(Portal& portal, const Invocation& call) {
    const ListPage page = portal.table("task").list(read_list_query(call.params, call.start, to_column));
    const std::vector<std::string> select = read_select(call.params, to_column);
    json::array rows;
    for (const json::object* row : page.rows) rows.push_back(view(*row, select));
    return {json::object{{"tasks", std::move(rows)}}, page.next, page.total, {}, false};
}

MethodResult update(Portal& portal, const Invocation& call) {
    if (!portal.table("task").update(task_id(call), columns(call))) return not_found();
    return ok(json::object{{"task", view(*portal.table("task").find(task_id(call)), {})}});
}

MethodResult erase(Portal& portal, const Invocation& call) {
    if (!portal.table("task").erase(task_id(call))) return not_found();
    return ok(json::object{{"task", true}});
}

}  // namespace

void register_tasks(Registry& registry) {
    registry["tasks.task.add"] = {"task", add};
    registry["tasks.task.get"] = {"task", get};
    registry["tasks.task.list"] = {"task", list};
    registry["tasks.task.update"] = {"task", update};
    registry["tasks.task.delete"] = {"task", erase};
}

}  // namespace b24gate::simulator
