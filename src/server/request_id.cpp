#include <b24gate/server/request_id.hpp>

#include <algorithm>
#include <random>

namespace b24gate::server {
namespace {

bool usable(std::string_view id) noexcept {
    return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
}

}  // namespace

std::string request_id(std::string_view proposed) {
    if (usable(proposed)) return std::string(proposed);
    static constexpr char hex[] = "0123456789abcdef";
    // An id, not a secret: it only has to be unique.
    thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}()};
    std::string id(32, '0');
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t bits = random();
        for (std::size_t i = 0; i < 16; ++i, bits >>= 4) id[half * 16 + i] = hex[bits & 15];
    }
    return id;
}

}  // namespace b24gate::server
