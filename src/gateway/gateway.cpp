#include <b24gate/gateway/gateway.hpp>

#include <fmt/format.h>

#include <charconv>

#include <b24gate/access/policy.hpp>
#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/call_target.hpp>
#include <b24gate/core/uuid.hpp>
#include <b24gate/gateway/answer.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/hold_back.hpp>
#include <b24gate/gateway/kept_request.hpp>
#include <b24gate/gateway/operation_wish.hpp>
#include <b24gate/gateway/plan_reader.hpp>
#include <b24gate/gateway/read_run.hpp>
#include <b24gate/operations/proof.hpp>
#include <b24gate/server/health_response.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::GatewayCode;
using core::Clock;
using core::TimePoint;

bitrix::RawCall raw_call(const server::Request& request) {
    bitrix::RawCall raw;
    raw.verb = request.method;
    raw.target = request.target;
    raw.content_type = request.field("Content-Type");
    raw.authorization = request.field("Authorization");
    raw.content_encoding = request.field("Content-Encoding");
    raw.body = request.body;
    return raw;
}

/// The shape of an error for a path that could not be parsed.
bitrix::Api api_of(std::string_view target) {
    return target.find("/rest/api/") != std::string_view::npos ? bitrix::Api::v3 : bitrix::Api::v2;
}

std::string_view path_template(const bitrix::Call& call) {
    const bool v3 = call.api == bitrix::Api::v3;
    if (call.kind == bitrix::CallKind::download) return "/rest/download";
    if (call.kind == bitrix::CallKind::upload) return "/rest/upload";
    if (call.form == bitrix::UrlForm::webhook)
        return v3 ? "/rest/api/{user}/{key}/{method}" : "/rest/{user}/{key}/{method}";
    return v3 ? "/rest/api/{method}" : "/rest/{method}";
}

/// The client's priority, or a lower one that the call asks for.
config::Priority priority_of(const config::Client& client, std::string_view asked) {
    config::Priority wanted = client.priority;
    if (core::iequals(asked, "normal")) wanted = config::Priority::normal;
    if (core::iequals(asked, "bulk")) wanted = config::Priority::bulk;
    return std::max(client.priority, wanted);
}

/// X-B24-Timeout-Ms, at most the client's own timeout; nullopt: it is no number of milliseconds.
std::optional<core::Duration> timeout_of(const config::Client& client, std::string_view asked) {
    if (asked.empty()) return client.timeout;
    std::uint32_t ms = 0;
    const auto [end, error] = std::from_chars(asked.data(), asked.data() + asked.size(), ms);
    if (error != std::errc{} || end != asked.data() + asked.size() || ms == 0) return std::nullopt;
    return std::min<core::Duration>(std::chrono::milliseconds(ms), client.timeout);
}

}  // namespace

/// What is known of a request so far, for its answer, its log line and its metrics.
struct Gateway::Visit {
    const server::Request& request;
    std::shared_ptr<const Snapshot> snapshot;
    TimePoint started = Clock::now();
    const config::Client* client = nullptr;
    const PortalRuntime* portal = nullptr;
    bitrix::Api api = bitrix::Api::v2;
    std::string method;
    std::string_view path = "-";
    unsigned batch_size = 0;
    std::string_view query, params;
    bitrix::BodyKind body_kind = bitrix::BodyKind::none;
    std::string request_id, peer, traceparent;  ///< for a line that is written after the request is gone
    std::uint64_t bytes_in = 0;

    // the end of it
    bitrix::ErrorClass error_class = bitrix::ErrorClass::ok;
    bitrix::Executed executed = bitrix::Executed::yes;
    std::string error, message;
    unsigned attempts = 0, hits = 0;
    core::Duration waited{0}, upstream{0}, would_wait{0};
    double ran = 0;  ///< seconds of the portal's, as its answer told
    bool would_refuse = false;
    bool hung_up = false;
    bool kept = false;  ///< no portal was asked now: the call counts when its operation ends, or has counted before
    ReadRun::Source source = ReadRun::Source::call;

    explicit Visit(const server::Request& r, std::shared_ptr<const Snapshot> s)
        : request(r),
          snapshot(std::move(s)),
          api(api_of(r.target)),
          request_id(r.id),
          peer(r.peer),
          traceparent(r.field("traceparent")),
          bytes_in(r.body.size()) {}

