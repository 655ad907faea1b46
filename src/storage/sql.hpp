// What both engines understand: a transaction as a list of statements whose parameters are all known before it begins.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <b24gate/storage/store.hpp>

namespace b24gate::storage {

struct Bytes {
    std::string value;
};
using Value = std::variant<std::int64_t, double, std::string, Bytes>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;

/// A statement with parameters $1, $2, ... Where the dialects differ stand words in braces, see `in_dialect`. Its
/// address names it: one object a statement, for as long as the program runs. Each parameter has one type for ever.
struct Statement {
    std::string_view name;  ///< for error texts and PostgreSQL's prepared statements
    std::string_view sql;
};

struct Query {
    const Statement* statement = nullptr;
    std::vector<Value> parameters;
};

/// All of it or nothing. The name is for error texts.
struct Transaction {
    std::string_view name;
    bool writes = false;
    std::vector<Query> queries;
    /// It goes before others that wait: what has happened already must be written before more is begun.
    bool urgent = false;
};

enum class Dialect { sqlite, postgres };

/// {now}: the store's clock, Unix time in milliseconds. {int}, {real}, {bytes}: types of columns; text is text in both.
/// {serial}: a primary key that grows. {end}: the end of CREATE TABLE. {lock}: at the end of a SELECT, nobody else
/// changes the rows until the transaction ends. {clock}: in FROM, a table with {now} in its column `now`, for where
/// several columns shall agree to the millisecond. {record}: what a CredentialRecord is read from, in its order.
/// {operation}: likewise an OperationRecord. {end_clustered}: {end} of a table that is kept in the order of its primary
/// key. {skip_locked}: {lock}, but rows that somebody else has locked are left out. {order_lock}: nobody else changes
/// what has the order key $1 until the transaction ends.
[[nodiscard]] std::string in_dialect(std::string_view sql, Dialect dialect);

/// Runs transactions. Threads and deadlines as for Store.
class Engine {
public:
    virtual ~Engine() = default;
    /// The rows of each query.
    virtual boost::asio::awaitable<Result<std::vector<Rows>>> run(Transaction transaction, core::Deadline deadline) = 0;
};

using Opened = boost::system::result<std::unique_ptr<Engine>, std::string>;
[[nodiscard]] Opened open_sqlite(const std::string& file, core::Duration limit);
[[nodiscard]] Opened open_postgres(const std::string& url, core::Duration limit);

}  // namespace b24gate::storage
