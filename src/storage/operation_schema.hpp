// The schema of operations, as migrations.cpp runs it.
#pragma once

#include <string_view>

namespace b24gate::storage {

// `blocks`: it keeps those behind it of its order key waiting. `blocked`: it waits for one of them. Of each order key
// at most one blocks without being blocked: the one that may run.
// `decision`: names the transaction that changed it last, for the statements that follow in the same one.
// The condition of `operation_running` is one that only those name who look for leases: PostgreSQL would else find a
// row by it that has an id, since so few are running, and step over all that have been. Blocked rows are outside of
// `operation_ready`: thousands behind one key must cost a lease nothing.
inline constexpr std::string_view operation_tables = R"sql(
CREATE TABLE operation (
    seq {serial},
    id text NOT NULL UNIQUE,
    client text NOT NULL,
    portal text NOT NULL,
    credential text NOT NULL,
    method text NOT NULL,
    api {int} NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    stage text NOT NULL,
    why text NOT NULL,
    priority {int} NOT NULL CHECK (priority BETWEEN 0 AND 2),
    due {int} NOT NULL,
    blocked {int} NOT NULL,
    blocks {int} NOT NULL,
    order_key text NOT NULL,
    key_hash text NOT NULL,
    owner text NOT NULL,
    lease_until {int} NOT NULL,
    fence {int} NOT NULL,
    attempts {int} NOT NULL,
    not_found {int} NOT NULL,
    tried {int} NOT NULL,
    generation {int} NOT NULL,
    first_intent {int} NOT NULL,
    intent {int} NOT NULL,
    unknown {int} NOT NULL,
    executed text NOT NULL,
    inferred {int} NOT NULL,
    error_class text NOT NULL,
    code text NOT NULL,
    status {int} NOT NULL,
    created {int} NOT NULL,
    begun {int} NOT NULL,
    finished {int} NOT NULL,
    has_callback {int} NOT NULL,
    decision {int} NOT NULL
{end};
CREATE INDEX operation_ready ON operation (portal, priority, due, seq)
    WHERE state IN ('queued', 'waiting') AND blocked = 0;
CREATE INDEX operation_running ON operation (lease_until) WHERE lease_until > 0;
CREATE INDEX operation_order ON operation (order_key, blocked, seq) WHERE blocks = 1;
CREATE INDEX operation_finished ON operation (state, finished) WHERE finished > 0;
CREATE INDEX operation_problem ON operation (state, seq) WHERE state IN ('held', 'dead', 'failed');
CREATE TABLE operation_body (
    seq {int} NOT NULL PRIMARY KEY REFERENCES operation (seq) ON DELETE CASCADE,
    key_id text NOT NULL,
    body {bytes} NOT NULL,
    callback_key_id text NOT NULL,
    callback {bytes} NOT NULL
{end};
CREATE TABLE operation_answer (
    seq {int} NOT NULL PRIMARY KEY REFERENCES operation (seq) ON DELETE CASCADE,
    status {int} NOT NULL,
    key_id text NOT NULL,
    answer {bytes} NOT NULL
{end};
CREATE TABLE attempt (
    seq {int} NOT NULL REFERENCES operation (seq) ON DELETE CASCADE,
    number {int} NOT NULL,
    lookup {int} NOT NULL,
    fence {int} NOT NULL,
    gateway text NOT NULL,
    intent {int} NOT NULL,
    ended {int} NOT NULL,
    mark text NOT NULL,
    status {int} NOT NULL,
    error_class text NOT NULL,
    code text NOT NULL,
    executed text NOT NULL,
    duration_ms {int} NOT NULL,
    request_id text NOT NULL,
    batch_id text NOT NULL,
    credential text NOT NULL,
    key_id text NOT NULL,
    excerpt {bytes} NOT NULL,
    PRIMARY KEY (seq, number)
{end_clustered};
CREATE TABLE idempotency (
    client text NOT NULL,
    key_hash text NOT NULL,
    request text NOT NULL,
    operation text NOT NULL,
    holder text NOT NULL,
    owner text NOT NULL,
    done {int} NOT NULL,
    safe {int} NOT NULL,
    status {int} NOT NULL,
    key_id text NOT NULL,
    answer {bytes} NOT NULL,
    created {int} NOT NULL,
    expires {int} NOT NULL,
    PRIMARY KEY (client, key_hash)
{end_clustered};
CREATE INDEX idempotency_expires ON idempotency (expires);
CREATE TABLE callback (
    number {serial},
    seq {int} NOT NULL REFERENCES operation (seq) ON DELETE CASCADE,
    webhook_id text NOT NULL UNIQUE,
    event text NOT NULL,
    pending {int} NOT NULL,
    delivered {int} NOT NULL,
    due {int} NOT NULL,
    tries {int} NOT NULL,
    status {int} NOT NULL,
    owner text NOT NULL,
    lease_until {int} NOT NULL,
    fence {int} NOT NULL,
    created {int} NOT NULL
{end};
CREATE INDEX callback_of ON callback (seq);
CREATE INDEX callback_due ON callback (due, number) WHERE pending = 1;
CREATE TABLE counter (
    client text NOT NULL,
    portal text NOT NULL,
    state text NOT NULL,
    slot {int} NOT NULL,
    n {int} NOT NULL,
    PRIMARY KEY (client, portal, state, slot)
{end_clustered};
CREATE TABLE gateway (
    instance text NOT NULL PRIMARY KEY,
    version text NOT NULL,
    started {int} NOT NULL,
    seen {int} NOT NULL
{end};
CREATE TABLE audit (
    number {serial},
    at {int} NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    operation text NOT NULL,
    reason text NOT NULL
{end};
)sql";

// Counters follow the rows by themselves: no statement can forget them.
inline constexpr std::string_view operation_counting_sqlite = R"sql(
CREATE TRIGGER operation_came AFTER INSERT ON operation BEGIN
    INSERT INTO counter (client, portal, state, slot, n) VALUES (NEW.client, NEW.portal, NEW.state, 0, 1)
    ON CONFLICT (client, portal, state, slot) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER operation_moved AFTER UPDATE OF state ON operation WHEN OLD.state <> NEW.state BEGIN
    UPDATE counter SET n = n - 1
    WHERE client = OLD.client AND portal = OLD.portal AND state = OLD.state AND slot = 0;
    INSERT INTO counter (client, portal, state, slot, n) VALUES (NEW.client, NEW.portal, NEW.state, 0, 1)
    ON CONFLICT (client, portal, state, slot) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER operation_went AFTER DELETE ON operation BEGIN
    UPDATE counter SET n = n - 1
    WHERE client = OLD.client AND portal = OLD.portal AND state = OLD.state AND slot = 0;
END;
)sql";

// A row for each session and state: sessions that count at once must not wait for each other. A count is their sum, and
// one of them may be below zero. Once a statement, not once a row: a counter that one transaction changes a thousand
// times leaves a thousand versions of itself to be stepped over.
inline constexpr std::string_view operation_counting_postgres = R"sql(
CREATE FUNCTION count_operations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO b24gate.counter AS c (client, portal, state, slot, n)
        SELECT client, portal, state, pg_backend_pid() % 64, count(*) FROM came
        GROUP BY client, portal, state ORDER BY client, portal, state
        ON CONFLICT (client, portal, state, slot) DO UPDATE SET n = c.n + excluded.n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO b24gate.counter AS c (client, portal, state, slot, n)
        SELECT client, portal, state, pg_backend_pid() % 64, -count(*) FROM went
        GROUP BY client, portal, state ORDER BY client, portal, state
        ON CONFLICT (client, portal, state, slot) DO UPDATE SET n = c.n + excluded.n;
    ELSE
        INSERT INTO b24gate.counter AS c (client, portal, state, slot, n)
        SELECT client, portal, state, pg_backend_pid() % 64, sum(change)
        FROM (SELECT client, portal, state, -1 AS change FROM went
              UNION ALL SELECT client, portal, state, 1 FROM came) AS changed
        GROUP BY client, portal, state HAVING sum(change) <> 0 ORDER BY client, portal, state
        ON CONFLICT (client, portal, state, slot) DO UPDATE SET n = c.n + excluded.n;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER operation_came AFTER INSERT ON operation REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION count_operations();
CREATE TRIGGER operation_moved AFTER UPDATE ON operation REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION count_operations();
CREATE TRIGGER operation_went AFTER DELETE ON operation REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION count_operations();
ALTER TABLE operation SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
                           autovacuum_vacuum_cost_delay = 0);
ALTER TABLE counter SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
                         autovacuum_vacuum_cost_delay = 0);
)sql";

}  // namespace b24gate::storage
