// The operations in terms of transactions: which statements, and what their rows mean. The same for both engines.
#pragma once

#include <memory>

#include <b24gate/storage/operation_store.hpp>

#include "sql.hpp"

namespace b24gate::storage {

/// The engine must outlive it.
[[nodiscard]] std::unique_ptr<OperationStore> make_operation_store(Engine& engine);

}  // namespace b24gate::storage