    void judge(const bitrix::Outcome& outcome) {
        error_class = outcome.error_class;
        executed = outcome.executed;
        error = outcome.code;
        message = outcome.description;
    }
};

Gateway::Gateway(WorkerState& worker, Installer& installer, OperationDesk& desk, OperationPages& operations,
                 observe::Log& log, observe::GateMetrics& metrics, observe::RecentErrors& errors,
                 const observe::Health& health)
    : worker_(worker),
      installer_(installer),
      desk_(desk),
      operations_(operations),
      log_(log),
      metrics_(metrics),
      errors_(errors),
      health_(health) {}

std::optional<server::Response> Gateway::refuse_early(const server::Request& head) {
    if (Installer::serves(head.target)) return installer_.refuse_early(head);
    if (OperationPages::serves(head.target)) return std::nullopt;
    const bitrix::RawCall raw = raw_call(head);
    bitrix::RawCall without_body;
    without_body.verb = raw.verb;
    without_body.target = raw.target;
    without_body.authorization = raw.authorization;
    const auto call = bitrix::parse_call(without_body);
    bitrix::EnvelopeFacts facts;
    facts.api = api_of(head.target);
    facts.request_id = head.id;
    const auto answer = [&](const bitrix::Refusal& refusal) {
        server::Response response = error_response(bitrix::refusal(refusal.code, refusal.message), facts);
        add_gateway_fields(response, {.request_id = head.id, .portal = {}, .attempts = {}, .waited = {}, .quota = {}});
        return response;
    };
    if (!call) return answer(call.error());
    if (call->key_place == bitrix::KeyPlace::none) return std::nullopt;  // it may stand in the body
    const auto identity =
        worker_.snapshot()->front_door.identify({call->key.reveal(), call->portal_prefix, head.host, head.peer});
    if (!identity) return answer(identity.error());
    return std::nullopt;
}

asio::awaitable<server::Response> Gateway::handle(server::Request& request, server::Connection& connection) {
    if (auto health = server::health_response(request, health_)) co_return std::move(*health);
    // What is wrong with a path is told below, whatever it begins with.
    const auto is_sound = [&] { return bitrix::path_fault(request.target).empty(); };
    if (Installer::serves(request.target) && is_sound()) co_return co_await installer_.handle(worker_, request);
    if (OperationPages::serves(request.target) && is_sound()) co_return co_await operations_.serve(worker_, request);

    Visit visit(request, worker_.snapshot());
    bitrix::RawCall raw = raw_call(request);
    auto call = bitrix::parse_call(raw);
    if (!call) co_return co_await refuse(visit, call.error());
    visit.api = call->api;
    visit.method = call->method;
    visit.path = path_template(*call);

    const auto identity =
        visit.snapshot->front_door.identify({call->key.reveal(), call->portal_prefix, request.host, request.peer});
    if (!identity) co_return co_await refuse(visit, identity.error());
    visit.client = identity->client;
    visit.portal = &visit.snapshot->portals.find(identity->portal->name)->second;
    if (identity->credential == nullptr) {
        raw.passthrough = true;  // the portal's own credential: it stays where the client put it
        call = bitrix::parse_call(raw);
        if (!call) co_return co_await refuse(visit, call.error());
    }
    visit.batch_size = static_cast<unsigned>(call->commands.size());
    visit.query = call->query;
    visit.params = call->body();
    visit.body_kind = call->body_kind;

    if (const auto denied = access::authorize_call(*identity->client, *call)) co_return co_await refuse(visit, *denied);
    co_return co_await forward(visit, *call, *identity, connection);
}

