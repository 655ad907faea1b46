// What must outlive the process: one interface, two engines (an SQLite file for one host, PostgreSQL for several
// gateways). Every member is one transaction named by its purpose; no SQL stands outside of this folder. Every time is
// Unix time in milliseconds by the clock of the store, so that gateways on several hosts agree on who holds a lease.
//
// Any thread may call; the awaiting coroutine goes on on its own executor. Every call has a deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/core/clock.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::storage {

struct Failure {
    enum class Kind {
        unavailable,  ///< no connection, the server is down
        busy,         ///< another process held the file for too long
        read_only,
        full,     ///< no space left, or an I/O error
        corrupt,  ///< the file is no database, or a damaged one
        timeout,  ///< the deadline passed
        invalid,  ///< a bug of ours: SQL, schema, types
    };
    Kind kind = Kind::invalid;
    /// The transaction may have been committed all the same: its commit was sent and nothing came back.
    bool in_doubt = false;
    std::string message;  ///< for the log: which store, what failed; no secret, no data
};
[[nodiscard]] std::string_view to_string(Failure::Kind) noexcept;

template <class T>
using Result = boost::system::result<T, Failure>;
/// For a transaction that answers nothing.
struct Done {};

/// One credential's tokens. The pair itself is sealed by core/seal; what stands beside it is no secret.
struct CredentialRecord {
    enum class State { active, needs_reauth };

    std::string portal, credential;
    std::int64_t version = 0;  ///< grows with every new pair: what a refresh compares with before it writes
    State state = State::active;
    std::string reason;          ///< why it needs re-authorization, or what the last failed refresh said; a code
    std::string key_id, sealed;  ///< core::Sealed: which key, and the bytes
    std::string member_id;       ///< the portal's identity
    std::string client_endpoint, server_endpoint;
    std::string scope, status;
    std::int64_t user_id = 0;
    UnixMs expires_at = 0;    ///< of the access token
    UnixMs obtained_at = 0;   ///< when this pair came: the age of the refresh token
    UnixMs refreshed_at = 0;  ///< the last successful refresh; 0: the pair was put in from outside
    unsigned failures = 0;    ///< refreshes that failed for a passing reason, one after the other
    UnixMs retry_at = 0;      ///< not before this after such a failure
    std::string lease_owner;  ///< who refreshes now; empty: nobody
    UnixMs lease_until = 0;
    std::int64_t fence = 0;  ///< grows with every lease
};
[[nodiscard]] std::string_view to_string(CredentialRecord::State) noexcept;  ///< "active", "needs_reauth"

/// The right to refresh a credential, or why not.
struct RefreshLease {
    enum class Verdict {
        granted,
        busy,         ///< another one refreshes until record.lease_until
        changed,      ///< record.version is not the one that was seen, or the state is not active: look again
        backing_off,  ///< not before record.retry_at
        missing,      ///< there is no such credential
    };
    Verdict verdict = Verdict::missing;
    bool abandoned = false;   ///< granted, and the last holder neither finished nor gave up: its answer may be lost
    UnixMs now = 0;           ///< the store's clock, for record.lease_until and retry_at
    CredentialRecord record;  ///< as it is now; empty when missing
};

/// A new pair for a credential, as far as the store knows of it.
struct NewPair {
    std::string key_id, sealed;
    std::string member_id;  ///< this and the next five: empty or 0 leaves what is there
    std::string client_endpoint, server_endpoint;
    std::string scope, status;
    std::int64_t user_id = 0;
    std::int64_t expires_in_ms = 0;  ///< from the store's now
};

struct ListedCredentials {
    UnixMs now = 0;  ///< the store's clock when the list was read
    std::vector<CredentialRecord> records;
};

/// An authorization that was begun at /oauth/install and has not come back yet.
struct PendingInstall {
    std::string
        state_hash;  ///< SHA-256, hex, of the state parameter: the parameter itself is kept by the browser alone
    std::string portal, credential;
};

/// What is known of a portal beyond its configuration.
struct PortalRecord {
    std::string portal;
    std::string member_id;       ///< empty: not known
    std::string configured_url;  ///< the address in the configuration when `url` was learnt
    std::string url;             ///< where the portal has moved to; empty: nowhere
    /// It has echoed an Idempotency-Key. Once written it stays, as long as the configured address does.
    bool keeps_keys = false;
};

/// A portal that a person has paused.
struct PauseRecord {
    std::string portal, actor, reason;
    UnixMs at = 0;  ///< read: since when; ignored on writing
};

/// A portal's bucket as one egress has left it.
struct BucketLevel {
    std::string portal, egress;
    double level = 0;  ///< requests in the bucket at `at`
    UnixMs at = 0;     ///< read: when it was written, by the store's clock; ignored on writing
};

class OperationStore;
class AlertStore;

class Store {
public:
    /// Calls that still run end with `unavailable`; the executors of their coroutines must still be there.
    virtual ~Store() = default;
    template <class T>
    using Awaitable = boost::asio::awaitable<Result<T>>;

