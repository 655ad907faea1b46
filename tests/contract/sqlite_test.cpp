// What can happen to a file: at the start, while it is used, and when the process dies at any moment.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <random>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534;

struct stat stat_of(const fs::path& file) {
    struct stat out {};
    REQUIRE(::stat(file.c_str(), &out) == 0);
    return out;
}

std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

bool has(const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    return true;
}

/// Runs in a child, whose word is the last thing that it says.
std::string in_child(const std::function<std::string()>& what) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    std::cout.flush();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const std::string word = what();
        (void)!::write(pipe[1], word.data(), word.size());
        ::_exit(0);
    }
    ::close(pipe[1]);
    std::string out;
    char piece[512];
    for (ssize_t n = 0; (n = ::read(pipe[0], piece, sizeof piece)) > 0;) out.append(piece, static_cast<std::size_t>(n));
    ::close(pipe[0]);
    int ended = 0;
    REQUIRE(::waitpid(child, &ended, 0) == child);
    CHECK(ended == 0);
    return out;
}

std::string describe(const storage::Result<storage::CredentialRecord>& answer) {
    if (answer) return "ok";
    return std::string(to_string(answer.error().kind)) + (answer.error().in_doubt ? " in doubt" : "");
}

/// Holds the lock that processes share, as a gateway does while it writes.
class ForeignLock {
public:
    explicit ForeignLock(const std::string& file) : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        REQUIRE(::fcntl(fd_, F_OFD_SETLK, &lock) == 0);
    }
    ~ForeignLock() { ::close(fd_); }
    ForeignLock(const ForeignLock&) = delete;
    ForeignLock& operator=(const ForeignLock&) = delete;

private:
    int fd_;
};

}  // namespace

TEST_CASE("folder and files are made for the owner alone, with the settings that keep what was promised") {
    Sqlite world;
    const fs::path file = world.folder.path / "a" / "b" / "store.db";
    const auto store = open("sqlite:" + file.native());
    get(store->put_credential("main", "app", pair("x"), in(5s)));
    CHECK((stat_of(world.folder.path / "a").st_mode & 0777) == 0700);
    CHECK((stat_of(file.parent_path()).st_mode & 0777) == 0700);
    for (const char* end : {"", "-wal", "-shm", ".lock"}) {
        CAPTURE(end);
        CHECK((stat_of(file.native() + end).st_mode & 0777) == 0600);
    }
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    std::string settings;
    const auto collect = [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) += std::string(values[0]) + " ";
        return 0;
    };
    for (const char* ask :
         {"PRAGMA journal_mode", "PRAGMA application_id", "PRAGMA auto_vacuum", "PRAGMA integrity_check"}) {
        CHECK(sqlite3_exec(db, ask, collect, &settings, nullptr) == SQLITE_OK);
    }
    sqlite3_close(db);
    CHECK(settings == "wal 1647457383 0 ok ");
}

TEST_CASE("root leaves every file to the owner of the database") {
    if (::geteuid() != 0) return;
    Sqlite world;
    REQUIRE(::chown(world.folder.path.c_str(), nobody, nobody) == 0);
    const auto owners = [&] {
        for (const char* end : {"", "-wal", "-shm", ".lock"}) {
            CAPTURE(end);
            CHECK(stat_of(world.file + end).st_uid == nobody);
            CHECK(stat_of(world.file + end).st_gid == nobody);
        }
    };
    {
        const auto store = open(world.url);
        get(store->ping(in(5s)));
        owners();
    }
    fs::remove(world.file + ".lock");
    REQUIRE(::chown(world.folder.path.c_str(), 0, 0) == 0);
    const auto store = open(world.url);
    get(store->ping(in(5s)));
    owners();
}