asio::awaitable<server::Response> Gateway::forward(Visit& visit, const bitrix::Call& call,
                                                   const access::Identity& identity, server::Connection& connection) {
    const auto timeout = timeout_of(*identity.client, visit.request.field("X-B24-Timeout-Ms"));
    if (!timeout) {
        const bitrix::Refusal refusal{GatewayCode::bad_request,
                                      "X-B24-Timeout-Ms must be a whole number of milliseconds above 0"};
        co_return co_await refuse(visit, refusal);
    }
    const auto wish = operation_wish(visit.request.fields, core::unix_ms());
    if (!wish) co_return co_await refuse(visit, wish.error());
    if (wish->async || wish->on_failure)
        if (const auto no = why_not_kept(call, identity.credential == nullptr)) co_return co_await refuse(visit, *no);
    const std::string_view priority = visit.request.field("X-B24-Priority");
    CallOrder order{worker_,
                    *visit.snapshot,
                    log_,
                    visit.request,
                    connection,
                    call,
                    *identity.client,
                    *visit.portal,
                    identity.credential,
                    priority_of(*identity.client, wish->async && priority.empty() ? "bulk" : priority),
                    core::Deadline{visit.started + *timeout}};
    if (wish->async) co_return co_await take(visit, order, *wish);
    co_return co_await run(visit, order, *wish);
}

/// Handed over at once.
asio::awaitable<server::Response> Gateway::take(Visit& visit, const CallOrder& order, const OperationWish& wish) {
    auto verdict = co_await desk_.hand_over(order, wish, core::uuid_v7(core::unix_ms()), nullptr, std::string());
    if (const auto* taken_over = std::get_if<TakenOver>(&verdict)) co_return taken(visit, order, *taken_over, true);
    co_return answer(visit, order, std::get<bitrix::Outcome>(verdict));
}

server::Response Gateway::taken(Visit& visit, const CallOrder& order, const TakenOver& taken, bool async) {
    server::Response response = taken_response(taken, async);
    add_gateway_fields(response, {.request_id = visit.request_id,
                                  .portal = order.portal.config->name,
                                  .attempts = {},
                                  .waited = {},
                                  .quota = {}});
    visit.judge(bitrix::Outcome{});
    visit.executed = bitrix::Executed::no;
    visit.kept = true;
    finish(visit, response.status, response.body.size());
    return response;
}

/// A refusal of the gateway's own, by the call's own rules.
server::Response Gateway::answer(Visit& visit, const CallOrder& order, const bitrix::Outcome& outcome) {
    bitrix::EnvelopeFacts facts;
    facts.api = order.call.api;
    facts.portal = order.portal.config->name;
    facts.method = order.call.method;
    facts.request_id = visit.request_id;
    server::Response response = error_response(outcome, facts);
    add_gateway_fields(
        response, {.request_id = visit.request_id, .portal = facts.portal, .attempts = {}, .waited = {}, .quota = {}});
    visit.judge(outcome);
    finish(visit, response.status, response.body.size());
    return response;
}

/// nullopt: the Idempotency-Key is new, and this call's.
asio::awaitable<std::optional<server::Response>> Gateway::answered_before(Visit& visit, const CallOrder& order,
                                                                          const OperationWish& wish,
                                                                          std::string holder) {
    auto verdict = co_await desk_.begin_key(order, wish, std::move(holder));
    if (const auto* taken_over = std::get_if<TakenOver>(&verdict)) co_return taken(visit, order, *taken_over, false);
    if (const auto* outcome = std::get_if<bitrix::Outcome>(&verdict)) co_return answer(visit, order, *outcome);
    auto* first = std::get_if<server::Response>(&verdict);
    if (first == nullptr) co_return std::nullopt;
    server::Response response = std::move(*first);
    add_gateway_fields(response, {.request_id = visit.request_id,
                                  .portal = order.portal.config->name,
                                  .attempts = {},
                                  .waited = {},
                                  .quota = {}});
    response.fields.add("X-B24-Replayed", "1");
    visit.kept = true;
    finish(visit, response.status, response.body.size());
    co_return std::move(response);
}

