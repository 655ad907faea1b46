// The alerts' schema and every statement about them.
#pragma once

#include "sql.hpp"

namespace b24gate::storage::statements {

inline constexpr std::string_view alert_tables = R"sql(
CREATE TABLE alert_reports (
    gateway text NOT NULL PRIMARY KEY,
    at {int} NOT NULL,
    facts text NOT NULL
{end};
CREATE TABLE alert_turn (
    one {int} NOT NULL PRIMARY KEY CHECK (one = 1),
    gateway text NOT NULL,
    until {int} NOT NULL,
    fence {int} NOT NULL
{end};
INSERT INTO alert_turn (one, gateway, until, fence) VALUES (1, '', 0, 0);
CREATE TABLE alerts (
    id text NOT NULL PRIMARY KEY,
    rule text NOT NULL,
    subject text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
    changed {int} NOT NULL,
    more text NOT NULL
{end};
CREATE TABLE silences (
    id {serial},
    rule text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at {int} NOT NULL,
    until {int} NOT NULL
{end};
)sql";

inline constexpr Statement put_report{"put_report", R"sql(
    INSERT INTO alert_reports (gateway, at, facts) VALUES ($1, {now}, $2)
    ON CONFLICT (gateway) DO UPDATE SET at = excluded.at, facts = excluded.facts)sql"};
inline constexpr Statement drop_reports{"drop_reports", "DELETE FROM alert_reports WHERE at < {now} - $1"};
inline constexpr Statement drop_report{"drop_report", "DELETE FROM alert_reports WHERE gateway = $1"};
// $2 for how long. The fence grows when it changes hands, also back to who let it run out.
inline constexpr Statement take_turn{"take_turn", R"sql(
    UPDATE alert_turn SET
        fence = CASE WHEN alert_turn.gateway = $1 AND alert_turn.until > clock.now THEN alert_turn.fence
                     ELSE alert_turn.fence + 1 END,
        gateway = $1, until = clock.now + $2
    FROM {clock} WHERE alert_turn.gateway = $1 OR alert_turn.until <= clock.now
    RETURNING fence)sql"};
inline constexpr Statement leave_turn{"leave_turn", "UPDATE alert_turn SET gateway = '', until = 0 WHERE gateway = $1"};
inline constexpr Statement hold_turn{"hold_turn", R"sql(
    SELECT fence FROM alert_turn WHERE gateway = $1 AND fence = $2 AND until > {now} {lock})sql"};

inline constexpr Statement list_reports{"list_reports",
                                        "SELECT gateway, at, facts FROM alert_reports ORDER BY gateway"};
inline constexpr Statement list_alerts{"list_alerts",
                                       "SELECT id, rule, subject, state, changed, more FROM alerts ORDER BY id"};
inline constexpr Statement list_silences{"list_silences", R"sql(
    SELECT id, rule, subject, actor, reason, at, until FROM silences WHERE until > {now} ORDER BY id)sql"};

// $1 gateway, $2 fence
inline constexpr Statement save_alert{"save_alert", R"sql(
    INSERT INTO alerts (id, rule, subject, state, changed, more)
    SELECT $3, $4, $5, $6, $7, $8
        WHERE EXISTS (SELECT 1 FROM alert_turn WHERE gateway = $1 AND fence = $2 AND until > {now})
    ON CONFLICT (id) DO UPDATE SET
        rule = excluded.rule, subject = excluded.subject, state = excluded.state, changed = excluded.changed,
        more = excluded.more)sql"};
inline constexpr Statement drop_alert{"drop_alert", R"sql(
    DELETE FROM alerts WHERE id = $3
        AND EXISTS (SELECT 1 FROM alert_turn WHERE gateway = $1 AND fence = $2 AND until > {now}))sql"};

inline constexpr Statement put_silence{"put_silence", R"sql(
    INSERT INTO silences (rule, subject, actor, reason, at, until)
    SELECT $1, $2, $3, $4, clock.now, clock.now + $5 FROM {clock} WHERE true
    RETURNING id)sql"};
inline constexpr Statement drop_old_silences{"drop_old_silences", R"sql(
    DELETE FROM silences WHERE until <= {now}
        OR id NOT IN (SELECT id FROM silences ORDER BY id DESC LIMIT 1000))sql"};
inline constexpr Statement end_silence{"end_silence", R"sql(
    UPDATE silences SET until = clock.now FROM {clock} WHERE id = $1 AND until > clock.now RETURNING id)sql"};

}  // namespace b24gate::storage::statements
