#include "operation_sql.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <mutex>
#include <random>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <b24gate/core/sabotage.hpp>

#include "operation_rows.hpp"
#include "operation_statements.hpp"
#include "statements.hpp"

// g++ 12 inlines how Asio gets the memory of a coroutine, but not how it gives it back, and takes the two for a
// mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace b24gate::storage {
namespace {

using AllRows = std::vector<Rows>;

constexpr unsigned most_leased = 1'000, most_listed = 500, most_cleaned = 1'000;
/// Rows that one page of a list looks at: a filter that fits little must not keep the store busy.
constexpr std::int64_t window = 5'000;
constexpr std::int64_t newest = std::int64_t{1} << 62;

// For core/sabotage alone.

boost::asio::awaitable<void> run_late(Engine& engine, Transaction todo, core::Deadline deadline) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(50));
    co_await timer.async_wait(boost::asio::use_awaitable);
    co_await engine.run(std::move(todo), deadline);
}

const Statement& finish_of_anybody() {
    static const std::string sql = [] {
        constexpr std::string_view guard = "fence = $2";
        std::string out(statements::finish.sql);
        return out.replace(out.find(guard), guard.size(), "fence >= 0 * $2");
    }();
    static const Statement out{"finish_of_anybody", sql};
    return out;
}

class SqlOperationStore final : public OperationStore {
public:
    explicit SqlOperationStore(Engine& engine) : engine_(engine) {}

    Awaitable<HandedOver> hand_over(HandOver call, core::Deadline deadline) override {
        const std::string id = call.id, client = call.client, key = call.key, request = call.request;
        const bool keyed = !key.empty(), adopts = keyed && !call.key_holder.empty();
        Transaction todo{"hand over", true, {}};
        if (!call.order.empty()) add(todo, statements::order_lock, {call.order});
        if (adopts) {
            add(todo, statements::adopt_key, {client, key, request, id, call.key_holder, never});
        } else if (keyed) {
            add(todo, statements::put_key,
                {client, key, request, id, id, std::string(), std::int64_t{0}, Bytes{}, never, std::int64_t{0}});
        }
        add(todo, statements::put_operation, operation_parameters(call));
        add(todo, statements::put_body, body_parameters(call));
        for (AttemptRecord& attempt : call.history)
            add(todo, statements::put_history, history_parameters(id, std::move(attempt)));
        // Held from the start: nobody will end it, so this is when its callback is due.
        if (call.state == OperationState::held) add(todo, statements::put_callback, {id, std::int64_t{0}});
        add(todo, statements::handed_over, {id});
        if (keyed) add(todo, statements::get_key, {client, key});
        if (core::sabotaged(core::Sabotage::acknowledge_early) && !keyed) {
            boost::asio::co_spawn(co_await boost::asio::this_coro::executor,
                                  run_late(engine_, std::move(todo), deadline), boost::asio::detached);
            co_return HandedOver();
        }
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();

        HandedOver out;
        const std::size_t last = rows->size() - 1;
        Columns columns(rows->at(keyed ? last - 1 : last).at(0));
        out.now = columns.integer();
        out.state = operation_state(columns.text()).value_or(OperationState::queued);
        out.blocked = columns.flag();
        if (keyed && !rows->at(last).empty()) {
            out.key = key_of(Columns(rows->at(last).front()));
            if (out.key.request != request) {
                out.verdict = HandedOver::Verdict::conflict;
            } else if (out.key.operation != id) {
                out.verdict = adopts ? HandedOver::Verdict::withdrawn : HandedOver::Verdict::repeated;
            }
        } else if (keyed) {
            out.verdict = HandedOver::Verdict::withdrawn;
        }
        co_return out;
    }

