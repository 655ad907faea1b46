// One call from admission to answer: wait for budget, exchange, judge, perhaps again. The order of things is run(),
// everything else is a step of it. Belongs to the worker of its session.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <b24gate/bitrix/batch_mend.hpp>
#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/gateway/attempt_ledger.hpp>
#include <b24gate/gateway/batch_run.hpp>
#include <b24gate/gateway/outgoing.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/server/handler.hpp>
#include <b24gate/upstream/retry_policy.hpp>

namespace b24gate::gateway {

/// A call that has passed the front door, and everything it may need.
struct CallOrder {
    WorkerState& worker;
    const Snapshot& snapshot;
    observe::Log& log;
    const server::Request& request;
    server::Connection& connection;
    const bitrix::Call& call;
    const config::Client& client;
    const PortalRuntime& portal;
    const config::Credential* credential;  ///< null for a passthrough client
    config::Priority priority = config::Priority::normal;
    core::Deadline deadline;
    std::shared_ptr<Departure> departure{};  ///< told when it leaves; may be null
    /// Of an operation: its attempt is written down first. Then one attempt is all that is made, with the portal's
    /// whole time for its answer; what follows from it is decided elsewhere.
    std::shared_ptr<AttemptLedger> ledger{};
    /// Of a v3 write that may go on as an operation: what it is repeated under; empty: the client's own, or one of
    /// ours.
    std::string_view idempotency_key{};
    bool whole = false;  ///< the answer is kept, so it is held whole
};

/// An attempt that failed, for those who keep a history.
struct FailedAttempt {
    unsigned status = 0;
    bitrix::ErrorClass error_class = bitrix::ErrorClass::server;
    bitrix::Executed executed = bitrix::Executed::unknown;
    std::string code;
    core::Duration took{0};
    std::chrono::system_clock::time_point ended;
};

/// What came of it, for answer, log and metrics.
struct CallReport {
    bitrix::Outcome outcome;
    bitrix::EnvelopeFacts facts;
    upstream::Exchange exchange;  ///< the last one, when it was replied
    std::string plain_body;       ///< the body without content coding, when it had one
    bool unpacked = false;        ///< `plain_body` counts, not exchange.body
    unsigned attempts = 0;
    unsigned hits = 0;  ///< of those, what the portal counts
    core::Duration waited{0};
    core::Duration upstream{0};
    core::Duration would_wait{0};  ///< observe mode: what enforcing would have done
    bool would_refuse = false;
    bool hung_up = false;
    unsigned batched = 0;               ///< how many travelled together with it; 0: it went alone
    bool set_down = false;              ///< with a ledger: a batch has taken it along, and left it to be sent alone
    std::vector<FailedAttempt> failed;  ///< in their order, the last one included
    bool raw = false;                   ///< a file's bytes are expected, not an envelope: they pass as they are
    std::string idempotency_key;
    std::shared_ptr<const tokens::Token> token;  ///< of an oauth credential: what the last attempt was sent with
    upstream::Target target;                     ///< where the last exchange went

    /// What the call was sent with in the place of the client's key; null for a passthrough client, whose own it is.
    [[nodiscard]] const core::Secret* secret(const config::Credential* credential) const noexcept {
        if (token) return &token->access;
        return credential != nullptr && !credential->secret.empty() ? &credential->secret : nullptr;
    }
    [[nodiscard]] std::string_view body() const noexcept { return unpacked ? plain_body : exchange.body; }
};

class CallRun {
public:
    /// `mends`: see mend_batch(); not for what it sends itself.
    explicit CallRun(const CallOrder& order, bool mends = true);

    boost::asio::awaitable<CallReport> run();

private:
    bool token_ready();
    boost::asio::awaitable<bool> have_token();
    boost::asio::awaitable<std::optional<Turn>> refresh_and_go_on();
    boost::asio::awaitable<bool> ask_for_the_name();
    boost::asio::awaitable<std::optional<Turn>> admit_again(admission::Feedback told);
    void board();
    bool take_carried(CarriedAnswer& carried);
    boost::asio::awaitable<void> mend_batch(bitrix::BatchMend mend);
    void learn_about_credential();
    void give_back();
    boost::asio::awaitable<bool> written_down();
    boost::asio::awaitable<void> learn_about_expiry(bool refused);
    [[nodiscard]] std::shared_ptr<tokens::Credential> live() const;
    [[nodiscard]] upstream::Decision decide() const;
    [[nodiscard]] OutgoingFacts outgoing_facts(const upstream::Target& target) const;
    void ask_about_method();
    std::optional<Turn> submit();
    boost::asio::awaitable<Turn> wait_for_turn();
    bool granted(Turn& turn);
    boost::asio::awaitable<void> exchange();
    boost::asio::awaitable<void> exchange_at(const upstream::Target& target, upstream::HttpsClient& client);
    void judge();
    [[nodiscard]] admission::Feedback feedback() const;
    boost::asio::awaitable<bool> wait_until(core::TimePoint moment);
    void log_attempt(const upstream::Decision& decision);
    void refuse(bitrix::GatewayCode code, std::string description);
    void refuse(bitrix::Outcome outcome);
    void refuse(const admission::Refused& refused);

    const CallOrder& order_;
    const bool mends_;
    const bitrix::Call& call_;
    Portal& portal_;
    tokens::Credential* const credential_;  ///< live; null for a passthrough client
    CallReport report_;
    std::uint64_t id_ = 0;
    std::shared_ptr<Portal::Wait> place_;         ///< in the queue
    std::shared_ptr<const Passenger> passenger_;  ///< while it may travel with others
    bool writes_ = true;
    bool keyed_ = false;      ///< a repeat by the gateway carries the same idempotency key
    bool asked_ = false;      ///< the method table
    bool in_doubt_ = false;   ///< an earlier attempt may have been carried out
    bool refreshed_ = false;  ///< the token, after the portal had refused it
    bool make_do_ = false;    ///< with a token that is about to expire: it could not be renewed
    core::Duration last_exchange_{0};
    unsigned failures_ = 0;  ///< attempts to which a retry rule applied
};

}  // namespace b24gate::gateway
