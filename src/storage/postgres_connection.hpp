// One connection to PostgreSQL, without a call that blocks. One thread: its io_context's. One operation at a time.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "postgres_address.hpp"
#include "sql.hpp"

namespace b24gate::storage {

/// How an operation has ended.
struct PostgresOutcome {
    bool failed = false;
    bool lost = false;      ///< the connection is gone
    bool late = false;      ///< the deadline passed
    bool in_doubt = false;  ///< it may have been committed
    std::string sqlstate;   ///< what the server has refused with
    std::string message;
    std::vector<Rows> rows;
};

class PostgresConnection {
public:
    PostgresConnection(boost::asio::io_context& io, const PostgresAddress& address);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    /// Empty: connected, and the session is set up. Else why not.
    boost::asio::awaitable<std::string> connect(core::TimePoint until);
    /// Connected, and the server has not hung up meanwhile.
    [[nodiscard]] bool usable() const;
    /// All of it is one transaction, sent at once.
    boost::asio::awaitable<PostgresOutcome> run(const Transaction& transaction, core::TimePoint until);
    /// SQL without parameters, perhaps several statements; the rows of the last one that has any, all as text.
    boost::asio::awaitable<PostgresOutcome> simple(std::string sql, core::TimePoint until);
    [[nodiscard]] int server_version() const noexcept { return PQserverVersion(connection_.get()); }

    /// Ends what is going on: it answers that the connection is lost.
    void abort();
    void close();

private:
    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
        void operator()(PGresult* result) const noexcept { PQclear(result); }
    };
    using Result = std::unique_ptr<PGresult, Finish>;
    using Wait = boost::asio::posix::stream_descriptor::wait_type;
    struct Watch {
        PostgresConnection* owner;
    };
    /// Which statement an answer belongs to.
    struct Expected {
        const Statement* prepares = nullptr;
        std::size_t query = none;
        static constexpr std::size_t none = static_cast<std::size_t>(-1);
    };

    void arm(core::TimePoint until);
    void disarm();
    /// The descriptor stands for the socket as it is now. libpq keeps its own.
    [[nodiscard]] bool follow_socket();
    boost::asio::awaitable<bool> ready(Wait what);
    boost::asio::awaitable<std::vector<std::string>> addresses(std::string host);
    boost::asio::awaitable<bool> start();
    boost::asio::awaitable<bool> flush();
    boost::asio::awaitable<bool> next_result(Result& out);
    [[nodiscard]] bool send(const Transaction& transaction, core::TimePoint until, std::vector<Expected>& expected);
    [[nodiscard]] bool send_query(const Query& query);
    void note_error(PostgresOutcome& out, const PGresult* result) const;
    [[nodiscard]] PostgresOutcome lost(bool in_doubt) const;

    boost::asio::io_context& io_;
    const PostgresAddress& address_;
    std::unique_ptr<PGconn, Finish> connection_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<Watch> watch_;
    std::set<const Statement*> prepared_;
    bool connected_ = false, aborted_ = false, late_ = false;
};

}  // namespace b24gate::storage
