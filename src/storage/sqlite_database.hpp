// One connection to an SQLite file that has been checked, and how a transaction runs on it. One thread at a time.
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sql.hpp"
#include "sqlite_lock.hpp"

namespace b24gate::storage {

struct CloseSqlite {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using SqliteHandle = std::unique_ptr<sqlite3, CloseSqlite>;
using SqliteStatement = std::unique_ptr<sqlite3_stmt, CloseSqlite>;

/// Which file stands behind a name.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
    /// All zero: there is none.
    [[nodiscard]] static FileIdentity of(const std::string& file) noexcept;
};

[[nodiscard]] Failure::Kind sqlite_failure_kind(int extended_code) noexcept;

class SqliteDatabase {
public:
    /// As opened by `open_sqlite_database`, which holds the lock while it makes this.
    SqliteDatabase(std::string file, std::unique_ptr<FileLock> lock, SqliteHandle handle);
    /// Brings what is written into the file, unless another process holds the lock.
    ~SqliteDatabase();
    SqliteDatabase(const SqliteDatabase&) = delete;
    SqliteDatabase& operator=(const SqliteDatabase&) = delete;

    using Answer = Result<std::vector<Rows>>;
    /// Waits for others until `until`, and never longer than five seconds.
    [[nodiscard]] Answer run(const Transaction& transaction, core::TimePoint until);

    struct Member {
        const Transaction* transaction = nullptr;
        core::TimePoint until;
    };
    /// Transactions that write, one after the other under one lock and in one commit. One that fails takes no other
    /// with it. nullopt: not tried, since another one's time was over before the lock was free.
    [[nodiscard]] std::vector<std::optional<Answer>> run_together(std::span<const Member> members);

private:
    [[nodiscard]] Failure not_locked(std::string_view what, int error) const;
    [[nodiscard]] Failure was_replaced(std::string_view what) const;
    [[nodiscard]] Answer execute(const Transaction& transaction, core::TimePoint until);
    /// Empty: one of them could not be done, and none is.
    [[nodiscard]] std::vector<std::optional<Answer>> execute_together(std::span<const Member> members);
    [[nodiscard]] int run_queries(const Transaction& transaction, std::vector<Rows>& rows);
    [[nodiscard]] Failure commit_failure(std::string_view what, int code) const;
    void set_limit(core::TimePoint until);
    void roll_back();
    [[nodiscard]] Failure failure(std::string_view what, int code) const;
    /// Nothing must be written into a file that nobody will find again.
    [[nodiscard]] bool replaced() const noexcept;
    [[nodiscard]] int prepare(const Statement& statement, sqlite3_stmt** out);
    [[nodiscard]] int run_query(const Query& query, Rows& rows);
    static int give_up(void* self) noexcept;

    std::string file_, wal_;
    std::unique_ptr<FileLock> lock_;
    FileIdentity identity_, wal_identity_;
    SqliteHandle handle_;
    std::unordered_map<const Statement*, SqliteStatement> statements_;
    core::TimePoint until_ = core::TimePoint::max();
};

/// Opens, checks and migrates. The error is a line for a person.
[[nodiscard]] boost::system::result<std::unique_ptr<SqliteDatabase>, std::string> open_sqlite_database(
    const std::string& file, core::TimePoint until);

}  // namespace b24gate::storage
