// The store in terms of transactions: which statements, and what their rows mean. The same for both engines.
#pragma once

#include "sql.hpp"

namespace b24gate::storage {

[[nodiscard]] std::unique_ptr<Store> make_sql_store(std::unique_ptr<Engine> engine);

}  // namespace b24gate::storage
