#include <b24gate/core/nonce.hpp>

#include <openssl/rand.h>

#include <algorithm>

#include <b24gate/core/base64.hpp>

namespace b24gate::core {

std::optional<std::string> random_text(std::size_t bytes) {
    std::string raw(bytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1) return std::nullopt;
    std::string out = to_base64(raw);
    while (out.ends_with('=')) out.pop_back();
    std::replace(out.begin(), out.end(), '+', '-');
    std::replace(out.begin(), out.end(), '/', '_');
    return out;
}

}  // namespace b24gate::core
