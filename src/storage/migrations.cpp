#include "migrations.hpp"

#include "alert_statements.hpp"
#include "operation_schema.hpp"

namespace b24gate::storage {
namespace {

// A removed credential keeps its row, emptied, so that neither version nor fence are ever used twice.
constexpr std::string_view tokens_portals_budgets = R"sql(
CREATE TABLE credentials (
    portal text NOT NULL,
    credential text NOT NULL,
    removed {int} NOT NULL,
    version {int} NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'needs_reauth')),
    reason text NOT NULL,
    key_id text NOT NULL,
    sealed {bytes} NOT NULL,
    member_id text NOT NULL,
    client_endpoint text NOT NULL,
    server_endpoint text NOT NULL,
    scope text NOT NULL,
    status text NOT NULL,
    user_id {int} NOT NULL,
    expires_at {int} NOT NULL,
    obtained_at {int} NOT NULL,
    refreshed_at {int} NOT NULL,
    failures {int} NOT NULL,
    retry_at {int} NOT NULL,
    lease_owner text NOT NULL,
    lease_until {int} NOT NULL,
    fence {int} NOT NULL,
    PRIMARY KEY (portal, credential)
{end};
CREATE TABLE installs (
    id {serial},
    state_hash text NOT NULL UNIQUE,
    portal text NOT NULL,
    credential text NOT NULL,
    expires_at {int} NOT NULL
{end};
CREATE TABLE portals (
    portal text NOT NULL PRIMARY KEY,
    member_id text NOT NULL,
    configured_url text NOT NULL,
    url text NOT NULL
{end};
CREATE TABLE bucket_levels (
    portal text NOT NULL,
    egress text NOT NULL,
    level {real} NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (portal, egress)
{end};
CREATE TABLE heartbeat (
    one {int} NOT NULL PRIMARY KEY CHECK (one = 1),
    at {int} NOT NULL
{end};
INSERT INTO heartbeat (one, at) VALUES (1, 0);
)sql";

constexpr std::string_view portals_that_keep_keys = R"sql(
ALTER TABLE portals ADD COLUMN keeps_keys {int} NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view pauses = R"sql(
CREATE TABLE pauses (
    portal text NOT NULL PRIMARY KEY,
    actor text NOT NULL,
    reason text NOT NULL,
    at {int} NOT NULL
{end};
)sql";

// Nobody else asks for what is not finished in these words: see operation_running.
constexpr std::string_view oldest_operations = R"sql(
ALTER TABLE operation ADD COLUMN request_id text NOT NULL DEFAULT '';
CREATE INDEX operation_pending ON operation (seq) WHERE finished = 0 AND state <> 'held';
)sql";

constexpr Migration all[] = {
    {tokens_portals_budgets, "", ""},   {operation_tables, operation_counting_sqlite, operation_counting_postgres},
    {portals_that_keep_keys, "", ""},   {pauses, "", ""},
    {statements::alert_tables, "", ""}, {oldest_operations, "", ""},
};

}  // namespace

std::span<const Migration> migrations() noexcept { return all; }

}  // namespace b24gate::storage
