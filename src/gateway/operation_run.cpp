#include <b24gate/gateway/operation_run.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include <b24gate/core/random.hpp>
#include <b24gate/gateway/answer.hpp>
#include <b24gate/gateway/kept_answer.hpp>
#include <b24gate/gateway/kept_request.hpp>
#include <b24gate/gateway/read_run.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/operations/proof.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::ErrorClass;
using bitrix::Executed;
using bitrix::GatewayCode;
using core::Clock;
using core::TimePoint;
using operations::Event;
using operations::State;
using operations::Transition;
using operations::Why;
using storage::UnixMs;

/// How long it may stand in the portal's queue before it gives its place back.
constexpr auto queue_patience = std::chrono::minutes(10);
constexpr auto store_patience = std::chrono::seconds(5);
/// A gateway that was stopped for longer than this between writing an attempt down and making it does not make it: its
/// lease may be another one's by now.
constexpr auto longest_gap = std::chrono::seconds(2);
/// A lease is not used to its very end.
constexpr auto lease_margin = std::chrono::seconds(5);
constexpr core::Duration store_retry_least = std::chrono::milliseconds(100), store_retry_most = std::chrono::seconds(5);
constexpr core::Duration soon = std::chrono::seconds(5), later = std::chrono::minutes(5);
/// What a history shows of an answer.
constexpr std::size_t longest_excerpt = 2048;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

/// Why it was not sent, if the reason is the gateway's own or the credential's.
Why why_unsent(const bitrix::Outcome& outcome, bool recalled) {
    if (recalled) return Why::shutdown;
    switch (outcome.error_class) {
        case ErrorClass::overload: return Why::overload;
        case ErrorClass::auth_invalid:
        case ErrorClass::auth_expired: return Why::credential;
        case ErrorClass::server: return Why::server;
        case ErrorClass::network: return Why::network;
        case ErrorClass::timeout: return Why::timeout;
        default: break;
    }
    if (outcome.code == to_string(GatewayCode::draining)) return Why::shutdown;
    if (outcome.code == to_string(GatewayCode::paused)) return Why::paused;
    if (outcome.code == to_string(GatewayCode::reauth_required)) return Why::credential;
    // It cannot have its turn in time: the budget is spent for longer than the queue is looked ahead.
    for (const GatewayCode code : {GatewayCode::queue_full, GatewayCode::deadline})
        if (outcome.code == to_string(code)) return Why::rate_limit;
    return Why::gateway;
}

/// What the portal would have answered, as far as the state that it is in tells.
server::Response inferred_answer(const std::string& result) {
    server::Response answer;
    answer.fields.add("Content-Type", "application/json; charset=utf-8");
    answer.body = "{\"result\":" + result + "}";
    return answer;
}

bitrix::Call looking_call(const operations::LookupCall& look) {
    bitrix::Call call;
    call.method = call.method_lower = look.method;
    call.body_kind = bitrix::BodyKind::json;
    call.rewritten_body = look.body;
    call.send_as_post = true;
    return call;
}

}  // namespace

class OperationRun::Ledger final : public AttemptLedger {
public:
    enum class State {
        unwritten,
        lost,     ///< the lease is another one's: nothing was sent
        doubt,    ///< it may stand in the store, and was not sent
        unsent,   ///< it stands in the store, and was not sent
        written,  ///< it stands in the store, and may have been sent
    };

    Ledger(storage::OperationStore& store, storage::Intent intent, std::shared_ptr<LeaseClock> lease)
        : store_(store), intent_(std::move(intent)), lease_(std::move(lease)) {}

    storage::OperationStore& store() noexcept override { return store_; }
    storage::Intent intent() const override {
        const std::lock_guard lock(mutex_);
        asked_ = Clock::now();
        return intent_;
    }
    bool written(const std::optional<storage::Intended>& intended) override {
        const std::lock_guard lock(mutex_);
        if (!intended) {
            state_ = State::doubt;
        } else if (intended->number == 0) {
            state_ = State::lost;
        } else {
            intended_ = *intended;
            const TimePoint now = Clock::now();
            const bool late = now - asked_ > longest_gap || !lease_->holds_at(now + lease_margin);
            state_ = closed_ || late ? State::unsent : State::written;
        }
        return state_ == State::written;
    }
    /// The end of it: whoever asks later is told no.
    State close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        return state_;
    }
    [[nodiscard]] storage::Intended intended() const {
        const std::lock_guard lock(mutex_);
        return intended_;
    }

