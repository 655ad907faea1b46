#include <b24gate/gateway/call_run.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/inflate.hpp>
#include <b24gate/core/random.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/gateway/batch.hpp>
#include <b24gate/gateway/outgoing.hpp>
#include <b24gate/gateway/rename.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/server/request_id.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::ErrorClass;
using bitrix::GatewayCode;
using core::Clock;
using core::TimePoint;
using upstream::Decision;

/// How often a client's batch is sent again for the commands that were refused for want of budget.
constexpr int max_mends = 8;
/// What of a packed body is looked at: far above any answer that is held whole.
constexpr std::size_t unpack_limit = 8 * 1024 * 1024;
/// The answer to a batch has to be held whole, because its entries are annotated, and that to an operation, because it
/// is kept; others stream from here on.
constexpr std::size_t whole_buffer_limit = 8 * 1024 * 1024;
constexpr std::size_t buffer_limit = 512 * 1024;

/// The client's own key, or for a v3 write one of ours: with it the portal carries a repeat out once (reference 2.7).
std::string idempotency_key_for(const CallOrder& order, bool writes) {
    if (order.call.api != bitrix::Api::v3 || !writes || order.call.kind != bitrix::CallKind::method) return {};
    if (!order.idempotency_key.empty()) return std::string(order.idempotency_key);
    const std::string_view own = order.request.field("Idempotency-Key");
    return own.empty() ? server::request_id({}) : std::string(own);
}

}  // namespace

CallRun::CallRun(const CallOrder& order, bool mends)
    : order_(order),
      mends_(mends),
      call_(order.call),
      portal_(*order.portal.portal),
      credential_(order.portal.live(order.credential)) {
    report_.facts.api = call_.api;
    report_.facts.portal = order.portal.config->name;
    report_.facts.method = call_.method;
    report_.facts.request_id = order.request.id;
    report_.raw = call_.kind == bitrix::CallKind::download || order.portal.methods.file_answer(call_.method_lower);
    // v2 has no idempotency keys, so its common case, success, never has to ask what the method does.
    if (call_.api == bitrix::Api::v3) {
        ask_about_method();
        report_.idempotency_key = idempotency_key_for(order, writes_);
    }
}

asio::awaitable<CallReport> CallRun::run() {
    // A call that cannot be sent before its token is renewed takes neither budget nor a place meanwhile.
    std::optional<Turn> turn;
    if (token_ready() || co_await have_token()) {
        turn = submit();
        if (!turn) turn = co_await wait_for_turn();
    }
    while (turn && granted(*turn)) {
        if (auto* carried = std::get_if<std::shared_ptr<CarriedAnswer>>(&*turn)) {
            // It has travelled with others; unless that has brought it an answer, it waits again where it stood.
            const std::shared_ptr<CarriedAnswer> ride = std::move(*carried);
            if (take_carried(*ride)) {
                const Decision decision = decide();
                if (!report_.outcome.ok()) log_attempt(decision);
                portal_.record(id_, admission::Feedback{});
                if (order_.ledger || decision.kind != Decision::Kind::retry || !co_await wait_until(decision.at)) break;
            } else if (token_ready()) {
                turn = co_await admit_again(admission::Feedback{});
                continue;
            } else {
                portal_.record(id_, admission::Feedback{});
            }
        } else if (!token_ready()) {  // it has expired while the call waited for its turn
            give_back();
        } else if (order_.ledger && !co_await written_down()) {
            give_back();
            break;
        } else {
            co_await exchange();
            judge();
            const Decision decision = decide();
            if (!report_.outcome.ok()) log_attempt(decision);
            if (order_.ledger) {
                portal_.record(id_, feedback());
                co_await learn_about_expiry(decision.kind == Decision::Kind::refresh);
                learn_about_credential();
                break;
            }
            if (decision.kind == Decision::Kind::requeue) {
                turn = co_await admit_again(feedback());
                continue;
            }
            if (decision.kind == Decision::Kind::refresh) {
                turn = co_await refresh_and_go_on();
                continue;
            }
            portal_.record(id_, feedback());
            learn_about_credential();
            if (decision.kind != Decision::Kind::retry || !co_await wait_until(decision.at)) break;
        }
        if (!token_ready() && !co_await have_token()) break;
        turn = submit();
        if (!turn) turn = co_await wait_for_turn();
    }
    if (call_.is_batch && mends_ && !order_.ledger && report_.outcome.ok() && !report_.exchange.rest) {
        if (auto mend = bitrix::BatchMend::look(call_, report_.body())) co_await mend_batch(std::move(*mend));
    }
    report_.facts.attempts = report_.attempts;
    co_return std::move(report_);
}

