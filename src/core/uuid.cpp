#include <b24gate/core/uuid.hpp>

#include <fmt/format.h>

#include <random>

namespace b24gate::core {

std::string uuid_v7(std::int64_t unix_ms) {
    thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
    const auto time = static_cast<std::uint64_t>(unix_ms);
    const std::uint64_t a = random(), b = random();
    return fmt::format("{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}", (time >> 16) & 0xFFFFFFFF, time & 0xFFFF, a & 0xFFF,
                       0x8000 | ((a >> 12) & 0x3FFF), b & 0xFFFFFFFFFFFF);
}

bool is_uuid(std::string_view text) noexcept {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

}  // namespace b24gate::core
