// How fast operations are taken and handed out, beside a bare SQLite that writes the same rows. Left out by default:
//   contract_storage --no-skip -tc="speed*"
#include <algorithm>
#include <string>
#include <vector>

#include <b24gate/storage/operation_store.hpp>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;
using storage::HandOver;
using storage::OperationStore;

namespace {

constexpr auto measured = 3s;
const std::string body(400, 'x');

HandOver call(const std::string& id) {
    HandOver out;
    out.id = id;
    out.client = "client-" + std::to_string(id.back() % 8);
    out.portal = "portal-" + std::to_string(id[id.size() - 2] % 20);
    out.credential = "main";
    out.method = "crm.lead.add";
    out.kind = storage::RepeatKind::checkable;
    out.body = {"key", body};
    return out;
}

std::string uuid(std::uint64_t number) {
    char text[40];
    std::snprintf(text, sizeof text, "01960000-%04x-7000-8000-%012llx", static_cast<unsigned>(number >> 20 & 0xFFFF),
                  static_cast<unsigned long long>(number));
    return text;
}

/// One caller after the other's answer, until the time is over.
boost::asio::awaitable<void> caller(OperationStore& store, std::uint64_t& next, core::TimePoint end,
                                    std::vector<double>& waits, int& failed) {
    while (core::Clock::now() < end) {
        HandOver one = call(uuid(next++));
        const auto before = core::Clock::now();
        const auto answer = co_await store.hand_over(std::move(one), in(10s));
        waits.push_back(core::to_seconds(core::Clock::now() - before) * 1000);
        if (!answer) ++failed;
    }
}

struct Speed {
    double a_second = 0, p50 = 0, p99 = 0;
};

Speed hand_overs(OperationStore& store, int callers, std::uint64_t& next) {
    Loop loop;
    std::vector<double> waits;
    int failed = 0;
    const auto begin = core::Clock::now();
    for (int i = 0; i < callers; ++i)
        boost::asio::co_spawn(loop.io, caller(store, next, begin + measured, waits, failed),
                              [](std::exception_ptr error) {
                                  if (error) std::rethrow_exception(error);
                              });
    loop.io.run();
    CHECK(failed == 0);
    Speed out;
    out.a_second = static_cast<double>(waits.size()) / core::to_seconds(core::Clock::now() - begin);
    std::sort(waits.begin(), waits.end());
    out.p50 = waits[waits.size() / 2];
    out.p99 = waits[waits.size() * 99 / 100];
    return out;
}

/// The same rows by nobody but SQLite, so many in a commit.
double bare(const std::string& file, int together, std::uint64_t& next) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY", nullptr,
                 nullptr, nullptr);
    const char* texts[] = {
        "INSERT INTO operation (id, client, portal, credential, method, api, kind, state, stage, why, priority, due, "
        "blocked, blocks, order_key, key_hash, owner, lease_until, fence, attempts, not_found, tried, generation, "
        "first_intent, intent, unknown, executed, inferred, error_class, code, status, created, begun, finished, "
        "has_callback, decision) VALUES (?1, ?2, ?3, 'main', 'crm.lead.add', 2, 'checkable', 'queued', 'none', '', 1, "
        "?4, 0, 0, '', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, '', '', 0, ?4, ?4, 0, 0, 0)",
        "INSERT INTO operation_body (seq, key_id, body, callback_key_id, callback) "
        "VALUES (last_insert_rowid(), 'key', ?1, '', x'')",
        "BEGIN IMMEDIATE", "COMMIT"};
    sqlite3_stmt* statements[4];
    for (int i = 0; i < 4; ++i) REQUIRE(sqlite3_prepare_v2(db, texts[i], -1, &statements[i], nullptr) == SQLITE_OK);
    const auto run = [&](int which) {
        REQUIRE(sqlite3_step(statements[which]) == SQLITE_DONE);
        sqlite3_reset(statements[which]);
    };
    std::uint64_t rows = 0;
    const auto begin = core::Clock::now();
    while (core::Clock::now() < begin + measured) {
        run(2);
        for (int i = 0; i < together; ++i, ++rows) {
            const HandOver one = call(uuid(next++));
            sqlite3_bind_text(statements[0], 1, one.id.data(), static_cast<int>(one.id.size()), SQLITE_STATIC);
            sqlite3_bind_text(statements[0], 2, one.client.data(), static_cast<int>(one.client.size()), SQLITE_STATIC);
            sqlite3_bind_text(statements[0], 3, one.portal.data(), static_cast<int>(one.portal.size()), SQLITE_STATIC);
            sqlite3_bind_int64(statements[0], 4, 1'790'000'000'000 + static_cast<std::int64_t>(next));
            run(0);
            sqlite3_bind_blob(statements[1], 1, one.body.bytes.data(), static_cast<int>(one.body.bytes.size()),
                              SQLITE_STATIC);
            run(1);
        }
        run(3);
    }
    const double out = static_cast<double>(rows) / core::to_seconds(core::Clock::now() - begin);
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
    sqlite3_close(db);
    return out;
}