/// Commands of a client's batch that were refused for want of budget go again as a smaller one, as long as the deadline
/// allows.
asio::awaitable<void> CallRun::mend_batch(bitrix::BatchMend mend) {
    for (int round = 0; round < max_mends && !mend.done(); ++round) {
        const bitrix::Call rest = mend.rest();
        const CallOrder order{order_.worker,  order_.snapshot, order_.log,    order_.request,    order_.connection,
                              rest,           order_.client,   order_.portal, order_.credential, order_.priority,
                              order_.deadline};
        CallRun run(order, false);
        const CallReport answer = co_await run.run();
        report_.attempts += answer.attempts;
        report_.hits += answer.hits;
        report_.waited += answer.waited;
        report_.upstream += answer.upstream;
        report_.hung_up = report_.hung_up || answer.hung_up;
        if (answer.outcome.ok() && !answer.exchange.rest && mend.merge(answer.body())) continue;
        if (answer.outcome.executed != bitrix::Executed::no) mend.lose();
        break;
    }
    report_.exchange.body = mend.body();
    report_.unpacked = false;
    std::erase_if(report_.exchange.fields,
                  [](const net::Field& field) { return core::iequals(field.name, "content-encoding"); });
}

Decision CallRun::decide() const {
    const upstream::RetryFacts facts{.repeat_is_safe = report_.facts.repeat_is_safe || keyed_,
                                     .rules = order_.snapshot.config->retry,
                                     .deadline = order_.deadline,
                                     .now = Clock::now(),
                                     .random = core::random_fraction(),
                                     .has_tokens = credential_ != nullptr && credential_->oauth(),
                                     .refreshed = refreshed_,
                                     .reused_connection = report_.exchange.reused};
    return upstream::decide(report_.outcome, failures_, facts);
}

/// Whether there is something to send the call with. A plain function, for that is how it nearly always is.
bool CallRun::token_ready() {
    if (credential_ == nullptr) return true;
    tokens::Credential::Look look = credential_->look(Clock::now());
    const bool usable = look.state == tokens::Credential::State::usable ||
                        (look.state == tokens::Credential::State::expiring && make_do_);
    if (usable) report_.token = std::move(look.token);
    return usable;
}

/// Waits until there is. False: the outcome says why not.
asio::awaitable<bool> CallRun::have_token() {
    while (!token_ready()) {
        const tokens::Credential::Look look = credential_->look(Clock::now());
        if (look.state == tokens::Credential::State::needs_reauth) {
            refuse(tokens::reauth_required(*credential_, look.reason));
            co_return false;
        }
        if (!look.token) continue;  // it has been replaced between the two looks
        const auto refreshed =
            co_await order_.worker.keeper.refresh(live(), look.token->version, order_.worker.worker, order_.deadline);
        if (refreshed.token) continue;
        // A refresh ahead of time that fails leaves a token that is still good.
        make_do_ = true;
        if (token_ready()) co_return true;
        refuse(refreshed.failure);
        report_.facts.retry_after = refreshed.retry_after;
        if (report_.outcome.executed != bitrix::Executed::no) co_return false;
        ++failures_;
        const Decision decision = decide();
        if (decision.kind != Decision::Kind::retry) co_return false;
        const core::Duration pause = refreshed.retry_after.value_or(std::chrono::milliseconds(0));
        const TimePoint again = std::max(decision.at, Clock::now() + pause);
        if (order_.deadline.passed(again) || !co_await wait_until(again)) co_return false;
    }
    co_return true;
}