private:
    storage::OperationStore& store_;
    const storage::Intent intent_;
    const std::shared_ptr<LeaseClock> lease_;
    mutable std::mutex mutex_;
    mutable TimePoint asked_;
    storage::Intended intended_;
    State state_ = State::unwritten;
    bool closed_ = false;
};

/// The call, and whom it is made for. The configuration may no longer know the client: what was promised is kept.
struct OperationRun::Prepared {
    KeptRequest kept;
    bitrix::Call call;
    std::optional<operations::Origin> origin;
    config::Client client;
    const PortalRuntime* portal = nullptr;
    const config::Credential* credential = nullptr;
};

/// How an attempt ended, for its row and for whoever asks.
struct OperationRun::Verdict {
    Verdict() {}  // a constructor of its own: g++ 12 destroys an aggregate twice that is made in a co_await

    unsigned attempt = 0;  ///< 0: there was none
    unsigned status = 0;
    ErrorClass error_class = ErrorClass::ok;
    Executed executed = Executed::no;
    std::string code;
    core::Duration took{0};
    std::string excerpt;
    std::optional<server::Response> answer;
};

OperationRun::OperationRun(OperationTools& tools, WorkerState& worker, storage::OperationRecord record,
                           UnixMs store_now, std::shared_ptr<LeaseClock> lease, bool lost)
    : tools_(tools),
      worker_(worker),
      record_(std::move(record)),
      leased_at_(store_now),
      lease_(std::move(lease)),
      lost_(lost) {}

OperationRun::~OperationRun() { tools_.bytes -= bytes_; }

UnixMs OperationRun::store_now() const { return leased_at_ + core::to_ms(Clock::now() - began_); }
operations::Rules OperationRun::rules() const { return operations::rules_of(snapshot_->config->operations); }

asio::awaitable<bool> OperationRun::pause(core::Duration how_long) {
    net::Sleep sleep(worker_.worker, Clock::now() + how_long);
    co_return co_await sleep.wait();
}

void OperationRun::recall() {
    if (caller_) caller_->recall();
}

asio::awaitable<void> OperationRun::run() {
    const auto self = shared_from_this();
    try {
        co_await work();
    } catch (const std::exception& error) {
        // The lease ends by itself, and what was written down is settled as that of a gateway that died.
        lease_->lose();
        tools_.log.event(observe::Level::error, "operation_broken_off",
                         {{"operation", record_.id}, {"portal", record_.portal}, {"error", error.what()}});
    }
}

asio::awaitable<void> OperationRun::work() {
    snapshot_ = worker_.snapshot();
    caller_ = std::make_unique<RecallableCaller>();
    if (lost_) {
        Event event;
        event.kind = Event::Kind::lost;
        event.random = core::random_fraction();
        const auto portal = snapshot_->portals.find(record_.portal);
        event.key_honoured = portal == snapshot_->portals.end() || portal->second.portal->has_idempotency_keys();
        Verdict verdict;
        verdict.attempt = record_.stage == storage::OperationStage::leased ? 0 : record_.tried;
        verdict.executed = Executed::unknown;
        verdict.error_class = ErrorClass::network;
        if (!co_await decide(event, std::move(verdict))) co_return;
    }
    if (!prepared_ && !co_await prepare()) co_return;
    while (co_await attempt()) {
    }
}

