#include <b24gate/operations/sealing.hpp>

#include <utility>

#include <b24gate/core/hmac.hpp>
#include <b24gate/core/sha256.hpp>

namespace b24gate::operations {
namespace {

constexpr std::size_t hash_digits = 32;

/// Each part with its length: no two lists of parts make the same text.
void append(std::string& out, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) {
        out += std::to_string(part.size());
        out += ':';
        out += part;
        out += ',';
    }
}

std::string context(std::initializer_list<std::string_view> of) {
    std::string out = "b24gate operation:";
    append(out, of);
    return out;
}

}  // namespace

OperationVault::OperationVault(core::KeyRing keys)
    : keys_(std::move(keys)), hash_key_(keys_.derived("b24gate hashes of operations")) {}

OperationVault::Sealed OperationVault::seal(std::string_view plain, std::initializer_list<std::string_view> of) const {
    auto sealed = keys_.seal(plain, context(of));
    if (!sealed) return std::nullopt;
    return storage::SealedBytes{std::move(sealed->key_id), std::move(sealed->bytes)};
}

OperationVault::Opened OperationVault::open(const storage::SealedBytes& sealed,
                                            std::initializer_list<std::string_view> of) const {
    return keys_.open(sealed.key_id, sealed.bytes, context(of));
}

OperationVault::Sealed OperationVault::seal_body(std::string_view id, std::string_view body) const {
    return seal(body, {"body", id});
}
OperationVault::Opened OperationVault::open_body(std::string_view id, const storage::SealedBytes& sealed) const {
    return open(sealed, {"body", id});
}

OperationVault::Sealed OperationVault::seal_callback(std::string_view id, std::string_view url) const {
    return seal(url, {"callback", id});
}
OperationVault::Opened OperationVault::open_callback(std::string_view id, const storage::SealedBytes& sealed) const {
    return open(sealed, {"callback", id});
}

OperationVault::Sealed OperationVault::seal_answer(std::string_view id, std::string_view answer) const {
    return seal(answer, {"answer", id});
}
OperationVault::Opened OperationVault::open_answer(std::string_view id, const storage::SealedBytes& sealed) const {
    return open(sealed, {"answer", id});
}

OperationVault::Sealed OperationVault::seal_excerpt(std::string_view id, unsigned attempt,
                                                    std::string_view excerpt) const {
    return seal(excerpt, {"excerpt", id, std::to_string(attempt)});
}
OperationVault::Opened OperationVault::open_excerpt(std::string_view id, unsigned attempt,
                                                    const storage::SealedBytes& sealed) const {
    return open(sealed, {"excerpt", id, std::to_string(attempt)});
}

OperationVault::Sealed OperationVault::seal_key_answer(std::string_view client, std::string_view key,
                                                       std::string_view answer) const {
    return seal(answer, {"key answer", client, key});
}
OperationVault::Opened OperationVault::open_key_answer(std::string_view client, std::string_view key,
                                                       const storage::SealedBytes& sealed) const {
    return open(sealed, {"key answer", client, key});
}

std::string OperationVault::hash(std::string_view purpose, std::initializer_list<std::string_view> parts) const {
    if (!usable()) return {};
    std::string text;
    append(text, {purpose});
    append(text, parts);
    return core::to_hex(core::hmac_sha256(hash_key_.reveal(), text)).substr(0, hash_digits);
}

std::string OperationVault::order_hash(std::string_view client, std::string_view portal, std::string_view key) const {
    return hash("order", {client, portal, key});
}
std::string OperationVault::key_hash(std::string_view client, std::string_view key) const {
    return hash("key", {client, key});
}
std::string OperationVault::request_hash(std::initializer_list<std::string_view> parts) const {
    return hash("request", parts);
}

}  // namespace b24gate::operations