/// The portal has refused the token of this attempt. It keeps its slot, so that it is the first to go on.
asio::awaitable<std::optional<Turn>> CallRun::refresh_and_go_on() {
    const admission::Feedback told = feedback();
    const std::int64_t seen = report_.token->version;
    const bool nameless = call_.api == bitrix::Api::v3;
    if (nameless) {
        // Its own slot first: the question needs one as well.
        portal_.record(id_, told);
        if (credential_->version() == seen && !co_await ask_for_the_name()) co_return std::nullopt;
    }
    refreshed_ = true;
    // Who comes meanwhile waits, and spends no hit on being told the same.
    if (report_.outcome.error_class == ErrorClass::auth_expired) credential_->expired(seen, Clock::now());
    const auto refreshed = co_await order_.worker.keeper.refresh(live(), seen, order_.worker.worker, order_.deadline);
    if (!refreshed.token) {
        if (!nameless) portal_.record(id_, told);
        refuse(refreshed.failure);
        report_.facts.retry_after = refreshed.retry_after;
        co_return std::nullopt;
    }
    report_.token = refreshed.token;
    std::optional<Turn> turn;
    if (!nameless) {
        turn = co_await admit_again(told);
        // In observe mode the budget sends nothing again; this was not refused for the budget.
        const auto* refused = std::get_if<admission::Refused>(&*turn);
        if (refused == nullptr || refused->reason != admission::RefusalReason::observing) co_return turn;
    }
    turn = submit();
    if (!turn) turn = co_await wait_for_turn();
    co_return turn;
}

/// v3 says 401 to everything that is wrong with a token; v2 has names for it (reference 3.5). True: an expired token,
/// or nothing that v2 could name before the token was renewed.
asio::awaitable<bool> CallRun::ask_for_the_name() {
    bitrix::Call question;
    question.method = question.method_lower = "server.time";
    const CallOrder order{order_.worker,     order_.snapshot, order_.log,     order_.request,
                          order_.connection, question,        order_.client,  order_.portal,
                          order_.credential, order_.priority, order_.deadline};
    CallRun run(order);
    const CallReport answer = co_await run.run();
    report_.hits += answer.hits;
    if (answer.token && answer.token->version > report_.token->version) co_return true;
    if (answer.outcome.error_class == ErrorClass::auth_expired) co_return true;
    if (answer.outcome.ok()) {
        // The token is good: v3 refuses something else by this answer.
        report_.outcome.error_class = ErrorClass::permission;
    } else if (answer.outcome.origin == bitrix::Origin::portal) {
        report_.outcome.error_class = answer.outcome.error_class;
        report_.outcome.description += " (" + answer.outcome.code + ": " + answer.outcome.description + ")";
    }
    co_return false;
}

/// What the portal thinks of the credential, so that the next call need not ask.
void CallRun::learn_about_credential() {
    if (credential_ == nullptr || report_.exchange.transport != bitrix::Transport::replied) return;
    if (report_.outcome.ok()) credential_->accepted();
    if (report_.outcome.error_class != ErrorClass::auth_invalid || report_.outcome.origin != bitrix::Origin::portal)
        return;
    // What has no code came from something in front of the portal.
    if (!report_.outcome.has_code) return;
    const std::int64_t version = report_.token ? report_.token->version : 0;
    order_.worker.keeper.refused(live(), version, report_.outcome.code);
}

/// An operation's next attempt finds a token that is expired, and renews it.
asio::awaitable<void> CallRun::learn_about_expiry(bool refused) {
    if (!refused) co_return;
    const bool nameless = call_.api == bitrix::Api::v3;
    if (nameless && !co_await ask_for_the_name()) co_return;
    credential_->expired(report_.token->version, Clock::now());
}