    /// A cheap question to the store: it answers and can be written to.
    virtual Awaitable<Done> ping(core::Deadline deadline) = 0;

    /// Calls that must not be lost, in the same database; see operation_store.hpp. It lives as long as the store.
    virtual OperationStore& operations() noexcept = 0;
    /// Likewise, of the alerts; see alert_store.hpp.
    virtual AlertStore& alerts() noexcept = 0;

    // --- credentials ---------------------------------------------------------------------------------------------
    virtual Awaitable<ListedCredentials> list_credentials(core::Deadline deadline) = 0;
    /// A pair from outside (import, installation): replaces what is there, makes it active, ends any lease.
    virtual Awaitable<CredentialRecord> put_credential(std::string portal, std::string credential, NewPair pair,
                                                       core::Deadline deadline) = 0;
    /// False: there was none.
    virtual Awaitable<bool> remove_credential(std::string portal, std::string credential, core::Deadline deadline) = 0;
    /// Marks it without a refresh: the portal has refused its token, or the application was removed. Only while the
    /// version is still `seen_version`. False: it is not.
    virtual Awaitable<bool> mark_needs_reauth(std::string portal, std::string credential, std::int64_t seen_version,
                                              std::string reason, core::Deadline deadline) = 0;

    /// Asks for the right to refresh. `seen_version`: the pair that the caller wants to replace. `dead_owner`: a holder
    /// that the caller knows to be dead, whose lease counts as over. `ignore_backoff`: a person asks.
    struct LeaseRequest {
        std::string portal, credential;
        std::int64_t seen_version = 0;
        std::string owner;
        std::int64_t lease_ms = 0;
        std::string dead_owner;
        bool ignore_backoff = false;
    };
    virtual Awaitable<RefreshLease> begin_refresh(LeaseRequest request, core::Deadline deadline) = 0;
    /// The new pair, while the version is still `seen_version`: whoever has rotated the tokens has the only pair that
    /// is good, also when its lease has run out. Answers the record as it is now; its version says whether it was
    /// written (seen_version + 1 and the same sealed bytes) or another pair stands there. Version 0: it was removed.
    virtual Awaitable<CredentialRecord> finish_refresh(std::string portal, std::string credential,
                                                       std::int64_t seen_version, NewPair pair,
                                                       core::Deadline deadline) = 0;
    /// The refresh failed. Passing: counts and waits until now + retry_in_ms. Final: needs_reauth. Both end the lease,
    /// and count only while version and fence are the ones given. False: they are not.
    struct RefreshFailure {
        std::string portal, credential;
        std::int64_t seen_version = 0, fence = 0;
        bool final = false;
        std::string reason;
        std::int64_t retry_in_ms = 0;
    };
    virtual Awaitable<bool> fail_refresh(RefreshFailure failure, core::Deadline deadline) = 0;
    /// The same pair under another key, while `sealed` is still what stands there. False: it is not.
    virtual Awaitable<bool> reseal_credential(std::string portal, std::string credential, std::string old_sealed,
                                              std::string key_id, std::string sealed, core::Deadline deadline) = 0;

    // --- installation --------------------------------------------------------------------------------------------
    /// Kept for `lifetime_ms`; older ones are dropped on the way. At most 1,000 at once, the oldest go first.
    virtual Awaitable<Done> put_install(PendingInstall install, std::int64_t lifetime_ms, core::Deadline deadline) = 0;
    /// Gives it once; nullopt when there is none or it is too old.
    virtual Awaitable<std::optional<PendingInstall>> take_install(std::string state_hash, core::Deadline deadline) = 0;

    // --- portals -------------------------------------------------------------------------------------------------
    virtual Awaitable<std::vector<PortalRecord>> list_portals(core::Deadline deadline) = 0;
    virtual Awaitable<Done> put_portal(PortalRecord record, core::Deadline deadline) = 0;

    /// The portals that are paused, by name.
    virtual Awaitable<std::vector<PauseRecord>> list_pauses(core::Deadline deadline) = 0;
    /// Paused from now on; one that is already keeps its time.
    virtual Awaitable<Done> put_pause(PauseRecord record, core::Deadline deadline) = 0;
    /// False: it was not paused.
    virtual Awaitable<bool> remove_pause(std::string portal, core::Deadline deadline) = 0;

    // --- budgets -------------------------------------------------------------------------------------------------
    struct ListedLevels {
        UnixMs now = 0;
        std::vector<BucketLevel> levels;
    };
    virtual Awaitable<ListedLevels> list_levels(core::Deadline deadline) = 0;
    virtual Awaitable<Done> put_levels(std::vector<BucketLevel> levels, core::Deadline deadline) = 0;
};

/// Opens the store of `url` ("sqlite:FILE" with an absolute path, or "postgresql://..."), checks it and brings its
/// schema up to date. Blocks for at most `limit`. The error is one line for a person: what is wrong and what would be
/// right, without any password.
[[nodiscard]] boost::system::result<std::unique_ptr<Store>, std::string> open_store(const std::string& url,
                                                                                    core::Duration limit);

}  // namespace b24gate::storage
