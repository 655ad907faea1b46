// Random bytes that nobody can guess. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace b24gate::core {

/// So many random bytes in base64url without padding; nullopt: the system gives none.
[[nodiscard]] std::optional<std::string> random_text(std::size_t bytes);

}  // namespace b24gate::core