asio::awaitable<bool> CallRun::written_down() {
    std::vector<std::shared_ptr<AttemptLedger>> departing{order_.ledger};
    const std::vector<bool> may_leave = co_await write_down(std::move(departing), std::string());
    if (!may_leave.front()) refuse(GatewayCode::store, "the attempt could not be written down, so it was not made");
    co_return may_leave.front();
}

/// A turn that cannot be used.
void CallRun::give_back() {
    admission::Feedback unused;
    unused.error_class = ErrorClass::gateway;
    unused.hit_sent = false;
    portal_.record(id_, unused);
}

asio::awaitable<std::optional<Turn>> CallRun::admit_again(admission::Feedback told) {
    const TimePoint before = Clock::now();
    Turn turn = co_await portal_.admit_again(order_.worker.worker, order_.connection, id_, std::move(told),
                                             order_.deadline, passenger_);
    report_.waited += Clock::now() - before;
    co_return std::optional<Turn>(std::move(turn));
}

std::shared_ptr<tokens::Credential> CallRun::live() const {
    return order_.portal.credentials.find(order_.credential)->second;
}

/// What the method does decides nothing as long as all goes well.
void CallRun::ask_about_method() {
    if (asked_) return;
    asked_ = true;
    writes_ = writes(call_, order_.portal.methods);
    report_.facts.repeat_is_safe =
        call_.kind == bitrix::CallKind::download ||
        (call_.kind == bitrix::CallKind::method && repeat_is_safe(call_, order_.portal.methods));
}

/// Straight through, or a place in the queue to wait for.
std::optional<Turn> CallRun::submit() {
    admission::Submission submission;
    submission.id = id_ = Portal::next_id();
    submission.client = order_.client.name;
    submission.priority = order_.priority;
    submission.weight = order_.client.weight;
    submission.deadline = order_.deadline;
    submission.credential = Snapshot::credential_name(*order_.portal.config, order_.credential);
    submission.method = call_.method_lower;
    if (call_.is_batch) submission.inner = inner_methods(call_);
    std::optional<Turn> turn = portal_.submit(order_.worker.worker, std::move(submission), place_);
    if (!turn && failures_ == 0) board();
    return turn;
}

/// Only a call that has to wait looks whether it could travel with others.
void CallRun::board() {
    const config::Portal& portal = *order_.portal.config;
    if (!portal.coalesce.enabled || !order_.client.coalesce || order_.credential == nullptr) return;
    if (order_.request.method == "HEAD" || core::iequals(order_.request.field("X-B24-Coalesce"), "off")) return;
    // Only a call of its own can carry it.
    if (const auto language = order_.request.field("Accept-Language"); !language.empty() && language != "*") {
        order_.portal.metrics->kept_out("language");
        return;
    }
    const bool writes_too =
        std::any_of(portal.coalesce.writes.begin(), portal.coalesce.writes.end(),
                    [&](const std::string& glob) { return core::glob_match(glob, call_.method_lower); });
    auto command = bitrix::encode_command(call_, order_.portal.methods, writes_too);
    if (!command) {
        order_.portal.metrics->kept_out(to_string(command.error()));
        return;
    }
    auto passenger = std::make_shared<Passenger>();
    passenger->command = std::move(*command);
    passenger->method_lower = call_.method_lower;
    passenger->client = order_.client.name;
    passenger->worker = &order_.worker;
    passenger->snapshot = order_.snapshot.shared_from_this();
    passenger->portal = &order_.portal;
    passenger->credential = order_.credential;
    passenger->log = &order_.log;
    passenger->deadline = order_.deadline;
    if (order_.ledger) passenger->deadline.at += portal.timeout;
    passenger->departure = order_.departure;
    passenger->ledger = order_.ledger;
    passenger_ = passenger;
    portal_.board(id_, std::move(passenger));
}

