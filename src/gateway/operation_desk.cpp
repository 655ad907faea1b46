#include <b24gate/gateway/operation_desk.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <b24gate/core/random.hpp>
#include <b24gate/gateway/kept_answer.hpp>
#include <b24gate/gateway/kept_request.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/operations/callback_url.hpp>
#include <b24gate/operations/proof.hpp>
#include <b24gate/operations/state_machine.hpp>
#include <b24gate/tokens/lease_owner.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::ErrorClass;
using bitrix::Executed;
using bitrix::GatewayCode;
using bitrix::Outcome;
using core::Clock;
using storage::HandedOver;
using storage::UnixMs;
using Kind = storage::KeyVerdict::Kind;

/// For one question to the store.
constexpr auto store_patience = std::chrono::seconds(5);
/// A commit in doubt is asked about so often.
constexpr int most_tries = 5;
constexpr auto between_tries = std::chrono::milliseconds(200);
/// How often a twin looks whether the first one has its answer.
constexpr auto first_look = std::chrono::milliseconds(50), latest_look = std::chrono::milliseconds(500);
/// How long an Idempotency-Key holds (product contract section 6).
constexpr std::int64_t key_lifetime_ms = 86'400'000;
/// A gateway that has given no sign of life for so long is dead.
constexpr std::int64_t dead_after_ms = 12'000;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

Outcome no_store(std::string_view why) {
    return bitrix::refusal(GatewayCode::store, fmt::format("calls cannot be kept now: {}", why));
}

asio::awaitable<void> pause(WorkerState& worker, core::Duration how_long) {
    net::Sleep sleep(worker.worker, Clock::now() + how_long);
    static_cast<void>(co_await sleep.wait());
}

/// What makes two requests the same under one Idempotency-Key.
std::string hash_of_request(const operations::OperationVault& vault, const CallOrder& order) {
    const bitrix::Call& call = order.call;
    return vault.request_hash({order.portal.config->name, call.api == bitrix::Api::v3 ? "3" : "2", call.method_lower,
                               call.query, order.request.field("Content-Type"), call.body()});
}

UnixMs unix_ms_of(std::chrono::system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

/// A failure in front of the portal, with nothing sent: the call waits like one that was handed over at once.
bool never_left(const Outcome& outcome) {
    if (outcome.error_class != ErrorClass::gateway || outcome.executed != Executed::no) return false;
    for (const GatewayCode code : {GatewayCode::queue_full, GatewayCode::deadline, GatewayCode::paused,
                                   GatewayCode::draining, GatewayCode::reauth_required})
        if (outcome.code == to_string(code)) return true;
    return false;
}

operations::Decision taken_over(const CallOrder& order, const CallReport& failed, operations::Facts facts, UnixMs now) {
    operations::Event event;
    event.kind = operations::Event::Kind::answer;
    event.error_class = failed.outcome.error_class;
    event.executed = failed.outcome.executed;
    event.random = core::random_fraction();
    event.key_honoured = order.portal.portal->has_idempotency_keys();
    if (failed.facts.retry_after) event.not_before = now + failed.facts.retry_after->count();
    return operations::take_over(facts, event, now, operations::rules_of(order.snapshot.config->operations));
}

operations::Facts facts_of(const CallOrder& order, const CallReport& failed, UnixMs now) {
    operations::Facts facts;
    facts.kind = operations::kind_of(order.call, order.portal.methods);
    facts.updates = operations::is_update(order.call.method);
    facts.deletes = operations::is_delete(order.call.method);
    facts.begun = now;
    for (const FailedAttempt& attempt : failed.failed) {
        const bool counts = attempt.error_class == ErrorClass::server || attempt.error_class == ErrorClass::network ||
                            attempt.error_class == ErrorClass::timeout;
        if (counts && &attempt != &failed.failed.back()) ++facts.attempts;
    }
    if (failed.exchange.transport != bitrix::Transport::not_sent && !failed.failed.empty())
        facts.intent = now - core::to_ms(failed.failed.back().took);
    return facts;
}

/// What was tried before the hand-over.
std::vector<storage::AttemptRecord> history_of(const CallReport& failed, const std::string& instance,
                                               std::string_view credential) {
    std::vector<storage::AttemptRecord> out;
    for (const FailedAttempt& attempt : failed.failed) {
        storage::AttemptRecord record;
        record.number = static_cast<unsigned>(out.size()) + 1;
        record.gateway = instance;
        record.ended = unix_ms_of(attempt.ended);
        record.duration_ms = core::to_ms(attempt.took);
        record.intent = record.ended - record.duration_ms;
        record.mark = to_string(attempt.executed == Executed::unknown ? operations::AttemptMark::unknown
                                                                      : operations::AttemptMark::answered);
        record.status = attempt.status;
        record.error_class = to_string(attempt.error_class);
        record.code = attempt.code;
        record.executed = to_string(attempt.executed);
        record.request_id = failed.facts.request_id;
        record.credential = credential;
        out.push_back(std::move(record));
    }
    return out;
}

}  // namespace

