// Calls that waited and now travel together: one `batch`, one hit, one exchange; then each caller gets the answer that
// its call would have had alone. What could differ goes on alone: a command that failed, a batch that failed as a
// whole.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <b24gate/bitrix/batch_command.hpp>
#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/gateway/attempt_ledger.hpp>
#include <b24gate/gateway/departure.hpp>
#include <b24gate/gateway/portal.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/tokens/credential.hpp>
#include <b24gate/upstream/https_client.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

class WorkerState;
struct Snapshot;
struct PortalRuntime;

/// A waiting call, as far as a batch has to know it. Immutable.
struct Passenger {
    bitrix::Command command;
    std::string method_lower;
    std::string client;
    WorkerState* worker;  ///< the one that runs the batch when this call is at its head
    std::shared_ptr<const Snapshot> snapshot;
    const PortalRuntime* portal;
    const config::Credential* credential;
    observe::Log* log;
    core::Deadline deadline;
    std::shared_ptr<Departure> departure;   ///< may be null
    std::shared_ptr<AttemptLedger> ledger;  ///< likewise: its attempt is written down before the batch leaves
};

/// How the ride ended for one call.
struct CarriedAnswer {
    enum class End {
        answered,  ///< `exchange` is what the portal said to this call, `outcome` the verdict on it
        again,     ///< not carried out, for want of budget or of a token: it waits for another turn
        alone,     ///< it has to be sent by itself
    };
    End end = End::alone;
    unsigned aboard = 0;
    bool sent = false;          ///< the batch may have reached the portal; its hit is counted already
    bool written_down = false;  ///< its attempt, by its ledger
    bool renewed = false;       ///< of `again`: the portal has refused the token, and a new one was asked for
    bitrix::Outcome outcome;
    upstream::Exchange exchange;
    std::shared_ptr<const tokens::Token> token;
    upstream::Target target;
    core::Duration took{0};
};

/// Sends the batch on the worker of its first call, and ends every wait. Any thread; returns at once. The calls must be
/// of one portal and credential and stand in the order of the departure.
void begin_batch(std::shared_ptr<Portal> portal, std::uint64_t batch, std::vector<Portal::Boarded> aboard);

}  // namespace b24gate::gateway
