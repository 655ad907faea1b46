#include <b24gate/gateway/operation_pages.hpp>

#include <boost/json.hpp>

#include <utility>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/uuid.hpp>
#include <b24gate/gateway/answer.hpp>
#include <b24gate/gateway/hold_back.hpp>
#include <b24gate/gateway/kept_answer.hpp>
#include <b24gate/observe/call_record.hpp>
#include <b24gate/operations/state_machine.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using bitrix::GatewayCode;
using core::Clock;
using storage::UnixMs;

constexpr auto store_patience = std::chrono::seconds(5);
core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

json::value time_of(UnixMs ms) {
    if (ms <= 0 || ms == storage::never) return nullptr;
    std::string text;
    observe::append_time(text, observe::WallTime(std::chrono::milliseconds(ms)));
    return json::string(text);
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

server::Response json_response(unsigned status, std::string body) {
    server::Response response;
    response.status = status;
    response.body = std::move(body);
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("X-Content-Type-Options", "nosniff");
    return response;
}

server::Response refusal_response(const server::Request& request, GatewayCode code, std::string text) {
    bitrix::EnvelopeFacts facts;
    facts.request_id = request.id;
    server::Response response = error_response(bitrix::refusal(code, std::move(text)), facts);
    AnswerFacts answer;
    answer.request_id = request.id;
    add_gateway_fields(response, answer);
    return response;
}

/// As a bearer token, or as `auth` in the query.
std::string key_of(const server::Request& request, std::string_view query) {
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view given = request.field("Authorization");
    if (given.size() > scheme.size() && core::iequals(given.substr(0, scheme.size()), scheme))
        return std::string(core::trim(given.substr(scheme.size())));
    const bitrix::FormNode form = bitrix::parse_form(query);
    const bitrix::FormNode* auth = form.find("auth");
    return auth != nullptr && !auth->is_array ? auth->value : std::string();
}

json::object attempt_json(const storage::AttemptRecord& attempt) {
    return {{"number", attempt.number},
            {"kind", attempt.lookup ? "lookup" : "send"},
            {"started_at", time_of(attempt.intent)},
            {"ended_at", time_of(attempt.ended)},
            {"duration_ms", attempt.duration_ms},
            {"status", attempt.status == 0 ? json::value(nullptr) : json::value(attempt.status)},
            {"result", text_or_null(attempt.mark)},
            {"class", text_or_null(attempt.error_class)},
            {"error", text_or_null(attempt.code)},
            {"executed", text_or_null(attempt.executed)},
            {"request_id", text_or_null(attempt.request_id)},
            {"batch_id", text_or_null(attempt.batch_id)}};
}

}  // namespace

server::Response taken_response(const TakenOver& taken, bool async) {
    json::object body{{"operation", json::object{{"id", taken.id}, {"state", to_string(taken.state)}}}};
    server::Response response = json_response(202, json::serialize(body));
    response.fields.add("Location", "/operations/" + taken.id);
    if (async) response.fields.add("Preference-Applied", "respond-async");
    return response;
}

std::string operation_json(const storage::OperationRecord& record, const std::vector<storage::AttemptRecord>& attempts,
                           unsigned answer_status, std::string_view answer) {
    json::array tries;
    for (const storage::AttemptRecord& attempt : attempts) tries.push_back(attempt_json(attempt));
    const bool waits =
        record.state == storage::OperationState::queued || record.state == storage::OperationState::waiting;
    json::object operation{{"id", record.id},
                           {"state", to_string(record.state)},
                           {"portal", record.portal},
                           {"method", record.method},
                           {"created_at", time_of(record.created)},
                           {"request_id", text_or_null(record.request_id)},
                           {"finished_at", time_of(record.finished)},
                           {"why", text_or_null(record.why)},
                           {"next_attempt_at", waits ? time_of(record.due) : json::value(nullptr)},
                           {"behind_order_key", record.blocked},
                           {"executed", text_or_null(record.executed)},
                           {"inferred", record.inferred},
                           {"class", text_or_null(record.error_class)},
                           {"error", text_or_null(record.code)},
                           {"attempts", std::move(tries)}};
    std::string out = "{\"operation\":" + json::serialize(operation);
    const auto kept = answer.empty() ? std::nullopt : read_answer(answer_status, answer);
    if (kept) {
        // The portal's own bytes where they are JSON: no number is written in another way.
        out.pop_back();
        out += ",\"answer\":{\"status\":" + std::to_string(kept->status) + ",\"body\":";
        out += core::json::validate(kept->body) ? core::json::quoted(kept->body) : kept->body;
        out += "}}";
    }
    return out + "}";
}

