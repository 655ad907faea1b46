// PostgreSQL for tests: a database of its own on the server that B24GATE_TEST_POSTGRES names.
#pragma once

#include <string>
#include <vector>

namespace b24gate::test {

/// The server's URL. Throws, with how to start one, when there is none: a test that is left out is forgotten.
[[nodiscard]] std::string postgres_server();

/// Runs SQL and gives the first column of its rows. Throws when that fails.
std::vector<std::string> postgres_query(const std::string& url, const std::string& sql);

/// Empty when it is made. All of a program are the same one, since a new one takes a tenth of a second: one at a time.
class PostgresDatabase {
public:
    PostgresDatabase();
    PostgresDatabase(const PostgresDatabase&) = delete;
    PostgresDatabase& operator=(const PostgresDatabase&) = delete;

    [[nodiscard]] const std::string& url() const noexcept { return url_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    std::vector<std::string> query(const std::string& sql) const { return postgres_query(url_, sql); }
    /// Ends the connections of others to this database, as a restart of the server does. How many there were.
    std::size_t disconnect_all() const;

private:
    std::string name_, url_;
};

/// A server that only this test uses and may stop: scripts/postgres with a folder of its own.
class PostgresServer {
public:
    PostgresServer();
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    [[nodiscard]] const std::string& url() const noexcept { return url_; }
    void restart() const;
    void stop() const;

private:
    std::string folder_, url_;
};

}  // namespace b24gate::test
