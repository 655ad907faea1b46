// The alerts in terms of transactions. The same for both engines.
#pragma once

#include <memory>

#include <b24gate/storage/alert_store.hpp>

#include "sql.hpp"

namespace b24gate::storage {

/// The engine must outlive it.
[[nodiscard]] std::unique_ptr<AlertStore> make_alert_store(Engine& engine);

}  // namespace b24gate::storage
