#include <b24gate/core/hmac.hpp>

#include <algorithm>
#include <string>

#include <b24gate/core/secret.hpp>

namespace b24gate::core {
namespace {

constexpr std::size_t block = 64;

std::string_view view(const Sha256& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// The key as a block, each byte with `mask` over it, and the text behind it.
Sha256 keyed(std::string_view key, unsigned char mask, std::string_view text) {
    std::string bytes(block, static_cast<char>(mask));
    bytes.reserve(block + text.size());
    for (std::size_t i = 0; i < key.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ key[i]);
    bytes += text;
    const Sha256 out = sha256(bytes);
    wipe(bytes.data(), block);
    return out;
}

}  // namespace

Sha256 hmac_sha256(std::string_view key, std::string_view text) {
    Sha256 short_key{};
    if (key.size() > block) {
        short_key = sha256(key);
        key = view(short_key);
    }
    const Sha256 inner = keyed(key, 0x36, text);
    return keyed(key, 0x5C, view(inner));
}

}  // namespace b24gate::core