    Awaitable<KeyVerdict> begin_key(KeyRequest request, core::Deadline deadline) override {
        using Kind = KeyVerdict::Kind;
        Transaction todo{"begin key", true, {}};
        if (!request.dead_owner.empty())
            add(todo, statements::inherit_key,
                {request.client, request.key, request.holder, request.owner, request.dead_owner, request.request});
        add(todo, statements::put_key,
            {request.client, request.key, request.request, std::string(), request.holder, request.owner,
             std::int64_t{request.safe}, Bytes{}, std::int64_t{0}, request.lifetime_ms});
        add(todo, statements::get_key, {request.client, request.key});
        add(todo, statements::now, {});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        KeyVerdict out;
        out.now = Columns(rows->back().at(0)).integer();
        out.key = key_of(Columns(rows->at(rows->size() - 2).at(0)));
        const KeyRecord& key = out.key;
        out.kind = key.request != request.request                          ? Kind::conflict
                   : !key.operation.empty()                                ? Kind::operation
                   : key.done                                              ? Kind::done
                   : key.holder == request.holder                          ? Kind::fresh
                   : !key.owner.empty() && key.owner == request.dead_owner ? Kind::lost
                                                                           : Kind::in_flight;
        co_return out;
    }

    Awaitable<bool> finish_key(std::string client, std::string key, std::string holder, unsigned status,
                               SealedBytes answer, core::Deadline deadline) override {
        Transaction todo{"finish key", true, {}, true};
        add(todo, statements::finish_key,
            {std::move(client), std::move(key), std::move(holder), std::int64_t{status}, std::move(answer.key_id),
             Bytes{std::move(answer.bytes)}});
        return any(std::move(todo), 0, deadline);
    }
    Awaitable<bool> forget_key(std::string client, std::string key, std::string holder,
                               core::Deadline deadline) override {
        Transaction todo{"forget key", true, {}, true};
        add(todo, statements::forget_key, {std::move(client), std::move(key), std::move(holder)});
        return any(std::move(todo), 0, deadline);
    }

    Awaitable<Leased> lease(std::string portal, unsigned limit, std::string owner, std::int64_t lease_ms,
                            core::Deadline deadline) override {
        Transaction todo{"lease", true, {}};
        add(todo, statements::now, {});
        add(todo, statements::lease,
            {std::move(portal), std::int64_t{std::min(limit, most_leased)}, std::move(owner), lease_ms});
        return leased(std::move(todo), deadline);
    }

