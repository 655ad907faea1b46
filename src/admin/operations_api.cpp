#include <b24gate/admin/operations_api.hpp>

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/taxonomy.hpp>

#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using server::Response;

Response missing(std::string_view id) { return not_found(fmt::format("there is no operation \"{}\"", id)); }

}  // namespace

void OperationsApi::add_routes(Router& router) {
    router.add("GET", "/api/v1/operations", Role::read, [this](Visit& visit) { return list(visit); });
    router.add("GET", "/api/v1/operations/counts", Role::read, [this](Visit& visit) { return counts(visit); });
    router.add("POST", "/api/v1/operations/retry", Role::full,
               [this](Visit& visit) { return bulk(visit, BulkAction::retry); });
    router.add("POST", "/api/v1/operations/discard", Role::full,
               [this](Visit& visit) { return bulk(visit, BulkAction::discard); });
    router.add("GET", "/api/v1/operations/{id}", Role::read, [this](Visit& visit) { return show(visit); });
    router.add("POST", "/api/v1/operations/{id}/retry", Role::full,
               [this](Visit& visit) { return act(visit, BulkAction::retry); });
    router.add("POST", "/api/v1/operations/{id}/discard", Role::full,
               [this](Visit& visit) { return act(visit, BulkAction::discard); });
    router.add("GET", "/api/v1/jobs", Role::read, [this](Visit&) { return list_jobs(); });
    router.add("GET", "/api/v1/jobs/{id}", Role::read, [this](Visit& visit) { return show_job(visit); });
    router.add("POST", "/api/v1/jobs/{id}/cancel", Role::full, [this](Visit& visit) { return cancel_job(visit); });
}

asio::awaitable<Response> OperationsApi::list(Visit& visit) const {
    auto query = operation_query(visit.query, true);
    if (!query) co_return bad_request(query.error());
    const auto page = co_await clerk_.page(*std::move(query), store_deadline());
    if (!page) co_return store_failed(page.error());
    co_return json_answer(200, operations_page(*page, services_.rules().attempts));
}

asio::awaitable<Response> OperationsApi::counts(Visit& visit) const {
    constexpr std::string_view known[] = {"client", "portal", "by"};
    if (const auto wrong = visit.query.check(known)) co_return bad_request(*wrong);
    const std::string* const client = visit.query.find("client");
    const std::string* const portal = visit.query.find("portal");
    const std::string* const by = visit.query.find("by");
    if (by != nullptr && *by != "state")
        co_return bad_request(fmt::format("by is \"{}\"; write state, or leave it out", *by));
    const auto counts = co_await services_.store.counts(store_deadline());
    if (!counts) co_return store_failed(counts.error());
    json::object total;
    for (int i = 0; i < storage::operation_state_count; ++i)
        total[to_string(static_cast<storage::OperationState>(i))] = 0;
    json::array rows;
    for (const storage::OperationCount& count : *counts) {
        if ((client != nullptr && count.client != *client) || (portal != nullptr && count.portal != *portal)) continue;
        json::value& sum = total[to_string(count.state)];
        sum = sum.to_number<std::int64_t>() + count.count;
        if (by != nullptr) continue;
        json::object row;
        row["client"] = count.client;
        row["portal"] = count.portal;
        row["state"] = to_string(count.state);
        row["count"] = count.count;
        rows.push_back(std::move(row));
    }
    json::object out;
    out["total"] = std::move(total);
    out["counts"] = std::move(rows);
    co_return json_answer(200, out);
}

asio::awaitable<Response> OperationsApi::show(Visit& visit) const {
    const std::string& id = visit.parts.at(0);
    const auto found = co_await services_.store.find(id, store_deadline());
    if (!found) co_return store_failed(found.error());
    if (!*found) co_return missing(id);
    const storage::OperationRecord& record = **found;
    const auto attempts = co_await services_.store.attempts(id, store_deadline());
    if (!attempts) co_return store_failed(attempts.error());
    const auto answer = co_await services_.store.answer(id, store_deadline());
    if (!answer) co_return store_failed(answer.error());

    json::object out = operation_row(record, services_.rules().attempts);
    const auto error_class = error_class_of(record.error_class);
    out["explanation"] = error_class == bitrix::ErrorClass::ok && record.code.empty()
                             ? json::value()
                             : json::value(explanation(error_class, record.code));
    json::array history;
    for (const storage::AttemptRecord& attempt : *attempts)
        history.push_back(attempt_json(attempt, services_.excerpt(id, attempt)));
    out["history"] = std::move(history);
    json::value final;
    if (*answer) {
        final = shown_json(services_.answer(id, **answer));
        if (final.is_null()) final.emplace_object()["text"] = nullptr;
        final.as_object()["status"] = (*answer)->status;
    }
    out["answer"] = std::move(final);
    co_return json_answer(200, out);
}

asio::awaitable<Response> OperationsApi::act(Visit& visit, BulkAction action) const {
    constexpr std::string_view known[] = {"reason"};
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    if (const auto wrong = body->check(known)) co_return bad_request(*wrong);
    auto reason = reason_of(*body);
    if (!reason) co_return bad_request(reason_too_long);
    const std::string id = visit.parts.at(0);
    OperationClerk::Order order;
    order.action = action;
    order.id = id;
    order.actor = visit.actor.name;
    order.reason = *std::move(reason);
    const auto verdict = co_await clerk_.act(std::move(order), services_.rules(), store_deadline());
    if (!verdict) co_return store_failed(verdict.error());
    switch (verdict->kind) {
        case OperationClerk::Verdict::Kind::missing: co_return missing(id);
        case OperationClerk::Verdict::Kind::refused: co_return conflict(verdict->why);
        case OperationClerk::Verdict::Kind::changed:
            co_return conflict("it has changed at this very moment; look at it again");
        case OperationClerk::Verdict::Kind::done: break;
    }
    services_.changed(verdict->portal);
    co_return co_await show(visit);
}

asio::awaitable<Response> OperationsApi::list_jobs() const {
    json::array jobs;
    for (const auto& job : services_.jobs->all()) jobs.push_back(job->json());
    json::object out;
    out["jobs"] = std::move(jobs);
    co_return json_answer(200, out);
}

asio::awaitable<Response> OperationsApi::show_job(Visit& visit) const {
    const auto job = services_.jobs->find(visit.parts.at(0));
    if (!job) co_return not_found(fmt::format("there is no job \"{}\" on this gateway", visit.parts.at(0)));
    co_return json_answer(200, job->json());
}

asio::awaitable<Response> OperationsApi::cancel_job(Visit& visit) const {
    const auto job = services_.jobs->find(visit.parts.at(0));
    if (!job) co_return not_found(fmt::format("there is no job \"{}\" on this gateway", visit.parts.at(0)));
    if (job->state() != OperationJob::State::running) co_return conflict("the job has ended");
    job->cancel = true;
    const auto audited =
        co_await services_.store.put_audit(visit.actor.name, "cancel", "job " + job->id, "", store_deadline());
    if (!audited) co_return store_failed(audited.error());
    co_return json_answer(202, job->json());
}

}  // namespace b24gate::admin