TEST_CASE("what is no database of ours is refused and stays as it was") {
    Sqlite world;
    SUBCASE("garbage") {
        write(world.file,
              "this is a file of somebody else, and it is longer than the hundred bytes of the header that "
              "an SQLite database begins with");
        const auto before = content(world.file);
        has(refusal(world.url), "no SQLite database");
        CHECK(content(world.file) == before);
    }
    SUBCASE("a short file") {
        write(world.file, "x");
        has(refusal(world.url), "no SQLite database");
        CHECK(content(world.file) == "x");
    }
    SUBCASE("another program's database") {
        world.sql("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
        const auto before = content(world.file);
        has(refusal(world.url), "another program's");
        CHECK(content(world.file) == before);
    }
    SUBCASE("a folder") {
        fs::create_directory(world.file);
        has(refusal(world.url), "it is a folder");
    }
    SUBCASE("a pipe") {
        REQUIRE(::mkfifo(world.file.c_str(), 0600) == 0);
        has(refusal(world.url), "no regular file");
    }
    SUBCASE("a relative name") { has(refusal("sqlite:var/store.db"), "begin with a /"); }
    SUBCASE("nothing that we know") { has(refusal("mysql://host/"), "postgresql://"); }
    SUBCASE("below a file") {
        write(world.file, "x");
        has(refusal(world.url + "/deeper/store.db"), "Not a directory");
    }
    SUBCASE("a database that is damaged") {
        {
            const auto store = open(world.url);
            for (int i = 0; i < 50; ++i) {
                get(store->put_credential("main", std::to_string(i), pair(std::string(1000, 'x')), in(5s)));
            }
        }
        auto bytes = content(world.file);
        REQUIRE(bytes.size() > 40'000);
        for (std::size_t at = 4096; at < 40'000; ++at) bytes[at] = static_cast<char>(at * 37);
        write(world.file, bytes);
        has(refusal(world.url), "damaged");
        CHECK(content(world.file) == bytes);
    }
    SUBCASE("a database whose header is damaged") {
        { const auto store = open(world.url); }
        auto bytes = content(world.file);
        bytes[3] = 'x';
        write(world.file, bytes);
        has(refusal(world.url), "no SQLite database");
        CHECK(content(world.file) == bytes);
    }
}

TEST_CASE("what may not be written is refused with the reason") {
    if (::geteuid() != 0) return;
    Sqlite world;
    REQUIRE(::chmod(world.folder.path.c_str(), 0755) == 0);
    { const auto store = open(world.url); }
    const auto as_nobody = [&] {
        return in_child([&]() -> std::string {
            if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) return "cannot become nobody";
            const auto store = storage::open_store(world.url, 2s);
            return store ? "opened" : store.error();
        });
    };
    SUBCASE("files of somebody else") { has(as_nobody(), "Permission denied"); }
    SUBCASE("a file that may only be read") {
        REQUIRE(::chown(world.folder.path.c_str(), nobody, nobody) == 0);
        REQUIRE(::chmod(world.file.c_str(), 0644) == 0);
        REQUIRE(::chmod((world.file + ".lock").c_str(), 0666) == 0);
        has(as_nobody(), "read-only");
    }
    SUBCASE("a folder that may only be read") {
        REQUIRE(::chown(world.file.c_str(), nobody, nobody) == 0);
        fs::remove(world.file + ".lock");
        has(as_nobody(), "must be able to write the folder");
    }
    SUBCASE("no way to the folder") {
        REQUIRE(::chmod(world.folder.path.c_str(), 0700) == 0);
        has(as_nobody(), "Permission denied");
    }
}

TEST_CASE("another process that writes for too long: busy, and then it goes on") {
    Sqlite world;
    const auto store = open(world.url);
    {
        const ForeignLock lock(world.file + ".lock");
        CHECK(describe(wait(store->put_credential("main", "app", pair("x"), in(50ms)))) == "busy");
        // Who only reads is in nobody's way.
        CHECK(get(store->list_credentials(in(5s))).records.empty());
        has(refusal(world.url, 50ms), "another process has held");
    }
    CHECK(describe(wait(store->put_credential("main", "app", pair("x"), in(5s)))) == "ok");
}

TEST_CASE("behind one that waits: a deadline is kept, and ten thousand are enough") {
    Sqlite world;
    const auto store = open(world.url);
    Loop loop;
    int busy = 0, late = 0, ok = 0;
    auto lock = std::make_unique<ForeignLock>(world.file + ".lock");
    constexpr int calls = 10'200;
    for (int i = 0; i < calls; ++i) {
        boost::asio::co_spawn(loop.io, store->put_credential("main", "app", pair("x"), in(i == 0 ? 5s : 1ms)),
                              [&](std::exception_ptr, storage::Result<storage::CredentialRecord> answer) {
                                  const auto word = describe(answer);
                                  busy += word == "busy";
                                  late += word == "timeout";
                                  ok += word == "ok";
                              });
    }
    loop.io.poll();
    // As many as go into one commit may have left the queue before the others came.
    CHECK(busy >= 200 - 128);
    CHECK(busy <= 200);
    CHECK(ok == 0);
    lock.reset();
    loop.io.run();
    CHECK(ok == 1);
    CHECK(late == calls - 1 - busy);
    CHECK(get(store->list_credentials(in(5s))).records.at(0).version == 1);
}

TEST_CASE("a foreign program in a transaction: busy, and then it goes on") {
    Sqlite world;
    const auto store = open(world.url);
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(world.file.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(describe(wait(store->put_credential("main", "app", pair("x"), in(50ms)))) == "busy");
    REQUIRE(sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(describe(wait(store->put_credential("main", "app", pair("x"), in(5s)))) == "ok");
    sqlite3_close(db);
}

TEST_CASE("the lock's file is removed: the next ones agree on a new one") {
    Sqlite world;
    const auto a = open(world.url), b = open(world.url);
    get(a->ping(in(5s)));
    fs::remove(world.file + ".lock");
    get(a->ping(in(5s)));
    get(b->ping(in(5s)));
    const ForeignLock lock(world.file + ".lock");
    for (const auto* store : {&a, &b}) {
        const auto answer = wait((*store)->ping(in(30ms)));
        REQUIRE(answer.has_error());
        CHECK(answer.error().kind == Failure::Kind::busy);
    }
}

TEST_CASE("nothing is written into a file that is no longer there") {
    Sqlite world;
    auto store = open(world.url);
    get(store->put_credential("main", "app", pair("x"), in(5s)));
    const std::string away = world.file + ".away";
    SUBCASE("the file is gone, and comes back") {
        fs::rename(world.file, away);
        const auto answer = wait(store->put_credential("main", "app", pair("y"), in(5s)));
        CHECK(describe(answer) == "unavailable");
        has(answer.error().message, "removed or replaced");
        CHECK(wait(store->list_credentials(in(5s))).has_error());
        CHECK_FALSE(fs::exists(world.file));
        fs::rename(away, world.file);
        CHECK(describe(wait(store->put_credential("main", "app", pair("z"), in(5s)))) == "ok");
    }
    SUBCASE("another file stands there") {
        fs::rename(world.file, away);
        write(world.file, "another one");
        CHECK(describe(wait(store->put_credential("main", "app", pair("y"), in(5s)))) == "unavailable");
        store.reset();
        CHECK(content(world.file) == "another one");
    }
    SUBCASE("the write-ahead log is gone") {
        fs::remove(world.file + "-wal");
        CHECK(describe(wait(store->put_credential("main", "app", pair("y"), in(5s)))) == "unavailable");
    }
}

TEST_CASE("no space: a clear failure, nothing half-written, and it goes on when there is space again") {
    Sqlite world;
    const std::string word = in_child([&]() -> std::string {
        ::signal(SIGXFSZ, SIG_IGN);
        auto store = storage::open_store(world.url, 5s);
        if (!store) return store.error();
        auto answer = wait((*store)->put_credential("main", "app", pair("before"), in(5s)));
        std::string out = describe(answer);
        rlimit limit{};
        ::getrlimit(RLIMIT_FSIZE, &limit);
        rlimit small = limit;
        small.rlim_cur = 64 * 1024;
        ::setrlimit(RLIMIT_FSIZE, &small);
        for (int i = 0; i < 3; ++i) {
            answer = wait((*store)->put_credential("main", "app", pair(std::string(100'000, 'x')), in(5s)));
            out += ", " + describe(answer);
        }
        const auto list = wait((*store)->list_credentials(in(5s)));
        out += ", " + (list && list->records.size() == 1 ? list->records[0].sealed : std::string("?"));
        ::setrlimit(RLIMIT_FSIZE, &limit);
        answer = wait((*store)->put_credential("main", "app", pair("after"), in(5s)));
        return out + ", " + describe(answer) + (answer ? " " + std::to_string(answer->version) : "");
    });
    CHECK(word == "ok, full, full, full, before, ok 2");
}

TEST_CASE("no space at the start") {
    Sqlite world;
    const std::string word = in_child([&]() -> std::string {
        ::signal(SIGXFSZ, SIG_IGN);
        rlimit small{0, 0};
        ::setrlimit(RLIMIT_FSIZE, &small);
        const auto store = storage::open_store(world.url, 5s);
        return store ? "opened" : store.error();
    });
    has(word, "no space is left, or the disk does not answer");
}

TEST_CASE("a disk that is really full: the same") {
    Sqlite world;
    const std::string word = in_child([&]() -> std::string {
        const char* folder = world.folder.path.c_str();
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
            return "no right to mount";
        }
        auto store = storage::open_store(world.url, 5s);
        if (!store) return store.error();
        std::string out = describe(wait((*store)->put_credential("main", "app", pair("before"), in(5s))));
        write(world.folder.path / "ballast", std::string(2 << 20, 'x'));
        for (int i = 0; i < 2; ++i) {
            out +=
                ", " + describe(wait((*store)->put_credential("main", "app", pair(std::string(90'000, 'x')), in(5s))));
        }
        const auto list = wait((*store)->list_credentials(in(5s)));
        out += ", " + (list && list->records.size() == 1 ? list->records[0].sealed : std::string("?"));
        fs::remove(world.folder.path / "ballast");
        const auto answer = wait((*store)->put_credential("main", "app", pair("after"), in(5s)));
        return out + ", " + describe(answer) + (answer ? " " + std::to_string(answer->version) : "");
    });
    if (word == "no right to mount") {
        MESSAGE(word);
        return;
    }
    CHECK(word == "ok, full, full, before, ok 2");
}

TEST_CASE("killed at any moment: the file is whole and every record is one that was written") {
    constexpr int kills = 100;
    Sqlite world;
    { get(open(world.url)->put_credential("main", "a", pair("1:" + std::string(3000, 'x')), in(5s))); }
    std::mt19937 random(7);
    std::int64_t last = 1;
    int progressed = 0;
    for (int round = 0; round < kills; ++round) {
        int pipe[2];
        REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
        pid_t children[2];
        std::cout.flush();
        for (pid_t& child : children) {
            child = ::fork();
            REQUIRE(child >= 0);
            if (child != 0) continue;
            // Two processes at once, as two gateways on one file.
            auto store = storage::open_store(world.url, 10s);
            if (!store) ::_exit(1);
            (void)!::write(pipe[1], "o", 1);
            while (true) {
                auto list = wait((*store)->list_credentials(in(5s)));
                if (!list || list->records.size() != 1) ::_exit(2);
                const auto version = list->records[0].version;
                auto next = pair(std::to_string(version + 1) + ":" + std::string(3000, 'x'));
                const auto done = wait((*store)->finish_refresh("main", "a", version, std::move(next), in(5s)));
                if (!done) ::_exit(3);
            }
        }
        char opened = 0;
        CHECK(::read(pipe[0], &opened, 1) == 1);
        ::usleep(std::uniform_int_distribution<useconds_t>(0, 15'000)(random));
        for (const pid_t child : children) {
            ::kill(child, SIGKILL);
            int ended = 0;
            REQUIRE(::waitpid(child, &ended, 0) == child);
            CHECK(WIFSIGNALED(ended));
        }
        ::close(pipe[0]);
        ::close(pipe[1]);
        const auto store = open(world.url);  // quick_check is part of it
        const auto list = get(store->list_credentials(in(5s)));
        REQUIRE(list.records.size() == 1);
        const auto& record = list.records[0];
        CHECK(record.sealed == std::to_string(record.version) + ":" + std::string(3000, 'x'));
        CHECK(record.version >= last);
        progressed += record.version > last;
        last = record.version;
    }
    CHECK(progressed > kills / 4);
    MESSAGE(kills << " rounds, " << last << " versions");
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(world.file.c_str(), &db) == SQLITE_OK);
    std::string answer;
    sqlite3_exec(
        db, "PRAGMA integrity_check",
        [](void* out, int, char** values, char**) {
            *static_cast<std::string*>(out) += values[0];
            return 0;
        },
        &answer, nullptr);
    sqlite3_close(db);
    CHECK(answer == "ok");
}