asio::awaitable<server::Response> Gateway::run(Visit& visit, CallOrder& order, const OperationWish& wish) {
    std::string holder, operation, key;
    // REST 3 keeps keys itself, where the gateway has nothing to keep them with.
    if (!wish.idempotency_key.empty() && (order.call.api != bitrix::Api::v3 || desk_.vault()->usable())) {
        holder = core::uuid_v7(core::unix_ms());
        order.whole = true;
        if (auto first = co_await answered_before(visit, order, wish, holder)) co_return *std::move(first);
    }
    if (wish.on_failure) {
        operation = core::uuid_v7(core::unix_ms());
        key = operations::idempotency_key(operation, 0);
        order.idempotency_key = key;
    }
    ReadRun run(order);
    CallReport report = co_await run.run();

    if (wish.on_failure && OperationDesk::is_passing(order, report)) {
        auto verdict = co_await desk_.hand_over(order, wish, operation, &report, holder);
        visit.attempts = report.attempts;
        visit.hits = report.hits;
        visit.waited = report.waited;
        visit.upstream = report.upstream;
        if (const auto* taken_over = std::get_if<TakenOver>(&verdict))
            co_return taken(visit, order, *taken_over, false);
        // Not taken: the caller gets the failure itself. But whether it was taken may be what nobody knows.
        const auto& refused = std::get<bitrix::Outcome>(verdict);
        if (refused.executed == bitrix::Executed::unknown) report.outcome = refused;
    }
    visit.judge(report.outcome);
    visit.attempts = report.attempts;
    visit.hits = report.hits;
    if (report.batched != 0) visit.batch_size = report.batched;
    visit.waited = report.waited;
    visit.upstream = report.upstream;
    visit.would_wait = report.would_wait;
    visit.would_refuse = report.would_refuse;
    visit.hung_up = report.hung_up;
    visit.source = run.source();
    if (visit.source == ReadRun::Source::call) visit.ran = report.outcome.timing.duration.value_or(0);
    visit.portal->metrics->waited(order.priority, report.waited);
    if (report.outcome.ok() && run.source() == ReadRun::Source::call)
        read_plan_if_due(worker_, visit.snapshot, *visit.portal, order.credential, log_, metrics_);
    std::function<void(std::uint64_t, bool)> streamed;
    if (report.outcome.ok() && report.exchange.rest) {
        auto kept = std::make_shared<Visit>(visit);
        streamed = [this, kept](std::uint64_t bytes, bool complete) {
            kept->query = kept->params = {};
            kept->hung_up = !complete;
            finish(*kept, 200, bytes);
        };
    }
    const bool streams = static_cast<bool>(streamed);
    server::Response response = call_response(order, report, std::move(streamed));
    if (!holder.empty()) co_await desk_.end_key(order, wish, holder, report.outcome, response);
    AnswerFacts facts;
    facts.request_id = visit.request_id;
    facts.portal = visit.portal->config->name;
    facts.attempts = report.attempts;
    facts.waited = report.waited;
    facts.quota = visit.portal->portal->quota();
    add_gateway_fields(response, facts);
    if (run.source() == ReadRun::Source::shared) response.fields.add("X-B24-Shared", "1");
    if (run.source() == ReadRun::Source::cache)
        response.fields.add("Age", std::to_string(core::to_ms(run.age()) / 1000));
    if (report.batched != 0) response.fields.add("X-B24-Batched", std::to_string(report.batched));
    response.close = response.close || report.hung_up;
    if (!streams) finish(visit, response.status, response.body.size());
    co_return response;
}

asio::awaitable<server::Response> Gateway::refuse(Visit& visit, const bitrix::Refusal& refusal) {
    bool stays = true;
    if (refusal.code == GatewayCode::unauthorized) stays = co_await hold_back(worker_, visit.peer);
    const bitrix::Outcome outcome = bitrix::refusal(refusal.code, refusal.message);
    bitrix::EnvelopeFacts facts;
    facts.api = visit.api;
    facts.request_id = visit.request_id;
    facts.method = visit.method;
    if (visit.portal != nullptr) facts.portal = visit.portal->config->name;
    server::Response response = error_response(outcome, facts);
    AnswerFacts answer;
    answer.request_id = visit.request_id;
    answer.portal = facts.portal;
    add_gateway_fields(response, answer);
    visit.judge(outcome);
    response.close = response.close || !stays;
    finish(visit, response.status, response.body.size());
    co_return response;
}

