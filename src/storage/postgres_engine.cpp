#include "sql.hpp"

namespace b24gate::storage {

Opened open_postgres(const std::string&, core::Duration) { return std::string("PostgreSQL is not built in yet"); }

}  // namespace b24gate::storage
