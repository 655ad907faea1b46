// The methods every portal has: identity, time, scopes, notifications; and sim.echo, which no portal has.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>

#include <algorithm>

namespace b24gate::simulator {
namespace {

MethodResult ok(json::value value) { return {std::move(value), {}, {}, {}, false}; }

std::string same(std::string_view name) { return std::string(name); }

std::string text_of(const Invocation& call, std::string_view name) {
    const json::value* value = php::get_any_case(call.params, name);
    return value ? php::to_string(*value) : std::string();
}

MethodResult server_time(Portal& portal, const Invocation& call) {
    return ok(json::value(iso8601(call.now, portal.settings.utc_offset_minutes)));
}

MethodResult profile(Portal& portal, const Invocation& call) {
    const json::object* user = portal.table("user").find(call.call.credential.user);
    if (!user) return ok(json::array{});
    return ok(json::object{{"ID", user->at("ID")},
                           {"ADMIN", call.call.credential.user == 1},
                           {"NAME", user->at("NAME")},
                           {"LAST_NAME", user->at("LAST_NAME")},
                           {"PERSONAL_GENDER", ""},
                           {"TIME_ZONE", ""}});
}

MethodResult user_current(Portal& portal, const Invocation& call) {
    const json::object* user = portal.table("user").find(call.call.credential.user);
    return user ? ok(*user) : fail(400, "", "Not found");
}

MethodResult user_get(Portal& portal, const Invocation& call) {
    ListQuery query = read_list_query(call.params, call.start, same);
    // user.get takes a user's ID and ACTIVE at the top level too, and SORT and ORDER for the order.
    for (const char* name : {"ID", "ACTIVE"})
        if (const json::value* value = php::get_any_case(call.params, name))
            query.filter.push_back(parse_condition(name, *value));
    if (const std::string sort = text_of(call, "SORT"); !sort.empty())
        query.order.push_back({sort, core::iequals(text_of(call, "ORDER"), "desc")});
    const ListPage page = portal.table("user").list(query);
    json::array rows;
    for (const json::object* row : page.rows) rows.push_back(*row);
    return {std::move(rows), page.next, page.total, {}, false};
}

MethodResult user_admin(Portal&, const Invocation& call) { return ok(call.call.credential.user == 1); }

json::array scopes(const Credential& credential) {
    json::array out;
    for (const char* name : {"crm", "task", "tasks", "im", "disk", "user"})
        if (credential.allows(name)) out.push_back(name);
    return out;
}

MethodResult scope(Portal&, const Invocation& call) {
    const json::value* full = php::get_any_case(call.params, "full");
    return ok(scopes(full && php::truthy(*full) ? Credential{} : call.call.credential));
}

MethodResult app_info(Portal& portal, const Invocation& call) {
    const PortalSettings& settings = portal.settings;
    const std::string license = settings.self_hosted ? "en_selfhosted" : settings.license;
    const Credential& credential = call.call.credential;
    if (credential.kind != Credential::Kind::app)
        return ok(json::object{{"SCOPE", scopes(credential)}, {"LICENSE", license}});
    const App* app = portal.oauth().find_app(credential.client_id);
    json::object out{
        {"ID", 1},           {"CODE", credential.client_id}, {"VERSION", 1},    {"STATUS", app ? app->status : "L"},
        {"INSTALLED", true}, {"PAYMENT_EXPIRED", "N"},       {"DAYS", nullptr}, {"LANGUAGE_ID", "en"},
        {"LICENSE", license}};
    if (!settings.self_hosted) {
        out["LICENSE_TYPE"] = settings.license_type;
        out["LICENSE_FAMILY"] = settings.license_family;
    }
    return ok(std::move(out));
}

MethodResult methods(Portal& portal, const Invocation& call) {
    const json::value* full = php::get_any_case(call.params, "full");
    json::array out;
    for (const std::string& name : portal.method_names(call.call.credential, full && php::truthy(*full)))
        out.push_back(json::value(name));
    return ok(std::move(out));
}

MethodResult method_get(Portal& portal, const Invocation& call) {
    // The name is compared as it stands: lower case alone is found.
    const std::string name = text_of(call, "name");
    const auto available = portal.method_names(call.call.credential, false);
    return ok(json::object{{"isExisting", portal.knows(name)},
                           {"isAvailable", std::find(available.begin(), available.end(), name) != available.end()}});
}

MethodResult feature_get(Portal&, const Invocation& call) {
    const std::string code = text_of(call, "CODE");
    if (code.empty()) return fail(400, "CODE_EMPTY", "CODE can't be empty");
    return ok(json::object{{"value", "Y"}});
}

MethodResult events(Portal&, const Invocation&) {
    return ok(json::array{"ONAPPINSTALL", "ONAPPUNINSTALL", "ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALDELETE"});
}

/// A business error inside a 200, without result and time.
MethodResult event_bind(Portal&, const Invocation& call) {
    if (call.call.credential.kind != Credential::Kind::app)
        return fail(403, "WRONG_AUTH_TYPE", "Current authorization type is denied for this method");
    return ok(true);
}

MethodResult notify(Portal& portal, const Invocation& call) {
    std::string user = text_of(call, "USER_ID");
    if (user.empty()) user = text_of(call, "TO");
    const std::string message(core::trim(text_of(call, "MESSAGE")));
    if (php::to_int(json::value(user)) <= 0) return fail(400, "USER_ID_EMPTY", "User ID can't be empty");
    if (message.empty()) return fail(400, "MESSAGE_EMPTY", "Message can't be empty");
    const json::value* attach = php::get_any_case(call.params, "ATTACH");
    if (attach && php::json_encode(*attach).size() > 60000)
        return fail(400, "ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach");
    Table& table = portal.table("notification");
    const std::string tag = call.call.credential.kind == Credential::Kind::app ? text_of(call, "TAG") : std::string();
    if (!tag.empty()) {
        // A tag replaces the earlier notification of the same user.
        ListQuery query;
        query.filter = {parse_condition("=TAG", json::value(tag)), parse_condition("=USER_ID", json::value(user))};
        const ListPage page = table.list(query);
        std::vector<long long> old;
        for (const json::object* row : page.rows) old.push_back(php::to_int(row->at("ID")));
        for (const long long id : old) table.erase(id);
    }
    return ok(table.add({{"USER_ID", user},
                         {"MESSAGE", message},
                         {"TAG", tag},
                         {"TYPE", call.method == "im.notify.personal.add" ? "USER" : "SYSTEM"},
                         {"DATE", iso8601(call.now, portal.settings.utc_offset_minutes)}}));
}

MethodResult echo(Portal&, const Invocation& call) { return ok(call.params); }

}  // namespace

void register_system(Registry& registry) {
    registry["server.time"] = {"", server_time};
    registry["profile"] = {"", profile};
    registry["scope"] = {"", scope};
    registry["methods"] = {"", methods};
    registry["method.get"] = {"", method_get};
    registry["app.info"] = {"", app_info};
    registry["feature.get"] = {"", feature_get};
    registry["events"] = {"", events};
    registry["event.bind"] = {"", event_bind};
    registry["user.current"] = {"user", user_current};
    registry["user.get"] = {"user", user_get};
    registry["user.admin"] = {"", user_admin};
    registry["im.notify"] = {"im", notify};
    registry["im.notify.system.add"] = {"im", notify};
    registry["im.notify.personal.add"] = {"im", notify};
    registry["sim.echo"] = {"", echo};
}

}  // namespace b24gate::simulator
