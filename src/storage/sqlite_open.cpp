// Everything that can be wrong with a file is found here, before anything is written into it.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "migrations.hpp"
#include "sqlite_database.hpp"

namespace b24gate::storage {
namespace {

namespace fs = std::filesystem;
using Problem = std::optional<std::string>;
/// Why there is no T.
struct Why {
    std::string text;
};
template <class T>
using Found = boost::system::result<T, Why>;

/// "b24g": what tells our files from those of other programs.
constexpr std::uint32_t application_id = 0x62323467;
constexpr std::string_view magic("SQLite format 3\0", 16);
constexpr std::size_t header_size = 100, application_id_at = 68;

std::string reason(int error) { return std::system_category().message(error); }

/// A missing folder is made, and those above it, for the owner alone.
Problem make_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error)) return {};
    if (folder.has_parent_path() && folder.parent_path() != folder) {
        if (auto problem = make_folder(folder.parent_path())) return problem;
    }
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return fmt::format("the folder {} cannot be made: {}", folder.native(), reason(errno));
}

/// Where two processes that spell the name in two ways meet.
Found<std::string> real_name(const fs::path& file) {
    if (auto problem = make_folder(file.parent_path())) return Why{*problem};
    std::error_code error;
    const bool exists = fs::exists(file, error);
    fs::path real = exists ? fs::canonical(file, error) : fs::canonical(file.parent_path(), error) / file.filename();
    if (error) return Why{error.message()};
    return {boost::system::in_place_value, real.native()};
}

struct Owner {
    uid_t user = 0;
    gid_t group = 0;
};

/// Root must not make files that the service cannot open.
Found<Owner> owner_of(const std::string& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0) {
        if (S_ISDIR(info.st_mode)) return Why{"it is a folder; name a file in it"};
        if (!S_ISREG(info.st_mode)) return Why{"it is no regular file"};
        return Owner{info.st_uid, info.st_gid};
    }
    if (errno != ENOENT) return Why{reason(errno)};
    const std::string folder = fs::path(file).parent_path().native();
    if (::stat(folder.c_str(), &info) != 0) return Why{fmt::format("the folder {}: {}", folder, reason(errno))};
    return Owner{info.st_uid, info.st_gid};
}

/// An empty file for the owner alone, if there is none.
Problem make_file(const std::string& file, Owner owner) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno == EEXIST ? Problem{} : fmt::format("it cannot be made: {}", reason(errno));
    int error = ::geteuid() == 0 && ::fchown(fd, owner.user, owner.group) != 0 ? errno : 0;
    ::close(fd);
    const int folder = ::open(fs::path(file).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        if (::fsync(folder) != 0 && error == 0) error = errno;
        ::close(folder);
    }
    if (error != 0) return fmt::format("it cannot be made: {}", reason(error));
    return {};
}

std::string describe(sqlite3* db, int code) {
    switch (sqlite_failure_kind(code)) {
        case Failure::Kind::corrupt:
            return fmt::format(
                "it is damaged ({}): move it away and restore a backup, or save what can be read with "
                "\"sqlite3 FILE .recover\"",
                sqlite3_errmsg(db));
        case Failure::Kind::full:
            return fmt::format("no space is left, or the disk does not answer: {} ({})", sqlite3_errmsg(db), code);
        case Failure::Kind::read_only: return "it is read-only; b24gate must be able to write it";
        case Failure::Kind::busy: return "another program keeps it locked; end that one";
        case Failure::Kind::timeout: return "checking it took longer than the start may take";
        default: return fmt::format("{} ({})", sqlite3_errmsg(db), code);
    }
}

/// Through SQLite's own descriptor: to close another one of the same file would drop its locks.
Problem check_header(sqlite3* db, const std::string& name, bool& fresh) {
    // Not SQLite's idea of the size: it takes one byte for none.
    struct stat info {};
    if (::stat(name.c_str(), &info) != 0) return fmt::format("it cannot be read: {}", reason(errno));
    fresh = info.st_size == 0;
    if (fresh) return {};
    sqlite3_file* file = nullptr;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    std::array<unsigned char, header_size> header{};
    const int code = file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
        return fmt::format("it cannot be read: {}", sqlite3_errstr(code));
    }
    if (code == SQLITE_IOERR_SHORT_READ || std::memcmp(header.data(), magic.data(), magic.size()) != 0) {
        return "it is no SQLite database; name another file, or move it away";
    }
    std::uint32_t id = 0;
    for (std::size_t i = 0; i < 4; ++i) id = id << 8 | header.at(application_id_at + i);
    if (id != application_id) return "it is another program's SQLite database; name another file";
    return {};
}

Problem execute(sqlite3* db, const std::string& sql) {
    const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return {};
    return describe(db, code);
}

/// The first column of the first row as text; nothing when there is no row.
Found<std::string> ask(sqlite3* db, const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    int code = sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, nullptr);
    const SqliteStatement statement(raw);
    if (code == SQLITE_OK) code = sqlite3_step(raw);
    if (code == SQLITE_DONE) return {boost::system::in_place_value};
    if (code != SQLITE_ROW) return Why{describe(db, code)};
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
    return {boost::system::in_place_value, text != nullptr ? text : ""};
}

