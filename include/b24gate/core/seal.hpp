// Encryption at rest: AES-256-GCM with a fresh random nonce for every record. What a record belongs to is bound to it
// as associated data, so that a row that was copied to another place does not open. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::core {

struct Sealed {
    std::string key_id;  ///< names the key without telling anything of it
    std::string bytes;   ///< version, nonce, ciphertext, tag
};

/// The key that seals, and older ones that still open.
class KeyRing {
public:
    KeyRing() = default;  ///< empty: seals nothing, opens nothing
    /// `current` and each of `older` are 32 bytes in base64 (both alphabets, padding or not), as the configuration
    /// checks them; one that is not is left out.
    KeyRing(const Secret& current, const std::vector<Secret>& older);

    [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }
    [[nodiscard]] std::string_view current_id() const noexcept;  ///< empty without a key
    [[nodiscard]] bool knows(std::string_view key_id) const noexcept;

    /// nullopt: there is no key, or the system gives no random bytes.
    [[nodiscard]] std::optional<Sealed> seal(std::string_view plain, std::string_view associated) const;
    /// nullopt: the key is not here, or a single bit of bytes or associated data is another one.
    [[nodiscard]] std::optional<Secret> open(std::string_view key_id, std::string_view bytes,
                                             std::string_view associated) const;
    /// A key for another purpose than sealing, which `label` names: 32 bytes made of the oldest key, the last one that
    /// was given, so that a newer key in front of it does not change them. Empty without a key.
    [[nodiscard]] Secret derived(std::string_view label) const;

private:
    struct Key {
        std::string id;
        Secret bytes;
    };
    std::vector<Key> keys_;  ///< the first one seals
};

}  // namespace b24gate::core
