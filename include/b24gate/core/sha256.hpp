// SHA-256 of a text in one shot. Pure; any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace b24gate::core {

using Sha256 = std::array<unsigned char, 32>;

[[nodiscard]] Sha256 sha256(std::string_view text) noexcept;
[[nodiscard]] std::string to_hex(const Sha256& digest);  ///< 64 digits, lower case

}  // namespace b24gate::core