/// False: it cannot be sent, and was given back.
asio::awaitable<bool> OperationRun::prepare() {
    const auto portal = snapshot_->portals.find(record_.portal);
    if (portal == snapshot_->portals.end()) co_return co_await give_back(Why::gateway, later);
    auto body = co_await tools_.desk.store().body(record_.id, patience());
    if (!body) co_return co_await give_back(Why::gateway, soon);
    auto prepared = std::make_unique<Prepared>();
    const auto opened = *body ? tools_.desk.vault()->open_body(record_.id, (*body)->body) : std::nullopt;
    if (!opened || !read_request(opened->reveal(), prepared->kept)) {
        tools_.log.event(observe::Level::error, "operation_unreadable",
                         {{"operation", record_.id},
                          {"portal", record_.portal},
                          {"error",
                           "what is kept of it was sealed with a key that is not configured; put the key into "
                           "[store] old_encryption_keys"}});
        co_return co_await give_back(Why::gateway, later);
    }
    bytes_ = prepared->kept.body.size();
    // Large ones wait in the store, where there is room for them.
    if ((tools_.bytes += bytes_) > snapshot_->config->server.max_buffered && tools_.bytes != bytes_)
        co_return co_await give_back(Why::gateway, soon);
    auto call = call_of(prepared->kept);
    if (!call) co_return co_await give_back(Why::gateway, later);
    prepared->call = *std::move(call);
    // Links in the answer get the key of whoever asks for it.
    prepared->call.key = core::Secret(std::string(kept_key));
    prepared->call.portal_prefix = record_.portal;
    prepared->portal = &portal->second;
    prepared->origin = operations::origin_of(prepared->call);
    const auto& clients = snapshot_->config->clients;
    const auto client = clients.find(record_.client);
    prepared->client = client == clients.end() ? own_client(record_.client) : client->second;
    const auto& credentials = portal->second.config->credentials;
    const auto credential = credentials.find(record_.credential);
    if (credential == credentials.end()) co_return co_await give_back(Why::credential, later);
    prepared->credential = &credential->second;
    prepared_ = std::move(prepared);
    co_return true;
}

/// Sends it once. True: there is to be another attempt under the same lease.
asio::awaitable<bool> OperationRun::attempt() {
    const bool looks = record_.stage == storage::OperationStage::lookup;
    if (looks && !prepared_->origin) {
        // Only what carries an origin comes here; a table that no longer knows the method cannot look.
        Event event;
        event.kind = Event::Kind::answer;
        event.error_class = ErrorClass::validation;
        event.executed = Executed::no;
        co_return co_await decide(event, Verdict{});
    }
    Event grant;
    grant.kind = Event::Kind::grant;
    const auto granted = operations::transition(operations::facts_of(record_), grant, store_now(), rules());
    if (!granted) co_return false;
    if (granted->state != State::running) co_return co_await decide(grant, Verdict{});

    const bitrix::Call look = looks ? looking_call(operations::lookup_call(*prepared_->origin)) : bitrix::Call();
    server::Request request;
    request.method = "POST";
    request.host = kept_host;
    request.id = record_.id;
    if (!looks) request.fields = prepared_->kept.fields;
    if (looks) request.fields.push_back({"Content-Type", "application/json"});
    if (alone_) request.fields.push_back({"X-B24-Coalesce", "off"});
    const std::string key = operations::idempotency_key(record_.id, record_.generation);
    storage::Intent intent;
    intent.claim = {record_.id, record_.fence};
    intent.owner = tools_.desk.instance();
    intent.request_id = record_.id;
    intent.credential = record_.credential;
    ledger_ = std::make_shared<Ledger>(tools_.desk.store(), std::move(intent), lease_);

    const TimePoint begun = Clock::now();
    CallOrder order{worker_,
                    *snapshot_,
                    tools_.log,
                    request,
                    *caller_,
                    looks ? look : prepared_->call,
                    prepared_->client,
                    *prepared_->portal,
                    prepared_->credential,
                    static_cast<config::Priority>(std::clamp(record_.priority, 0, 2)),
                    core::Deadline{begun + queue_patience}};
    order.ledger = ledger_;
    order.idempotency_key = key;
    order.whole = true;
    ReadRun run(order);
    CallReport report = co_await run.run();
    prepared_->portal->metrics->waited(order.priority, report.waited);
    // An answer that somebody else has asked for costs nothing.
    const double ran = run.source() == ReadRun::Source::call ? report.outcome.timing.duration.value_or(0) : 0;
    tools_.metrics.requests(record_.client, record_.portal).spent(order.call.method, report.hits, ran);

    switch (ledger_->close()) {
        case Ledger::State::written: break;
        case Ledger::State::lost: lease_->lose(); co_return false;
        case Ledger::State::doubt: co_return co_await doubtful();
        case Ledger::State::unsent: {
            Event event;
            event.kind = Event::Kind::not_sent;
            event.random = core::random_fraction();
            Verdict verdict;
            verdict.attempt = ledger_->intended().number;
            verdict.error_class = ErrorClass::network;
            verdict.code = "GATEWAY_STORE";
            co_return co_await decide(event, std::move(verdict));
        }
        case Ledger::State::unwritten: {
            const Why why = why_unsent(report.outcome, caller_->recalled() || tools_.stopping);
            const core::Duration wait =
                report.facts.retry_after ? core::Duration(*report.facts.retry_after) : core::Duration(soon);
            if (why == Why::overload) tools_.hold(record_.portal, std::min<core::Duration>(wait, soon * 6));
            co_return co_await give_back(why, why == Why::shutdown ? core::Duration(0) : wait);
        }
    }

    const storage::Intended intended = ledger_->intended();
    record_.stage = looks ? storage::OperationStage::lookup : storage::OperationStage::intent;
    record_.tried = intended.number;
    record_.intent = intended.intent;
    record_.first_intent = intended.first_intent;
    Event event = event_of(report);
    std::optional<operations::Judgement> judgement;
    if (looks && report.outcome.ok())
        judgement = operations::judge_lookup(*prepared_->origin, report.body(), record_.first_intent, store_now());
    Verdict verdict = verdict_of(report, order);  // takes the body
    verdict.attempt = intended.number;
    if (judgement) {
        event.kind = Event::Kind::found;
        event.found = judgement->found;
        verdict.answer.reset();
        if (judgement->found == operations::Found::one) verdict.answer = inferred_answer(judgement->result);
    }
    co_return co_await decide(event, std::move(verdict));
}

