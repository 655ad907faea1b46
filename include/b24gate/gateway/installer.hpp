// How tokens come in over HTTP: a person who authorizes in the browser (/oauth/install, /oauth/callback), the events of
// a portal in which the application is installed or removed, and the application's page inside of the portal
// (/oauth/handler, /oauth/install). Anybody can call these: what is stored has been proven by the authorization server
// or by the configured portal itself. One object for all workers; any thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <b24gate/gateway/install_pages.hpp>
#include <b24gate/gateway/install_rules.hpp>
#include <b24gate/gateway/portal_places.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/server/message.hpp>
#include <b24gate/storage/store.hpp>
#include <b24gate/tokens/app_event.hpp>
#include <b24gate/tokens/token_keeper.hpp>

namespace b24gate::gateway {

class Installer {
public:
    /// Everything must outlive it.
    Installer(storage::Store& store, tokens::TokenKeeper& keeper, const PortalPlaces& places, observe::Log& log,
              observe::GateMetrics& metrics)
        : store_(store), keeper_(keeper), places_(places), log_(log), metrics_(metrics) {}

    /// Whether the path is one of ours, however it is called.
    [[nodiscard]] static bool serves(std::string_view target) noexcept;
    /// A body that is too large, or whose length is not told, is not read at all.
    [[nodiscard]] std::optional<server::Response> refuse_early(const server::Request& head);
    /// For what serves() is true. `worker`: the session's own.
    boost::asio::awaitable<server::Response> handle(WorkerState& worker, const server::Request& request);
    /// Something that was answered already is still being proven or stored: a stop waits for it.
    [[nodiscard]] bool busy() const noexcept { return slots_used_ != 0; }

private:
    /// The right to ask somebody else about what came in: a bounded number at once.
    class Slot {
    public:
        explicit Slot(std::atomic<int>& used) noexcept;
        Slot(Slot&& other) noexcept : used_(std::exchange(other.used_, nullptr)) {}
        Slot& operator=(Slot&&) = delete;
        ~Slot();
        explicit operator bool() const noexcept { return used_ != nullptr; }

    private:
        std::atomic<int>* used_;
    };

    /// One request, as far as it must be known behind its answer.
    struct Visit {
        WorkerState& worker;
        std::shared_ptr<const Snapshot> snapshot;
        PageLanguage language;
        std::string request_id, peer;
        std::string kind;
        std::string portal, credential;  ///< empty: not known yet

        Visit(WorkerState& w, const server::Request& request, std::string_view what);
        [[nodiscard]] const PortalRuntime& runtime() const { return snapshot->portals.find(portal)->second; }
    };
    /// How it ended; `reason` empty: well.
    struct End {
        std::string reason;
        bool passing = false;  ///< it may work later
    };
    struct Known {
        CredentialFacts facts;
        std::string fault;  ///< of the store
    };

    boost::asio::awaitable<server::Response> route(WorkerState& worker, const server::Request& request);
    // The browser's way.
    boost::asio::awaitable<server::Response> begin(WorkerState& worker, const server::Request& request);
    boost::asio::awaitable<server::Response> finish(WorkerState& worker, const server::Request& request);
    boost::asio::awaitable<End> finish_with(Visit& visit, core::Secret code, std::string server_domain,
                                            server::Response& page);
    // The portal's.
    boost::asio::awaitable<server::Response> event(WorkerState& worker, const server::Request& request);
    boost::asio::awaitable<server::Response> frame(Visit visit, tokens::AppEvent event, Slot slot, bool keep);
    boost::asio::awaitable<void> take_behind(Visit visit, tokens::AppEvent event, Slot slot);
    boost::asio::awaitable<End> take(Visit& visit, tokens::AppEvent event);
    boost::asio::awaitable<End> mark(Visit& visit, std::int64_t version);
    [[nodiscard]] std::string find_credential(Visit& visit, const tokens::AppEvent& event,
                                              std::string_view query) const;

    struct Verified {
        std::optional<Profile> profile;
        End end;
    };
    boost::asio::awaitable<Verified> verify(Visit& visit, core::Secret access);
    boost::asio::awaitable<Known> known(const Visit& visit);
    boost::asio::awaitable<End> store(Visit& visit, tokens::Grant grant);
    [[nodiscard]] PortalFacts facts_of(const PortalRuntime& runtime) const;
    [[nodiscard]] bool may_try(const std::string& name);
    [[nodiscard]] server::Response refuse(const Visit& visit, unsigned status, const End& end,
                                          std::string_view detail = {});
    void note(const Visit& visit, const End& end, std::string_view detail = {});
    void done(const Visit& visit, std::string_view result, std::int64_t user_id = 0);
    void count(std::string_view kind, std::string_view result);

    storage::Store& store_;
    tokens::TokenKeeper& keeper_;
    const PortalPlaces& places_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    std::atomic<int> slots_used_{0};
    std::mutex mutex_;  ///< guards what follows
    TryLimit tries_{30};
};

}  // namespace b24gate::gateway
