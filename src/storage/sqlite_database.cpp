#include "sqlite_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace b24gate::storage {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_wait = 5s;
constexpr auto wait_to_close = 1s;
/// Steps of SQLite's machine between two looks at the clock.
constexpr int steps = 20'000;

constexpr Statement begin{"begin", "BEGIN"};
constexpr Statement begin_immediate{"begin", "BEGIN IMMEDIATE"};
constexpr Statement commit{"commit", "COMMIT"};
constexpr Statement rollback{"rollback", "ROLLBACK"};

struct Bind {
    sqlite3_stmt* statement;
    int at;
    int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, at, value); }
    int operator()(double value) const { return sqlite3_bind_double(statement, at, value); }
    int operator()(const std::string& value) const {
        return sqlite3_bind_text64(statement, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(const Bytes& value) const {
        return sqlite3_bind_blob64(statement, at, value.value.data(), value.value.size(), SQLITE_STATIC);
    }
};

Value column(sqlite3_stmt* statement, int at) {
    switch (sqlite3_column_type(statement, at)) {
        case SQLITE_FLOAT: return sqlite3_column_double(statement, at);
        case SQLITE_TEXT: {
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, at));
            return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, at)));
        }
        case SQLITE_BLOB: {
            const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, at));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
            return Bytes{size == 0 ? std::string() : std::string(bytes, size)};
        }
        default: return std::int64_t{sqlite3_column_int64(statement, at)};
    }
}

}  // namespace

FileIdentity FileIdentity::of(const std::string& file) noexcept {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return {};
    return {info.st_dev, info.st_ino};
}

Failure::Kind sqlite_failure_kind(int extended_code) noexcept {
    switch (extended_code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL: return Failure::Kind::busy;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH: return Failure::Kind::read_only;
        case SQLITE_FULL:
        case SQLITE_IOERR: return Failure::Kind::full;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return Failure::Kind::corrupt;
        case SQLITE_INTERRUPT: return Failure::Kind::timeout;
        case SQLITE_CANTOPEN:
        case SQLITE_NOMEM: return Failure::Kind::unavailable;
        default: return Failure::Kind::invalid;
    }
}

SqliteDatabase::SqliteDatabase(std::string file, std::unique_ptr<FileLock> lock, SqliteHandle handle)
    : file_(std::move(file)),
      wal_(file_ + "-wal"),
      lock_(std::move(lock)),
      identity_(FileIdentity::of(file_)),
      wal_identity_(FileIdentity::of(wal_)),
      handle_(std::move(handle)) {
    sqlite3_progress_handler(handle_.get(), steps, &SqliteDatabase::give_up, this);
}

SqliteDatabase::~SqliteDatabase() {
    statements_.clear();
    const bool locked = !replaced() && lock_->acquire(core::Clock::now() + wait_to_close) == 0;
    if (!locked) sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    until_ = core::TimePoint::max();
    handle_.reset();
    if (locked) lock_->release();
}

int SqliteDatabase::give_up(void* self) noexcept {
    return core::Clock::now() >= static_cast<SqliteDatabase*>(self)->until_ ? 1 : 0;
}

Failure SqliteDatabase::failure(std::string_view what, int code) const {
    Failure out;
    out.kind = sqlite_failure_kind(code);
    out.message = fmt::format("sqlite:{}: {}: {} ({})", file_, what, sqlite3_errmsg(handle_.get()), code);
    return out;
}

bool SqliteDatabase::replaced() const noexcept {
    return FileIdentity::of(file_) != identity_ || FileIdentity::of(wal_) != wal_identity_;
}