OperationDesk::OperationDesk(storage::Store& store, observe::Log& log, observe::GateMetrics& metrics,
                             std::string instance)
    : store_(store.operations()), log_(log), metrics_(metrics), instance_(std::move(instance)) {}

void OperationDesk::use(std::shared_ptr<const config::Config> config) {
    auto vault = std::make_shared<const operations::OperationVault>(
        core::KeyRing(config->store.encryption_key, config->store.old_encryption_keys));
    const std::lock_guard lock(mutex_);
    config_ = std::move(config);
    vault_ = std::move(vault);
}

void OperationDesk::looked(const std::vector<storage::OperationCount>& counts, bool room_on_disk) {
    room_on_disk_ = room_on_disk;
    const std::lock_guard lock(mutex_);
    unfinished_.clear();
    unfinished_in_all_ = 0;
    for (const storage::OperationCount& each : counts) {
        if (storage::is_final(each.state)) continue;
        const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, each.count));
        unfinished_[each.client] += count;
        unfinished_in_all_ += count;
    }
}

std::shared_ptr<const operations::OperationVault> OperationDesk::vault() const {
    const std::lock_guard lock(mutex_);
    return vault_;
}

std::shared_ptr<const config::Config> OperationDesk::config() const {
    const std::lock_guard lock(mutex_);
    return config_;
}

void OperationDesk::count(const std::string& client) {
    const std::lock_guard lock(mutex_);
    ++unfinished_[client];
    ++unfinished_in_all_;
}

std::optional<Outcome> OperationDesk::refused(const CallOrder& order, const config::Operations& rules) const {
    if (order.call.body().size() > rules.max_body)
        return bitrix::refusal(GatewayCode::body_too_large,
                               fmt::format("the body is above the {} bytes that are kept of a call ([operations] "
                                           "max_body); send it without respond-async",
                                           rules.max_body));
    if (!room_on_disk_) return no_store("there is little space left on the store's disk ([operations] min_free_disk)");
    const std::lock_guard lock(mutex_);
    if (unfinished_in_all_ >= rules.max_queued)
        return bitrix::refusal(
            GatewayCode::queue_full,
            fmt::format("{} operations have not ended yet ([operations] max_queued)", unfinished_in_all_));
    const auto mine = unfinished_.find(order.client.name);
    if (mine != unfinished_.end() && mine->second >= rules.max_queued_per_client)
        return bitrix::refusal(GatewayCode::queue_full,
                               fmt::format("{} operations of this client have not ended yet ([operations] "
                                           "max_queued_per_client)",
                                           mine->second));
    return std::nullopt;
}

bool OperationDesk::is_passing(const CallOrder& order, const CallReport& failed) {
    if (failed.outcome.ok() || failed.hung_up) return false;
    if (never_left(failed.outcome)) return true;
    const UnixMs now = core::unix_ms();
    return taken_over(order, failed, facts_of(order, failed, now), now).has_value();
}

