// Actions on many operations: first a plan, then, with the plan's token, a job.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/format.h>

#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/json_text.hpp>
#include <b24gate/admin/operations_api.hpp>
#include <b24gate/core/nonce.hpp>

#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using core::Clock;
using server::Response;

constexpr std::size_t token_bytes = 16;
constexpr std::size_t id_bytes = 6;

}  // namespace

asio::awaitable<Response> OperationsApi::bulk(Visit& visit, BulkAction action) const {
    const json::value* const plan = visit.body.if_contains("plan");
    if (plan == nullptr) co_return co_await make_plan(visit, action);
    if (!plan->is_string()) co_return bad_request("plan must be the token of a plan");
    constexpr std::string_view known[] = {"plan", "reason"};
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    if (const auto wrong = body->check(known)) co_return bad_request(*wrong);
    auto reason = reason_of(*body);
    if (!reason) co_return bad_request(reason_too_long);
    std::string token(plan->get_string());
    co_return co_await run_plan(visit, action, std::move(token), *std::move(reason));
}

asio::awaitable<Response> OperationsApi::make_plan(Visit& visit, BulkAction action) const {
    const json::value* const filter = visit.body.if_contains("filter");
    if (filter == nullptr || !filter->is_object() || visit.body.size() != 1)
        co_return bad_request(
            R"(send {"filter": {...}} for a plan, {} in it for all that failed; then {"plan": TOKEN} to run it)");
    const auto parameters = Query::from(filter->get_object());
    if (!parameters) co_return bad_request(parameters.error());
    auto asked = operation_query(*parameters, false);
    if (!asked) co_return bad_request(asked.error());
    auto query = plan_query(action, *std::move(asked));
    if (!query) co_return bad_request(query.error());
    auto made =
        co_await clerk_.plan(action, *std::move(query), core::Deadline{Clock::now() + std::chrono::seconds(60)});
    if (!made) co_return store_failed(made.error());
    const auto plan = std::make_shared<const Plan>(*std::move(made));
    const auto seconds = action == BulkAction::retry ? seconds_for(plan->by_portal, services_.pace) : std::nullopt;
    json::object out = to_json(*plan, seconds);
    auto token = core::random_text(token_bytes);
    if (!token) co_return error_answer(503, "GATEWAY_STORE", "the system gives no random bytes");
    out["token"] = *token;
    out["expires"] = time_value(core::unix_ms() + core::to_ms(services_.jobs->lifetime()));
    services_.jobs->put(*std::move(token), plan, Clock::now());
    json::object answer;
    answer["plan"] = std::move(out);
    co_return json_answer(200, answer);
}

asio::awaitable<Response> OperationsApi::run_plan(Visit& visit, BulkAction action, std::string token,
                                                  std::string reason) const {
    const auto plan = services_.jobs->take(token, action, Clock::now());
    if (!plan) co_return conflict("there is no such plan (any more): make a new one and look at it again");
    auto id = core::random_text(id_bytes);
    if (!id) co_return error_answer(503, "GATEWAY_STORE", "the system gives no random bytes");
    const auto job =
        std::make_shared<OperationJob>(*std::move(id), *plan, visit.actor.name, std::move(reason), core::unix_ms());
    if (!services_.jobs->add(job)) {
        services_.jobs->put(std::move(token), plan, Clock::now());
        co_return conflict("enough jobs are running; wait for one to end or cancel it");
    }
    // Written down before the first of them changes.
    const auto audited = co_await services_.store.put_audit(
        job->actor, fmt::format("{} {}", to_string(action), job->total),
        fmt::format("job {}{}{}", job->id, job->filter.empty() ? "" : ": ", job->filter), job->reason,
        store_deadline());
    if (!audited) {
        job->end(OperationJob::State::failed, core::unix_ms(), audited.error().message);
        co_return store_failed(audited.error());
    }
    asio::co_spawn(services_.executor, run_job(clerk_, job, plan, services_.rules, services_.changed), asio::detached);
    json::object out;
    out["job"] = job->json();
    Response response = json_answer(202, out);
    response.fields.add("Location", "/api/v1/jobs/" + job->id);
    co_return response;
}

}  // namespace b24gate::admin
