// An operation as the decisions about it see it. The words for states are storage's, as what is stored is what is.
// Pure; any thread.
#pragma once

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::operations {

using State = storage::OperationState;
using Stage = storage::OperationStage;
using Kind = storage::RepeatKind;
using storage::UnixMs;

/// What a decision about an operation looks at. Times are the store's.
struct Facts {
    State state = State::queued;
    Stage stage = Stage::none;
    Kind kind = Kind::unsafe;
    bool updates = false, deletes = false;  ///< by id: what "not found" means for these
    bool blocked = false;
    bool ordered = false;         ///< it has an order key
    bool for_credential = false;  ///< waiting until its credential is another one
    bool unknown = false;         ///< an earlier attempt may have been carried out
    unsigned attempts = 0;        ///< that counted so far
    unsigned not_found = 0;
    UnixMs due = 0;
    UnixMs begun = 0;         ///< when it could run at first
    UnixMs first_intent = 0;  ///< 0: no byte has left
    UnixMs intent = 0;        ///< of the last attempt
};

[[nodiscard]] Facts facts_of(const storage::OperationRecord& record);

/// By the method's last part, any case: .update and .delete work on one record by its id.
[[nodiscard]] bool is_update(std::string_view method) noexcept;
[[nodiscard]] bool is_delete(std::string_view method) noexcept;

}  // namespace b24gate::operations