asio::awaitable<server::Response> OperationPages::serve(WorkerState& worker, const server::Request& request) {
    const std::shared_ptr<const Snapshot> snapshot = worker.snapshot();
    const std::size_t mark = request.target.find('?');
    const std::string_view path = request.target.substr(0, mark);
    const std::string_view query = mark == std::string_view::npos ? "" : request.target.substr(mark + 1);
    const std::string id(path.substr(std::string_view("/operations/").size()));
    const std::string key = key_of(request, query);

    const auto client = snapshot->front_door.client_of(key, request.peer);
    if (!client) {
        bool stays = true;
        if (client.error().code == GatewayCode::unauthorized)
            stays = co_await hold_back(worker, std::string(request.peer));
        server::Response response = refusal_response(request, client.error().code, client.error().message);
        response.close = !stays;
        co_return response;
    }
    const bool discards = request.method == "DELETE";
    if (!discards && request.method != "GET" && request.method != "HEAD") {
        server::Response response = refusal_response(request, GatewayCode::bad_request,
                                                     "ask for an operation with GET, discard it with DELETE");
        response.status = 405;
        response.fields.add("Allow", "GET, HEAD, DELETE");
        co_return response;
    }
    if (core::is_uuid(id)) {
        const auto found = co_await desk_.store().find(id, patience());
        if (!found) {
            log_.event(observe::Level::error, "operation_not_read",
                       {{"request_id", request.id}, {"error", found.error().message}});
            co_return refusal_response(request, GatewayCode::store, "the store cannot be used");
        }
        // Another client's does not exist, as far as this one can see.
        if (*found && (*found)->client == (*client)->name) {
            if (discards) co_return co_await discard(request, **found, snapshot->config->operations);
            const std::string& public_url = snapshot->config->server.public_url;
            std::string base =
                !public_url.empty() ? public_url : (request.tls ? "https://" : "http://") + std::string(request.host);
            co_return co_await show(request, **found, std::move(base), key);
        }
    }
    co_return refusal_response(request, GatewayCode::not_found, "this client has no such operation");
}

asio::awaitable<server::Response> OperationPages::show(const server::Request& request,
                                                       const storage::OperationRecord& record, std::string base,
                                                       std::string key) {
    const auto attempts = co_await desk_.store().attempts(record.id, patience());
    std::string text;
    unsigned status = 0;
    bool failed = !attempts;
    if (!failed && storage::is_final(record.state)) {
        const auto answer = co_await desk_.store().answer(record.id, patience());
        failed = !answer;
        if (answer && *answer) {
            const auto opened = desk_.vault()->open_answer(record.id, (*answer)->answer);
            if (opened) text = with_address(opened->reveal(), base, key);
            status = (*answer)->status;
        }
    }
    if (failed) co_return refusal_response(request, GatewayCode::store, "the store cannot be used");
    server::Response response = json_response(200, operation_json(record, *attempts, status, text));
    response.fields.add("X-Request-Id", request.id);
    co_return response;
}

asio::awaitable<server::Response> OperationPages::discard(const server::Request& request,
                                                          storage::OperationRecord record,
                                                          const config::Operations& settings) {
    operations::Event event;
    event.kind = operations::Event::Kind::discard;
    const UnixMs now = core::unix_ms();
    const auto next = operations::transition(operations::facts_of(record), event, now, operations::rules_of(settings));
    if (!next)
        co_return refusal_response(request, GatewayCode::conflict,
                                   "the operation cannot be discarded: " + std::string(next.error().why));
    storage::Discard order;
    order.id = record.id;
    order.order = record.order;
    order.seen = record.state;
    order.fence = record.fence;
    order.unblock_due = next->unblock_due;
    order.actor = "client " + record.client;
    order.reason = "DELETE /operations/{id}";
    const auto done = co_await desk_.store().discard(std::move(order), patience());
    if (!done) co_return refusal_response(request, GatewayCode::store, "the store cannot be used");
    if (!*done)
        co_return refusal_response(request, GatewayCode::conflict,
                                   "the operation has begun to run meanwhile; ask for its state");
    log_.event(observe::Level::info, "operation_discarded",
               {{"request_id", request.id}, {"operation", record.id}, {"client", record.client}});
    due_(record.portal, next->unblock_due);
    callback_due_();
    record.state = storage::OperationState::discarded;
    server::Response response = json_response(
        200, json::serialize(
                 json::object{{"operation", json::object{{"id", record.id}, {"state", to_string(record.state)}}}}));
    response.fields.add("X-Request-Id", request.id);
    co_return response;
}

}  // namespace b24gate::gateway
