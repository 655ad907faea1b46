#include "sql.hpp"

#include <stdexcept>

namespace b24gate::storage {
namespace {

struct Word {
    std::string_view word, sqlite, postgres;
};
#define B24GATE_NOW_SQLITE "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
#define B24GATE_NOW_POSTGRES "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
#define B24GATE_RECORD                                                                                          \
    "portal, credential, version, state, reason, key_id, sealed, member_id, client_endpoint, server_endpoint, " \
    "scope, status, user_id, expires_at, obtained_at, refreshed_at, failures, retry_at, lease_owner, "          \
    "lease_until, fence"
#define B24GATE_OPERATION                                                                                         \
    "seq, id, client, portal, credential, method, api, kind, state, stage, why, priority, due, order_key, "       \
    "blocked, owner, lease_until, fence, attempts, not_found, tried, generation, first_intent, intent, unknown, " \
    "executed, inferred, error_class, code, status, created, begun, finished, has_callback, request_id"
#define B24GATE_ORDER_LOCK                                                                                     \
    "(CASE WHEN pg_advisory_xact_lock(hashtextextended('b24gate order ' || $1, 0)) IS NULL THEN 0 ELSE 1 END)" \
    "::bigint"
constexpr Word words[] = {
    {"now", B24GATE_NOW_SQLITE, B24GATE_NOW_POSTGRES},
    {"clock", "(SELECT " B24GATE_NOW_SQLITE " AS now) AS clock", "(SELECT " B24GATE_NOW_POSTGRES " AS now) AS clock"},
    {"record", B24GATE_RECORD, B24GATE_RECORD},
    {"operation", B24GATE_OPERATION, B24GATE_OPERATION},
    {"int", "INTEGER", "bigint"},
    {"real", "REAL", "double precision"},
    {"bytes", "BLOB", "bytea"},
    {"serial", "INTEGER PRIMARY KEY AUTOINCREMENT", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
    {"end", ") STRICT", ")"},
    {"end_clustered", ") STRICT, WITHOUT ROWID", ")"},
    {"lock", "", "FOR UPDATE"},
    {"skip_locked", "", "FOR UPDATE SKIP LOCKED"},
    {"order_lock", "length(?1)", B24GATE_ORDER_LOCK},
};

std::string_view translate(std::string_view word, Dialect dialect) {
    for (const Word& known : words) {
        if (known.word == word) return dialect == Dialect::sqlite ? known.sqlite : known.postgres;
    }
    throw std::logic_error("no such word in SQL: {" + std::string(word) + "}");
}

}  // namespace

std::string in_dialect(std::string_view sql, Dialect dialect) {
    std::string out;
    for (std::size_t at = 0; at < sql.size(); ++at) {
        if (sql[at] == '{') {
            const std::size_t end = sql.find('}', at);
            out += translate(sql.substr(at + 1, end - at - 1), dialect);
            at = end;
        } else if (sql[at] == '$' && dialect == Dialect::sqlite) {
            out += '?';
        } else {
            out += sql[at];
        }
    }
    return out;
}

}  // namespace b24gate::storage
