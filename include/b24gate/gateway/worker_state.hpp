// What one worker has of the gateway: the newest snapshot, and its own connections to every portal. Touched only on
// that worker.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <b24gate/access/key_guard.hpp>
#include <b24gate/gateway/answer_cache.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/upstream/https_client.hpp>
#include <b24gate/upstream/resolver.hpp>

namespace b24gate::gateway {

class WorkerState {
public:
    WorkerState(net::Worker& worker, std::shared_ptr<const Snapshot> snapshot, tokens::TokenKeeper& keeper,
                AnswerCache& cache);

    net::Worker& worker;
    tokens::TokenKeeper& keeper;
    AnswerCache& cache;
    access::KeyGuard key_guard;
    unsigned held_back = 0;  ///< refusals of wrong keys that wait

    [[nodiscard]] const std::shared_ptr<const Snapshot>& snapshot() const noexcept { return snapshot_; }
    void use(std::shared_ptr<const Snapshot> snapshot);

    /// The connections to that portal, where it is now.
    [[nodiscard]] upstream::HttpsClient& client(const PortalRuntime& portal, Portal::Location& location);

    /// Closes what has been idle too long; call it now and then.
    void expire(core::TimePoint now);
    void close_idle();

    [[nodiscard]] std::map<std::string, upstream::ClientStats> stats() const;

private:
    struct Entry {
        std::unique_ptr<upstream::HttpsClient> client;
        Portal::Location location;
    };
    std::shared_ptr<const Snapshot> snapshot_;
    upstream::Resolver resolver_;
    std::map<std::string, Entry, std::less<>> clients_;  ///< by portal
};

}  // namespace b24gate::gateway
