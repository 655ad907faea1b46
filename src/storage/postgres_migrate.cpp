#include "postgres_migrate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "migrations.hpp"

namespace b24gate::storage {
namespace {

namespace asio = boost::asio;

/// "b24gate" in ASCII: nobody else's lock.
constexpr long long lock_number = 0x62323467617465;
constexpr int oldest_server = 120'000;

std::string begin(core::TimePoint until) {
    const auto left = std::max<long long>(core::to_ms(core::Deadline{until}.left(core::Clock::now())), 1);
    return fmt::format(
        "BEGIN; SET LOCAL lock_timeout = {0}; SET LOCAL statement_timeout = {0}; SELECT pg_advisory_xact_lock({1})",
        left, lock_number);
}

PostgresMigrated problem_of(const PostgresOutcome& outcome, std::string_view what) {
    PostgresMigrated out;
    out.passing = outcome.lost || outcome.sqlstate == "55P03" || outcome.sqlstate.starts_with("57");
    if (outcome.sqlstate == "42501") {
        out.problem =
            "the role may not create or read the schema b24gate; as the owner of the database run: CREATE SCHEMA "
            "b24gate AUTHORIZATION the_role";
    } else {
        out.problem = fmt::format("{}: {}", what, outcome.message);
    }
    return out;
}

std::string first(const PostgresOutcome& outcome) {
    if (outcome.rows.empty() || outcome.rows[0].empty() || outcome.rows[0][0].empty()) return {};
    return std::get<std::string>(outcome.rows[0][0][0]);
}

/// What makes the next version; empty when there is none.
std::string step_after(std::size_t version) {
    if (version >= migrations().size()) return {};
    const Migration& step = migrations()[version];
    return fmt::format("{}\n{}\nINSERT INTO schema_version (version) VALUES ({})",
                       in_dialect(step.both, Dialect::postgres), in_dialect(step.postgres, Dialect::postgres),
                       version + 1);
}

}  // namespace

asio::awaitable<PostgresMigrated> migrate_postgres(PostgresConnection& connection, core::TimePoint until) {
    PostgresMigrated out;
    if (connection.server_version() < oldest_server) {
        out.problem =
            fmt::format("the server is PostgreSQL {}; 12 or newer is needed", connection.server_version() / 10'000);
        co_return out;
    }
    while (true) {
        PostgresOutcome done = co_await connection.simple(begin(until), until);
        if (done.failed) co_return problem_of(done, "the schema cannot be locked");
        done = co_await connection.simple("SELECT to_regnamespace('b24gate') IS NULL", until);
        if (!done.failed && first(done) == "t") done = co_await connection.simple("CREATE SCHEMA b24gate", until);
        if (done.failed) co_return problem_of(done, "the schema cannot be made");
        done = co_await connection.simple("SELECT to_regclass('b24gate.schema_version') IS NULL", until);
        if (!done.failed && first(done) == "t") {
            done = co_await connection.simple("CREATE TABLE schema_version (version bigint PRIMARY KEY)", until);
        }
        if (done.failed) co_return problem_of(done, "the schema cannot be made");
        done = co_await connection.simple("SELECT coalesce(max(version), 0) FROM schema_version", until);
        if (done.failed) co_return problem_of(done, "the schema cannot be read");
        const std::size_t version = std::stoull(first(done));
        if (version > migrations().size()) {
            out.problem =
                fmt::format("a newer b24gate has written it (schema {}, this one knows up to {}); update b24gate",
                            version, migrations().size());
            co_return out;
        }
        const std::string step = step_after(version);
        if (!step.empty()) done = co_await connection.simple(step, until);
        if (done.failed) co_return problem_of(done, "the schema cannot be changed");
        done = co_await connection.simple("COMMIT", until);
        if (done.failed) co_return problem_of(done, "the schema cannot be changed");
        if (step.empty()) co_return out;
    }
}

}  // namespace b24gate::storage
