// Brings the schema of a PostgreSQL database up to date. Several gateways may try at once: they take turns.
#pragma once

#include "postgres_connection.hpp"

namespace b24gate::storage {

struct PostgresMigrated {
    std::string problem;   ///< a line for a person; empty: all is well
    bool passing = false;  ///< it may go away by itself
};
boost::asio::awaitable<PostgresMigrated> migrate_postgres(PostgresConnection& connection, core::TimePoint until);

}  // namespace b24gate::storage
