// What can happen between a gateway and a server: connections that end at any moment, wrong addresses, missing rights.
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <vector>

#include <b24gate/storage/operation_store.hpp>

#include "contract/world.hpp"

using namespace b24gate;
using namespace b24gate::test;

namespace {

/// The URL with another port, password or database.
std::string changed(std::string url, const std::string& from, const std::string& to) {
    const std::size_t at = url.find(from);
    REQUIRE(at != std::string::npos);
    return url.replace(at, from.size(), to);
}

std::string port_of(const std::string& url) {
    const std::size_t at = url.find("127.0.0.1:") + 10;
    return url.substr(at, url.find('/', at) - at);
}

void until(const std::function<bool()>& is_so) {
    const auto end = core::Clock::now() + 10s;
    while (!is_so()) {
        REQUIRE(core::Clock::now() < end);
        std::this_thread::sleep_for(2ms);
    }
}

/// A session of somebody else's, with a transaction that keeps rows.
class RowKeeper {
public:
    explicit RowKeeper(const std::string& url, const char* rows = "SELECT * FROM b24gate.credentials FOR UPDATE")
        : connection_(PQconnectdb(url.c_str())) {
        run("BEGIN");
        run(rows);
    }
    ~RowKeeper() { PQfinish(connection_); }
    RowKeeper(const RowKeeper&) = delete;
    RowKeeper& operator=(const RowKeeper&) = delete;

    void run(const char* sql) {
        PGresult* result = PQexec(connection_, sql);
        const std::string problem = PQerrorMessage(connection_);
        PQclear(result);
        INFO(problem);
        REQUIRE(problem.empty());
    }

private:
    PGconn* connection_;
};

/// Carries bytes between gateway and server, and can lose the server's answers.
class Proxy {
public:
    explicit Proxy(const std::string& server_port) : server_port_(std::stoi(server_port)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address = local(0);
        REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_, 16) == 0);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port = std::to_string(ntohs(address.sin_port));
        thread_ = std::thread([this] { work(); });
    }
    ~Proxy() {
        stop_ = true;
        thread_.join();
        ::close(listener_);
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    std::string port;
    /// The next answer of the server is not passed on: its connection ends instead.
    std::atomic<bool> lose_answer = false;
    /// The next answer is not passed on, and nothing happens.
    std::atomic<bool> swallow = false;
    /// The next question is not passed on: its connection ends instead.
    std::atomic<bool> lose_question = false;

private:
    struct Pair {
        int client, server;
    };
    static sockaddr_in local(int at) {
        sockaddr_in out{};
        out.sin_family = AF_INET;
        out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        out.sin_port = htons(static_cast<std::uint16_t>(at));
        return out;
    }
    void work() {
        while (!stop_) {
            std::vector<pollfd> all{{listener_, POLLIN, 0}};
            for (const Pair& pair : pairs_) {
                all.push_back({pair.client, POLLIN, 0});
                all.push_back({pair.server, POLLIN, 0});
            }
            ::poll(all.data(), all.size(), 5);
            for (std::size_t i = pairs_.size(); i-- > 0;) {
                const bool from_client = all[1 + 2 * i].revents != 0, from_server = all[2 + 2 * i].revents != 0;
                bool alive = true;
                if (from_client) alive = carry(pairs_[i].client, pairs_[i].server, lose_question, nullptr);
                if (alive && from_server) alive = carry(pairs_[i].server, pairs_[i].client, lose_answer, &swallow);
                if (alive) continue;
                ::close(pairs_[i].client);
                ::close(pairs_[i].server);
                pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
            }
            if ((all[0].revents & POLLIN) != 0) {
                const int client = ::accept(listener_, nullptr, nullptr), server = ::socket(AF_INET, SOCK_STREAM, 0);
                const sockaddr_in address = local(server_port_);
                (void)::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address);
                pairs_.push_back({client, server});
            }
        }
        for (const Pair& pair : pairs_) {
            ::close(pair.client);
            ::close(pair.server);
        }
    }
    static bool carry(int from, int to, std::atomic<bool>& lose, std::atomic<bool>* swallow_it) {
        char bytes[65536];
        const ssize_t size = ::read(from, bytes, sizeof bytes);
        if (size <= 0) return false;
        if (lose.exchange(false)) return false;
        if (swallow_it != nullptr && swallow_it->exchange(false)) return true;
        return ::send(to, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    }

    int server_port_, listener_ = -1;
    std::vector<Pair> pairs_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

std::int64_t version(Store& store) { return get(store.list_credentials(in(5s))).records.at(0).version; }

}  // namespace

