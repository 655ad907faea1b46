// What names of fields, methods and parameters consist of (RFC 9110, 5.6.2).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace b24gate::net {

inline constexpr auto token_characters = [] {
    std::array<bool, 256> table{};
    for (const char c :
         std::string_view("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

[[nodiscard]] constexpr bool is_token_char(unsigned char c) noexcept { return token_characters[c]; }

}  // namespace b24gate::net