asio::awaitable<OperationDesk::HandOverVerdict> OperationDesk::hand_over(const CallOrder& order,
                                                                         const OperationWish& wish, std::string id,
                                                                         const CallReport* failed,
                                                                         std::string key_holder) {
    const std::shared_ptr<const config::Config> config = this->config();
    const config::Operations& rules = config->operations;
    const std::shared_ptr<const operations::OperationVault> vault = this->vault();
    const std::string_view portal = order.portal.config->name;
    const auto refuse = [&](Outcome outcome) {
        // A portal may have any number of codes.
        metrics_.operations_refused.with({outcome.error_class == ErrorClass::gateway ? outcome.code : "other"}).add();
        return HandOverVerdict(std::move(outcome));
    };
    if (!vault->usable())
        co_return refuse(no_store("the gateway has no [store] encryption_key; `b24gate keygen --store` makes one"));
    if (auto no = refused(order, rules)) co_return refuse(*std::move(no));

    storage::HandOver call;
    call.id = id;
    call.client = order.client.name;
    call.portal = portal;
    call.credential = Snapshot::credential_name(*order.portal.config, order.credential);
    call.method = order.call.method;
    call.api = order.call.api == bitrix::Api::v3 ? 3 : 2;
    call.kind = operations::kind_of(order.call, order.portal.methods);
    const bool asked = !order.request.field("X-B24-Priority").empty();
    call.priority = static_cast<int>(asked ? order.priority : config::Priority::bulk);
    call.not_before = wish.not_before;
    if (!wish.order_key.empty()) call.order = vault->order_hash(call.client, portal, wish.order_key);
    if (!wish.idempotency_key.empty()) {
        call.key = vault->key_hash(call.client, wish.idempotency_key);
        call.request = hash_of_request(*vault, order);
        call.key_holder = std::move(key_holder);
    }
    call.request_id = log_.masker().mask_text(order.request.id);
    const auto body = vault->seal_body(id, keep_request(order.call, order.request.fields));
    if (!body) co_return refuse(no_store("the call could not be encrypted"));
    call.body = *body;
    if (wish.callback.data() != nullptr) {
        const auto url = operations::parse_callback_url(wish.callback, rules);
        if (!url) co_return refuse(bitrix::refusal(GatewayCode::bad_request, url.error()));
        const auto sealed = vault->seal_callback(id, wish.callback);
        if (!sealed) co_return refuse(no_store("the callback's address could not be encrypted"));
        call.callback = *sealed;
    }
    if (failed != nullptr) {
        call.history = history_of(*failed, instance_, call.credential);
        call.error_class = to_string(failed->outcome.error_class);
        call.code = failed->outcome.code;
        call.status = failed->outcome.upstream_status;
        const UnixMs now = core::unix_ms();
        if (never_left(failed->outcome)) {
            if (failed->facts.retry_after) call.not_before = now + failed->facts.retry_after->count();
        } else {
            const operations::Facts facts = facts_of(order, *failed, now);
            const auto next = taken_over(order, *failed, facts, now);
            if (!next) co_return refuse(failed->outcome);
            call.state = next->state;
            call.stage = next->stage;
            call.why = to_string(next->why);
            call.not_before = next->due;
            call.attempts = facts.attempts + (next->counts_attempt ? 1 : 0);
            call.unknown = next->unknown;
            call.first_intent = call.intent = facts.intent;
            call.executed = to_string(next->executed);
        }
    }
    const bool has_callback = !call.callback.bytes.empty();

    for (int tries = 1;; ++tries) {
        const auto handed = co_await store_.hand_over(call, patience());
        if (!handed) {
            const storage::Failure& failure = handed.error();
            log_.event(observe::Level::error, "operation_not_taken",
                       {{"request_id", order.request.id},
                        {"operation", id},
                        {"portal", portal},
                        {"in_doubt", failure.in_doubt},
                        {"error", failure.message}});
            // Before anything can have been written it may be refused; after that only the store knows.
            if (!failure.in_doubt && tries == 1) co_return refuse(no_store("the store cannot be used"));
            if (tries < most_tries && !order.deadline.passed(Clock::now())) {
                co_await pause(order.worker, between_tries * tries);
                continue;
            }
            Outcome doubt = bitrix::refusal(
                GatewayCode::outcome_unknown,
                fmt::format("whether operation {} was taken is not known: ask for it at /operations/{} later", id, id));
            doubt.executed = Executed::unknown;
            co_return refuse(std::move(doubt));
        }
        switch (handed->verdict) {
            case HandedOver::Verdict::taken: break;
            case HandedOver::Verdict::conflict:
                co_return refuse(bitrix::refusal(GatewayCode::conflict,
                                                 "this Idempotency-Key was used for another request; use a new key"));
            case HandedOver::Verdict::withdrawn:
                co_return refuse(bitrix::refusal(GatewayCode::conflict,
                                                 "another request has taken this Idempotency-Key over meanwhile"));
            case HandedOver::Verdict::repeated:
                if (handed->key.operation.empty())
                    co_return refuse(bitrix::refusal(
                        GatewayCode::conflict,
                        "this Idempotency-Key stands for a call that was sent without respond-async; send it in the "
                        "same way to get its answer"));
                co_return TakenOver{handed->key.operation, handed->state};
        }
        count(call.client);
        metrics_.operations_taken.with({call.client, portal}).add();
        log_.event(observe::Level::info, "operation_taken",
                   {{"request_id", order.request.id},
                    {"operation", id},
                    {"client", call.client},
                    {"portal", portal},
                    {"method", call.method},
                    {"state", to_string(handed->state)},
                    {"callback", has_callback}});
        taken_(portal, call.not_before);
        co_return TakenOver{id, handed->state};
    }
}

