#include <b24gate/core/secret.hpp>

#include <openssl/crypto.h>

namespace b24gate::core {

void wipe(char* data, std::size_t size) noexcept { OPENSSL_cleanse(data, size); }

void Secret::clear() noexcept {
    // capacity, not size: a moved-from or shortened string may still hold the old bytes behind its end.
    value_.resize(value_.capacity());
    wipe(value_.data(), value_.size());
    value_.clear();
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace b24gate::core
