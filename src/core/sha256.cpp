#include <b24gate/core/sha256.hpp>

#include <cstdlib>
#include <memory>

#include <openssl/evp.h>

namespace b24gate::core {
namespace {

// Fetching the algorithm and making a context cost more than hashing a key does, and this stands on the path of every
// request: the algorithm is fetched once, the context once a thread.
const EVP_MD* algorithm() noexcept {
    static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return md;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

}  // namespace

Sha256 sha256(std::string_view text) noexcept {
    thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
    Sha256 digest{};
    // Failure means an OpenSSL without SHA-256 or no memory: going on with a wrong digest could let a wrong key in.
    if (!context || !algorithm() || EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
        std::abort();
    return digest;
}

std::string to_hex(const Sha256& digest) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(digest.size() * 2);
    for (const unsigned char byte : digest) {
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

}  // namespace b24gate::core