TEST_CASE("many gateways start on an empty database: the schema is made once") {
    Postgres world;
    std::atomic<int> opened = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 6; ++i) {
            threads.emplace_back([&] {
                const auto store = storage::open_store(world.url, 20s);
                if (store && wait((*store)->ping(in(5s)))) ++opened;
            });
        }
    }
    CHECK(opened == 6);
    CHECK(world.database.query("SELECT count(*) = max(version) FROM b24gate.schema_version") ==
          std::vector<std::string>{"t"});
}

TEST_CASE("sessions carry the program's name, and are four at most") {
    Postgres world;
    const auto store = open(world.url);
    std::atomic<int> done = 0;
    Loop loop;
    for (int i = 0; i < 50; ++i) {
        boost::asio::co_spawn(
            loop.io, store->ping(in(10s)),
            [&](std::exception_ptr, storage::Result<storage::Done> answer) { done += answer.has_value(); });
    }
    loop.io.run();
    CHECK(done == 50);
    const auto count = std::stoi(world.database
                                     .query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'b24gate' "
                                            "AND datname = current_database()")
                                     .at(0));
    CHECK(count >= 1);
    CHECK(count <= 4);
}

TEST_CASE("connections that ended while nobody used them are not noticed by callers") {
    Postgres world;
    const auto store = open(world.url);
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    for (int i = 0; i < 3; ++i) {
        CHECK(world.database.disconnect_all() >= 1);
        get(store->put_credential("main", "app", pair("b"), in(10s)));
    }
    CHECK(version(*store) == 4);
}

TEST_CASE("a session that is ended before its commit: the transaction runs once, in another one") {
    Postgres world;
    const auto store = open(world.url);
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    auto keeper = std::make_unique<RowKeeper>(world.url);
    std::optional<storage::Result<storage::CredentialRecord>> answer;
    std::thread caller([&] { answer = wait(store->put_credential("main", "app", pair("b"), in(20s))); });
    const std::string waits =
        "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'b24gate' "
        "AND datname = current_database()";
    until([&] { return world.database.query("SELECT 1 " + waits).size() == 1; });
    CHECK(world.database.query("SELECT pg_terminate_backend(pid) " + waits).size() == 1);
    until([&] { return world.database.query("SELECT 1 " + waits).size() == 1; });
    keeper.reset();
    caller.join();
    REQUIRE(answer->has_value());
    CHECK((*answer)->version == 2);
    CHECK(version(*store) == 2);
}

TEST_CASE("an answer that does not come: in doubt, and it was done") {
    Postgres world;
    Proxy proxy(port_of(world.url));
    const auto store = open(changed(world.url, port_of(world.url), proxy.port));
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    SUBCASE("the connection ends") {
        proxy.lose_answer = true;
        const auto answer = wait(store->put_credential("main", "app", pair("b"), in(5s)));
        REQUIRE(answer.has_error());
        CHECK(answer.error().kind == Failure::Kind::unavailable);
        CHECK(answer.error().in_doubt);
    }
    SUBCASE("there is only silence") {
        proxy.swallow = true;
        const auto answer = wait(store->put_credential("main", "app", pair("b"), in(200ms)));
        REQUIRE(answer.has_error());
        CHECK(answer.error().kind == Failure::Kind::timeout);
        CHECK(answer.error().in_doubt);
    }
    CHECK(version(*store) == 2);
}

TEST_CASE("a question that does not arrive is in doubt too: nobody can tell") {
    Postgres world;
    Proxy proxy(port_of(world.url));
    const auto store = open(changed(world.url, port_of(world.url), proxy.port));
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    proxy.lose_question = true;
    const auto answer = wait(store->put_credential("main", "app", pair("b"), in(5s)));
    REQUIRE(answer.has_error());
    CHECK(answer.error().in_doubt);
    CHECK(version(*store) == 1);
}

