// One credential of the configuration while the process runs: the access token to send with, or why there is none.
// A monitor: every member may be called from any thread; no I/O, the lock is never held over anything slow.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::tokens {

/// Sent with calls; immutable.
struct Token {
    core::Secret access;
    std::int64_t version = 0;  ///< of the pair in the store
    core::TimePoint expires_at;
};

/// A webhook that a portal refuses may have been switched on again there, and nobody tells us: so often one call tries.
inline constexpr core::Duration webhook_probe_interval = std::chrono::minutes(1);

class Credential {
public:
    Credential(std::string portal, std::string name, bool oauth)
        : portal_(std::move(portal)), name_(std::move(name)), oauth_(oauth) {}

    [[nodiscard]] const std::string& portal() const noexcept { return portal_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool oauth() const noexcept { return oauth_; }

    enum class State {
        usable,
        expiring,      ///< still good, but a refresh is due while there is a call
        expired,       ///< no call can be made before a refresh
        needs_reauth,  ///< only a person helps
    };
    struct Look {
        State state = State::needs_reauth;
        std::shared_ptr<const Token> token;  ///< null: a webhook, or there is none
        std::string reason;                  ///< of needs_reauth
    };
    /// What a call that begins now is to do. For a refused webhook it says usable to one call a minute.
    [[nodiscard]] Look look(core::TimePoint now);
    /// The same without any effect, for lists and metrics.
    [[nodiscard]] Look peek(core::TimePoint now) const;

    /// The portal has refused what this version stands for (0 for a webhook). True: that is news.
    bool refused(std::int64_t version, std::string reason, core::TimePoint now);
    /// The portal says that the token of this version has expired, whatever the clock says.
    void expired(std::int64_t version, core::TimePoint now);
    /// The portal has taken it.
    void accepted() noexcept {
        if (!oauth_ && marked_.load(std::memory_order_relaxed)) accept_webhook();
    }

    // --- for the keeper -------------------------------------------------------------------------------------------
    /// What the store says, as of `now` here and `store_now` there. True: token or state have changed. A pair that is
    /// older than the one known is ignored.
    bool adopt(const storage::CredentialRecord& record, core::Secret access, storage::UnixMs store_now,
               core::TimePoint now);
    /// There is no record (any more), or it cannot be read. True: that is news.
    bool adopt_nothing(std::string reason);
    [[nodiscard]] std::int64_t version() const;
    /// The record as last seen, without what is sealed.
    [[nodiscard]] storage::CredentialRecord record() const;

    using Waiter = std::shared_ptr<net::Waiter<bool>>;
    /// Joins those who wait for the end of a refresh. True: nobody refreshes yet, the caller has to see to it.
    bool join(Waiter waiter);
    /// Ends the refresh: `failure` says why there is no new token; its retry time holds callers off until then.
    void settle(bitrix::Outcome failure, core::TimePoint retry_at);
    void settle();
    /// The same while the refresh goes on: nobody else may begin one.
    void hold_off(bitrix::Outcome failure, core::TimePoint retry_at);
    struct Failure {
        bitrix::Outcome outcome;
        core::TimePoint retry_at;
    };
    /// Why the last refresh gave no token; ok() when it did.
    [[nodiscard]] Failure last_failure() const;

private:
    void accept_webhook() noexcept;
    void tell(bitrix::Outcome failure, core::TimePoint retry_at, bool goes_on);
    [[nodiscard]] Look look_locked(core::TimePoint now) const;

    const std::string portal_, name_;
    const bool oauth_;
    std::atomic<bool> marked_{false};  ///< a webhook that was refused

    mutable std::mutex mutex_;
    std::shared_ptr<const Token> token_;
    bool needs_reauth_ = false;
    std::string reason_;
    core::TimePoint next_probe_{};
    storage::CredentialRecord record_;
    bool refreshing_ = false;
    std::vector<Waiter> waiters_;
    Failure failure_;
};

/// What a call gets while only a person helps: GATEWAY_REAUTH_REQUIRED, with what that person has to do.
[[nodiscard]] bitrix::Outcome reauth_required(const Credential& credential, std::string_view reason);

}  // namespace b24gate::tokens
