// Names that are unique without asking anybody (RFC 9562, version 7: they sort by their time). Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace b24gate::core {

/// 36 characters, lower case. Unique, not secret.
[[nodiscard]] std::string uuid_v7(std::int64_t unix_ms);
/// Whether it has the form of one, of any version, lower case.
[[nodiscard]] bool is_uuid(std::string_view text) noexcept;

}  // namespace b24gate::core
