#include "support/postgres.hpp"

#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace b24gate::test {
namespace {

/// The URL with another database.
std::string with_database(const std::string& url, const std::string& name) {
    const std::size_t host = url.find("://") + 3;
    const std::size_t slash = url.find('/', host);
    const std::size_t query = url.find('?', host);
    const std::string rest = query == std::string::npos ? "" : url.substr(query);
    return url.substr(0, std::min(slash, query)) + "/" + name + rest;
}

std::string run(const std::string& command) {
    // NOLINTNEXTLINE(cert-env33-c): a script of the project
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen failed: " + command);
    std::string out;
    std::array<char, 4096> piece{};
    while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe)) out.append(piece.data(), n);
    if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

const std::string script = std::string(B24GATE_SOURCE_DIR) + "/scripts/postgres ";

/// Dropped when the program ends.
struct ProgramsDatabase {
    ProgramsDatabase() : name("b24gate_test_" + std::to_string(::getpid())) {
        postgres_query(postgres_server(), "CREATE DATABASE " + name);
    }
    ~ProgramsDatabase() {
        try {
            postgres_query(postgres_server(), "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
        }
    }
    ProgramsDatabase(const ProgramsDatabase&) = delete;
    ProgramsDatabase& operator=(const ProgramsDatabase&) = delete;
    std::string name;
};

}  // namespace

std::string postgres_server() {
    const char* url = std::getenv("B24GATE_TEST_POSTGRES");
    if (url == nullptr || *url == 0) {
        throw std::runtime_error(
            "these tests need a PostgreSQL server: "
            "export B24GATE_TEST_POSTGRES=\"$(scripts/postgres start /tmp/b24gate-pg)\", "
            "and in the end scripts/postgres stop /tmp/b24gate-pg");
    }
    return url;
}

std::vector<std::string> postgres_query(const std::string& url, const std::string& sql) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), &PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        throw std::runtime_error(PQerrorMessage(connection.get()));
    }
    std::vector<std::string> out;
    if (PQnfields(result.get()) > 0) {
        for (int row = 0; row < PQntuples(result.get()); ++row) out.emplace_back(PQgetvalue(result.get(), row, 0));
    }
    return out;
}

PostgresDatabase::PostgresDatabase() {
    static const ProgramsDatabase programs;
    name_ = programs.name;
    url_ = with_database(postgres_server(), name_);
    query("DROP SCHEMA IF EXISTS b24gate CASCADE");
}

std::size_t PostgresDatabase::disconnect_all() const {
    return postgres_query(postgres_server(),
                          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name_ + "'")
        .size();
}

PostgresServer::PostgresServer() {
    std::string name = "/tmp/b24gate-server-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = name;
    url_ = run(script + "start " + folder_);
}

PostgresServer::~PostgresServer() {
    try {
        run(script + "stop " + folder_);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
}

void PostgresServer::restart() const { run(script + "restart " + folder_); }
void PostgresServer::stop() const { run(script + "stop " + folder_); }

}  // namespace b24gate::test
