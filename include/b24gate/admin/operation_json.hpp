// Operations as the admin port shows them. Pure; any thread.
#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/operation_clerk.hpp>

namespace b24gate::admin {

/// A line of a list. `most_attempts`: repeats that the rules grant.
[[nodiscard]] boost::json::object operation_row(const storage::OperationRecord& record, unsigned most_attempts);
[[nodiscard]] boost::json::object operations_page(const OperationClerk::Page& page, unsigned most_attempts);

/// A text of the portal's or of a client's: what may be seen of it.
struct Shown {
    std::string text;
    std::size_t bytes = 0;  ///< of the whole
    bool cut = false;
};
[[nodiscard]] boost::json::value shown_json(const std::optional<Shown>& shown);

[[nodiscard]] boost::json::object attempt_json(const storage::AttemptRecord& attempt,
                                               const std::optional<Shown>& excerpt);

}  // namespace b24gate::admin
