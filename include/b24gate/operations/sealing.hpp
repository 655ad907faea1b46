// What an operation leaves in the store, sealed: call, callback URL, answers, excerpts; and the keyed hashes that stand
// there for what clients make up (order keys, Idempotency-Keys): the database alone tells nobody what they were.
//
// Each sealed piece is bound to what it is of, so that none opens in the place of another one. Immutable; any thread.
//
// The hashes must be the same tomorrow, so they are made with a key derived from the oldest key of the ring: a new key
// in front of it changes nothing. When the oldest one is taken out all hashes change at once, and an Idempotency-Key of
// the last day or the order key of an operation that has not ended is not known again. It may go when nothing that it
// has sealed is kept any more, and best when no client is about to repeat a call. See docs/operations.md.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/core/seal.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::operations {

class OperationVault {
public:
    using Sealed = std::optional<storage::SealedBytes>;  ///< nullopt: no key, or no random bytes
    using Opened = std::optional<core::Secret>;          ///< nullopt: the key is gone, or the bytes are not these

    OperationVault() = default;  ///< not usable
    explicit OperationVault(core::KeyRing keys);

    /// There is a key. Without one nothing can be kept: hand-overs have to be refused.
    [[nodiscard]] bool usable() const noexcept { return !keys_.empty(); }

    // `id`: the operation's public one.
    [[nodiscard]] Sealed seal_body(std::string_view id, std::string_view body) const;
    [[nodiscard]] Opened open_body(std::string_view id, const storage::SealedBytes& sealed) const;
    [[nodiscard]] Sealed seal_callback(std::string_view id, std::string_view url) const;
    [[nodiscard]] Opened open_callback(std::string_view id, const storage::SealedBytes& sealed) const;
    [[nodiscard]] Sealed seal_answer(std::string_view id, std::string_view answer) const;
    [[nodiscard]] Opened open_answer(std::string_view id, const storage::SealedBytes& sealed) const;
    /// `attempt`: its number.
    [[nodiscard]] Sealed seal_excerpt(std::string_view id, unsigned attempt, std::string_view excerpt) const;
    [[nodiscard]] Opened open_excerpt(std::string_view id, unsigned attempt, const storage::SealedBytes& sealed) const;
    /// The answer of a synchronous call under an Idempotency-Key; `key`: its key_hash.
    [[nodiscard]] Sealed seal_key_answer(std::string_view client, std::string_view key, std::string_view answer) const;
    [[nodiscard]] Opened open_key_answer(std::string_view client, std::string_view key,
                                         const storage::SealedBytes& sealed) const;

    // 32 hex digits each; empty when the vault is not usable.
    /// Of X-B24-Order-Key: each client and portal has its own.
    [[nodiscard]] std::string order_hash(std::string_view client, std::string_view portal, std::string_view key) const;
    /// Of Idempotency-Key: each client has its own.
    [[nodiscard]] std::string key_hash(std::string_view client, std::string_view key) const;
    /// Of what an Idempotency-Key stands for: whatever makes it another request (portal, method, query, body, ...),
    /// each part by itself and always in the same order.
    [[nodiscard]] std::string request_hash(std::initializer_list<std::string_view> parts) const;

private:
    [[nodiscard]] Sealed seal(std::string_view plain, std::initializer_list<std::string_view> of) const;
    [[nodiscard]] Opened open(const storage::SealedBytes& sealed, std::initializer_list<std::string_view> of) const;
    [[nodiscard]] std::string hash(std::string_view purpose, std::initializer_list<std::string_view> parts) const;

    core::KeyRing keys_;
    core::Secret hash_key_;
};

}  // namespace b24gate::operations