int SqliteDatabase::prepare(const Statement& statement, sqlite3_stmt** out) {
    SqliteStatement& cached = statements_[&statement];
    if (!cached) {
        const std::string sql = in_dialect(statement.sql, Dialect::sqlite);
        sqlite3_stmt* prepared = nullptr;
        const int code = sqlite3_prepare_v3(handle_.get(), sql.c_str(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
        if (code != SQLITE_OK) return code;
        cached.reset(prepared);
    }
    *out = cached.get();
    return SQLITE_OK;
}

int SqliteDatabase::run_query(const Query& query, Rows& rows) {
    sqlite3_stmt* statement = nullptr;
    int code = prepare(*query.statement, &statement);
    if (code != SQLITE_OK) return code;
    for (int at = 0; const Value& value : query.parameters) {
        code = std::visit(Bind{statement, ++at}, value);
        if (code != SQLITE_OK) break;
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW) break;
        Row row;
        const int columns = sqlite3_data_count(statement);
        for (int at = 0; at < columns; ++at) row.push_back(column(statement, at));
        rows.push_back(std::move(row));
    }
    // The same code again when it has failed.
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

Failure SqliteDatabase::not_locked(std::string_view what, int error) const {
    Failure out;
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    out.kind = error == ETIMEDOUT                   ? Failure::Kind::busy
               : denied                             ? Failure::Kind::read_only
               : error == ENOSPC || error == EDQUOT ? Failure::Kind::full
                                                    : Failure::Kind::unavailable;
    out.message = error == ETIMEDOUT ? fmt::format("sqlite:{}: {}: another process has held {} for too long", file_,
                                                   what, lock_->file())
                                     : fmt::format("sqlite:{}: {}: {} cannot be locked: {}", file_, what, lock_->file(),
                                                   std::system_category().message(error));
    return out;
}

Failure SqliteDatabase::was_replaced(std::string_view what) const {
    Failure out;
    out.kind = Failure::Kind::unavailable;
    out.message = fmt::format(
        "sqlite:{}: {}: the file or its -wal was removed or replaced since it was opened; "
        "put it back, or restart to use what is there now",
        file_, what);
    return out;
}

Failure SqliteDatabase::commit_failure(std::string_view what, int code) const {
    Failure out = failure(what, code);
    // A commit that was written and not synced may be there after a crash. One that was not written is not.
    out.in_doubt = (code & 0xff) == SQLITE_IOERR && code != SQLITE_IOERR_WRITE;
    return out;
}

void SqliteDatabase::set_limit(core::TimePoint until) {
    until_ = until;
    const auto left = core::Deadline{until}.left(core::Clock::now());
    sqlite3_busy_timeout(handle_.get(), static_cast<int>(core::to_ms(left)) + 1);
}

void SqliteDatabase::roll_back() {
    if (sqlite3_get_autocommit(handle_.get()) != 0) return;
    until_ = core::TimePoint::max();
    Rows none;
    (void)run_query({&rollback, {}}, none);
}

int SqliteDatabase::run_queries(const Transaction& transaction, std::vector<Rows>& rows) {
    rows.assign(transaction.queries.size(), {});
    int code = SQLITE_OK;
    for (std::size_t i = 0; i < rows.size() && code == SQLITE_OK; ++i) {
        code = run_query(transaction.queries[i], rows[i]);
    }
    return code;
}

SqliteDatabase::Answer SqliteDatabase::run(const Transaction& transaction, core::TimePoint until) {
    if (transaction.writes) {
        const Member one{&transaction, until};
        return std::move(run_together({&one, 1}).front().value());
    }
    if (replaced()) return was_replaced(transaction.name);
    return execute(transaction, std::min(until, core::Clock::now() + longest_wait));
}

SqliteDatabase::Answer SqliteDatabase::execute(const Transaction& transaction, core::TimePoint until) {
    set_limit(until);
    std::vector<Rows> rows;
    Rows none;
    const bool bracket = transaction.writes || transaction.queries.size() > 1;
    int code = SQLITE_OK;
    if (bracket) code = run_query({transaction.writes ? &begin_immediate : &begin, {}}, none);
    if (code == SQLITE_OK) code = run_queries(transaction, rows);
    bool committing = false;
    if (code == SQLITE_OK && bracket) {
        committing = true;
        code = run_query({&commit, {}}, none);
    }
    if (code == SQLITE_OK) return rows;
    Failure out =
        committing && transaction.writes ? commit_failure(transaction.name, code) : failure(transaction.name, code);
    roll_back();
    return out;
}

std::vector<std::optional<SqliteDatabase::Answer>> SqliteDatabase::execute_together(std::span<const Member> members) {
    std::vector<std::optional<Answer>> out(members.size());
    core::TimePoint first = core::TimePoint::max(), last{};
    for (const Member& member : members) {
        first = std::min(first, member.until);
        last = std::max(last, member.until);
    }
    set_limit(first);
    Rows none;
    int code = run_query({&begin_immediate, {}}, none);
    for (std::size_t i = 0; i < members.size() && code == SQLITE_OK; ++i) {
        until_ = members[i].until;
        std::vector<Rows> rows;
        code = run_queries(*members[i].transaction, rows);
        out[i] = std::move(rows);
    }
    if (code != SQLITE_OK) {
        roll_back();
        return {};
    }
    set_limit(last);
    code = run_query({&commit, {}}, none);
    if (code != SQLITE_OK) {
        for (std::size_t i = 0; i < members.size(); ++i) out[i] = commit_failure(members[i].transaction->name, code);
        roll_back();
    }
    return out;
}

std::vector<std::optional<SqliteDatabase::Answer>> SqliteDatabase::run_together(std::span<const Member> all) {
    std::vector<Member> members(all.begin(), all.end());
    std::vector<std::optional<Answer>> out(members.size());
    const auto limit = core::Clock::now() + longest_wait;
    core::TimePoint first = limit;
    for (Member& member : members) {
        member.until = std::min(member.until, limit);
        first = std::min(first, member.until);
    }
    if (const int error = lock_->acquire(first); error != 0) {
        const auto now = core::Clock::now();
        for (std::size_t i = 0; i < members.size(); ++i)
            if (error != ETIMEDOUT || members[i].until <= now) out[i] = not_locked(members[i].transaction->name, error);
        return out;
    }
    const Unlock unlock(*lock_);
    if (replaced()) {
        for (std::size_t i = 0; i < members.size(); ++i) out[i] = was_replaced(members[i].transaction->name);
        return out;
    }
    if (members.size() > 1) {
        auto together = execute_together(members);
        if (!together.empty()) return together;
    }
    for (std::size_t i = 0; i < members.size(); ++i) out[i] = execute(*members[i].transaction, members[i].until);
    return out;
}

}  // namespace b24gate::storage