/// True: the ride has brought an answer, or the verdict that there will be none.
bool CallRun::take_carried(CarriedAnswer& carried) {
    if (carried.sent || carried.written_down) ++report_.attempts;
    last_exchange_ = carried.took;
    report_.upstream += carried.took;
    report_.waited -= std::min(report_.waited, carried.took);
    // One new token a call: it may be something else that the portal does not like.
    if (carried.end == CarriedAnswer::End::alone || (carried.renewed && refreshed_)) passenger_.reset();
    refreshed_ = refreshed_ || carried.renewed;
    const bool answered = carried.end == CarriedAnswer::End::answered;
    // An attempt that was written down has to end before there is another one.
    report_.set_down = carried.written_down && carried.end == CarriedAnswer::End::alone;
    if (!answered && !carried.written_down) return false;
    ask_about_method();
    report_.batched = carried.aboard;
    report_.outcome = std::move(carried.outcome);
    report_.exchange = std::move(carried.exchange);
    report_.unpacked = false;
    report_.token = std::move(carried.token);
    report_.target = std::move(carried.target);
    const ErrorClass error_class = report_.outcome.error_class;
    if (error_class == ErrorClass::server || error_class == ErrorClass::network || error_class == ErrorClass::timeout)
        ++failures_;
    return true;
}

asio::awaitable<Turn> CallRun::wait_for_turn() {
    const TimePoint before = Clock::now();
    Turn turn = co_await portal_.wait_for_turn(order_.worker.worker, order_.connection, id_, order_.deadline,
                                               std::move(place_));
    report_.waited += Clock::now() - before;
    co_return turn;
}

/// True: it may be sent now. Otherwise the reason is the outcome, unless the portal has said something worse before.
bool CallRun::granted(Turn& turn) {
    if (const auto* granted = std::get_if<admission::Granted>(&turn)) {
        report_.would_wait += granted->would_wait;
        report_.would_refuse = report_.would_refuse || granted->would_refuse;
        return true;
    }
    if (std::holds_alternative<std::shared_ptr<CarriedAnswer>>(turn)) return true;
    if (std::holds_alternative<Overdue>(turn)) {
        portal_.abandon(id_);
        ++report_.attempts;
        ask_about_method();
        bitrix::Outcome outcome;
        outcome.error_class = ErrorClass::timeout;
        outcome.executed = writes_ ? bitrix::Executed::unknown : bitrix::Executed::no;
        outcome.origin = bitrix::Origin::gateway;
        outcome.code = to_string(GatewayCode::deadline);
        outcome.description = "the deadline passed while the call was under way in a batch";
        refuse(std::move(outcome));
    } else if (std::holds_alternative<HungUp>(turn)) {
        report_.hung_up = true;
        refuse(GatewayCode::deadline, "the caller has hung up");
    } else if (std::holds_alternative<Expired>(turn)) {
        refuse(GatewayCode::deadline, "the deadline passed while the call waited for the portal's budget");
    } else if (std::holds_alternative<Draining>(turn)) {
        refuse(GatewayCode::draining, "this gateway is shutting down; send it to another one");
    } else if (std::holds_alternative<Paused>(turn)) {
        refuse(GatewayCode::paused, "the portal is paused by an operator");
    } else {
        refuse(std::get<admission::Refused>(turn));
    }
    return false;
}

asio::awaitable<void> CallRun::exchange() {
    ++report_.attempts;
    if (order_.departure) order_.departure->departs();
    const TimePoint before = Clock::now();
    for (int renames = 0; renames <= max_renames; ++renames) {
        Portal::Location location;
        upstream::HttpsClient& client = order_.worker.client(order_.portal, location);
        report_.target = location.target;
        co_await exchange_at(location.target, client);
        if (!is_redirect(report_.exchange)) break;
        const OutgoingFacts facts = outgoing_facts(location.target);
        if (!follow_rename(portal_, *order_.portal.config, order_.log, location.target, report_.exchange,
                           outgoing_target(facts)))
            break;
    }
    last_exchange_ = Clock::now() - before;
    report_.upstream += last_exchange_;
}

