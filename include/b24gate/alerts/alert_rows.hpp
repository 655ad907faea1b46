// Alerts as the store keeps them. Pure; any thread.
#pragma once

#include <optional>

#include <b24gate/alerts/engine.hpp>
#include <b24gate/storage/alert_store.hpp>

namespace b24gate::alerts {

[[nodiscard]] storage::AlertRow to_row(const Alert& alert);
/// nullopt: of a rule that this version does not know.
[[nodiscard]] std::optional<Alert> of_row(const storage::AlertRow& row);

}  // namespace b24gate::alerts