    Awaitable<UnixMs> next_due(std::string portal, core::Deadline deadline) override {
        Transaction todo{"next due", false, {}};
        add(todo, statements::next_due, {std::move(portal)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Columns(rows->at(0).at(0)).integer();
    }

    Awaitable<Renewed> renew(std::string owner, std::int64_t lease_ms, core::Deadline deadline) override {
        Transaction todo{"renew", true, {}, true};
        add(todo, statements::now, {});
        add(todo, statements::renew, {std::move(owner), lease_ms});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        Renewed out;
        out.now = Columns(rows->at(0).at(0)).integer();
        for (const Row& row : rows->at(1)) {
            Columns columns(row);
            Claim claim;
            claim.id = columns.text();
            claim.fence = columns.integer();
            out.claims.push_back(std::move(claim));
        }
        co_return out;
    }

    Awaitable<std::vector<Intended>> record_intent(std::vector<Intent> intents, core::Deadline deadline) override {
        Transaction todo{"record intent", true, {}, true};
        for (Intent& intent : intents) {
            const std::int64_t decision = decide();
            add(todo, statements::intend, {intent.claim.id, intent.claim.fence, std::move(intent.owner), decision});
            add(todo, statements::open_attempt,
                {intent.claim.id, decision, Bytes{}, std::move(intent.request_id), std::move(intent.batch_id),
                 std::move(intent.credential)});
        }
        if (todo.queries.empty()) co_return std::vector<Intended>();
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<Intended> out(intents.size());
        for (std::size_t i = 0; i < out.size(); ++i) {
            const Rows& found = rows->at(2 * i);
            if (found.empty()) continue;
            Columns columns(found.front());
            out[i].number = columns.number();
            out[i].intent = columns.integer();
            out[i].first_intent = columns.integer();
        }
        co_return out;
    }

    Awaitable<bool> finish_attempt(Finish finish, core::Deadline deadline) override {
        return finish_with(statements::finish, false, std::move(finish), deadline);
    }
    Awaitable<bool> finish_late(Finish finish, core::Deadline deadline) override {
        return finish_with(statements::finish_late, true, std::move(finish), deadline);
    }

    Awaitable<unsigned> give_back(std::vector<Finish> finishes, core::Deadline deadline) override {
        Transaction todo{"give back", true, {}, true};
        for (const Finish& finish : finishes) add(todo, statements::finish, decision_parameters(finish, decide()));
        return count(std::move(todo), deadline);
    }

    Awaitable<Leased> recover(std::string owner, std::string dead_owner, std::int64_t dead_after_ms,
                              std::int64_t lease_ms, unsigned limit, core::Deadline deadline) override {
        Transaction todo{"recover", true, {}, true};
        add(todo, statements::now, {});
        add(todo, statements::recover,
            {std::move(owner), std::move(dead_owner), dead_after_ms, lease_ms,
             std::int64_t{std::min(limit, most_leased)}});
        return leased(std::move(todo), deadline);
    }

    Awaitable<unsigned> wake_credential(std::string portal, std::string credential, core::Deadline deadline) override {
        Transaction todo{"wake", true, {}};
        add(todo, statements::wake, {std::move(portal), std::move(credential), never});
        return count(std::move(todo), deadline);
    }

    Awaitable<std::optional<OperationRecord>> find(std::string id, core::Deadline deadline) override {
        Transaction todo{"find", false, {}};
        add(todo, statements::find, {std::move(id)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::optional<OperationRecord> out;
        if (!rows->at(0).empty()) out = operation_of(Columns(rows->at(0).front()));
        co_return out;
    }

    Awaitable<std::optional<KeptBody>> body(std::string id, core::Deadline deadline) override {
        Transaction todo{"body", false, {}};
        add(todo, statements::get_body, {std::move(id)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::optional<KeptBody> out;
        if (!rows->at(0).empty()) {
            Columns columns(rows->at(0).front());
            KeptBody body;
            body.body.key_id = columns.text();
            body.body.bytes = columns.bytes();
            body.callback.key_id = columns.text();
            body.callback.bytes = columns.bytes();
            out = std::move(body);
        }
        co_return out;
    }

    Awaitable<std::optional<KeptAnswer>> answer(std::string id, core::Deadline deadline) override {
        Transaction todo{"answer", false, {}};
        add(todo, statements::get_answer, {std::move(id)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::optional<KeptAnswer> out;
        if (!rows->at(0).empty()) {
            Columns columns(rows->at(0).front());
            KeptAnswer answer;
            answer.status = columns.number();
            answer.answer.key_id = columns.text();
            answer.answer.bytes = columns.bytes();
            out = std::move(answer);
        }
        co_return out;
    }

    Awaitable<std::vector<AttemptRecord>> attempts(std::string id, core::Deadline deadline) override {
        Transaction todo{"attempts", false, {}};
        add(todo, statements::get_attempts, {std::move(id)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<AttemptRecord> out;
        for (const Row& row : rows->at(0)) out.push_back(attempt_of(Columns(row)));
        co_return out;
    }

    Awaitable<OperationPage> list(OperationFilter filter, core::Deadline deadline) override {
        const bool problem = filter.state == OperationState::held || filter.state == OperationState::dead ||
                             filter.state == OperationState::failed;
        const std::string state(filter.state ? to_string(*filter.state) : std::string_view());
        const std::int64_t before = filter.before > 0 ? filter.before : newest;
        const std::size_t limit = std::clamp(filter.limit, 1u, most_listed);
        const bool prefix = filter.method.ends_with('*');
        if (prefix) filter.method.pop_back();
        std::vector<Value> looks{before, window};
        if (problem) looks.emplace_back(state);
        Transaction todo{"list operations", false, {}};
        add(todo, statements::now, {});
        add(todo, problem ? statements::list_problems : statements::list_all,
            {before, window, state, std::move(filter.client), std::move(filter.portal), std::move(filter.error_class),
             std::move(filter.method), std::int64_t{prefix}, filter.from, filter.until > 0 ? filter.until : newest,
             static_cast<std::int64_t>(limit)});
        add(todo, problem ? statements::window_problems : statements::window_all, std::move(looks));
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        OperationPage out;
        out.now = Columns(rows->at(0).at(0)).integer();
        for (const Row& row : rows->at(1)) out.operations.push_back(operation_of(Columns(row)));
        Columns columns(rows->at(2).at(0));
        const std::int64_t lowest = columns.integer(), looked_at = columns.integer();
        if (out.operations.size() == limit) {
            out.next = out.operations.back().seq;
        } else if (looked_at == window) {
            out.next = lowest;
        }
        co_return out;
    }

    Awaitable<bool> retry(Retry retry, core::Deadline deadline) override {
        const std::int64_t decision = decide();
        Transaction todo{"retry", true, {}};
        const std::size_t first = lock_order(todo, retry.order);
        add(todo, statements::retry, {retry.id, std::int64_t{retry.generation}, decision, std::int64_t{retry.as_bulk}});
        add(todo, statements::date_key, {retry.id, decision, never});
        add(todo, statements::put_audit_of,
            {std::move(retry.id), decision, std::move(retry.actor), std::string("retry"), std::move(retry.reason)});
        return any(std::move(todo), first, deadline);
    }

    Awaitable<bool> discard(Discard discard, core::Deadline deadline) override {
        const std::int64_t decision = decide();
        Transaction todo{"discard", true, {}};
        const std::size_t first = lock_order(todo, discard.order);
        add(todo, statements::discard, {discard.id, std::string(to_string(discard.seen)), discard.fence, decision});
        add(todo, statements::put_callback, {discard.id, decision});
        if (!discard.order.empty())
            add(todo, statements::unblock, {discard.id, decision, discard.order, discard.unblock_due});
        add(todo, statements::date_key, {discard.id, decision, never});
        add(todo, statements::put_audit_of,
            {std::move(discard.id), decision, std::move(discard.actor), std::string("discard"),
             std::move(discard.reason)});
        return any(std::move(todo), first, deadline);
    }

    Awaitable<Done> put_audit(std::string actor, std::string action, std::string operation, std::string reason,
                              core::Deadline deadline) override {
        Transaction todo{"audit", true, {}};
        add(todo, statements::put_audit,
            {std::move(actor), std::move(action), std::move(operation), std::move(reason)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Done{};
    }

    Awaitable<std::vector<AuditRecord>> list_audit(std::int64_t before, unsigned limit,
                                                   core::Deadline deadline) override {
        Transaction todo{"list audit", false, {}};
        add(todo, statements::list_audit,
            {before > 0 ? before : newest, std::int64_t{std::clamp(limit, 1u, most_listed)}});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<AuditRecord> out;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            AuditRecord record;
            record.number = columns.integer();
            record.at = columns.integer();
            record.actor = columns.text();
            record.action = columns.text();
            record.operation = columns.text();
            record.reason = columns.text();
            out.push_back(std::move(record));
        }
        co_return out;
    }

    Awaitable<Oldest> oldest(core::Deadline deadline) override {
        Transaction todo{"oldest", false, {}};
        add(todo, statements::oldest, {});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        Columns columns(rows->at(0).at(0));
        Oldest out;
        out.pending = columns.integer();
        out.held = columns.integer();
        out.callback = columns.integer();
        co_return out;
    }

    Awaitable<std::vector<OperationCount>> counts(core::Deadline deadline) override {
        Transaction todo{"counts", false, {}};
        add(todo, statements::counts, {});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<OperationCount> out;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            OperationCount count;
            count.client = columns.text();
            count.portal = columns.text();
            count.state = operation_state(columns.text()).value();
            count.count = columns.integer();
            out.push_back(std::move(count));
        }
        co_return out;
    }

    Awaitable<unsigned> cleanup(std::int64_t keep_succeeded_ms, std::int64_t keep_failed_ms, unsigned limit,
                                core::Deadline deadline) override {
        const std::int64_t most = std::clamp(limit, 1u, most_cleaned);
        Transaction todo{"cleanup", true, {}};
        add(todo, statements::clean_succeeded, {keep_succeeded_ms, most});
        add(todo, statements::clean_failed, {keep_failed_ms, most});
        add(todo, statements::clean_keys, {most});
        add(todo, statements::clean_gateways, {});
        add(todo, statements::clean_audit, {});
        return count(std::move(todo), deadline);
    }

    Awaitable<unsigned> unblock_strays(core::Deadline deadline) override {
        Transaction todo{"unblock strays", true, {}};
        add(todo, statements::unblock_strays, {});
        return count(std::move(todo), deadline);
    }

    Awaitable<std::vector<DueCallback>> lease_callbacks(std::string owner, unsigned limit, std::int64_t lease_ms,
                                                        core::Deadline deadline) override {
        Transaction todo{"lease callbacks", true, {}};
        add(todo, statements::lease_callbacks, {owner, std::int64_t{std::min(limit, most_leased)}, lease_ms});
        add(todo, statements::held_callbacks, {owner});
        add(todo, statements::held_callback_operations, {owner});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::unordered_map<std::int64_t, std::int64_t> just_leased;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            const std::int64_t number = columns.integer();
            just_leased[number] = columns.integer();
        }
        std::unordered_map<std::string, OperationRecord> operations;
        for (const Row& row : rows->at(2)) {
            OperationRecord record = operation_of(Columns(row));
            operations.insert_or_assign(record.id, record);
        }
        std::vector<DueCallback> out;
        for (const Row& row : rows->at(1)) {
            Columns columns(row);
            DueCallback callback;
            callback.number = columns.integer();
            callback.fence = columns.integer();
            if (just_leased.count(callback.number) == 0) continue;
            callback.webhook_id = columns.text();
            callback.event = columns.text();
            callback.tries = columns.number();
            callback.created = columns.integer();
            callback.operation = operations[columns.text()];
            callback.url.key_id = columns.text();
            callback.url.bytes = columns.bytes();
            out.push_back(std::move(callback));
        }
        co_return out;
    }

    Awaitable<bool> finish_callback(std::int64_t number, std::int64_t fence, CallbackEnd end,
                                    core::Deadline deadline) override {
        const bool tried = end.kind != CallbackEnd::Kind::postponed;
        const bool again = end.kind == CallbackEnd::Kind::again || !tried;
        Transaction todo{"finish callback", true, {}, true};
        add(todo, statements::finish_callback,
            {number, fence, std::int64_t{again}, std::int64_t{end.kind == CallbackEnd::Kind::delivered},
             again ? end.pause_ms : 0, std::int64_t{end.status}, std::int64_t{tried}});
        return any(std::move(todo), 0, deadline);
    }

    Awaitable<UnixMs> heartbeat(std::string instance, std::string version, core::Deadline deadline) override {
        Transaction todo{"heartbeat", true, {}, true};
        add(todo, statements::gateway_beat, {std::move(instance), std::move(version)});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return Columns(rows->at(0).at(0)).integer();
    }

    Awaitable<std::vector<GatewayRecord>> gateways(core::Deadline deadline) override {
        Transaction todo{"gateways", false, {}};
        add(todo, statements::list_gateways, {});
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::vector<GatewayRecord> out;
        for (const Row& row : rows->at(0)) {
            Columns columns(row);
            GatewayRecord record;
            record.instance = columns.text();
            record.version = columns.text();
            record.started = columns.integer();
            record.seen = columns.integer();
            out.push_back(std::move(record));
        }
        co_return out;
    }

private:
    static void add(Transaction& todo, const Statement& statement, std::vector<Value> parameters) {
        todo.queries.push_back(Query{&statement, std::move(parameters)});
    }
    /// The number of the query that comes next.
    static std::size_t lock_order(Transaction& todo, const std::string& order) {
        if (!order.empty()) add(todo, statements::order_lock, {order});
        return todo.queries.size();
    }

    /// Names a transaction; never 0.
    std::int64_t decide() {
        const std::lock_guard lock(mutex_);
        return std::uniform_int_distribution<std::int64_t>(1, INT64_MAX)(random_);
    }

    Awaitable<bool> finish_with(const Statement& statement, bool late, Finish finish, core::Deadline deadline) {
        const std::int64_t decision = decide();
        const std::string id = finish.claim.id;
        Transaction todo{late ? "finish late" : "finish attempt", true, {}, true};
        const std::size_t first = lock_order(todo, finish.order);
        auto parameters = decision_parameters(finish, decision);
        if (late) parameters.emplace_back(std::int64_t{finish.attempt});
        const bool any_fence = core::sabotaged(core::Sabotage::no_fence) && !late;
        add(todo, any_fence ? finish_of_anybody() : statement, std::move(parameters));
        if (finish.attempt != 0) {
            AttemptRecord& ended = finish.ended;
            add(todo, statements::close_attempt,
                {id, std::int64_t{finish.attempt}, std::move(ended.mark), std::int64_t{ended.status},
                 std::move(ended.error_class), std::move(ended.code), std::move(ended.executed), ended.duration_ms,
                 std::move(ended.excerpt.key_id), Bytes{std::move(ended.excerpt.bytes)}});
        }
        if (!finish.answer.bytes.empty())
            add(todo, statements::put_answer,
                {id, decision, std::int64_t{finish.answer_status}, std::move(finish.answer.key_id),
                 Bytes{std::move(finish.answer.bytes)}});
        if (finish.callback) add(todo, statements::put_callback, {id, decision});
        if (finish.unblock && !finish.order.empty())
            add(todo, statements::unblock, {id, decision, finish.order, finish.unblock_due});
        if (is_final(finish.state)) add(todo, statements::date_key, {id, decision, never});
        return any(std::move(todo), first, deadline);
    }

    /// The clock and the operations of a transaction of two statements.
    Awaitable<Leased> leased(Transaction todo, core::Deadline deadline) {
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        Leased out;
        out.now = Columns(rows->at(0).at(0)).integer();
        for (const Row& row : rows->at(1)) out.operations.push_back(operation_of(Columns(row)));
        // What an UPDATE returns has no order.
        std::sort(out.operations.begin(), out.operations.end(), [](const auto& a, const auto& b) {
            return std::tie(a.priority, a.due, a.seq) < std::tie(b.priority, b.due, b.seq);
        });
        co_return out;
    }

    /// Whether the statement of that number had a row.
    Awaitable<bool> any(Transaction todo, std::size_t number, core::Deadline deadline) {
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        co_return !rows->at(number).empty();
    }
    /// How many rows there were in all.
    Awaitable<unsigned> count(Transaction todo, core::Deadline deadline) {
        if (todo.queries.empty()) co_return 0u;
        auto rows = co_await engine_.run(std::move(todo), deadline);
        if (!rows) co_return std::move(rows).error();
        std::size_t out = 0;
        for (const Rows& each : *rows) out += each.size();
        co_return static_cast<unsigned>(out);
    }

    Engine& engine_;
    std::mutex mutex_;
    std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace

std::unique_ptr<OperationStore> make_operation_store(Engine& engine) {
    return std::make_unique<SqlOperationStore>(engine);
}

}  // namespace b24gate::storage