TEST_CASE("a hand-over in doubt: it is looked up by its id, and saying it again does it once") {
    Postgres world;
    Proxy proxy(port_of(world.url));
    const auto store = open(changed(world.url, port_of(world.url), proxy.port));
    storage::OperationStore& operations = store->operations();
    const auto call = [] {
        storage::HandOver out;
        out.id = "one";
        out.client = "shop";
        out.portal = "main";
        out.key = "key";
        out.request = "request";
        out.order = "order";
        out.body = {"key", "body"};
        return out;
    };
    get(operations.counts(in(5s)));
    SUBCASE("it was written") {
        proxy.lose_answer = true;
        const auto answer = wait(operations.hand_over(call(), in(5s)));
        REQUIRE(answer.has_error());
        CHECK(answer.error().in_doubt);
        CHECK(get(operations.find("one", in(5s))).has_value());
    }
    SUBCASE("it was not") {
        proxy.lose_question = true;
        const auto answer = wait(operations.hand_over(call(), in(5s)));
        REQUIRE(answer.has_error());
        CHECK(answer.error().in_doubt);
        CHECK_FALSE(get(operations.find("one", in(5s))).has_value());
    }
    CHECK(get(operations.hand_over(call(), in(5s))).verdict == storage::HandedOver::Verdict::taken);
    CHECK(get(operations.counts(in(5s))).at(0).count == 1);

    // An intent in doubt: who says it again learns that it is not leased any more, and must not send.
    const auto leased = get(operations.lease("main", 1, "gate-1", 60'000, in(5s)));
    REQUIRE(leased.operations.size() == 1);
    storage::Intent intent;
    intent.claim = {"one", leased.operations[0].fence};
    intent.owner = "gate-1";
    proxy.lose_answer = true;
    const auto doubtful = wait(operations.record_intent({intent}, in(5s)));
    REQUIRE(doubtful.has_error());
    CHECK(doubtful.error().in_doubt);
    CHECK(get(operations.record_intent({intent}, in(5s))).at(0).number == 0);
    CHECK(get(operations.find("one", in(5s)))->stage == storage::OperationStage::intent);
}

TEST_CASE("what only reads is asked again when its answer was lost") {
    Postgres world;
    Proxy proxy(port_of(world.url));
    const auto store = open(changed(world.url, port_of(world.url), proxy.port));
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    proxy.lose_answer = true;
    CHECK(version(*store) == 1);
}

TEST_CASE("a row that somebody keeps: an answer by the deadline, and certainly nothing written") {
    Postgres world;
    const auto store = open(world.url);
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    {
        const RowKeeper keeper(world.url);
        const auto before = core::Clock::now();
        const auto answer = wait(store->put_credential("main", "app", pair("b"), in(400ms)));
        CHECK(core::Clock::now() - before < 3s);
        REQUIRE(answer.has_error());
        const auto kind = answer.error().kind;
        CHECK((kind == Failure::Kind::timeout || kind == Failure::Kind::busy));
        CHECK_FALSE(answer.error().in_doubt);
    }
    CHECK(version(*store) == 1);
    CHECK(get(store->put_credential("main", "app", pair("c"), in(5s))).version == 2);
}

TEST_CASE("two transactions that wait for each other: the server ends ours, and it runs again") {
    Postgres world;
    const auto store = open(world.url);
    const std::vector<storage::BucketLevel> levels{{"a", "e", 1, 0}, {"b", "e", 1, 0}};
    get(store->put_levels(levels, in(5s)));
    RowKeeper keeper(world.url, "UPDATE b24gate.bucket_levels SET level = 5 WHERE portal = 'b'");
    std::optional<storage::Result<storage::Done>> answer;
    std::thread caller([&] { answer = wait(store->put_levels(levels, in(20s))); });
    until([&] {
        return world.database.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").size() == 1;
    });
    keeper.run("UPDATE b24gate.bucket_levels SET level = 5 WHERE portal = 'a'");
    keeper.run("COMMIT");
    caller.join();
    CHECK(answer->has_value());
    CHECK(world.database.query("SELECT sum(level) FROM b24gate.bucket_levels") == std::vector<std::string>{"2"});
    CHECK(world.database.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") ==
          std::vector<std::string>{"1"});
}

TEST_CASE("a server that restarts while it is used, and one that stays away") {
    const PostgresServer server;
    const auto store = open(server.url());
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    server.restart();
    const auto next = get(store->put_credential("main", "app", pair("b"), in(10s)));
    CHECK(next.version == 2);

    std::atomic<bool> stop = false;
    std::int64_t written = next.version;
    int in_doubt = 0;
    std::thread caller([&] {
        while (!stop) {
            auto done = wait(store->finish_refresh("main", "app", written, pair("c"), in(10s)));
            if (done) {
                written = done->version;
            } else if (done.error().in_doubt) {
                ++in_doubt;
            }
        }
    });
    server.restart();
    stop = true;
    caller.join();
    CHECK(version(*store) - written <= 1);
    MESSAGE(written << " versions, " << in_doubt << " in doubt");

    server.stop();
    const auto before = core::Clock::now();
    const auto answer = wait(store->put_credential("main", "app", pair("d"), in(300ms)));
    REQUIRE(answer.has_error());
    CHECK(answer.error().kind == Failure::Kind::unavailable);
    CHECK(core::Clock::now() - before < 2s);
    CHECK(answer.error().message.find("b24gate-tests") == std::string::npos);
}

TEST_CASE("a store that is closed ends what still runs") {
    Postgres world;
    auto store = open(world.url);
    get(store->put_credential("main", "app", pair("a"), in(5s)));
    const RowKeeper keeper(world.url);
    Loop loop;
    int failed = 0;
    for (int i = 0; i < 8; ++i) {
        boost::asio::co_spawn(loop.io, store->put_credential("main", "app", pair("b"), in(60s)),
                              [&](std::exception_ptr, storage::Result<storage::CredentialRecord> answer) {
                                  failed += answer.has_error() && answer.error().kind == Failure::Kind::unavailable;
                              });
    }
    loop.io.poll();
    store.reset();
    loop.io.run();
    CHECK(failed == 8);
}

TEST_CASE("a server that is not there: one line, in time, without the password") {
    const auto before = core::Clock::now();
    const auto line = refusal("postgresql://gate:tOpSeCrEt@127.0.0.1:1/db", 300ms);
    CHECK(core::Clock::now() - before < 3s);
    INFO(line);
    CHECK(line.find("postgresql://gate@127.0.0.1:1/db") != std::string::npos);
    CHECK(line.find("refused") != std::string::npos);
    CHECK(line.find("tOpSeCrEt") == std::string::npos);
    const auto name = refusal("postgresql://gate:tOpSeCrEt@no-such-host.invalid/db", 300ms);
    CHECK(name.find("name of the server") != std::string::npos);
}

TEST_CASE("no piece of a password is told, however the URL is broken") {
    for (const std::string url : {
             "postgresql://u:pa/tOpSeCrEt@127.0.0.1:1/db",
             "postgresql://u:pa?tOpSeCrEt@127.0.0.1:1/db",
             "postgresql://u:pa#tOpSeCrEt@127.0.0.1:1/db",
             "postgresql://u:x@tOpSeCrEt@127.0.0.1:1/db",
             "postgresql://u:tOpSeCrEt%zz@127.0.0.1:1/db",
             "postgresql://u:tOpSeCrEt%00@127.0.0.1:1/db",
             "postgresql://u:tOpSeCrEt/db",
             "postgresql://127.0.0.1:1/db?password=tOpSeCrEt&nonsense=1",
             "postgresql://127.0.0.1:1/db?password=tOpSeCrEt&user=u",
             "postgresql://127.0.0.1:1/db?user=u&sslmode=tOpSeCrEt",
             "postgresql://[::1:tOpSeCrEt/db",
             "postgres://u:tOpSeCrEt@127.0.0.1:port/db",
         }) {
        CAPTURE(url);
        const auto line = refusal(url, 100ms);
        INFO(line);
        CHECK(line.find("SeCrEt") == std::string::npos);
    }
}

TEST_CASE("a wrong password, a missing database, a server that only reads: said at once") {
    Postgres world;
    const auto before = core::Clock::now();
    auto line = refusal(changed(world.url, "b24gate-tests", "tOpSeCrEt"), 20s);
    CHECK(line.find("password authentication failed") != std::string::npos);
    CHECK(line.find("tOpSeCrEt") == std::string::npos);
    line = refusal(changed(world.url, "/" + world.database.name(), "/nowhere"), 20s);
    CHECK(line.find("\"nowhere\" does not exist") != std::string::npos);
    CHECK(core::Clock::now() - before < 10s);
    world.sql("ALTER DATABASE " + world.database.name() + " SET default_transaction_read_only = on");
    line = refusal(world.url, 1s);
    postgres_query(postgres_server(), "ALTER DATABASE " + world.database.name() + " RESET ALL");
    CHECK(line.find("read-only") != std::string::npos);
}

TEST_CASE("a role without the right to make the schema is told what to do") {
    Postgres world;
    const std::string role = world.database.name() + "_role";
    world.sql("CREATE ROLE " + role + " LOGIN PASSWORD 'tOpSeCrEt'");
    const std::string url = changed(world.url, "b24gate:b24gate-tests", role + ":tOpSeCrEt");
    const auto line = refusal(url, 10s);
    INFO(line);
    CHECK(line.find("CREATE SCHEMA b24gate AUTHORIZATION") != std::string::npos);
    world.sql("CREATE SCHEMA b24gate AUTHORIZATION " + role);
    get(open(url)->ping(in(5s)));
    world.sql("DROP OWNED BY " + role + "; DROP ROLE " + role);
}