/// Milliseconds of a lease of ten, with their return.
double leases(OperationStore& store) {
    std::vector<double> times;
    for (int i = 0; i < 200; ++i) {
        const auto before = core::Clock::now();
        auto leased = get(store.lease("portal-" + std::to_string(i % 20), 10, "gate-1", 60'000, in(10s)));
        times.push_back(core::to_seconds(core::Clock::now() - before) * 1000);
        std::vector<storage::Finish> back;
        for (const auto& record : leased.operations) {
            storage::Finish one;
            one.claim = {record.id, record.fence};
            one.state = storage::OperationState::queued;
            one.due = record.due;
            back.push_back(std::move(one));
        }
        get(store.give_back(std::move(back), in(10s)));
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

}  // namespace

TEST_CASE_TEMPLATE("speed of hand-overs and leases" * doctest::skip(), World, B24GATE_ENGINES) {
    World world(true);
    const auto owner = open(world.url);
    OperationStore& store = owner->operations();
    std::uint64_t next = 1;
    for (const int callers : {1, 8, 64}) {
        const Speed speed = hand_overs(store, callers, next);
        std::string beside;
        if constexpr (std::is_same_v<World, Sqlite>) {
            Sqlite other(true);
            { get(open(other.url)->ping(in(5s))); }
            const double alone = bare(other.file, callers, next);
            beside = "; bare SQLite, " + std::to_string(callers) +
                     " a commit: " + std::to_string(static_cast<int>(alone)) + " (" +
                     std::to_string(speed.a_second / alone) + ")";
        }
        MESSAGE(std::string(World::name) << ", " << callers << " callers: " << static_cast<int>(speed.a_second)
                                         << " hand-overs a second, p50 " << speed.p50 << " ms, p99 " << speed.p99
                                         << " ms" << beside);
        if (callers == 64) CHECK(speed.a_second >= 3'000);
    }
}

TEST_CASE_TEMPLATE("speed with a million that wait" * doctest::skip(), World, B24GATE_ENGINES) {
    World world(true);
    const auto owner = open(world.url, 60s);
    OperationStore& store = owner->operations();
    std::uint64_t next = 10'000'000;
    const auto fill = [&](int from, int until) {
        // By hand, as a million hand-overs would take their time.
        const std::string prefix(World::prefix);
        world.sql(
            "WITH RECURSIVE n(i) AS (SELECT " + std::to_string(from) + " UNION ALL SELECT i + 1 FROM n WHERE i < " +
            std::to_string(until - 1) + ") INSERT INTO " + prefix +
            "operation (id, client, portal, credential, method, api, kind, state, stage, why, priority, due, "
            "blocked, blocks, order_key, key_hash, owner, lease_until, fence, attempts, not_found, tried, "
            "generation, first_intent, intent, unknown, executed, inferred, error_class, code, status, created, "
            "begun, finished, has_callback, decision) "
            "SELECT 'old-' || (10000000 + i), 'client-' || (i % 8), 'portal-' || (i % 20), 'main', "
            "'crm.lead.add', 2, 'checkable', 'queued', 'none', '', i % 3, 1700000000000 + i, 0, 0, '', '', '', 0, "
            "0, 0, 0, 0, 0, 0, 0, 0, '', 0, '', '', 0, 1700000000000 + i, 1700000000000 + i, 0, 0, 0 FROM n");
    };
    fill(0, 10'000);
    const Speed small = hand_overs(store, 64, next);
    const double lease_small = leases(store);
    fill(10'000, 1'000'000);
    if constexpr (std::is_same_v<World, Postgres>) world.sql("ANALYZE b24gate.operation");
    const Speed large = hand_overs(store, 64, next);
    const double lease_large = leases(store);
    MESSAGE(std::string(World::name) << ", 64 callers: " << static_cast<int>(small.a_second)
                                     << " hand-overs a second with few, " << static_cast<int>(large.a_second)
                                     << " with a million (" << small.a_second / large.a_second
                                     << "); a lease of ten: " << lease_small << " and " << lease_large << " ms ("
                                     << lease_large / lease_small << ")");
    const auto before = core::Clock::now();
    storage::OperationFilter filter;
    filter.client = "nobody";
    CHECK(get(store.list(filter, in(10s))).operations.empty());
    MESSAGE("a page that finds nothing: " << core::to_seconds(core::Clock::now() - before) * 1000 << " ms");
    CHECK(small.a_second / large.a_second <= 1.5);
    CHECK(lease_large / lease_small <= 1.5);
}
