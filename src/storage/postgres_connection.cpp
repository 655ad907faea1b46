#include "postgres_connection.hpp"

#include <endian.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include <b24gate/net/waiter.hpp>

namespace b24gate::storage {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Of pg_type.h.
enum : Oid { oid_bool = 16, oid_bytea = 17, oid_int8 = 20, oid_int4 = 23, oid_text = 25, oid_float8 = 701 };

// Once a connection. What the deadline does not bound, the server shall; a transaction that was told to be there is on
// a disk, whatever the default is.
constexpr const char* session = R"sql(
    SET search_path TO b24gate;
    SET client_min_messages TO error;
    SET default_transaction_isolation TO 'read committed';
    SET statement_timeout TO '30s';
    SET lock_timeout TO '30s';
    SET idle_in_transaction_session_timeout TO '30s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off')sql";

constexpr Statement limits{"limits",
                           "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)"};

/// Parameters as PostgreSQL takes them: binary, in the network's order.
class Parameters {
public:
    explicit Parameters(const std::vector<Value>& of) {
        numbers_.reserve(of.size());
        for (const Value& value : of) std::visit(*this, value);
    }
    void operator()(std::int64_t value) { number(oid_int8, static_cast<std::uint64_t>(value)); }
    void operator()(double value) { number(oid_float8, std::bit_cast<std::uint64_t>(value)); }
    void operator()(const std::string& value) { add(oid_text, value.data(), value.size()); }
    void operator()(const Bytes& value) { add(oid_bytea, value.value.data(), value.value.size()); }

    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths, formats;

private:
    void number(Oid type, std::uint64_t bits) {
        numbers_.push_back(htobe64(bits));
        add(type, reinterpret_cast<const char*>(&numbers_.back()), sizeof bits);
    }
    void add(Oid type, const char* data, std::size_t size) {
        types.push_back(type);
        values.push_back(data);
        lengths.push_back(static_cast<int>(size));
        formats.push_back(1);
    }
    std::vector<std::uint64_t> numbers_;
};

Value column(const PGresult* result, int row, int at) {
    const char* data = PQgetvalue(result, row, at);
    const auto size = static_cast<std::size_t>(PQgetlength(result, row, at));
    if (PQfformat(result, at) == 0) return std::string(data, size);
    const auto bits = [&]<class T>(T value) {
        std::memcpy(&value, data, std::min(size, sizeof value));
        return value;
    };
    switch (PQftype(result, at)) {
        case oid_int8: return static_cast<std::int64_t>(be64toh(bits(std::uint64_t{})));
        case oid_int4: return std::int64_t{static_cast<std::int32_t>(be32toh(bits(std::uint32_t{})))};
        case oid_bool: return std::int64_t{*data};
        case oid_float8: return std::bit_cast<double>(be64toh(bits(std::uint64_t{})));
        case oid_bytea: return Bytes{std::string(data, size)};
        default: return std::string(data, size);
    }
}

Rows rows_of(const PGresult* result) {
    Rows out;
    for (int row = 0; row < PQntuples(result); ++row) {
        Row columns;
        for (int at = 0; at < PQnfields(result); ++at) columns.push_back(column(result, row, at));
        out.push_back(std::move(columns));
    }
    return out;
}

std::string field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text != nullptr ? text : "";
}

}  // namespace

PostgresConnection::PostgresConnection(asio::io_context& io, const PostgresAddress& address)
    : io_(io), address_(address), descriptor_(io), timer_(io) {}

PostgresConnection::~PostgresConnection() { close(); }

void PostgresConnection::close() {
    disarm();
    boost::system::error_code ignored;
    if (descriptor_.is_open()) descriptor_.close(ignored);
    connection_.reset();
    prepared_.clear();
    connected_ = false;
}

void PostgresConnection::abort() {
    aborted_ = true;
    boost::system::error_code ignored;
    if (descriptor_.is_open()) descriptor_.cancel(ignored);
    timer_.cancel();
}

void PostgresConnection::arm(core::TimePoint until) {
    disarm();
    late_ = false;
    watch_ = std::make_shared<Watch>(Watch{this});
    timer_.expires_at(until);
    timer_.async_wait([watch = watch_](boost::system::error_code error) {
        // A watch that belongs to an older operation has no owner any more.
        if (error || watch->owner == nullptr) return;
        watch->owner->late_ = true;
        watch->owner->abort();
    });
}

void PostgresConnection::disarm() {
    if (watch_) watch_->owner = nullptr;
    watch_.reset();
    timer_.cancel();
}