server::Response Gateway::refusal(unsigned status, std::string_view reason, const std::string& request_id) {
    GatewayCode code = GatewayCode::bad_request;
    if (status == 413) code = GatewayCode::body_too_large;
    if (status == 414 || status == 431) code = GatewayCode::headers_too_large;
    if (status == 503) code = GatewayCode::queue_full;
    bitrix::EnvelopeFacts facts;
    facts.request_id = request_id;
    bitrix::Outcome outcome =
        status == 500 ? bitrix::refusal(GatewayCode::bad_answer, "an internal error; the log has the request id")
                      : bitrix::refusal(code, fmt::format("the request was refused: {}", reason));
    server::Response response = error_response(outcome, facts);
    response.status = status;
    if (status == 405) response.fields.add("Allow", "GET, POST, HEAD");
    AnswerFacts answer;
    answer.request_id = request_id;
    add_gateway_fields(response, answer);
    return response;
}

void Gateway::finish(const Visit& visit, unsigned status, std::uint64_t bytes_out) {
    const core::Duration whole = Clock::now() - visit.started;
    const unsigned answered = visit.hung_up ? 0 : status;
    if (visit.client != nullptr && visit.portal != nullptr) {
        const auto found = visit.snapshot->requests.find({visit.client->name, visit.portal->config->name});
        if (found != visit.snapshot->requests.end()) {
            found->second->answered(visit.error_class, visit.error, answered);
            found->second->spent(visit.method, visit.hits, visit.ran);
        }
        if (!visit.kept) visit.portal->metrics->call(visit.error_class, visit.error, whole);
        if (!visit.kept && visit.error_class == bitrix::ErrorClass::ok && visit.source != ReadRun::Source::cache)
            visit.portal->metrics->success_at(core::unix_seconds());
    } else {
        metrics_.requests(observe::no_name, observe::no_name).answered(visit.error_class, visit.error, answered);
    }
    if (visit.error_class != bitrix::ErrorClass::ok) remember(visit, answered);
    if (!log_.enabled(observe::Level::info)) return;
    using Micro = std::chrono::microseconds;
    observe::CallRecord record;
    record.time = std::chrono::system_clock::now();
    record.request_id = visit.request_id;
    if (visit.client != nullptr) record.client = visit.client->name;
    if (visit.portal != nullptr) record.portal = visit.portal->config->name;
    record.method = visit.method;
    record.api = visit.api;
    record.attempts = visit.attempts;
    record.status = answered;
    record.error_class = visit.error_class;
    record.executed = visit.executed;
    record.error = visit.error;
    record.message = visit.message;
    record.wait = std::chrono::duration_cast<Micro>(visit.waited);
    record.duration = std::chrono::duration_cast<Micro>(whole);
    record.upstream = std::chrono::duration_cast<Micro>(visit.upstream);
    if (visit.portal != nullptr && visit.portal->config->mode == config::Portal::Mode::observe)
        record.would_wait = std::chrono::duration_cast<Micro>(visit.would_wait);
    record.would_refuse = visit.would_refuse;
    record.shared = visit.source == ReadRun::Source::shared;
    record.cached = visit.source == ReadRun::Source::cache;
    record.batch_size = visit.batch_size;
    record.bytes_in = visit.bytes_in;
    record.bytes_out = bytes_out;
    record.peer = visit.peer;
    record.traceparent = visit.traceparent;
    record.path = visit.path;
    record.query = visit.query;
    record.params = visit.params;
    if (visit.body_kind == bitrix::BodyKind::json) record.params_encoding = observe::ParamsEncoding::json;
    if (visit.body_kind == bitrix::BodyKind::form) record.params_encoding = observe::ParamsEncoding::form;
    if (visit.body_kind == bitrix::BodyKind::multipart) record.params_encoding = observe::ParamsEncoding::multipart;
    log_.call(record);
}

/// For people who look at the admin port. Clients and portals have made up most of it.
void Gateway::remember(const Visit& visit, unsigned status) {
    const observe::Masker& masker = log_.masker();
    observe::RecentError error;
    error.at = core::unix_ms();
    error.request_id = masker.mask_text(visit.request_id);
    if (visit.client != nullptr) error.client = visit.client->name;
    if (visit.portal != nullptr) error.portal = visit.portal->config->name;
    error.method = masker.mask_text(visit.method);
    error.error_class = visit.error_class;
    error.code = masker.mask_text(visit.error);
    error.executed = visit.executed;
    error.status = status;
    error.description = masker.mask_text(visit.message);
    errors_.add(std::move(error));
}

}  // namespace b24gate::gateway
