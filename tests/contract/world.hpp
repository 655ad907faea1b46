// A fresh, empty database of either engine, and a way to call a store from a thread that is no coroutine.
#pragma once

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <b24gate/storage/store.hpp>

#include "support/postgres.hpp"

namespace b24gate::test {

using namespace std::chrono_literals;
using storage::Failure;
using storage::NewPair;
using storage::Store;

inline core::Deadline in(core::Duration time) { return core::Deadline{core::Clock::now() + time}; }

/// What coroutines run on. It is kept until the program ends: the store's thread that provides the last answer may
/// still be about to leave it.
struct Loop {
    Loop() : io(make()) {}
    boost::asio::io_context& io;

private:
    static boost::asio::io_context& make() {
        static std::mutex mutex;
        static std::vector<std::unique_ptr<boost::asio::io_context>> all;
        // After fork() those of the parent are not ours.
        static thread_local boost::asio::io_context* mine = nullptr;
        static thread_local pid_t owner = 0;
        if (mine == nullptr || owner != ::getpid()) {
            const std::lock_guard lock(mutex);
            mine = all.emplace_back(std::make_unique<boost::asio::io_context>(1)).get();
            owner = ::getpid();
        }
        mine->restart();
        return *mine;
    }
};

/// Runs until the answer is there.
template <class T>
storage::Result<T> wait(boost::asio::awaitable<storage::Result<T>> call) {
    Loop loop;
    std::optional<storage::Result<T>> out;
    boost::asio::co_spawn(loop.io, std::move(call), [&](std::exception_ptr error, storage::Result<T> answer) {
        if (error) std::rethrow_exception(error);
        out.emplace(std::move(answer));
    });
    loop.io.run();
    return std::move(out.value());
}

/// The answer, which must be no failure.
template <class T>
T get(boost::asio::awaitable<storage::Result<T>> call) {
    auto answer = wait(std::move(call));
    const std::string problem = answer ? std::string() : answer.error().message;
    INFO(problem);
    REQUIRE(answer.has_value());
    return std::move(*answer);
}

inline std::unique_ptr<Store> open(const std::string& url, core::Duration limit = 10s) {
    auto store = storage::open_store(url, limit);
    const std::string problem = store ? std::string() : store.error();
    INFO(problem);
    REQUIRE(store.has_value());
    return std::move(*store);
}

/// Why it does not open.
inline std::string refusal(const std::string& url, core::Duration limit = 5s) {
    const auto store = storage::open_store(url, limit);
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().find('\n') == std::string::npos);
    return store.error();
}

inline NewPair pair(std::string sealed) {
    NewPair out;
    out.key_id = "key";
    out.sealed = std::move(sealed);
    out.expires_in_ms = 3'600'000;
    return out;
}

/// In memory, if there is such a place: the disk has its own time for a thousand commits.
class Folder {
public:
    explicit Folder(bool on_disk = false) {
        const std::filesystem::path memory = "/dev/shm";
        const bool fast = !on_disk && std::filesystem::is_directory(memory) && ::access(memory.c_str(), W_OK) == 0;
        std::string name = ((fast ? memory : std::filesystem::temp_directory_path()) / "b24gate-store-XXXXXX").native();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path path;
};

struct Sqlite {
    static constexpr const char* name = "SQLite";
    explicit Sqlite(bool on_disk = false) : folder(on_disk) {}
    Folder folder;
    std::string file = folder.path / "store.db";
    std::string url = "sqlite:" + file;

    static constexpr std::string_view prefix = "";
    /// Through a connection of its own, as a foreign program does.
    void sql(const std::string& text) const {
        sqlite3* db = nullptr;
        REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
        const int code = sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr);
        const std::string problem = sqlite3_errmsg(db);
        sqlite3_close(db);
        INFO(problem);
        REQUIRE(code == SQLITE_OK);
    }
};

struct Postgres {
    static constexpr const char* name = "PostgreSQL";
    explicit Postgres(bool = false) {}
    PostgresDatabase database;
    std::string url = database.url();

    static constexpr std::string_view prefix = "b24gate.";
    void sql(const std::string& text) const { database.query(text); }
};

#define B24GATE_ENGINES ::b24gate::test::Sqlite, ::b24gate::test::Postgres

}  // namespace b24gate::test

TYPE_TO_STRING(b24gate::test::Sqlite);
TYPE_TO_STRING(b24gate::test::Postgres);
