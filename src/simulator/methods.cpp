#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

#include <algorithm>

namespace b24gate::simulator {

const Registry& methods_v2() {
    static const Registry registry = [] {
        Registry out;
        register_system(out);
        register_crm(out);
        register_items(out);
        register_tasks(out);
        register_disk(out);
        return out;
    }();
    return registry;
}

const Registry& methods_v3() {
    static const Registry registry = [] {
        Registry out;
        register_v3(out);
        return out;
    }();
    return registry;
}

MethodResult fail(int status, std::string code, std::string text) {
    MethodResult out;
    out.error = Error{status, std::move(code), std::move(text), {}};
    return out;
}

MethodResult fail_v3(int status, std::string_view code, std::string message) {
    return fail(status, "BITRIX_REST_V3_" + std::string(code), std::move(message));
}

MethodResult missing_v3(const std::vector<std::string>& fields) {
    MethodResult out =
        fail_v3(400, "EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION", "Error validating request object");
    json::array validation;
    for (const std::string& field : fields)
        validation.push_back(
            json::object{{"message", "Required field `" + field + "` is not specified"}, {"field", field}});
    out.error->extra["validation"] = std::move(validation);
    return out;
}

ListQuery read_list_query(const json::value& params, long long start, Rename rename) {
    ListQuery query;
    query.start = start;
    const json::value* filter = php::get_any_case(params, "filter");
    if (filter && filter->is_object()) {
        for (const auto& [key, value] : filter->get_object()) {
            Condition condition = parse_condition(std::string_view(key.data(), key.size()), value);
            condition.field = rename(condition.field);
            query.filter.push_back(std::move(condition));
        }
    }
    const json::value* order = php::get_any_case(params, "order");
    if (order && order->is_object())
        for (const auto& [key, value] : order->get_object())
            query.order.push_back(
                {rename(std::string_view(key.data(), key.size())), core::iequals(php::to_string(value), "desc")});
    return query;
}

std::vector<std::string> read_select(const json::value& params, Rename rename) {
    std::vector<std::string> out;
    const json::value* select = php::get_any_case(params, "select");
    const auto add = [&](const json::value& name) { out.push_back(rename(php::to_string(name))); };
    if (select && select->is_array())
        for (const json::value& name : select->get_array()) add(name);
    if (select && select->is_object())
        for (const auto& name : select->get_object()) add(name.value());
    if (std::find(out.begin(), out.end(), "*") != out.end()) out.clear();
    return out;
}

json::object project(const json::object& row, const std::vector<std::string>& select) {
    if (select.empty()) return row;
    json::object out;
    for (const auto& [name, value] : row)
        if (name == "ID" ||
            std::find(select.begin(), select.end(), std::string_view(name.data(), name.size())) != select.end())
            out[name] = value;
    return out;
}

json::value stringify(const json::value& value) {
    if (const auto* list = value.if_array()) {
        json::array out;
        for (const json::value& item : *list) out.push_back(stringify(item));
        return out;
    }
    if (const auto* map = value.if_object()) {
        json::object out;
        for (const auto& [key, item] : *map) out[key] = stringify(item);
        return out;
    }
    return json::value(php::to_string(value));
}

}  // namespace b24gate::simulator
