// How much room the store has left to grow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace b24gate::storage {

/// Bytes that an ordinary user may still write beside the file of an sqlite: URL. nullopt: the store is a server, whose
/// disk cannot be seen from here, or the system does not tell. Any thread.
[[nodiscard]] std::optional<std::uint64_t> free_space(const std::string& url);

}  // namespace b24gate::storage