Event OperationRun::event_of(const CallReport& report) const {
    Event event;
    event.kind = Event::Kind::answer;
    event.error_class = report.outcome.error_class;
    event.executed = report.outcome.executed;
    event.random = core::random_fraction();
    event.key_honoured = prepared_->portal->portal->has_idempotency_keys();
    const tokens::Credential* live = prepared_->portal->live(prepared_->credential);
    event.can_refresh = live != nullptr && live->oauth() && refreshes_ == 0;
    // The key stands for the first sending, whose bytes held another access token (reference 2.7).
    event.proves_done = record_.kind == operations::Kind::keyed &&
                        report.outcome.code.find("IDEMPOTENCYKEYREUSED") != std::string::npos;
    if (report.set_down) event.kind = Event::Kind::set_down;
    if (!report.outcome.ok() && report.exchange.transport == bitrix::Transport::not_sent && !report.hung_up &&
        report.outcome.executed == Executed::no && report.outcome.error_class == ErrorClass::network)
        event.kind = Event::Kind::not_sent;
    if (report.facts.retry_after) event.not_before = store_now() + report.facts.retry_after->count();
    if (report.outcome.retry_after)
        event.not_before = std::max(event.not_before, store_now() + report.outcome.retry_after->count() * 1000);
    const auto& timing = report.outcome.timing;
    if (report.outcome.error_class == ErrorClass::operating_limit && timing.operating_reset_at)
        event.not_before =
            std::max(event.not_before,
                     store_now() + static_cast<UnixMs>((*timing.operating_reset_at - core::unix_seconds()) * 1000));
    return event;
}

OperationRun::Verdict OperationRun::verdict_of(CallReport& report, const CallOrder& order) {
    Verdict verdict;
    verdict.status = report.exchange.transport == bitrix::Transport::replied ? report.exchange.status : 0;
    verdict.error_class = report.outcome.error_class;
    verdict.executed = report.outcome.ok() ? Executed::yes : report.outcome.executed;
    verdict.code = report.outcome.code;
    verdict.took = report.upstream;
    if (report.set_down) return verdict;
    server::Response answer = call_response(order, report, {});
    if (answer.stream) {
        // It is larger than what is kept of an answer.
        answer.stream.reset();
        answer.body.clear();
        answer.fields.add("X-B24-Not-Kept", "too-large");
    }
    if (!report.outcome.ok()) verdict.excerpt = answer.body.substr(0, longest_excerpt);
    verdict.answer = std::move(answer);
    return verdict;
}

/// Unsent: it goes back to where it waited.
asio::awaitable<bool> OperationRun::give_back(Why why, core::Duration wait) {
    Event event;
    event.kind = Event::Kind::give_back;
    event.why = why;
    event.not_before = store_now() + core::to_ms(wait);
    co_return co_await decide(event, Verdict{});
}