OutgoingFacts CallRun::outgoing_facts(const upstream::Target& target) const {
    return {call_,
            order_.credential,
            target,
            order_.request.fields,
            report_.idempotency_key,
            report_.token ? &report_.token->access : nullptr};
}

asio::awaitable<void> CallRun::exchange_at(const upstream::Target& target, upstream::HttpsClient& client) {
    const OutgoingFacts facts = outgoing_facts(target);
    upstream::OutgoingRequest request;
    Outgoing message = outgoing_message(facts, outgoing_target(facts));
    request.head = std::move(message.head);
    request.body = message.body;
    const TimePoint now = Clock::now();
    request.deadline = order_.ledger ? now + order_.portal.config->timeout
                                     : order_.deadline.within(now, order_.portal.config->timeout).at;
    request.read_timeout = order_.portal.config->timeout;
    // After a kept-alive connection that was dead, not another one that may be dead as well.
    request.fresh = report_.exchange.reused && report_.exchange.transport != bitrix::Transport::replied;
    request.buffer_limit = call_.is_batch || order_.whole ? whole_buffer_limit : buffer_limit;
    report_.exchange = co_await client.send(std::move(request));
    if (report_.exchange.transport != bitrix::Transport::not_sent) ++report_.hits;
}

void CallRun::judge() {
    const upstream::Exchange& exchange = report_.exchange;
    in_doubt_ = in_doubt_ || (report_.attempts > 1 && report_.outcome.executed == bitrix::Executed::unknown);
    report_.unpacked = false;
    report_.plain_body.clear();
    bitrix::WireAnswer answer;
    answer.transport = exchange.transport;
    answer.transport_error = exchange.error;
    answer.status = exchange.status;
    answer.content_type = exchange.field("content-type");
    answer.location = exchange.field("location");
    answer.retry_after = exchange.field("retry-after");
    answer.body_complete = exchange.rest == nullptr;
    if (!exchange.field("content-encoding").empty()) {
        if (auto plain = core::inflate(exchange.body, unpack_limit)) {
            report_.plain_body = std::move(plain->text);
            report_.unpacked = true;
            answer.body_complete = answer.body_complete && plain->complete;
        }
    }
    answer.body = report_.body();
    bitrix::CallFacts facts;
    facts.api = call_.api;
    facts.method = call_.method_lower;
    facts.writes = writes_;
    facts.raw_answer = report_.raw || call_.kind == bitrix::CallKind::upload || call_.suffix == bitrix::Suffix::xml;
    report_.outcome = bitrix::classify(answer, facts);
    if (!report_.outcome.ok() && !asked_) {
        ask_about_method();
        facts.writes = writes_;
        report_.outcome = bitrix::classify(answer, facts);
    }
    const ErrorClass error_class = report_.outcome.error_class;
    // What is not there (any more) may be what the first attempt has deleted.
    if (in_doubt_ && writes_ && error_class == ErrorClass::not_found)
        report_.outcome.executed = bitrix::Executed::unknown;
    if (error_class == ErrorClass::server || error_class == ErrorClass::network || error_class == ErrorClass::timeout)
        ++failures_;
    if (!report_.idempotency_key.empty() && !exchange.field("idempotency-key").empty() &&
        portal_.keeps_idempotency_keys())
        portal_.tell_keyed();
    // Under its key the gateway may repeat the call. The caller may only if the key is its own: with the next request
    // it would get another of ours.
    // Not after a timeout: the first attempt may still run, and two at once may both be carried out (reference 2.7).
    keyed_ = !report_.idempotency_key.empty() && portal_.has_idempotency_keys() &&
             report_.outcome.error_class != ErrorClass::timeout;
    if (keyed_ && !order_.request.field("Idempotency-Key").empty()) report_.facts.repeat_is_safe = true;
    if (report_.outcome.description.empty() && !exchange.detail.empty()) report_.outcome.description = exchange.detail;
    order_.portal.metrics->attempt(error_class, last_exchange_);
}

