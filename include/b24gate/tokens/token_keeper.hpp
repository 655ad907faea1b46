// Keeps the access tokens of all OAuth credentials good: reads the store, refreshes once for all who wait (here, in
// other processes and on other hosts), and makes a new pair durable before it is used. Its coroutines run on one
// worker; everything public may be called from any thread unless it says otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/core/seal.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/storage/store.hpp>
#include <b24gate/tokens/credential.hpp>
#include <b24gate/tokens/grant.hpp>
#include <b24gate/tokens/token_client.hpp>

namespace b24gate::tokens {

/// What a caller that waited for a refresh gets: a token, or the outcome to answer with.
struct Refreshed {
    std::shared_ptr<const Token> token;
    bitrix::Outcome failure;
    std::optional<std::chrono::milliseconds> retry_after;
};

class TokenKeeper {
public:
    struct Hooks {
        /// There are other secrets to be masked than before.
        std::function<void()> secrets_changed = [] {};
        /// Whether the last question to the store was answered.
        std::function<void(bool)> store_usable = [](bool) {};
        /// A record is in use that was not before: after a refresh, an installation, an import, at the start.
        std::function<void(const storage::CredentialRecord&)> adopted = [](const storage::CredentialRecord&) {};
    };
    /// `worker` runs the refreshes; it, the store, log and metrics must outlive the keeper and stand still before the
    /// keeper goes.
    TokenKeeper(net::Worker& worker, storage::Store& store, observe::Log& log, observe::GateMetrics& metrics,
                Hooks hooks);

    /// The credentials of this configuration from now on; those that stay keep what is known of them, unless what
    /// identifies them has changed.
    void configure(const config::Config& config);
    [[nodiscard]] std::shared_ptr<Credential> find(std::string_view portal, std::string_view credential) const;
    [[nodiscard]] std::vector<std::shared_ptr<Credential>> all() const;
    /// Access tokens in use, and those before them.
    [[nodiscard]] std::vector<core::Secret> secrets() const;

    /// One reading of the store; the error is for the log.
    boost::asio::awaitable<storage::Result<storage::Done>> load();
    /// Reads the store every two seconds from now on, and refreshes what would lapse. Once.
    void start();

    /// Waits for a pair that is newer than `seen_version`; `caller`: the worker of the waiting coroutine. `by_hand`: a
    /// person asks, so that a back-off does not count.
    boost::asio::awaitable<Refreshed> refresh(std::shared_ptr<Credential> credential, std::int64_t seen_version,
                                              net::Worker& caller, core::Deadline deadline, bool by_hand = false);
    /// The portal has refused the credential for good, in words of its own error code.
    void refused(const std::shared_ptr<Credential>& credential, std::int64_t version, std::string code);
    /// A pair from outside: sealed, stored, in use.
    boost::asio::awaitable<storage::Result<storage::CredentialRecord>> put(std::string portal, std::string credential,
                                                                           Grant grant, core::Deadline deadline);
    /// What an authorization code gives; it lives for 30 seconds and is good once. `server_endpoint`: of the server
    /// that is said to have made it, may be empty. `caller`: the worker of the waiting coroutine. Nothing is stored.
    struct Exchanged {
        std::optional<Grant> grant;
        std::string reason;       ///< of a failure: a code, never a value
        bitrix::Outcome failure;  ///< masked
        bool passing = false;     ///< the server could not be asked, or had trouble
    };
    boost::asio::awaitable<Exchanged> exchange_code(std::shared_ptr<Credential> credential, core::Secret code,
                                                    std::string server_endpoint, net::Worker& caller);
    /// The pair as it stands in a record; nullopt: it was sealed with a key that is not here, or it is damaged.
    [[nodiscard]] std::optional<Pair> open(const storage::CredentialRecord& record) const;
    /// Seals everything that stands under an older key anew. How many were, and how many could not be opened.
    struct Rekeyed {
        unsigned resealed = 0, current = 0, unreadable = 0;
    };
    boost::asio::awaitable<storage::Result<Rekeyed>> rekey(core::Deadline deadline);

private:
    /// What the configuration says of a credential.
    struct Source {
        config::Credential config;
        std::string ca;
    };
    struct Entry {
        std::shared_ptr<Credential> credential;
        Source source;
        core::Secret before;  ///< the access token that was in use before this one: answers may still quote it
    };
    using Key = std::pair<std::string, std::string>;
    /// What the token endpoint said in the end.
    struct Asked {
        ServerAnswer answer;
        bool repeated = false;  ///< the first answer was lost
    };

    boost::asio::awaitable<void> poll();
    boost::asio::awaitable<storage::Result<storage::Done>> read_all();
    boost::asio::awaitable<void> run_refresh(std::shared_ptr<Credential> credential, std::int64_t seen, bool by_hand);
    boost::asio::awaitable<bool> lead_refresh(std::shared_ptr<Credential> credential, std::int64_t seen, bool by_hand);
    boost::asio::awaitable<bool> renew(std::shared_ptr<Credential> credential, storage::RefreshLease lease);
    static boost::asio::awaitable<Asked> ask(TokenClient& client, std::string ca, std::string url,
                                             core::Secret parameters);
    boost::asio::awaitable<bool> keep(std::shared_ptr<Credential> credential, std::int64_t seen, Grant grant);
    boost::asio::awaitable<void> mark(std::shared_ptr<Credential> credential, std::int64_t version, std::string code);
    void begin(const std::shared_ptr<Credential>& credential, std::int64_t seen, bool by_hand);
    void adopt(const std::shared_ptr<Credential>& credential, const storage::CredentialRecord& record,
               storage::UnixMs store_now);
    [[nodiscard]] std::string told_otherwise(const storage::CredentialRecord& record) const;
    [[nodiscard]] std::optional<Source> source_of(const Credential& credential) const;
    [[nodiscard]] std::shared_ptr<const core::KeyRing> keys() const;
    [[nodiscard]] std::optional<storage::NewPair> sealed(const std::string& portal, const std::string& credential,
                                                         const Grant& grant) const;
    void count(const Credential& credential, std::string_view result);

    net::Worker& worker_;
    storage::Store& store_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    const Hooks hooks_;
    TokenClient client_;
    const std::string owner_;  ///< this process, in leases

    mutable std::mutex mutex_;  ///< guards what follows
    std::map<Key, Entry> entries_;
    std::shared_ptr<const core::KeyRing> keys_ = std::make_shared<core::KeyRing>();
};

}  // namespace b24gate::tokens