bool OperationDesk::owner_is_dead(const storage::KeyRecord& key, UnixMs now) const {
    if (key.owner.empty() || key.owner == instance_) return false;
    if (key.owner_seen != 0 && now - key.owner_seen > dead_after_ms) return true;
    const auto owner = tokens::parse_lease_owner(key.owner);
    return owner && tokens::is_dead(*owner);
}

asio::awaitable<OperationDesk::KeyVerdict> OperationDesk::begin_key(const CallOrder& order, const OperationWish& wish,
                                                                    std::string holder) {
    const auto vault = this->vault();
    if (!vault->usable())
        co_return no_store("the gateway has no [store] encryption_key, which an Idempotency-Key needs");
    storage::KeyRequest request;
    request.client = order.client.name;
    request.key = vault->key_hash(request.client, wish.idempotency_key);
    request.request = hash_of_request(*vault, order);
    request.holder = std::move(holder);
    request.owner = instance_;
    request.safe = operations::kind_of(order.call, order.portal.methods) != operations::Kind::unsafe &&
                   order.portal.methods.repeat_is_safe(order.call.method_lower, order.call.query, order.call.body());
    request.lifetime_ms = key_lifetime_ms;
    core::Duration look = first_look;
    for (;;) {
        const auto found = co_await store_.begin_key(request, patience());
        if (!found) {
            log_.event(observe::Level::error, "idempotency_key_not_kept",
                       {{"request_id", order.request.id}, {"error", found.error().message}});
            co_return no_store("the store cannot be used, and an Idempotency-Key needs it");
        }
        switch (found->kind) {
            case Kind::fresh: co_return Fresh{};
            case Kind::conflict:
                co_return bitrix::refusal(GatewayCode::conflict,
                                          "this Idempotency-Key was used for another request; use a new key");
            case Kind::operation: {
                const auto record = co_await store_.find(found->key.operation, patience());
                TakenOver out{found->key.operation, storage::OperationState::queued};
                if (record && *record) out.state = (*record)->state;
                co_return out;
            }
            case Kind::done: {
                const auto text = vault->open_key_answer(request.client, request.key, found->key.answer);
                auto answer = text ? read_answer(found->key.status, text->reveal()) : std::nullopt;
                if (answer) co_return *std::move(answer);
                Outcome lost = bitrix::refusal(GatewayCode::outcome_unknown,
                                               "the first answer under this Idempotency-Key cannot be shown again");
                lost.executed = Executed::unknown;
                co_return lost;
            }
            case Kind::lost: {
                Outcome lost = bitrix::refusal(
                    GatewayCode::outcome_unknown,
                    "the gateway that had the first request with this Idempotency-Key died while it was under way");
                lost.executed = Executed::unknown;
                co_return lost;
            }
            case Kind::in_flight: break;
        }
        if (request.dead_owner != found->key.owner && owner_is_dead(found->key, found->now)) {
            request.dead_owner = found->key.owner;
            continue;
        }
        if (order.deadline.passed(Clock::now() + look))
            co_return bitrix::refusal(GatewayCode::conflict,
                                      "the first request with this Idempotency-Key is still under way");
        co_await pause(order.worker, look);
        look = std::min<core::Duration>(2 * look, latest_look);
    }
}

asio::awaitable<void> OperationDesk::end_key(const CallOrder& order, const OperationWish& wish, std::string holder,
                                             const Outcome& outcome, const server::Response& answer) {
    const auto vault = this->vault();
    if (!vault->usable()) co_return;
    const std::string client = order.client.name;
    const std::string key = vault->key_hash(client, wish.idempotency_key);
    const bool forget = !outcome.ok() && outcome.executed == Executed::no;
    storage::SealedBytes sealed;
    if (!forget && !answer.stream)
        if (auto made = vault->seal_key_answer(client, key, keep_answer(answer))) sealed = *std::move(made);
    for (int tries = 1; tries <= most_tries; ++tries) {
        const auto done = forget ? co_await store_.forget_key(client, key, holder, patience())
                                 : co_await store_.finish_key(client, key, holder, answer.status, sealed, patience());
        if (done) co_return;
        if (tries == most_tries || order.deadline.passed(Clock::now()))
            log_.event(observe::Level::error, "idempotency_key_not_ended",
                       {{"request_id", order.request.id}, {"error", done.error().message}});
        if (order.deadline.passed(Clock::now())) co_return;
        co_await pause(order.worker, between_tries * tries);
    }
}

}  // namespace b24gate::gateway
