// Rows to what operation_store.hpp speaks of, and back.
#pragma once

#include <vector>

#include <b24gate/storage/operation_store.hpp>

#include "columns.hpp"

namespace b24gate::storage {

/// The columns of {operation}.
[[nodiscard]] OperationRecord operation_of(Columns columns);
/// Those of `get_attempts`, `get_key`.
[[nodiscard]] AttemptRecord attempt_of(Columns columns);
[[nodiscard]] KeyRecord key_of(Columns columns);

/// The parameters of `put_operation`, `put_body` and `put_history`.
[[nodiscard]] std::vector<Value> operation_parameters(const HandOver& call);
[[nodiscard]] std::vector<Value> body_parameters(HandOver& call);
[[nodiscard]] std::vector<Value> history_parameters(const std::string& id, AttemptRecord attempt);
/// Of `finish` and, with the attempt behind them, of `finish_late`.
[[nodiscard]] std::vector<Value> decision_parameters(const Finish& finish, std::int64_t decision);

}  // namespace b24gate::storage
