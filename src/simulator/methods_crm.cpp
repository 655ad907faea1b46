// crm.deal, crm.contact, crm.company, crm.lead in the classic form, and crm.item over the same rows.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

#include <array>

namespace b24gate::simulator {
namespace {

struct Entity {
    std::string_view name;
    long long type_id;
};
constexpr std::array entities{Entity{"lead", 1}, Entity{"deal", 2}, Entity{"contact", 3}, Entity{"company", 4}};

std::string same(std::string_view name) { return std::string(name); }

std::string_view entity_of(std::string_view method) {
    method.remove_prefix(4);
    return method.substr(0, method.find('.'));
}

json::value fields_of(const Invocation& call) {
    const json::value* fields = php::get_any_case(call.params, "fields");
    return fields && fields->is_object() ? *fields : json::value(json::object{});
}

long long id_of(const Invocation& call) {
    const json::value* id = php::get_any_case(call.params, "id");
    return id ? php::to_int(*id) : 0;
}

json::object with_defaults(std::string_view entity, json::object fields, const Portal& portal, const Invocation& call) {
    const std::string now = iso8601(call.now, portal.settings.utc_offset_minutes);
    const std::string user = std::to_string(call.call.credential.user);
    json::object row;
    if (entity == "contact") {
        row = {{"NAME", ""}, {"LAST_NAME", ""}, {"TYPE_ID", "CLIENT"}};
    } else if (entity == "lead") {
        row = {{"TITLE", ""}, {"STATUS_ID", "NEW"}, {"OPPORTUNITY", "0.00"}, {"CURRENCY_ID", "RUB"}};
    } else if (entity == "deal") {
        row = {{"TITLE", ""},          {"TYPE_ID", "SALE"},  {"STAGE_ID", "NEW"}, {"OPPORTUNITY", "0.00"},
               {"CURRENCY_ID", "RUB"}, {"CATEGORY_ID", "0"}, {"CLOSED", "N"}};
    } else {
        row = {{"TITLE", ""}};
    }
    row["ASSIGNED_BY_ID"] = user;
    row["CREATED_BY_ID"] = user;
    row["DATE_CREATE"] = now;
    row["DATE_MODIFY"] = now;
    row["ORIGINATOR_ID"] = "";
    row["ORIGIN_ID"] = "";
    for (auto& [name, value] : fields) row[name] = std::move(value);
    return row;
}

MethodResult not_found() { return fail(400, "", "Not found"); }

MethodResult crm_add(Portal& portal, const Invocation& call) {
    const std::string_view entity = entity_of(call.method);
    const json::value* fields = php::get_any_case(call.params, "fields");
    if (!fields || !php::is_array(*fields)) return fail(400, "", "Parameter 'fields' must be array.");
    const json::value row = stringify(fields_of(call));
    portal.count_marker(call.method, row);
    return {portal.table(entity).add(with_defaults(entity, row.get_object(), portal, call)), {}, {}, {}, false};
}

MethodResult crm_get(Portal& portal, const Invocation& call) {
    const json::object* row = portal.table(entity_of(call.method)).find(id_of(call));
    return row ? MethodResult{*row, {}, {}, {}, false} : not_found();
}

MethodResult crm_list(Portal& portal, const Invocation& call) {
    const ListPage page = portal.table(entity_of(call.method)).list(read_list_query(call.params, call.start, same));
    const std::vector<std::string> select = read_select(call.params, same);
    json::array rows;
    for (const json::object* row : page.rows) rows.push_back(project(*row, select));
    return {std::move(rows), page.next, page.total, {}, false};
}

MethodResult crm_update(Portal& portal, const Invocation& call) {
    const json::value* fields = php::get_any_case(call.params, "fields");
    if (!fields || !php::is_array(*fields)) return fail(400, "", "Parameter 'fields' must be array.");
    json::value row = stringify(fields_of(call));
    row.get_object()["DATE_MODIFY"] = iso8601(call.now, portal.settings.utc_offset_minutes);
    if (!portal.table(entity_of(call.method)).update(id_of(call), row.get_object())) return not_found();
    return {true, {}, {}, {}, false};
}

MethodResult crm_delete(Portal& portal, const Invocation& call) {
    if (!portal.table(entity_of(call.method)).erase(id_of(call))) return not_found();
    return {true, {}, {}, {}, false};
}

struct Field {
    std::string_view name, type, title;
    bool read_only;
};
constexpr std::array fields{Field{"ID", "integer", "ID", true},
                            Field{"TITLE", "string", "Title", false},
                            Field{"NAME", "string", "Name", false},
                            Field{"LAST_NAME", "string", "Last name", false},
                            Field{"STAGE_ID", "crm_status", "Stage", false},
                            Field{"OPPORTUNITY", "double", "Amount", false},
                            Field{"CURRENCY_ID", "crm_currency", "Currency", false},
                            Field{"ASSIGNED_BY_ID", "user", "Responsible", false},
                            Field{"PHONE", "crm_multifield", "Phone", false},
                            Field{"EMAIL", "crm_multifield", "E-mail", false},
                            Field{"DATE_CREATE", "datetime", "Created", true},
                            Field{"DATE_MODIFY", "datetime", "Modified", true},
                            Field{"ORIGINATOR_ID", "string", "External source", false},
                            Field{"ORIGIN_ID", "string", "Item ID in the external source", false},
                            Field{"XML_ID", "string", "External code", false},
                            Field{"UF_MARK", "string", "UF_MARK", false}};

json::object field_table(bool camel) {
    json::object out;
    for (const Field& field : fields)
        out[camel ? to_camel(field.name) : std::string(field.name)] =
            json::object{{"type", field.type},
                         {"isRequired", false},
                         {"isReadOnly", field.read_only},
                         {"isImmutable", false},
                         {"isMultiple", field.type == "crm_multifield"},
                         {"isDynamic", field.name.substr(0, 3) == "UF_"},
                         {"title", field.title}};
    return out;
}

MethodResult crm_fields(Portal&, const Invocation&) { return {field_table(false), {}, {}, {}, false}; }

// crm.item: the same rows under another name, with ids that are numbers.

std::optional<std::string> item_table(const Invocation& call) {
    const json::value* type = php::get_any_case(call.params, "entityTypeId");
    const long long id = type ? php::to_int(*type) : 0;
    for (const Entity& entity : entities)
        if (entity.type_id == id) return std::string(entity.name);
    if (id == 31 || (id >= 128 && id < 100000)) return "dynamic_" + std::to_string(id);
    return std::nullopt;
}

json::object to_item(const json::object& row, std::string_view type_id) {
    json::object out;
    for (const auto& [name, value] : row) {
        const std::string key = to_camel(std::string_view(name.data(), name.size()));
        static constexpr std::array<std::string_view, 7> texts{"originId", "originatorId", "xmlId", "stageId",
                                                               "statusId", "currencyId",   "typeId"};
        const bool text = std::find(texts.begin(), texts.end(), key) != texts.end();
        const std::string_view tail = std::string_view(key).substr(key.size() < 2 ? 0 : key.size() - 2);
        const auto number = value.is_string() ? php::to_number(value) : std::nullopt;
        if (!text && number && (tail == "Id" || key == "id"))
            out[key] = php::to_int(value);
        else if (number && key == "opportunity")
            out[key] = *number;
        else
            out[key] = value;
    }
    out["entityTypeId"] = php::to_int(json::value(json::string_view(type_id.data(), type_id.size())));
    return out;
}

std::string type_text(const Invocation& call) {
    const json::value* type = php::get_any_case(call.params, "entityTypeId");
    return type ? php::to_string(*type) : std::string();
}

json::object to_row(const json::value& item) {
    json::object out;
    if (const auto* map = item.if_object())
        for (const auto& [name, value] : *map)
            out[to_upper_snake(std::string_view(name.data(), name.size()))] = stringify(value);
    return out;
}

MethodResult unknown_type() { return fail(400, "NOT_FOUND", "Smart process not found"); }
MethodResult no_item() { return fail(400, "NOT_FOUND", "Element not found"); }

MethodResult one_item(const json::object* row, const Invocation& call) {
    if (!row) return no_item();
    return {json::object{{"item", to_item(*row, type_text(call))}}, {}, {}, {}, false};
}

MethodResult item_add(Portal& portal, const Invocation& call) {
    const auto name = item_table(call);
    if (!name) return unknown_type();
    json::object row = to_row(fields_of(call));
    portal.count_marker(call.method, row);
    Table& table = portal.table(*name);
    return one_item(table.find(table.add(with_defaults(*name, std::move(row), portal, call))), call);
}

MethodResult item_get(Portal& portal, const Invocation& call) {
    const auto name = item_table(call);
    return name ? one_item(portal.table(*name).find(id_of(call)), call) : unknown_type();
}

MethodResult item_list(Portal& portal, const Invocation& call) {
    const auto name = item_table(call);
    if (!name) return unknown_type();
    const ListPage page = portal.table(*name).list(read_list_query(call.params, call.start, to_upper_snake));
    const std::vector<std::string> select = read_select(call.params, to_upper_snake);
    json::array rows;
    for (const json::object* row : page.rows) rows.push_back(to_item(project(*row, select), type_text(call)));
    return {json::object{{"items", std::move(rows)}}, page.next, page.total, {}, false};
}

MethodResult item_update(Portal& portal, const Invocation& call) {
    const auto name = item_table(call);
    if (!name) return unknown_type();
    json::object row = to_row(fields_of(call));
    row["DATE_MODIFY"] = iso8601(call.now, portal.settings.utc_offset_minutes);
    if (!portal.table(*name).update(id_of(call), row)) return no_item();
    return one_item(portal.table(*name).find(id_of(call)), call);
}

MethodResult item_delete(Portal& portal, const Invocation& call) {
    const auto name = item_table(call);
    if (!name) return unknown_type();
    if (!portal.table(*name).erase(id_of(call))) return no_item();
    return {json::array{}, {}, {}, {}, false};
}

MethodResult item_fields(Portal&, const Invocation& call) {
    if (!item_table(call)) return unknown_type();
    return {json::object{{"fields", field_table(true)}}, {}, {}, {}, false};
}

}  // namespace

void register_crm(Registry& registry) {
    for (const Entity& entity : entities) {
        const std::string base = "crm." + std::string(entity.name) + ".";
        registry[base + "add"] = {"crm", crm_add};
        registry[base + "get"] = {"crm", crm_get};
        registry[base + "list"] = {"crm", crm_list};
        registry[base + "update"] = {"crm", crm_update};
        registry[base + "delete"] = {"crm", crm_delete};
        registry[base + "fields"] = {"crm", crm_fields};
    }
}

void register_items(Registry& registry) {
    registry["crm.item.add"] = {"crm", item_add};
    registry["crm.item.get"] = {"crm", item_get};
    registry["crm.item.list"] = {"crm", item_list};
    registry["crm.item.update"] = {"crm", item_update};
    registry["crm.item.delete"] = {"crm", item_delete};
    registry["crm.item.fields"] = {"crm", item_fields};
}

}  // namespace b24gate::simulator