admission::Feedback CallRun::feedback() const {
    admission::Feedback feedback;
    feedback.error_class = report_.outcome.error_class;
    feedback.hit_sent = report_.exchange.transport != bitrix::Transport::not_sent;
    feedback.coded = report_.outcome.has_code;
    feedback.timing = report_.outcome.timing;
    feedback.latency = last_exchange_;
    feedback.unix_now = core::unix_seconds();
    if (call_.is_batch && call_.api == bitrix::Api::v2 && report_.outcome.ok())
        feedback.inner = inner_feedback(call_, report_.body());
    return feedback;
}

/// False: the caller hung up meanwhile; the outcome stays what it was.
asio::awaitable<bool> CallRun::wait_until(TimePoint moment) {
    net::Sleep sleep(order_.worker.worker, moment);
    order_.connection.watch_hangup([&sleep] { sleep.end(); });
    const bool due = co_await sleep.wait();
    order_.connection.unwatch_hangup();
    report_.hung_up = !due;
    co_return due;
}

void CallRun::log_attempt(const Decision& decision) {
    report_.failed.push_back({report_.exchange.status, report_.outcome.error_class, report_.outcome.executed,
                              report_.outcome.code, last_exchange_, std::chrono::system_clock::now()});
    if (!order_.log.enabled(observe::Level::info)) return;
    using Next = observe::AttemptRecord::Next;
    observe::AttemptRecord record;
    record.time = std::chrono::system_clock::now();
    record.request_id = order_.request.id;
    record.client = order_.client.name;
    record.portal = order_.portal.config->name;
    record.method = call_.method;
    record.attempt = report_.attempts;
    record.status = report_.exchange.status;
    record.error_class = report_.outcome.error_class;
    record.executed = report_.outcome.executed;
    record.error = report_.outcome.code;
    record.message = report_.exchange.detail.empty() ? report_.outcome.description : report_.exchange.detail;
    record.duration = std::chrono::duration_cast<std::chrono::microseconds>(last_exchange_);
    switch (decision.kind) {
        case Decision::Kind::stop: record.next = Next::stop; break;
        case Decision::Kind::requeue: record.next = Next::requeue; break;
        case Decision::Kind::refresh: record.next = Next::refresh; break;
        case Decision::Kind::retry:
            record.next = Next::retry;
            record.retry_in = std::chrono::duration_cast<std::chrono::milliseconds>(decision.at - Clock::now());
            break;
    }
    order_.log.attempt(record);
}

void CallRun::refuse(GatewayCode code, std::string description) {
    refuse(bitrix::refusal(code, std::move(description)));
}

void CallRun::refuse(bitrix::Outcome outcome) {
    // An attempt whose outcome is unknown stays that, whatever keeps the next one from being made.
    if (report_.attempts != 0 && report_.outcome.executed == bitrix::Executed::unknown) return;
    report_.outcome = std::move(outcome);
    report_.exchange = upstream::Exchange{};
}

void CallRun::refuse(const admission::Refused& refused) {
    using Reason = admission::RefusalReason;
    if (refused.reason == Reason::observing) return;  // the portal's verdict is the answer
    report_.facts.retry_after = std::chrono::duration_cast<std::chrono::milliseconds>(refused.retry_after);
    switch (refused.reason) {
        case Reason::queue_full:
        case Reason::client_queue_full: refuse(GatewayCode::queue_full, refused.detail); break;
        case Reason::deadline:
        case Reason::operating:
        case Reason::duplicate_id: refuse(GatewayCode::deadline, refused.detail); break;
        case Reason::observing: break;
        case Reason::breaker_open: {
            // The portal's own last word, given without asking it again.
            bitrix::Outcome outcome;
            outcome.error_class = ErrorClass::overload;
            outcome.executed = bitrix::Executed::no;
            outcome.origin = bitrix::Origin::gateway;
            outcome.code = "OVERLOAD_LIMIT";
            outcome.description = refused.detail;
            refuse(std::move(outcome));
            break;
        }
    }
}

}  // namespace b24gate::gateway
