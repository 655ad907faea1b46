// Base64 after RFC 4648. Pure; any thread; never throws on any bytes (but for std::bad_alloc).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace b24gate::core {

/// The standard alphabet, with padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Both alphabets, padding or not. nullopt: it is no base64, or its last digit has bits that stand for nothing.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace b24gate::core