Problem settle(sqlite3* db, bool fresh) {
    const auto id = fmt::format("PRAGMA application_id = {}", application_id);
    // While the journal is a plain one: the write-ahead log would keep it out of the file's header for a while.
    if (fresh) {
        if (auto problem = execute(db, id)) return problem;
    }
    for (const char* pragma : {"PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF", "PRAGMA temp_store = MEMORY",
                               "PRAGMA mmap_size = 0", "PRAGMA synchronous = FULL", "PRAGMA cell_size_check = ON",
                               "PRAGMA journal_size_limit = 67108864", "PRAGMA wal_autocheckpoint = 4000"}) {
        if (auto problem = execute(db, pragma)) return problem;
    }
    const auto mode = ask(db, "PRAGMA journal_mode = WAL");
    if (!mode) return mode.error().text;
    if (*mode != "wal") {
        return fmt::format("it cannot keep a write-ahead log (its journal is {}); is it on a network drive?", *mode);
    }
    return {};
}

/// 0: none yet.
Found<std::int64_t> schema_version(sqlite3* db) {
    const auto table = ask(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'");
    if (!table) return table.error();
    if (table->empty()) return 0;
    const auto version = ask(db, "SELECT coalesce(max(version), 0) FROM schema_version");
    if (!version) return version.error();
    return std::strtoll(version->c_str(), nullptr, 10);
}

Problem migrate(sqlite3* db) {
    const auto steps = migrations();
    auto version = schema_version(db);
    if (!version) return version.error().text;
    if (*version > static_cast<std::int64_t>(steps.size())) {
        return fmt::format("a newer b24gate has written it (schema {}, this one knows up to {}); update b24gate",
                           *version, steps.size());
    }
    const auto check = ask(db, "PRAGMA quick_check(1)");
    if (!check) return check.error().text;
    if (*check != "ok") {
        return fmt::format(
            "it is damaged ({}): move it away and restore a backup, or save what can be read with "
            "\"sqlite3 FILE .recover\"",
            check->substr(0, check->find('\n')));
    }
    if (auto problem = execute(db, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY) STRICT")) {
        return problem;
    }
    for (auto number = static_cast<std::size_t>(*version); number < steps.size(); ++number) {
        const Migration& step = steps[number];
        const std::string sql =
            fmt::format("BEGIN IMMEDIATE;\n{}\n{}\nINSERT INTO schema_version (version) VALUES ({});\nCOMMIT;",
                        in_dialect(step.both, Dialect::sqlite), in_dialect(step.sqlite, Dialect::sqlite), number + 1);
        if (auto problem = execute(db, sql)) {
            sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
            return problem;
        }
    }
    return {};
}

int out_of_time(void* until) noexcept {
    return core::Clock::now() >= *static_cast<const core::TimePoint*>(until) ? 1 : 0;
}

Found<SqliteHandle> open_handle(const std::string& file, core::TimePoint until) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &raw,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    SqliteHandle handle(raw);
    if (code != SQLITE_OK) {
        const int error = raw != nullptr ? sqlite3_system_errno(raw) : 0;
        return Why{fmt::format("it cannot be opened: {}", error != 0 ? reason(error) : sqlite3_errstr(code))};
    }
    // SQLite opens what it may not write for reading, without a word.
    if (sqlite3_db_readonly(raw, "main") != 0) return Why{"it is read-only; b24gate must be able to write it"};
    bool fresh = false;
    if (auto problem = check_header(raw, file, fresh)) return Why{*problem};
    const auto left = core::Deadline{until}.left(core::Clock::now());
    sqlite3_busy_timeout(raw, static_cast<int>(std::min<long long>(core::to_ms(left), 60'000)) + 1);
    sqlite3_progress_handler(raw, 100'000, &out_of_time, &until);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    auto problem = settle(raw, fresh);
    if (!problem) problem = migrate(raw);
    sqlite3_progress_handler(raw, 0, nullptr, nullptr);
    if (problem) return Why{*problem};
    return handle;
}

}  // namespace

boost::system::result<std::unique_ptr<SqliteDatabase>, std::string> open_sqlite_database(const std::string& file,
                                                                                         core::TimePoint until) {
    const auto wrong = [&](std::string_view what) { return fmt::format("the store sqlite:{}: {}", file, what); };
    if (!fs::path(file).is_absolute() || !fs::path(file).has_filename()) return wrong("its name must begin with a /");
    const auto real = real_name(file);
    if (!real) return wrong(real.error().text);
    const auto owner = owner_of(*real);
    if (!owner) return wrong(owner.error().text);
    auto lock = std::make_unique<FileLock>(*real + ".lock", owner->user, owner->group);
    if (const int error = lock->acquire(until); error != 0) {
        if (error == ETIMEDOUT) {
            return wrong(fmt::format("another process has held {} all the time; is one b24gate stuck?", lock->file()));
        }
        return wrong(fmt::format("{} cannot be opened for writing: {}; b24gate must be able to write the folder",
                                 lock->file(), reason(error)));
    }
    const Unlock unlock(*lock);
    if (auto problem = make_file(*real, *owner)) return wrong(*problem);
    auto handle = open_handle(*real, until);
    if (!handle) return wrong(handle.error().text);
    return std::make_unique<SqliteDatabase>(*real, std::move(lock), std::move(*handle));
}

}  // namespace b24gate::storage
