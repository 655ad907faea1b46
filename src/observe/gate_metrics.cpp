#include <b24gate/observe/gate_metrics.hpp>

#include <algorithm>

namespace b24gate::observe {
namespace {

using bitrix::ErrorClass;
using bitrix::Fault;

const std::vector<double> call_bounds{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
const std::vector<double> wait_bounds{0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60};

constexpr std::array<std::string_view, 3> priorities{"interactive", "normal", "bulk"};
constexpr std::array<std::string_view, 3> breaker_states{"closed", "open", "half_open"};
constexpr std::array<std::string_view, 2> pool_states{"idle", "busy"};
constexpr std::array<std::string_view, 2> booleans{"false", "true"};
constexpr std::array<Fault, 4> faults{Fault::none, Fault::system, Fault::refused, Fault::limit};

/// Status codes that HTTP knows; the rest is "other", for a portal may answer with any number.
constexpr std::array<unsigned, 62> known_statuses{
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307,
    308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421,
    422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511};

/// 0 stands for a client that hung up; then the known ones; then "other".
std::size_t status_index(unsigned status) noexcept {
    if (status == 0) return 0;
    const auto at = std::lower_bound(known_statuses.begin(), known_statuses.end(), status);
    const bool known = at != known_statuses.end() && *at == status;
    return known ? 1 + static_cast<std::size_t>(at - known_statuses.begin()) : 1 + known_statuses.size();
}

std::string status_label(std::size_t index) {
    if (index == 0) return "none";
    return index <= known_statuses.size() ? std::to_string(known_statuses[index - 1]) : "other";
}

std::size_t index(ErrorClass c) noexcept { return static_cast<std::size_t>(c); }
std::size_t index(Fault f) noexcept { return static_cast<std::size_t>(f); }

std::vector<std::string> histogram_labels(bool per_portal, std::vector<std::string> others) {
    if (per_portal) others.insert(others.begin(), "portal");
    return others;
}

Histogram& portal_histogram(const GateMetrics& all, Family<Histogram>& family, std::string_view portal) {
    return all.per_portal ? family.with({portal}) : family.with({});
}

Histogram& wait_histogram(const GateMetrics& all, std::string_view portal, std::string_view priority) {
    return all.per_portal ? all.queue_wait.with({portal, priority}) : all.queue_wait.with({priority});
}

}  // namespace

PortalMetrics::PortalMetrics(GateMetrics& all, std::string name)
    : bucket_level(all.bucket_level.with({name})),
      bucket_capacity(all.bucket_capacity.with({name})),
      bucket_leak(all.bucket_leak.with({name})),
      in_flight(all.in_flight.with({name})),
      in_flight_limit(all.in_flight_limit.with({name})),
      all_(all),
      name_(std::move(name)),
      call_duration_(portal_histogram(all, all.call_duration, name_)),
      upstream_duration_(portal_histogram(all, all.upstream_duration, name_)),
      last_success_(all.last_success.with({name_})),
      connects_(all.upstream_connects.with({name_})),
      cache_hits_(all.cache_hits.with({name_})),
      cache_misses_(all.cache_misses.with({name_})),
      cache_drops_(all.cache_drops.with({name_})),
      shared_reads_(all.shared_reads.with({name_})) {
    for (std::size_t c = 0; c < calls_.size(); ++c) {
        const auto error_class = static_cast<ErrorClass>(c);
        attempts_[c] = &all.upstream_attempts.with({name_, bitrix::to_string(error_class)});
        const auto declare = [&](Fault f) {
            calls_[c][index(f)] = &all.calls_total.with({name_, bitrix::to_string(error_class), bitrix::to_string(f)});
        };
        if (error_class == ErrorClass::gateway) {
            for (const Fault f : {Fault::system, Fault::refused, Fault::limit}) declare(f);
        } else {
            declare(bitrix::fault_of(error_class, {}));
        }
    }
    for (std::size_t i = 0; i < priorities.size(); ++i) {
        queue_length[i] = &all.queue_length.with({name_, priorities[i]});
        predicted_wait[i] = &all.predicted_wait.with({name_, priorities[i]});
        queue_wait_[i] = &wait_histogram(all, name_, priorities[i]);
    }
    for (std::size_t i = 0; i < 2; ++i) {
        connections[i] = &all.upstream_connections.with({name_, pool_states[i]});
        handshakes_[i] = &all.upstream_handshakes.with({name_, booleans[i]});
    }
    last_success_.set(all.start);
}

void PortalMetrics::call(ErrorClass error_class, std::string_view code, core::Duration whole) {
    const Fault fault = bitrix::fault_of(error_class, code);
    std::atomic<Counter*>& cell = calls_[index(error_class)][index(fault)];
    Counter* counter = cell.load(std::memory_order_acquire);
    if (counter == nullptr) {
        counter = &all_.calls_total.with({name_, bitrix::to_string(error_class), bitrix::to_string(fault)});
        cell.store(counter, std::memory_order_release);
    }
    counter->add();
    call_duration_.observe(core::to_seconds(whole));
}

std::array<std::uint64_t, 4> PortalMetrics::calls_by_fault() const noexcept {
    std::array<std::uint64_t, 4> out{};
    for (const auto& of_class : calls_)
        for (std::size_t f = 0; f < out.size(); ++f)
            if (const Counter* counter = of_class[f].load(std::memory_order_acquire)) out[f] += counter->value();
    return out;
}

void PortalMetrics::attempt(ErrorClass error_class, core::Duration exchange) noexcept {
    attempts_[index(error_class)]->add();
    upstream_duration_.observe(core::to_seconds(exchange));
}

void PortalMetrics::waited(config::Priority priority, core::Duration wait) noexcept {
    queue_wait_[static_cast<std::size_t>(priority)]->observe(core::to_seconds(wait));
}

void PortalMetrics::breaker(std::string_view credential, BreakerState state) {
    for (std::size_t i = 0; i < breaker_states.size(); ++i)
        all_.breaker_state.with({name_, credential, breaker_states[i]}).set(static_cast<std::size_t>(state) == i);
}

void PortalMetrics::operating(std::string_view credential, double ratio) {
    all_.operating_used.with({name_, credential}).set(ratio);
}

void PortalMetrics::refused_by_portal(std::string_view limit, std::uint64_t total) {
    all_.portal_refusals.with({name_, limit}).set(static_cast<double>(total));
}

void PortalMetrics::refused_by_gateway(std::string_view reason, std::uint64_t total) {
    all_.gateway_refusals.with({name_, reason}).set(static_cast<double>(total));
}

void PortalMetrics::kept_out(std::string_view reason) { all_.batch_kept_out.with({name_, std::string(reason)}).add(); }

void PortalMetrics::batches(std::uint64_t calls, std::uint64_t saved, std::uint64_t failed) {
    all_.batched_calls.with({name_}).set(static_cast<double>(calls));
    all_.batch_hits_saved.with({name_}).set(static_cast<double>(saved));
    all_.batch_failures.with({name_}).set(static_cast<double>(failed));
}

void PortalMetrics::batches_by_size(std::string_view calls, std::uint64_t total) {
    all_.batches.with({name_, std::string(calls)}).set(static_cast<double>(total));
}

void PortalMetrics::would_have(std::uint64_t delayed, double delay_seconds, std::uint64_t refused) {
    all_.would_delay.with({name_}).set(static_cast<double>(delayed));
    all_.would_delay_seconds.with({name_}).set(delay_seconds);
    all_.would_refuse.with({name_}).set(static_cast<double>(refused));
}

RequestMetrics::RequestMetrics(GateMetrics& all, std::string client, std::string portal)
    : all_(all),
      client_(std::move(client)),
      portal_(std::move(portal)),
      hits_(all.budget_hits.with({portal_, client_})) {
    static_assert(known_statuses.size() + 2 == statuses);
    for (const Fault f : faults)
        client_calls_[index(f)] = &all.client_calls_total.with({client_, bitrix::to_string(f)});
    cells_[index(ErrorClass::ok) * statuses + status_index(200)] =
        &all.requests_total.with({client_, portal_, bitrix::to_string(ErrorClass::ok), "200"});
}

void RequestMetrics::answered(ErrorClass error_class, std::string_view code, unsigned status) {
    const std::size_t column = status_index(status);
    std::atomic<Counter*>& cell = cells_[index(error_class) * statuses + column];
    Counter* counter = cell.load(std::memory_order_acquire);
    if (counter == nullptr) {
        counter = &all_.requests_total.with({client_, portal_, bitrix::to_string(error_class), status_label(column)});
        cell.store(counter, std::memory_order_release);
    }
    counter->add();
    client_calls_[index(bitrix::fault_of(error_class, code))]->add();
}

void RequestMetrics::spent(std::string_view method, unsigned hits, double seconds) {
    hits_.add(hits);
    spending_.add(method, hits, seconds);
}

std::array<std::uint64_t, bitrix::error_class_count> RequestMetrics::by_class() const noexcept {
    std::array<std::uint64_t, bitrix::error_class_count> out{};
    for (std::size_t i = 0; i < cells_.size(); ++i)
        if (const Counter* counter = cells_[i].load(std::memory_order_acquire)) out[i / statuses] += counter->value();
    return out;
}

GateMetrics::GateMetrics(Registry& r, const config::Metrics& settings, const BuildInfo& build, double start_time)
    : per_portal(settings.per_portal),
      start(start_time),
      requests_total(r.counter("b24gate_requests_total",
                               "Requests by what they were answered with; status none: the client had hung up.",
                               {"client", "portal", "class", "status"}, 20'000)),
      calls_total(r.counter("b24gate_calls_total", "Calls to a portal, counted once, at their final answer.",
                            {"portal", "class", "fault"}, 20'000)),
      client_calls_total(r.counter("b24gate_client_calls_total", "Calls of a client, counted once, by whose fault.",
                                   {"client", "fault"})),
      call_duration(r.histogram("b24gate_call_duration_seconds", "From the whole request to the whole answer.",
                                call_bounds, histogram_labels(per_portal, {}))),
      queue_wait(r.histogram("b24gate_queue_wait_seconds", "Time that calls waited for budget.", wait_bounds,
                             histogram_labels(per_portal, {"priority"}))),
      upstream_attempts(r.counter("b24gate_upstream_attempts_total", "Requests sent to a portal, repeats included.",
                                  {"portal", "class"}, 20'000)),
      upstream_duration(r.histogram("b24gate_upstream_duration_seconds",
                                    "One exchange with a portal: taking a connection, request, answer.", call_bounds,
                                    histogram_labels(per_portal, {}))),
      budget_hits(r.counter("b24gate_budget_hits_total", "What was taken from a portal's request budget, by client.",
                            {"portal", "client"}, 20'000)),
      bucket_level(r.gauge("b24gate_bucket_level", "Requests in the portal's leaky bucket, as the gateway models it.",
                           {"portal"})),
      bucket_capacity(r.gauge("b24gate_bucket_capacity", "Requests that the portal's bucket holds.", {"portal"})),
      bucket_leak(r.gauge("b24gate_bucket_leak_per_second", "Requests a second that the portal allows in the long run.",
                          {"portal"})),
      queue_length(r.gauge("b24gate_queue_length", "Calls that wait for budget.", {"portal", "priority"})),
      predicted_wait(r.gauge("b24gate_predicted_wait_seconds",
                             "How long a call would wait for budget now, of a client that has none waiting.",
                             {"portal", "priority"})),
      in_flight(
          r.gauge("b24gate_in_flight", "Calls that have been sent to the portal and not been answered.", {"portal"})),
      in_flight_limit(r.gauge("b24gate_in_flight_limit",
                              "How many calls may be at the portal at once now; less than max_in_flight while the "
                              "portal is slower than usual.",
                              {"portal"})),
      operating_used(r.gauge("b24gate_operating_used_ratio",
                             "Used share of the portal's operating time (480 s in 10 minutes), of the method that has "
                             "used most of it.",
                             {"portal", "credential"})),
      portal_refusals(r.sampled_counter("b24gate_portal_refusals_total",
                                        "Requests that the portal refused for a limit; callers see none of them in "
                                        "mode enforce.",
                                        {"portal", "limit"})),
      gateway_refusals(r.sampled_counter("b24gate_gateway_refusals_total",
                                         "Calls that the gateway refused without asking the portal, by reason.",
                                         {"portal", "reason"}, 20'000)),
      batch_kept_out(r.counter("b24gate_batch_kept_out_total",
                               "Calls that had to wait and could not travel with others, by reason.",
                               {"portal", "reason"})),
      batches(r.sampled_counter("b24gate_batches_total", "Batches that the gateway made of single calls, by size.",
                                {"portal", "calls"})),
      batched_calls(
          r.sampled_counter("b24gate_batched_calls_total", "Single calls that travelled in such a batch.", {"portal"})),
      batch_hits_saved(r.sampled_counter("b24gate_batch_hits_saved_total",
                                         "Hits on the portal's budget that batches have saved.", {"portal"})),
      batch_failures(r.sampled_counter("b24gate_batch_failures_total",
                                       "Batches that failed as a whole; their calls went on singly.", {"portal"})),
      would_delay(r.sampled_counter("b24gate_observe_would_delay_total",
                                    "Mode observe: calls that enforcing would have made wait.", {"portal"})),
      would_delay_seconds(r.sampled_counter("b24gate_observe_would_delay_seconds_total",
                                            "Mode observe: how long they would have waited, in all.", {"portal"})),
      would_refuse(r.sampled_counter("b24gate_observe_would_refuse_total",
                                     "Mode observe: calls that enforcing would have refused.", {"portal"})),
      upstream_connections(
          r.gauge("b24gate_upstream_connections", "Open connections to the portal.", {"portal", "state"})),
      upstream_connects(r.counter("b24gate_upstream_connects_total", "Connections opened to the portal.", {"portal"})),
      upstream_handshakes(r.counter("b24gate_upstream_handshakes_total",
                                    "TLS handshakes with the portal; resumed ones cost both sides less.",
                                    {"portal", "resumed"})),
      last_success(r.gauge("b24gate_last_success_timestamp_seconds",
                           "Unix time of the last call that the portal answered without an error; at first the start "
                           "of the process.",
                           {"portal"})),
      breaker_state(r.gauge("b24gate_breaker_state", "1 for the state that the overload breaker is in.",
                            {"portal", "credential", "state"})),
      token_refreshes(r.counter("b24gate_token_refreshes_total",
                                "Refreshes of access tokens by this gateway, by result.",
                                {"portal", "credential", "result"})),
      credential_state(r.gauge("b24gate_credential_state", "1 for the state that the credential is in.",
                               {"portal", "credential", "state"})),
      access_token_expiry(r.gauge("b24gate_access_token_expiry_timestamp_seconds",
                                  "Unix time at which the access token ends; it is renewed when a call needs it.",
                                  {"portal", "credential"})),
      refresh_token_expiry(r.gauge("b24gate_refresh_token_expiry_timestamp_seconds",
                                   "Unix time at which the refresh token lapses if it is not used before.",
                                   {"portal", "credential"})),
      store_usable(r.gauge("b24gate_store_usable", "1 if the last question to the store was answered.")),
      install_events(r.counter("b24gate_install_events_total",
                               "What came in at /oauth/: authorizations begun and ended, events of portals, by result.",
                               {"kind", "result"})),
      operations(r.gauge("b24gate_operations", "Operations in the store, the same on every gateway that shares it.",
                         {"portal", "state"}, 20'000)),
      operation_oldest(
          r.gauge("b24gate_operation_oldest_timestamp_seconds",
                  "Unix time at which the oldest operation that is pending (queued, running, waiting) or held was "
                  "handed over; 0: there is none.",
                  {"state"})),
      callback_oldest(r.gauge("b24gate_callback_oldest_timestamp_seconds",
                              "Unix time since when the oldest callback waits to be delivered; 0: there is none.")),
      callbacks(
          r.counter("b24gate_callbacks_total", "Callbacks that were sent or could not be, by result.", {"result"})),
      alerts(
          r.gauge("b24gate_alerts",
                  "Alerts that are pending or firing, as this gateway last saw them; those of the store are the same "
                  "on every gateway that shares it.",
                  {"rule", "state"})),
      notifications(r.counter("b24gate_notifications_total",
                              "Messages about alerts and errors that were sent or could not be, by channel and result.",
                              {"channel", "result"})),
      cache_hits(r.counter("b24gate_cache_hits_total", "Reads that were answered from what was kept.", {"portal"})),
      cache_misses(r.counter("b24gate_cache_misses_total",
                             "Reads whose answer may be kept and that found none; not those with Cache-Control: "
                             "no-cache.",
                             {"portal"})),
      cache_drops(r.counter("b24gate_cache_drops_total", "Kept answers that a write has made doubtful.", {"portal"})),
      cache_bytes(r.gauge("b24gate_cache_bytes", "Memory that kept answers take.")),
      shared_reads(r.counter("b24gate_shared_reads_total",
                             "Reads that got the answer of the same read that was under way.", {"portal"})),
      operations_taken(r.counter("b24gate_operations_taken_total",
                                 "Calls that were handed over for good: they are on disk.", {"client", "portal"})),
      operations_refused(r.counter("b24gate_operations_refused_total",
                                   "Hand-overs that were refused, by the code of the answer.", {"reason"})),
      operations_ended(r.counter("b24gate_operations_ended_total",
                                 "Operations that this gateway has brought to an end or to a person, by state.",
                                 {"portal", "state"})),
      http_connections(r.gauge("b24gate_http_connections", "Open client connections.", {"port"})),
      http_rejected(r.sampled_counter("b24gate_http_rejected_total",
                                      "Messages that were refused before they became a call, by reason.",
                                      {"port", "reason"}, 200)),
      log_dropped(r.sampled_counter("b24gate_log_dropped_total",
                                    "Log lines lost because the file or pipe took them too slowly or not at all.")),
      config_reload_success(r.gauge("b24gate_config_reload_success", "1 if the last load of the config succeeded.")),
      config_reload_timestamp(
          r.gauge("b24gate_config_reload_timestamp_seconds", "Unix time of the last successful load of the config.")),
      build_info(r.gauge("b24gate_build_info", "Always 1; what is running is in the labels.", {"version", "commit"})) {
    build_info.with({build.version, build.commit}).set(1);
    for (const std::string_view port : {"data", "tls", "admin"}) http_connections.with({port});
}

PortalMetrics& GateMetrics::portal(std::string_view name, const std::vector<std::string>& credentials) {
    const std::lock_guard lock(mutex_);
    auto found = portals_.find(name);
    if (found == portals_.end())
        found = portals_.emplace(std::string(name), std::make_unique<PortalMetrics>(*this, std::string(name))).first;
    PortalMetrics& portal = *found->second;
    for (const std::string& credential : credentials)
        if (breakers_.emplace(std::string(name), credential).second) {
            portal.breaker(credential, BreakerState::closed);
            portal.operating(credential, 0);
        }
    return portal;
}

RequestMetrics& GateMetrics::requests(std::string_view client, std::string_view portal) {
    const std::lock_guard lock(mutex_);
    auto& found = requests_[{std::string(client), std::string(portal)}];
    if (!found) found = std::make_unique<RequestMetrics>(*this, std::string(client), std::string(portal));
    return *found;
}

}  // namespace b24gate::observe
