// Every metric of b24gate, declared in one place (docs/metrics.md is the reference; a test keeps the two equal), and
// the series of a portal or client gathered so that the request path looks nothing up. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/observe/metrics.hpp>
#include <b24gate/observe/spending.hpp>

namespace b24gate::observe {

/// Label value where there is no client or portal (yet).
inline constexpr std::string_view no_name = "-";

enum class BreakerState { closed, open, half_open };
enum class PoolState { idle, busy };

struct GateMetrics;

/// The series of one portal.
class PortalMetrics {
public:
    PortalMetrics(GateMetrics& all, std::string name);
    PortalMetrics(const PortalMetrics&) = delete;
    PortalMetrics& operator=(const PortalMetrics&) = delete;

    /// One call at its final answer; calls that a client's own mistake kept from the portal count too.
    void call(bitrix::ErrorClass, std::string_view code, core::Duration whole);
    /// One attempt, whatever became of it; `exchange`: from taking a connection to the end of the answer.
    void attempt(bitrix::ErrorClass, core::Duration exchange) noexcept;
    void success_at(double unix_seconds) noexcept { last_success_.set(unix_seconds); }
    /// When a call leaves the queue, or is given up in it.
    void waited(config::Priority, core::Duration) noexcept;
    void connected() noexcept { connects_.add(); }
    /// What `call` has counted, by bitrix::Fault.
    [[nodiscard]] std::array<std::uint64_t, 4> calls_by_fault() const noexcept;
    /// Of a read whose answer may be kept, whether there was one.
    void cache_asked(bool hit) noexcept { (hit ? cache_hits_ : cache_misses_).add(); }
    void cache_dropped(std::size_t answers) noexcept { cache_drops_.add(answers); }
    void shared_read() noexcept { shared_reads_.add(); }
    void handshaken(bool resumed) noexcept { handshakes_[resumed ? 1 : 0]->add(); }
    void breaker(std::string_view credential, BreakerState state);
    /// `ratio`: used share of the operating time, of the method that has used most of it.
    void operating(std::string_view credential, double ratio);
    // Totals that the portal's admission keeps, at the moment of a scrape.
    void refused_by_portal(std::string_view limit, std::uint64_t total);
    void refused_by_gateway(std::string_view reason, std::uint64_t total);
    /// A call that had to wait and could not travel with others, and why.
    void kept_out(std::string_view reason);
    void batches(std::uint64_t calls, std::uint64_t saved, std::uint64_t failed);
    void batches_by_size(std::string_view calls, std::uint64_t total);
    void would_have(std::uint64_t delayed, double delay_seconds, std::uint64_t refused);

    Gauge& bucket_level;
    Gauge& bucket_capacity;
    Gauge& bucket_leak;
    Gauge& in_flight;
    Gauge& in_flight_limit;
    std::array<Gauge*, 3> queue_length;    ///< by config::Priority
    std::array<Gauge*, 3> predicted_wait;  ///< by config::Priority
    std::array<Gauge*, 2> connections;     ///< by PoolState

private:
    GateMetrics& all_;
    std::string name_;
    std::array<std::array<std::atomic<Counter*>, 4>, bitrix::error_class_count> calls_{};  ///< by class and fault
    std::array<Counter*, bitrix::error_class_count> attempts_;
    Histogram& call_duration_;
    Histogram& upstream_duration_;
    std::array<Histogram*, 3> queue_wait_;
    Gauge& last_success_;
    Counter& connects_;
    std::array<Counter*, 2> handshakes_;
    Counter &cache_hits_, &cache_misses_, &cache_drops_, &shared_reads_;
};

/// The answers to one client about one portal, by class and status.
class RequestMetrics {
public:
    RequestMetrics(GateMetrics& all, std::string client, std::string portal);
    RequestMetrics(const RequestMetrics&) = delete;
    RequestMetrics& operator=(const RequestMetrics&) = delete;

    /// `status` 0: the client had hung up. `code`: the gateway's or the portal's error code.
    void answered(bitrix::ErrorClass, std::string_view code, unsigned status);
    /// A hit on the portal's budget for this client: an attempt that the portal counts.
    void hit() noexcept { hits_.add(); }
    /// The same for all hits of a call, and what the call has cost besides.
    void spent(std::string_view method, unsigned hits, double seconds);

