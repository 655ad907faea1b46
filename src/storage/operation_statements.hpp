// The statements of operations. A transaction that changes an operation does so in its first statement, under the
// condition that it was decided upon, and names itself in `decision`; the others hold only if that is its name.
#pragma once

#include "sql.hpp"

namespace b24gate::storage::statements {

// --- hand-over ---------------------------------------------------------------------------------------------------
inline constexpr Statement order_lock{"order_lock", "SELECT {order_lock}"};
// $1 client, $2 key, $3 request, $4 operation, $5 holder, $6 owner, $7 safe, $8 nothing as bytes, $9 expires at, $10 or
// in so many milliseconds
inline constexpr Statement put_key{"put_key", R"sql(
    INSERT INTO idempotency (client, key_hash, request, operation, holder, owner, done, safe, status, key_id, answer,
                             created, expires)
    SELECT $1, $2, $3, $4, $5, $6, 0, $7, 0, '', $8, clock.now, CASE WHEN $9 > 0 THEN $9 ELSE clock.now + $10 END
        FROM {clock} WHERE true
    ON CONFLICT (client, key_hash) DO UPDATE SET
        request = excluded.request, operation = excluded.operation, holder = excluded.holder, owner = excluded.owner,
        done = 0, safe = excluded.safe, status = 0, key_id = '', answer = excluded.answer,
        created = excluded.created, expires = excluded.expires
    WHERE idempotency.expires <= excluded.created)sql"};
// $4 operation, $5 the call whose place it takes, $6 never
inline constexpr Statement adopt_key{"adopt_key", R"sql(
    UPDATE idempotency SET operation = $4, holder = $4, expires = $6
    WHERE client = $1 AND key_hash = $2 AND request = $3 AND holder = $5 AND done = 0)sql"};
// $3 holder, $4 owner, $5 who is dead
inline constexpr Statement inherit_key{"inherit_key", R"sql(
    UPDATE idempotency SET holder = $3, owner = $4
    WHERE client = $1 AND key_hash = $2 AND done = 0 AND safe = 1 AND operation = '' AND owner = $5
        AND request = $6)sql"};
inline constexpr Statement get_key{"get_key", R"sql(
    SELECT i.request, i.operation, i.holder, i.owner, i.done, i.safe, i.status, i.key_id, i.answer,
           COALESCE((SELECT g.seen FROM gateway AS g WHERE g.instance = i.owner), 0)
    FROM idempotency AS i WHERE i.client = $1 AND i.key_hash = $2)sql"};
inline constexpr Statement finish_key{"finish_key", R"sql(
    UPDATE idempotency SET done = 1, status = $4, key_id = $5, answer = $6
    WHERE client = $1 AND key_hash = $2 AND holder = $3 AND done = 0 RETURNING done)sql"};
inline constexpr Statement forget_key{"forget_key", R"sql(
    DELETE FROM idempotency WHERE client = $1 AND key_hash = $2 AND holder = $3 AND done = 0 RETURNING done)sql"};
// A key holds as long as its operation, and a day longer.
inline constexpr Statement date_key{"date_key", R"sql(
    UPDATE idempotency SET expires =
        (SELECT CASE WHEN finished > 0 THEN finished + 86400000 ELSE $3 END FROM operation WHERE id = $1)
    WHERE client = (SELECT client FROM operation WHERE id = $1 AND decision = $2)
        AND key_hash = (SELECT key_hash FROM operation WHERE id = $1) AND operation = $1)sql"};

// $1 id, $2 client, $3 portal, $4 credential, $5 method, $6 api, $7 kind, $8 state, $9 stage, $10 why, $11 priority,
// $12 due, $13 order, $14 key, $15 attempts, $16 tried, $17 first intent, $18 intent, $19 unknown, $20 executed,
// $21 class, $22 code, $23 status, $24 has a callback, $25 request
inline constexpr Statement put_operation{"put_operation", R"sql(
    INSERT INTO operation (id, client, portal, credential, method, api, kind, state, stage, why, priority, due, blocked,
                           blocks, order_key, key_hash, owner, lease_until, fence, attempts, not_found, tried,
                           generation, first_intent, intent, unknown, executed, inferred, error_class, code, status,
                           created, begun, finished, has_callback, decision, request_id)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $12 > clock.now THEN $12 ELSE clock.now END,
           CASE WHEN $13 <> '' AND EXISTS (SELECT 1 FROM operation AS o WHERE o.order_key = $13 AND o.blocks = 1)
                THEN 1 ELSE 0 END,
           CASE WHEN $13 <> '' THEN 1 ELSE 0 END, $13, $14, '', 0, 0, $15, 0, $16, 0, $17, $18, $19, $20, 0, $21, $22,
           $23, clock.now, CASE WHEN $12 > clock.now AND $8 = 'queued' THEN $12 ELSE clock.now END, 0, $24, 0,
           $25
        FROM {clock}
        WHERE $14 = '' OR EXISTS (SELECT 1 FROM idempotency AS i
                                  WHERE i.client = $2 AND i.key_hash = $14 AND i.operation = $1)
    ON CONFLICT (id) DO NOTHING)sql"};
inline constexpr Statement put_body{"put_body", R"sql(
    INSERT INTO operation_body (seq, key_id, body, callback_key_id, callback)
    SELECT seq, $2, $3, $4, $5 FROM operation WHERE id = $1
    ON CONFLICT (seq) DO NOTHING)sql"};
inline constexpr Statement put_history{"put_history", R"sql(
    INSERT INTO attempt (seq, number, lookup, fence, gateway, intent, ended, mark, status, error_class, code, executed,
                         duration_ms, request_id, batch_id, credential, key_id, excerpt)
    SELECT seq, $2, 0, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 FROM operation WHERE id = $1
    ON CONFLICT (seq, number) DO NOTHING)sql"};
inline constexpr Statement handed_over{"handed_over", R"sql(
    SELECT {now}, COALESCE((SELECT state FROM operation WHERE id = $1), ''),
           COALESCE((SELECT blocked FROM operation WHERE id = $1), 0))sql"};

// --- work --------------------------------------------------------------------------------------------------------
// The moment in a sub-select: an index can be searched by that, by a function that changes while it is searched not.
#define B24GATE_READY(priority)                                                                                 \
    "(SELECT seq AS picked, priority AS p, due AS d FROM operation "                                            \
    "WHERE portal = $1 AND priority = " priority                                                                \
    " AND state IN ('queued', 'waiting') AND blocked = 0 AND due <= (SELECT {now}) ORDER BY due, seq LIMIT $2 " \
    "{skip_locked})"
inline constexpr Statement lease{"lease",
                                 "WITH a AS MATERIALIZED " B24GATE_READY("0") ", b AS MATERIALIZED " B24GATE_READY(
                                     "1") ", c AS MATERIALIZED " B24GATE_READY("2") R"sql(,
    chosen AS MATERIALIZED (SELECT picked FROM (SELECT * FROM a UNION ALL SELECT * FROM b UNION ALL SELECT * FROM c)
                            AS every ORDER BY p, d, picked LIMIT $2)
    UPDATE operation SET state = 'running', stage = CASE WHEN stage = 'lookup' THEN 'lookup' ELSE 'leased' END, why = '',
        owner = $3, lease_until = (SELECT {now}) + $4, fence = fence + 1
    FROM chosen WHERE seq = chosen.picked RETURNING {operation})sql"};
#undef B24GATE_READY
inline constexpr Statement next_due{"next_due", R"sql(
    SELECT COALESCE(min(due), 0) FROM (
        SELECT (SELECT min(due) FROM operation WHERE portal = $1 AND priority = 0
                AND state IN ('queued', 'waiting') AND blocked = 0) AS due
        UNION ALL SELECT (SELECT min(due) FROM operation WHERE portal = $1 AND priority = 1
                AND state IN ('queued', 'waiting') AND blocked = 0)
        UNION ALL SELECT (SELECT min(due) FROM operation WHERE portal = $1 AND priority = 2
                AND state IN ('queued', 'waiting') AND blocked = 0)) AS each_priority)sql"};
inline constexpr Statement renew{"renew", R"sql(
    UPDATE operation SET lease_until = (SELECT {now}) + $2 WHERE lease_until > 0 AND state = 'running' AND owner = $1
    RETURNING id, fence)sql"};
// $1 owner, $2 a dead one, $3 milliseconds without a heartbeat, $4 milliseconds, $5 how many
inline constexpr Statement recover{"recover", R"sql(
    WITH chosen AS MATERIALIZED (
        SELECT seq AS picked FROM operation WHERE lease_until > 0 AND state = 'running' AND owner <> $1
            AND (lease_until <= (SELECT {now}) OR owner = $2
                 OR ($3 > 0 AND owner IN (SELECT instance FROM gateway WHERE seen <= (SELECT {now}) - $3)))
        ORDER BY lease_until LIMIT $5 {skip_locked})
    UPDATE operation SET owner = $1, lease_until = (SELECT {now}) + $4, fence = fence + 1
    FROM chosen WHERE seq = chosen.picked RETURNING {operation})sql"};
// $2 fence, $3 owner, $4 decision
inline constexpr Statement intend{"intend", R"sql(
    UPDATE operation SET stage = CASE WHEN stage = 'lookup' THEN stage ELSE 'intent' END, tried = tried + 1,
        intent = CASE WHEN stage = 'lookup' THEN intent ELSE clock.now END,
        first_intent = CASE WHEN stage = 'lookup' OR first_intent > 0 THEN first_intent ELSE clock.now END,
        decision = $4
    FROM {clock} WHERE id = $1 AND fence = $2 AND owner = $3 AND state = 'running' AND stage IN ('leased', 'lookup')
        AND lease_until > clock.now
    RETURNING tried, intent, first_intent)sql"};
// $2 decision, $3 nothing as bytes, $4 request id, $5 batch id, $6 credential
inline constexpr Statement open_attempt{"open_attempt", R"sql(
    INSERT INTO attempt (seq, number, lookup, fence, gateway, intent, ended, mark, status, error_class, code, executed,
                         duration_ms, request_id, batch_id, credential, key_id, excerpt)
    SELECT seq, tried, CASE WHEN stage = 'lookup' THEN 1 ELSE 0 END, fence, owner, clock.now, 0, '', 0, '', '', '', 0,
           $4, $5, $6, '', $3
        FROM operation, {clock} WHERE id = $1 AND decision = $2
    ON CONFLICT (seq, number) DO NOTHING)sql"};

// $3 state, $4 stage, $5 why, $6 due, $7 and $8 what counts, $9 unknown, $10 inferred, $11 executed, $12 class, $13
// code, $14 status, $15 final, $16 unblocks, $17 keeps its lease, $18 decision
#define B24GATE_DECIDE                                                                                          \
    "UPDATE operation SET state = $3, stage = $4, why = $5, due = $6, attempts = attempts + $7, "               \
    "not_found = not_found + $8, unknown = $9, inferred = $10, executed = $11, error_class = $12, code = $13, " \
    "status = $14, finished = CASE WHEN $15 = 1 THEN clock.now ELSE 0 END, "                                    \
    "blocks = CASE WHEN $16 = 1 THEN 0 ELSE blocks END, owner = CASE WHEN $17 = 1 THEN owner ELSE '' END, "     \
    "lease_until = CASE WHEN $17 = 1 THEN lease_until ELSE 0 END, decision = $18 FROM {clock} "
inline constexpr Statement finish{"finish",
                                  B24GATE_DECIDE "WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING seq"};
// $19 the attempt: the last one, and of the fence that it was made under
inline constexpr Statement finish_late{
    "finish_late", B24GATE_DECIDE
    "WHERE id = $1 AND state IN ('waiting', 'held') AND tried = $19 AND EXISTS (SELECT 1 FROM attempt AS a "
    "WHERE a.seq = operation.seq AND a.number = $19 AND a.fence = $2) RETURNING seq"};
#undef B24GATE_DECIDE
// Evidence replaces what was only supposed.
inline constexpr Statement close_attempt{"close_attempt", R"sql(
    UPDATE attempt SET ended = {now}, mark = $3, status = $4, error_class = $5, code = $6, executed = $7,
        duration_ms = $8, key_id = $9, excerpt = $10
    WHERE seq = (SELECT seq FROM operation WHERE id = $1) AND number = $2
        AND (ended = 0 OR (mark IN ('lost', 'unknown') AND $3 NOT IN ('lost', 'unknown'))))sql"};
inline constexpr Statement put_answer{"put_answer", R"sql(
    INSERT INTO operation_answer (seq, status, key_id, answer)
    SELECT seq, $3, $4, $5 FROM operation WHERE id = $1 AND decision = $2
    ON CONFLICT (seq) DO UPDATE SET status = excluded.status, key_id = excluded.key_id, answer = excluded.answer)sql"};
inline constexpr Statement put_callback{"put_callback", R"sql(
    INSERT INTO callback (seq, webhook_id, event, pending, delivered, due, tries, status, owner, lease_until, fence,
                          created)
    SELECT seq, 'msg_' || id || '_' || state || '_' || CAST(generation AS text) || '_' || CAST(tried AS text), state, 1,
           0, clock.now, 0, 0, '', 0, 0, clock.now
        FROM operation, {clock} WHERE id = $1 AND decision = $2 AND has_callback = 1
    ON CONFLICT (webhook_id) DO NOTHING)sql"};
// $3 order, $4 not before: the first one that waits, unless one of the key may run already. Its patience begins now.
inline constexpr Statement unblock{"unblock", R"sql(
    UPDATE operation SET blocked = 0, due = CASE WHEN due < $4 THEN $4 ELSE due END,
        begun = CASE WHEN due < $4 THEN $4 WHEN due < {now} THEN {now} ELSE due END
    WHERE seq = (SELECT min(seq) FROM operation WHERE order_key = $3 AND blocks = 1 AND blocked = 1)
        AND NOT EXISTS (SELECT 1 FROM operation WHERE order_key = $3 AND blocks = 1 AND blocked = 0)
        AND EXISTS (SELECT 1 FROM operation WHERE id = $1 AND decision = $2))sql"};
inline constexpr Statement unblock_strays{"unblock_strays", R"sql(
    UPDATE operation SET blocked = 0, begun = {now} WHERE seq IN (
        SELECT min(o.seq) FROM operation AS o WHERE o.blocks = 1 AND o.blocked = 1
            AND NOT EXISTS (SELECT 1 FROM operation AS h
                            WHERE h.order_key = o.order_key AND h.blocks = 1 AND h.blocked = 0)
        GROUP BY o.order_key)
    RETURNING seq)sql"};
// $1 portal, $2 credential, $3 never
inline constexpr Statement wake{"wake", R"sql(
    UPDATE operation SET due = (SELECT {now}), why = '' WHERE seq IN (
        SELECT seq FROM operation WHERE portal = $1 AND priority IN (0, 1, 2) AND state IN ('queued', 'waiting')
            AND blocked = 0 AND due = $3 AND credential = $2 AND why = 'credential' LIMIT 1000 {skip_locked})
    RETURNING seq)sql"};

// --- people ------------------------------------------------------------------------------------------------------
inline constexpr Statement find{"find_operation", "SELECT {operation} FROM operation WHERE id = $1"};
inline constexpr Statement get_body{"get_body", R"sql(
    SELECT key_id, body, callback_key_id, callback FROM operation_body
    WHERE seq = (SELECT seq FROM operation WHERE id = $1))sql"};
inline constexpr Statement get_answer{"get_answer", R"sql(
    SELECT status, key_id, answer FROM operation_answer WHERE seq = (SELECT seq FROM operation WHERE id = $1))sql"};
inline constexpr Statement get_attempts{"get_attempts", R"sql(
    SELECT number, lookup, fence, gateway, intent, ended, mark, status, error_class, code, executed, duration_ms,
           request_id, batch_id, credential, key_id, excerpt
    FROM attempt WHERE seq = (SELECT seq FROM operation WHERE id = $1) ORDER BY number LIMIT 1000)sql"};
// $1 before, $2 how many are looked at, $3 state, $4 client, $5 portal, $6 class, $7 method, $8 as a prefix, $9 from,
// $10 until, $11 how many
#define B24GATE_FILTER                                                                         \
    "WHERE ($3 = '' OR state = $3) AND ($4 = '' OR client = $4) AND ($5 = '' OR portal = $5) " \
    "AND ($6 = '' OR error_class = $6) "                                                       \
    "AND ($7 = '' OR lower(method) = $7 "                                                      \
    "OR ($8 = 1 AND substr(lower(method), 1, CAST(length($7) AS integer)) = $7)) "             \
    "AND created >= $9 AND created < $10 ORDER BY seq DESC LIMIT $11"
inline constexpr Statement list_all{"list_all",
                                    "SELECT {operation} FROM (SELECT * FROM operation WHERE seq < $1 ORDER BY seq DESC "
                                    "LIMIT $2) AS looked_at " B24GATE_FILTER};
inline constexpr Statement window_all{"window_all", R"sql(
    SELECT COALESCE(min(seq), 0), count(*) FROM (
        SELECT seq FROM operation WHERE seq < $1 ORDER BY seq DESC LIMIT $2) AS looked_at)sql"};
inline constexpr Statement list_problems{
    "list_problems",
    "SELECT {operation} FROM (SELECT * FROM operation WHERE state IN ('held', 'dead', 'failed') AND state = $3 "
    "AND seq < $1 ORDER BY seq DESC LIMIT $2) AS looked_at " B24GATE_FILTER};
inline constexpr Statement window_problems{"window_problems", R"sql(
    SELECT COALESCE(min(seq), 0), count(*) FROM (
        SELECT seq FROM operation WHERE state IN ('held', 'dead', 'failed') AND state = $3 AND seq < $1
        ORDER BY seq DESC LIMIT $2) AS looked_at)sql"};
#undef B24GATE_FILTER
// $2 generation, $3 decision, $4 as bulk. One that had let the next one go takes its turn again behind those that may
// run.
inline constexpr Statement retry{"retry_operation", R"sql(
    UPDATE operation SET state = 'queued', stage = 'none', why = '', due = clock.now, begun = clock.now, attempts = 0,
        not_found = 0, first_intent = 0, generation = generation + 1, finished = 0, inferred = 0, decision = $3,
        priority = CASE WHEN $4 = 1 THEN 2 ELSE priority END,
        blocked = CASE WHEN order_key <> '' AND blocks = 0 AND EXISTS (
            SELECT 1 FROM operation AS o WHERE o.order_key = operation.order_key AND o.blocks = 1) THEN 1 ELSE blocked END,
        blocks = CASE WHEN order_key <> '' THEN 1 ELSE 0 END
    FROM {clock} WHERE id = $1 AND generation = $2 AND state IN ('held', 'dead', 'failed') RETURNING seq)sql"};
// $2 state, $3 fence, $4 decision
inline constexpr Statement discard{"discard_operation", R"sql(
    UPDATE operation SET state = 'discarded', stage = 'none', why = '', finished = clock.now, blocks = 0, blocked = 0,
        decision = $4
    FROM {clock} WHERE id = $1 AND state = $2 AND fence = $3
        AND state IN ('queued', 'waiting', 'held', 'dead', 'failed') RETURNING seq)sql"};
// $1 id, $2 decision
inline constexpr Statement put_audit_of{"put_audit_of", R"sql(
    INSERT INTO audit (at, actor, action, operation, reason)
    SELECT clock.now, $3, $4, id, $5 FROM operation, {clock} WHERE id = $1 AND decision = $2)sql"};
inline constexpr Statement put_audit{"put_audit", R"sql(
    INSERT INTO audit (at, actor, action, operation, reason) VALUES ({now}, $1, $2, $3, $4))sql"};
inline constexpr Statement list_audit{"list_audit", R"sql(
    SELECT number, at, actor, action, operation, reason FROM audit WHERE number < $1 ORDER BY number DESC LIMIT $2)sql"};

// --- housekeeping ------------------------------------------------------------------------------------------------
inline constexpr Statement counts{"counts", R"sql(
    SELECT client, portal, state, CAST(sum(n) AS {int}) FROM counter GROUP BY client, portal, state
    HAVING sum(n) <> 0 ORDER BY client, portal, state)sql"};
inline constexpr Statement oldest{"oldest", R"sql(
    SELECT COALESCE((SELECT created FROM operation WHERE finished = 0 AND state <> 'held' ORDER BY seq LIMIT 1), 0),
           COALESCE((SELECT created FROM operation WHERE state = 'held' ORDER BY seq LIMIT 1), 0),
           COALESCE((SELECT min(created) FROM callback WHERE pending = 1), 0))sql"};
// $1 how old, $2 how many
#define B24GATE_CLEAN(states)                                                                     \
    "DELETE FROM operation WHERE seq IN (SELECT seq FROM operation WHERE " states                 \
    " AND finished > 0 AND finished <= (SELECT {now}) - $1 AND blocks = 0 "                       \
    "AND (key_hash = '' OR finished <= (SELECT {now}) - 86400000) "                               \
    "AND NOT EXISTS (SELECT 1 FROM callback AS c WHERE c.seq = operation.seq AND c.pending = 1) " \
    "LIMIT $2 {skip_locked}) RETURNING seq"
inline constexpr Statement clean_succeeded{"clean_succeeded", B24GATE_CLEAN("state = 'succeeded'")};
inline constexpr Statement clean_failed{"clean_failed", B24GATE_CLEAN("state IN ('failed', 'dead', 'discarded')")};
#undef B24GATE_CLEAN
inline constexpr Statement clean_keys{"clean_keys", R"sql(
    DELETE FROM idempotency WHERE (client, key_hash) IN (
        SELECT client, key_hash FROM idempotency WHERE expires <= (SELECT {now}) LIMIT $1) RETURNING done)sql"};
inline constexpr Statement clean_gateways{"clean_gateways",
                                          "DELETE FROM gateway WHERE seen <= (SELECT {now}) - 604800000"};
inline constexpr Statement clean_audit{"clean_audit", R"sql(
    DELETE FROM audit WHERE number <= (SELECT COALESCE(max(number), 0) FROM audit) - 100000)sql"};

// --- callbacks ---------------------------------------------------------------------------------------------------
// $1 owner, $2 how many, $3 milliseconds
inline constexpr Statement lease_callbacks{"lease_callbacks", R"sql(
    UPDATE callback SET owner = $1, lease_until = (SELECT {now}) + $3, fence = fence + 1 WHERE number IN (
        SELECT number FROM callback WHERE pending = 1 AND due <= (SELECT {now}) AND lease_until <= (SELECT {now})
        ORDER BY due, number LIMIT $2 {skip_locked})
    RETURNING number, fence)sql"};
// All that the owner holds; the caller takes those that it has just leased.
inline constexpr Statement held_callbacks{"held_callbacks", R"sql(
    SELECT c.number, c.fence, c.webhook_id, c.event, c.tries, c.created, o.id, b.callback_key_id, b.callback
    FROM callback AS c JOIN operation AS o ON o.seq = c.seq JOIN operation_body AS b ON b.seq = c.seq
    WHERE c.pending = 1 AND c.owner = $1 AND c.lease_until > (SELECT {now}) AND c.due <= (SELECT {now})
    ORDER BY c.due, c.number LIMIT 1000)sql"};
inline constexpr Statement held_callback_operations{"held_callback_operations", R"sql(
    SELECT {operation} FROM operation WHERE seq IN (
        SELECT seq FROM callback WHERE pending = 1 AND owner = $1 AND lease_until > (SELECT {now}) LIMIT 1000))sql"};
// $3 pending, $4 delivered, $5 milliseconds, $6 status, $7 whether it was tried
inline constexpr Statement finish_callback{"finish_callback", R"sql(
    UPDATE callback SET pending = $3, delivered = $4, due = (SELECT {now}) + $5,
        status = CASE WHEN $7 = 1 THEN $6 ELSE status END, tries = tries + $7, owner = '', lease_until = 0
    WHERE number = $1 AND fence = $2 AND pending = 1 RETURNING number)sql"};

// --- gateways ----------------------------------------------------------------------------------------------------
inline constexpr Statement gateway_beat{"gateway_beat", R"sql(
    INSERT INTO gateway (instance, version, started, seen) SELECT $1, $2, clock.now, clock.now FROM {clock} WHERE true
    ON CONFLICT (instance) DO UPDATE SET version = excluded.version, seen = excluded.seen RETURNING seen)sql"};
inline constexpr Statement list_gateways{"list_gateways",
                                         "SELECT instance, version, started, seen FROM gateway ORDER BY instance"};

}  // namespace b24gate::storage::statements
