#include <b24gate/admin/insight_api.hpp>

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <charconv>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/taxonomy.hpp>
#include <b24gate/bitrix/envelope.hpp>

#include "client_json.hpp"
#include "overview_json.hpp"
#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using server::Response;

constexpr unsigned most_listed = 500;

Parsed<unsigned> limit_of(const Query& query, unsigned usual) {
    const std::string* const given = query.find("limit");
    if (given == nullptr) return usual;
    unsigned limit = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), limit);
    if (error != std::errc{} || end != given->data() + given->size() || limit < 1 || limit > most_listed)
        return fmt::format("limit is \"{}\"; write a whole number from 1 to {}", *given, most_listed);
    return limit;
}

json::object error_json(const observe::RecentError& error) {
    json::object out;
    out["at"] = time_value(error.at);
    out["request_id"] = error.request_id;
    out["client"] = text_or_null(error.client);
    out["portal"] = text_or_null(error.portal);
    out["method"] = text_or_null(error.method);
    out["class"] = to_string(error.error_class);
    out["code"] = error.code;
    out["fault"] = to_string(bitrix::fault_of(error.error_class, error.code));
    out["executed"] = to_string(error.executed);
    out["status"] = error.status == 0 ? json::value() : json::value(error.status);
    out["description"] = error.description;
    return out;
}

json::object group_json(const observe::RecentErrors::Group& group) {
    json::object out;
    out["class"] = to_string(group.error_class);
    out["code"] = group.code;
    out["fault"] = to_string(bitrix::fault_of(group.error_class, group.code));
    out["portal"] = text_or_null(group.portal);
    out["method"] = text_or_null(group.method);
    out["count"] = group.count;
    out["first"] = time_value(group.first);
    out["last"] = time_value(group.last);
    out["request_id"] = group.request_id;
    out["description"] = group.description;
    out["explanation"] = explanation(group.error_class, group.code);
    return out;
}

/// Groups know no client.
bool fits(const observe::RecentErrors::Group& group, const observe::RecentErrors::Filter& filter) {
    return (filter.portal.empty() || group.portal == filter.portal) &&
           (filter.code.empty() || group.code == filter.code) &&
           (filter.error_class == bitrix::ErrorClass::ok || group.error_class == filter.error_class);
}

}  // namespace

void InsightApi::add_routes(Router& router) {
    router.add("GET", "/api/v1/overview", Role::read, [this](Visit&) { return show_overview(); });
    router.add("GET", "/api/v1/clients", Role::read, [this](Visit& visit) { return clients(visit); });
    router.add("GET", "/api/v1/errors", Role::read, [this](Visit& visit) { return errors(visit); });
    router.add("GET", "/api/v1/audit", Role::full, [this](Visit& visit) { return audit(visit); });
}

asio::awaitable<json::object> InsightApi::overview() const {
    const auto snapshot = worker_.snapshot();
    OverviewFacts facts{*snapshot, shared_, core::unix_ms(), {}, {}};
    const auto counts = co_await shared_.store.operations().counts(store_deadline());
    if (counts) facts.counts = *counts;
    const auto gateways = co_await shared_.store.operations().gateways(store_deadline());
    if (gateways) facts.gateways = *gateways;
    co_return overview_json(facts);
}

asio::awaitable<Response> InsightApi::show_overview() const {
    const json::object out = co_await overview();
    co_return json_answer(200, out);
}

asio::awaitable<Response> InsightApi::clients(Visit& visit) const {
    constexpr std::string_view known[] = {"portal"};
    if (const auto wrong = visit.query.check(known)) co_return bad_request(*wrong);
    const auto snapshot = worker_.snapshot();
    const auto counts = co_await shared_.store.operations().counts(store_deadline());
    co_return json_answer(
        200, clients_json(*snapshot, counts ? &*counts : nullptr, shared_.log.masker(), visit.query.find("portal")));
}

asio::awaitable<Response> InsightApi::errors(Visit& visit) const {
    constexpr std::string_view known[] = {"client", "portal", "class", "code", "limit"};
    if (const auto wrong = visit.query.check(known)) co_return bad_request(*wrong);
    const auto limit = limit_of(visit.query, 100);
    if (!limit) co_return bad_request(limit.error());
    observe::RecentErrors::Filter filter;
    filter.client = visit.query.value("client");
    filter.portal = visit.query.value("portal");
    filter.code = visit.query.value("code");
    filter.limit = *limit;
    if (const std::string_view name = visit.query.value("class"); !name.empty()) {
        filter.error_class = error_class_of(name);
        if (filter.error_class == bitrix::ErrorClass::ok)
            co_return bad_request(fmt::format("unknown class \"{}\"", name));
    }
    json::array groups, errors;
    for (const auto& group : shared_.errors.groups())
        if (fits(group, filter)) groups.push_back(group_json(group));
    for (const auto& error : shared_.errors.list(filter)) errors.push_back(error_json(error));
    json::object out;
    out["since"] = time_value(shared_.started);
    out["groups"] = std::move(groups);
    out["errors"] = std::move(errors);
    co_return json_answer(200, out);
}

asio::awaitable<Response> InsightApi::audit(Visit& visit) const {
    constexpr std::string_view known[] = {"limit", "next"};
    if (const auto wrong = visit.query.check(known)) co_return bad_request(*wrong);
    const auto limit = limit_of(visit.query, 50);
    if (!limit) co_return bad_request(limit.error());
    const auto before = decode_cursor(visit.query.value("next"));
    if (!before) co_return bad_request("next is not one that this list has given");
    const auto records = co_await shared_.store.operations().list_audit(*before, *limit, store_deadline());
    if (!records) co_return store_failed(records.error());
    json::array rows;
    for (const storage::AuditRecord& record : *records) {
        json::object row;
        row["at"] = time_value(record.at);
        row["actor"] = record.actor;
        row["action"] = record.action;
        row["target"] = text_or_null(record.operation);
        row["reason"] = text_or_null(record.reason);
        rows.push_back(std::move(row));
    }
    json::object out;
    out["audit"] = std::move(rows);
    out["next"] = text_or_null(records->size() == *limit ? encode_cursor(records->back().number) : std::string());
    co_return json_answer(200, out);
}

}  // namespace b24gate::admin