/// Whether the attempt was written down is not known; it was not made, in any case.
asio::awaitable<bool> OperationRun::doubtful() {
    core::Duration wait = store_retry_least;
    while (lease_->holds_at(Clock::now())) {
        const auto found = co_await tools_.desk.store().find(record_.id, patience());
        if (found) {
            if (!*found || (*found)->fence != record_.fence || (*found)->state != State::running) co_return false;
            const bool written = (*found)->tried != record_.tried;
            record_ = **found;
            if (!written) co_return co_await give_back(Why::gateway, soon);
            Event event;
            event.kind = Event::Kind::not_sent;
            event.random = core::random_fraction();
            Verdict verdict;
            verdict.attempt = record_.tried;
            verdict.error_class = ErrorClass::network;
            verdict.code = to_string(GatewayCode::store);
            co_return co_await decide(event, std::move(verdict));
        }
        if (tools_.stopping || !co_await pause(wait)) co_return false;
        wait = std::min(2 * wait, store_retry_most);
    }
    co_return false;
}

storage::Finish OperationRun::finish_of(const Transition& next, Verdict& verdict) const {
    storage::Finish finish;
    finish.claim = {record_.id, record_.fence};
    finish.order = record_.order;
    finish.attempt = verdict.attempt;
    finish.ended.mark = to_string(next.attempt);
    finish.ended.status = verdict.status;
    finish.ended.error_class = to_string(verdict.error_class);
    finish.ended.code = verdict.code;
    finish.ended.executed = to_string(verdict.executed);
    finish.ended.duration_ms = core::to_ms(verdict.took);
    const auto vault = tools_.desk.vault();
    if (verdict.attempt != 0 && !verdict.excerpt.empty())
        if (auto sealed = vault->seal_excerpt(record_.id, verdict.attempt, verdict.excerpt))
            finish.ended.excerpt = *std::move(sealed);
    finish.state = next.state;
    finish.stage = next.stage;
    finish.why = to_string(next.why);
    finish.due = next.due;
    finish.keep_lease = next.state == State::running;
    finish.counts_attempt = next.counts_attempt;
    finish.counts_not_found = next.counts_not_found;
    finish.unknown = next.unknown;
    finish.inferred = next.inferred;
    finish.executed = to_string(next.executed);
    finish.unblock = next.unblock;
    finish.unblock_due = next.unblock_due;
    finish.callback = next.callback;
    // What was only given back has no verdict: the last one stays.
    const bool verdict_counts = verdict.attempt != 0;
    finish.error_class = verdict_counts ? std::string(to_string(verdict.error_class)) : record_.error_class;
    finish.code = verdict_counts ? verdict.code : record_.code;
    finish.status = verdict_counts ? verdict.status : record_.status;
    if (storage::is_final(next.state)) {
        if (next.inferred && !(verdict.answer && verdict.error_class == ErrorClass::ok)) {
            // What a portal says to a delete is known; what it said to an add whose key is used up is lost.
            verdict.answer = inferred_answer(operations::is_delete(record_.method) ? "true" : "null");
        }
        if (verdict.answer) {
            finish.answer_status = verdict.answer->status;
            if (auto sealed = vault->seal_answer(record_.id, keep_answer(*verdict.answer)))
                finish.answer = *std::move(sealed);
        }
    }
    return finish;
}

/// What the state machine says to an event, written down. True: the lease goes on, with another attempt.
asio::awaitable<bool> OperationRun::decide(const Event& event, Verdict verdict) {
    const auto next = operations::transition(operations::facts_of(record_), event, store_now(), rules());
    if (!next) {
        tools_.log.event(observe::Level::error, "operation_rejected",
                         {{"operation", record_.id},
                          {"event", to_string(event.kind)},
                          {"state", to_string(record_.state)},
                          {"stage", to_string(record_.stage)},
                          {"error", next.error().why}});
        co_return false;
    }
    const storage::Finish finish = finish_of(*next, verdict);
    core::Duration wait = store_retry_least;
    for (;;) {
        const auto done = co_await tools_.desk.store().finish_attempt(finish, patience());
        if (done && *done) break;
        if (done) {
            lease_->lose();
            if (event.kind == Event::Kind::answer && verdict.attempt != 0) co_await tell_late(event, finish);
            co_return false;
        }
        tools_.log.event(observe::Level::error, "operation_not_written",
                         {{"operation", record_.id}, {"portal", record_.portal}, {"error", done.error().message}});
        // What the portal has said is kept here until it can be written: nobody else knows it.
        if (!co_await pause(wait)) co_return false;
        wait = std::min(2 * wait, store_retry_most);
    }
    ended(*next, verdict);
    apply(*next, verdict.attempt);
    co_return next->state == State::running;
}