    // What has been counted so far.
    [[nodiscard]] std::array<std::uint64_t, bitrix::error_class_count> by_class() const noexcept;
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_.value(); }
    /// Of what came through `spent`.
    [[nodiscard]] const Spending& spending() const noexcept { return spending_; }

private:
    static constexpr std::size_t statuses = 64;
    GateMetrics& all_;
    std::string client_, portal_;
    std::array<Counter*, 4> client_calls_;  ///< by fault
    Counter& hits_;
    Spending spending_;
    std::array<std::atomic<Counter*>, bitrix::error_class_count * statuses> cells_{};  ///< filled as they are met
};

struct BuildInfo {
    std::string version;
    std::string commit;
};

struct GateMetrics {
    /// `start`: Unix time of the process's start, what last_success says until there is one.
    GateMetrics(Registry& registry, const config::Metrics& settings, const BuildInfo& build, double start);

    /// Its series show 0 from now on. Called at load for every portal and client of the config; the references hold as
    /// long as this object. Known names give the same objects.
    PortalMetrics& portal(std::string_view name, const std::vector<std::string>& credentials = {});
    /// For one client and one portal; no_name for either that is not known.
    RequestMetrics& requests(std::string_view client, std::string_view portal);

    bool per_portal;
    double start;
    Family<Counter>& requests_total;
    Family<Counter>& calls_total;
    Family<Counter>& client_calls_total;
    Family<Histogram>& call_duration;
    Family<Histogram>& queue_wait;
    Family<Counter>& upstream_attempts;
    Family<Histogram>& upstream_duration;
    Family<Counter>& budget_hits;
    Family<Gauge>& bucket_level;
    Family<Gauge>& bucket_capacity;
    Family<Gauge>& bucket_leak;
    Family<Gauge>& queue_length;
    Family<Gauge>& predicted_wait;
    Family<Gauge>& in_flight;
    Family<Gauge>& in_flight_limit;
    Family<Gauge>& operating_used;
    Family<Gauge>& portal_refusals;
    Family<Gauge>& gateway_refusals;
    Family<Counter>& batch_kept_out;
    Family<Gauge>& batches;
    Family<Gauge>& batched_calls;
    Family<Gauge>& batch_hits_saved;
    Family<Gauge>& batch_failures;
    Family<Gauge>& would_delay;
    Family<Gauge>& would_delay_seconds;
    Family<Gauge>& would_refuse;
    Family<Gauge>& upstream_connections;
    Family<Counter>& upstream_connects;
    Family<Counter>& upstream_handshakes;
    Family<Gauge>& last_success;
    Family<Gauge>& breaker_state;
    Family<Counter>& token_refreshes;
    Family<Gauge>& credential_state;
    Family<Gauge>& access_token_expiry;
    Family<Gauge>& refresh_token_expiry;
    Family<Gauge>& store_usable;
    Family<Counter>& install_events;
    Family<Gauge>& operations;
    Family<Gauge>& operation_oldest;
    Family<Gauge>& callback_oldest;
    Family<Counter>& callbacks;
    Family<Gauge>& alerts;
    Family<Counter>& notifications;
    Family<Counter>& cache_hits;
    Family<Counter>& cache_misses;
    Family<Counter>& cache_drops;
    Family<Gauge>& cache_bytes;
    Family<Counter>& shared_reads;
    Family<Counter>& operations_taken;
    Family<Counter>& operations_refused;
    Family<Counter>& operations_ended;
    Family<Gauge>& http_connections;
    Family<Gauge>& http_rejected;
    Family<Gauge>& log_dropped;
    Family<Gauge>& config_reload_success;
    Family<Gauge>& config_reload_timestamp;
    Family<Gauge>& build_info;

private:
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<PortalMetrics>, std::less<>> portals_;
    std::map<std::pair<std::string, std::string>, std::unique_ptr<RequestMetrics>> requests_;
    std::set<std::pair<std::string, std::string>> breakers_;  ///< that have been declared
};

/// Declares the process_* metrics, read from /proc/self at each rendering. They go on while the handle lives.
[[nodiscard]] std::shared_ptr<void> declare_process_metrics(Registry& registry);

}  // namespace b24gate::observe