bool PostgresConnection::follow_socket() {
    boost::system::error_code error;
    if (descriptor_.is_open()) descriptor_.close(error);
    const int fd = ::fcntl(PQsocket(connection_.get()), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return false;
    descriptor_.assign(fd, error);
    if (error) ::close(fd);
    return !error;
}

asio::awaitable<bool> PostgresConnection::ready(Wait what) {
    if (aborted_) co_return false;
    auto [error] = co_await descriptor_.async_wait(what, asio::as_tuple(asio::use_awaitable));
    co_return !error && !aborted_;
}

/// libpq asks for names in a way that blocks; so it gets addresses.
asio::awaitable<std::vector<std::string>> PostgresConnection::addresses(std::string host) {
    using Found = std::vector<std::string>;
    const auto answer = std::make_shared<net::Waiter<Found>>(io_.get_executor());
    const auto resolver = std::make_shared<tcp::resolver>(io_);
    resolver->async_resolve(host, "", [answer, resolver](boost::system::error_code error, const auto& found) {
        Found out;
        if (!error) {
            for (const auto& one : found) out.push_back(one.endpoint().address().to_string());
        }
        answer->fulfil(std::move(out));
    });
    // A name server that does not answer cannot be interrupted; the wait for it can. The timer is the operation's.
    timer_.async_wait([answer](boost::system::error_code) { answer->fulfil({}); });
    co_return co_await answer->wait();
}

asio::awaitable<bool> PostgresConnection::start() {
    std::string hosts, numbers, ports;
    bool any = false;
    for (const auto& [host, port] : address_.hosts) {
        boost::system::error_code no_address;
        asio::ip::make_address(host, no_address);
        std::vector<std::string> found{no_address ? std::string() : host};
        if (no_address && !host.empty() && host.front() != '/' && host.front() != '@') {
            found = co_await addresses(host);
            if (aborted_) co_return false;
        }
        for (const std::string& one : found) {
            const char* comma = any ? "," : "";
            hosts += comma + host;
            numbers += comma + one;
            ports += comma + port;
            any = true;
        }
    }
    if (!any) co_return false;
    std::vector<const char*> keys, values;
    for (const auto& [key, value] : address_.parameters) {
        keys.push_back(key.c_str());
        values.push_back(value.reveal().c_str());
    }
    for (const auto& [key, value] :
         {std::pair<const char*, const std::string*>{"host", &hosts}, {"hostaddr", &numbers}, {"port", &ports}}) {
        if (value->find_first_not_of(',') == std::string::npos) continue;
        keys.push_back(key);
        values.push_back(value->c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(PQconnectStartParams(keys.data(), values.data(), 0));
    co_return connection_ != nullptr;
}

asio::awaitable<std::string> PostgresConnection::connect(core::TimePoint until) {
    close();
    aborted_ = false;
    arm(until);
    if (!co_await start()) {
        const bool late = late_;
        close();
        co_return late ? "the name of the server was not resolved in time" : "the name of the server is not known";
    }
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    auto state = PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_WRITING || state == PGRES_POLLING_READING) {
        bool ok = follow_socket();
        const Wait what = state == PGRES_POLLING_READING ? Wait::wait_read : Wait::wait_write;
        if (ok) ok = co_await ready(what);
        if (!ok) {
            const bool late = late_;
            close();
            co_return late ? "the server did not answer in time" : "the attempt was given up";
        }
        state = PQconnectPoll(connection_.get());
    }
    std::string problem;
    if (state != PGRES_POLLING_OK) {
        problem = safe_message(PQerrorMessage(connection_.get()), address_);
    } else if (PQsetnonblocking(connection_.get(), 1) != 0 || !follow_socket()) {
        problem = "out of descriptors";
    }
    if (!problem.empty()) {
        close();
        co_return problem;
    }
    connected_ = true;
    const PostgresOutcome set_up = co_await simple(session, until);
    if (set_up.failed) {
        close();
        co_return "the session cannot be set up: " + set_up.message;
    }
    co_return "";
}

bool PostgresConnection::usable() const {
    if (!connected_ || aborted_ || PQstatus(connection_.get()) != CONNECTION_OK) return false;
    pollfd state{PQsocket(connection_.get()), POLLIN, 0};
    if (::poll(&state, 1, 0) == 0) return true;
    // Nobody has asked: a farewell, most likely.
    return false;
}

asio::awaitable<bool> PostgresConnection::flush() {
    while (true) {
        const int left = PQflush(connection_.get());
        if (left == 0) co_return true;
        if (left < 0) co_return false;
        const bool writable = co_await ready(Wait::wait_write);
        // A server that cannot get rid of its answers reads no more questions.
        if (!writable || PQconsumeInput(connection_.get()) == 0) co_return false;
    }
}

asio::awaitable<bool> PostgresConnection::next_result(Result& out) {
    while (PQisBusy(connection_.get()) != 0) {
        const bool readable = co_await ready(Wait::wait_read);
        if (!readable || PQconsumeInput(connection_.get()) == 0) co_return false;
    }
    out.reset(PQgetResult(connection_.get()));
    co_return PQstatus(connection_.get()) == CONNECTION_OK || out != nullptr;
}

void PostgresConnection::note_error(PostgresOutcome& out, const PGresult* result) const {
    if (out.failed) return;
    out.failed = true;
    out.sqlstate = field(result, PG_DIAG_SQLSTATE);
    // Errors of class 22 quote the data.
    const std::string text = out.sqlstate.starts_with("22") ? "bad data" : field(result, PG_DIAG_MESSAGE_PRIMARY);
    out.message = fmt::format("{} ({})", safe_message(text, address_), out.sqlstate);
}

PostgresOutcome PostgresConnection::lost(bool in_doubt) const {
    PostgresOutcome out;
    out.failed = out.lost = true;
    out.late = late_;
    out.in_doubt = in_doubt;
    out.message = late_ ? "no answer in time" : "the connection was lost";
    return out;
}

bool PostgresConnection::send_query(const Query& query) {
    const Parameters parameters(query.parameters);
    const std::string name(query.statement->name);
    return PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(query.parameters.size()),
                               parameters.values.data(), parameters.lengths.data(), parameters.formats.data(), 1) == 1;
}

bool PostgresConnection::send(const Transaction& transaction, core::TimePoint until, std::vector<Expected>& expected) {
    std::set<const Statement*> prepared;
    const auto add = [&](const Query& query, std::size_t number) {
        const Statement* statement = query.statement;
        if (prepared_.count(statement) == 0 && prepared.insert(statement).second) {
            const Parameters parameters(query.parameters);
            const std::string name(statement->name);
            if (PQsendPrepare(connection_.get(), name.c_str(), in_dialect(statement->sql, Dialect::postgres).c_str(),
                              static_cast<int>(parameters.types.size()), parameters.types.data()) != 1) {
                return false;
            }
            expected.push_back({statement, Expected::none});
        }
        if (!send_query(query)) return false;
        expected.push_back({nullptr, number});
        return true;
    };
    // What we no longer wait for the server shall no longer do. It gives up before we do, so that we know.
    auto left = std::min<long long>(core::to_ms(core::Deadline{until}.left(core::Clock::now())), 30'000);
    left = std::max<long long>(left - std::min<long long>(left / 4, 100), 1);  // 0 is no limit
    if (PQenterPipelineMode(connection_.get()) != 1) return false;
    Query limit;
    limit.statement = &limits;
    limit.parameters.emplace_back(std::to_string(left));
    if (!add(limit, Expected::none)) return false;
    for (std::size_t i = 0; i < transaction.queries.size(); ++i) {
        if (!add(transaction.queries[i], i)) return false;
    }
    return PQpipelineSync(connection_.get()) == 1;
}

asio::awaitable<PostgresOutcome> PostgresConnection::run(const Transaction& transaction, core::TimePoint until) {
    arm(until);
    std::vector<Expected> expected;
    bool ok = send(transaction, until, expected);
    if (ok) ok = co_await flush();
    if (!ok) {
        // The end of the transaction was never said: it is not committed.
        PostgresOutcome out = lost(false);
        close();
        co_return out;
    }
    PostgresOutcome out;
    out.rows.resize(transaction.queries.size());
    std::size_t at = 0;
    bool rolled_back = false;
    while (true) {
        Result result;
        const bool came = co_await next_result(result);
        const auto status = came && result ? PQresultStatus(result.get()) : PGRES_EMPTY_QUERY;
        if (status == PGRES_PIPELINE_SYNC) break;
        const bool error = status == PGRES_FATAL_ERROR;
        const bool refused = error && !field(result.get(), PG_DIAG_SQLSTATE).empty();
        const bool fatal = refused && field(result.get(), PG_DIAG_SEVERITY_NONLOCALIZED) != "ERROR";
        if (refused) {
            note_error(out, result.get());
            // A statement that was refused has ended the transaction. Behind the last one comes the commit, which a
            // server that goes away may have done.
            rolled_back = rolled_back || at < expected.size() || !fatal;
        }
        if (!came || (error && !refused) || fatal) {
            PostgresOutcome gone = lost(transaction.writes && !rolled_back);
            if (out.failed) gone.message = out.message;
            gone.sqlstate = out.sqlstate;
            close();
            co_return gone;
        }
        if (!result) {
            ++at;
            continue;
        }
        if (at >= expected.size()) continue;
        if (status == PGRES_COMMAND_OK && expected[at].prepares != nullptr) prepared_.insert(expected[at].prepares);
        if (status == PGRES_TUPLES_OK && expected[at].query != Expected::none) {
            out.rows[expected[at].query] = rows_of(result.get());
        }
    }
    disarm();
    if (PQexitPipelineMode(connection_.get()) != 1) close();
    co_return out;
}

asio::awaitable<PostgresOutcome> PostgresConnection::simple(std::string sql, core::TimePoint until) {
    arm(until);
    bool ok = PQsendQuery(connection_.get(), sql.c_str()) == 1;
    if (ok) ok = co_await flush();
    PostgresOutcome out;
    while (ok) {
        Result result;
        ok = co_await next_result(result);
        if (!ok || !result) break;
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_TUPLES_OK) {
            out.rows.assign(1, rows_of(result.get()));
        } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
            if (field(result.get(), PG_DIAG_SQLSTATE).empty()) ok = false;
            note_error(out, result.get());
        }
    }
    if (!ok || PQstatus(connection_.get()) != CONNECTION_OK) {
        PostgresOutcome gone = lost(true);
        if (!out.sqlstate.empty()) gone.message = out.message;
        gone.sqlstate = out.sqlstate;
        close();
        co_return gone;
    }
    disarm();
    co_return out;
}

}  // namespace b24gate::storage