/// Somebody has given the attempt up for lost meanwhile; its answer is still the truth.
asio::awaitable<void> OperationRun::tell_late(const Event& event, storage::Finish finish) {
    const auto found = co_await tools_.desk.store().find(record_.id, patience());
    if (!found || !*found || (*found)->tried != finish.attempt) co_return;
    Event late = event;
    late.kind = Event::Kind::late_answer;
    const auto next = operations::transition(operations::facts_of(**found), late, store_now(), rules());
    if (!next) co_return;
    finish.ended.mark = to_string(next->attempt);
    finish.state = next->state;
    finish.stage = next->stage;
    finish.why = to_string(next->why);
    finish.due = next->due;
    finish.keep_lease = false;
    finish.counts_attempt = finish.counts_not_found = false;
    finish.unknown = next->unknown;
    finish.inferred = next->inferred;
    finish.executed = to_string(next->executed);
    finish.unblock = next->unblock;
    finish.unblock_due = next->unblock_due;
    finish.callback = next->callback;
    const auto done = co_await tools_.desk.store().finish_late(std::move(finish), patience());
    if (done && *done) {
        tools_.log.event(observe::Level::info, "operation_late_answer",
                         {{"operation", record_.id}, {"state", to_string(next->state)}});
        if (next->unblock) tools_.due(record_.portal, next->unblock_due);
        if (next->callback) tools_.callback_due();
    }
}

/// The record as the store has it now.
void OperationRun::apply(const Transition& next, unsigned attempt) {
    record_.state = next.state;
    record_.stage = next.stage;
    record_.why = to_string(next.why);
    record_.due = next.due;
    record_.unknown = next.unknown;
    record_.attempts += next.counts_attempt ? 1 : 0;
    record_.not_found += next.counts_not_found ? 1 : 0;
    if (attempt != 0) record_.tried = attempt;
    refreshes_ += next.refresh ? 1 : 0;
    alone_ = next.state == State::running && !next.refresh;
}

void OperationRun::ended(const Transition& next, const Verdict& verdict) {
    if (next.state == State::queued || next.state == State::waiting) {
        if (next.due != storage::never) tools_.due(record_.portal, next.due);
    }
    if (next.unblock) tools_.due(record_.portal, next.unblock_due);
    if (next.callback && record_.has_callback) tools_.callback_due();
    if (next.state == State::running) return;
    const bool stuck = next.state == State::held || next.state == State::dead;
    const bool over = stuck || storage::is_final(next.state);
    if (over) {
        tools_.metrics.operations_ended.with({record_.portal, std::string(to_string(next.state))}).add();
        if (prepared_) {
            prepared_->portal->metrics->call(verdict.error_class, verdict.code, Clock::now() - began_);
            if (next.state == State::succeeded) prepared_->portal->metrics->success_at(core::unix_seconds());
        }
    }
    const observe::Level level = stuck                         ? observe::Level::error
                                 : next.state == State::failed ? observe::Level::warn
                                                               : observe::Level::info;
    tools_.log.event(level, over ? "operation_ended" : "operation_waits",
                     {{"operation", record_.id},
                      {"client", record_.client},
                      {"portal", record_.portal},
                      {"method", record_.method},
                      {"state", to_string(next.state)},
                      {"why", to_string(next.why)},
                      {"attempt", verdict.attempt},
                      {"class", verdict.attempt != 0 ? to_string(verdict.error_class) : std::string_view()},
                      {"error", verdict.code},
                      {"executed", to_string(next.executed)},
                      {"due_in_ms", next.due > 0 && next.due != storage::never ? next.due - store_now() : 0}});
}

}  // namespace b24gate::gateway
