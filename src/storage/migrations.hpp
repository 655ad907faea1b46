// How the schema grows. To add a step, append it to the list: never change one that has been released.
#pragma once

#include <span>
#include <string_view>

namespace b24gate::storage {

/// SQL with the words of `in_dialect`; several statements, each ended by a semicolon. Runs once, in one transaction.
/// `sqlite` and `postgres` run after `both`, for what one engine alone has.
struct Migration {
    std::string_view both, sqlite, postgres;
};

/// The first one makes version 1 out of nothing; the schema's version is their number.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

}  // namespace b24gate::storage
