#include "operation_rows.hpp"

#include <utility>

namespace b24gate::storage {
namespace {

/// The schema's words are those of to_string: another one is a bug, or a hand in the database.
template <class T>
T known(std::optional<T> word) {
    return word.value();
}

std::int64_t integer(bool flag) noexcept { return flag ? 1 : 0; }
std::string text(std::string_view word) { return std::string(word); }

}  // namespace

OperationRecord operation_of(Columns columns) {
    OperationRecord out;
    out.seq = columns.integer();
    out.id = columns.text();
    out.client = columns.text();
    out.portal = columns.text();
    out.credential = columns.text();
    out.method = columns.text();
    out.api = columns.number();
    out.kind = known(repeat_kind(columns.text()));
    out.state = known(operation_state(columns.text()));
    out.stage = known(operation_stage(columns.text()));
    out.why = columns.text();
    out.priority = static_cast<int>(columns.integer());
    out.due = columns.integer();
    out.order = columns.text();
    out.blocked = columns.flag();
    out.owner = columns.text();
    out.lease_until = columns.integer();
    out.fence = columns.integer();
    out.attempts = columns.number();
    out.not_found = columns.number();
    out.tried = columns.number();
    out.generation = columns.number();
    out.first_intent = columns.integer();
    out.intent = columns.integer();
    out.unknown = columns.flag();
    out.executed = columns.text();
    out.inferred = columns.flag();
    out.error_class = columns.text();
    out.code = columns.text();
    out.status = columns.number();
    out.created = columns.integer();
    out.begun = columns.integer();
    out.finished = columns.integer();
    out.has_callback = columns.flag();
    out.request_id = columns.text();
    return out;
}

AttemptRecord attempt_of(Columns columns) {
    AttemptRecord out;
    out.number = columns.number();
    out.lookup = columns.flag();
    out.fence = columns.integer();
    out.gateway = columns.text();
    out.intent = columns.integer();
    out.ended = columns.integer();
    out.mark = columns.text();
    out.status = columns.number();
    out.error_class = columns.text();
    out.code = columns.text();
    out.executed = columns.text();
    out.duration_ms = columns.integer();
    out.request_id = columns.text();
    out.batch_id = columns.text();
    out.credential = columns.text();
    out.excerpt.key_id = columns.text();
    out.excerpt.bytes = columns.bytes();
    return out;
}

KeyRecord key_of(Columns columns) {
    KeyRecord out;
    out.request = columns.text();
    out.operation = columns.text();
    out.holder = columns.text();
    out.owner = columns.text();
    out.done = columns.flag();
    out.safe = columns.flag();
    out.status = columns.number();
    out.answer.key_id = columns.text();
    out.answer.bytes = columns.bytes();
    out.owner_seen = columns.integer();
    return out;
}

std::vector<Value> operation_parameters(const HandOver& call) {
    return {call.id,
            call.client,
            call.portal,
            call.credential,
            call.method,
            std::int64_t{call.api},
            text(to_string(call.kind)),
            text(to_string(call.state)),
            text(to_string(call.stage)),
            call.why,
            std::int64_t{call.priority},
            call.not_before,
            call.order,
            call.key,
            std::int64_t{call.attempts},
            static_cast<std::int64_t>(call.history.size()),
            call.first_intent,
            call.intent,
            integer(call.unknown),
            call.executed,
            call.error_class,
            call.code,
            std::int64_t{call.status},
            integer(!call.callback.bytes.empty()),
            call.request_id};
}

std::vector<Value> body_parameters(HandOver& call) {
    return {call.id, std::move(call.body.key_id), Bytes{std::move(call.body.bytes)}, std::move(call.callback.key_id),
            Bytes{std::move(call.callback.bytes)}};
}

std::vector<Value> history_parameters(const std::string& id, AttemptRecord attempt) {
    return {id,
            std::int64_t{attempt.number},
            std::move(attempt.gateway),
            attempt.intent,
            attempt.ended,
            std::move(attempt.mark),
            std::int64_t{attempt.status},
            std::move(attempt.error_class),
            std::move(attempt.code),
            std::move(attempt.executed),
            attempt.duration_ms,
            std::move(attempt.request_id),
            std::move(attempt.batch_id),
            std::move(attempt.credential),
            std::move(attempt.excerpt.key_id),
            Bytes{std::move(attempt.excerpt.bytes)}};
}

std::vector<Value> decision_parameters(const Finish& finish, std::int64_t decision) {
    return {finish.claim.id,
            finish.claim.fence,
            text(to_string(finish.state)),
            text(to_string(finish.stage)),
            finish.why,
            finish.due,
            integer(finish.counts_attempt),
            integer(finish.counts_not_found),
            integer(finish.unknown),
            integer(finish.inferred),
            finish.executed,
            finish.error_class,
            finish.code,
            std::int64_t{finish.status},
            integer(is_final(finish.state)),
            integer(finish.unblock),
            integer(finish.keep_lease),
            decision};
}

}  // namespace b24gate::storage
