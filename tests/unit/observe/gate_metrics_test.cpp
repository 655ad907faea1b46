#include <b24gate/observe/gate_metrics.hpp>

#include <doctest/doctest.h>

#include <b24gate/observe/process.hpp>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

using namespace b24gate;
using namespace std::chrono_literals;
using bitrix::ErrorClass;
using observe::GateMetrics;
using observe::Registry;

namespace {

struct Fixture {
    explicit Fixture(bool per_portal = true)
        : all(registry, config::Metrics{.per_portal = per_portal}, {"1.2.3", "abcdef0"}, 1764000000) {}
    /// The number behind a series, or -1 when there is none.
    [[nodiscard]] double value(const std::string& series) const {
        const std::string text = registry.render();
        const std::size_t at = text.find("\n" + series + " ");
        return at == text.npos ? -1 : std::stod(text.substr(at + series.size() + 2));
    }
    [[nodiscard]] std::size_t count(const std::string& family) const {
        std::istringstream in(registry.render());
        std::size_t n = 0;
        for (std::string line; std::getline(in, line);) n += line.starts_with(family + "{") ? 1 : 0;
        return n;
    }
    Registry registry;
    GateMetrics all;
};

std::vector<std::string> cells_of(const std::string& row) {
    std::vector<std::string> cells;
    std::string cell;
    std::istringstream in(row.substr(1));
    while (std::getline(in, cell, '|')) {
        std::erase(cell, '`');
        const std::size_t begin = cell.find_first_not_of(' ');
        const std::size_t end = cell.find_last_not_of(' ');
        cells.push_back(begin == cell.npos ? "" : cell.substr(begin, end - begin + 1));
    }
    return cells;
}

}  // namespace

TEST_CASE("the reference in docs/metrics.md says what the registry declares") {
    Fixture f;
    const auto process = observe::declare_process_metrics(f.registry);
    std::string declared;
    for (const observe::MetricInfo& info : f.registry.families()) {
        std::string labels;
        for (const std::string& label : info.labels) labels += (labels.empty() ? "" : ", ") + label;
        declared += info.name + " | " + std::string(to_string(info.type)) + " | " + labels + " | " + info.help + "\n";
    }
    std::ifstream in(std::string(B24GATE_SOURCE_DIR) + "/docs/metrics.md");
    REQUIRE(in);
    std::string documented;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("| `")) continue;
        const auto cells = cells_of(line);
        REQUIRE(cells.size() == 4);
        documented += cells[0] + " | " + cells[1] + " | " + cells[2] + " | " + cells[3] + "\n";
    }
    CHECK(documented == declared);
}

TEST_CASE("names and labels keep to the conventions") {
    Fixture f;
    std::set<std::string> forbidden{"request_id", "user", "url", "error", "code", "le", "method"};
    for (const observe::MetricInfo& info : f.registry.families()) {
        CAPTURE(info.name);
        CHECK(info.name.starts_with("b24gate_"));
        CHECK(info.name.ends_with("_total") == (info.type == observe::MetricType::counter));
        if (info.type == observe::MetricType::histogram) CHECK(info.name.ends_with("_seconds"));
        CHECK_FALSE(info.help.empty());
        for (const std::string& label : info.labels) CHECK(forbidden.count(label) == 0);
        for (std::size_t i = 1; i < info.bounds.size(); ++i) CHECK(info.bounds[i - 1] < info.bounds[i]);
    }
}

TEST_CASE("what the config knows shows 0 from the start") {
    Fixture f;
    f.all.portal("acme", {"main", "spare"});
    f.all.requests("shop", "acme");
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="ok",fault="none"})") == 0);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="server",fault="system"})") == 0);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="gateway",fault="limit"})") == 0);
    CHECK(f.count("b24gate_calls_total") == 19);  // one a class, three for the gateway's own
    CHECK(f.value(R"(b24gate_client_calls_total{client="shop",fault="system"})") == 0);
    CHECK(f.value(R"(b24gate_requests_total{client="shop",portal="acme",class="ok",status="200"})") == 0);
    CHECK(f.value(R"(b24gate_budget_hits_total{portal="acme",client="shop"})") == 0);
    CHECK(f.value(R"(b24gate_upstream_attempts_total{portal="acme",class="timeout"})") == 0);
    CHECK(f.value(R"(b24gate_queue_length{portal="acme",priority="bulk"})") == 0);
    CHECK(f.value(R"(b24gate_upstream_connections{portal="acme",state="idle"})") == 0);
    CHECK(f.value(R"(b24gate_upstream_handshakes_total{portal="acme",resumed="true"})") == 0);
    CHECK(f.value(R"(b24gate_last_success_timestamp_seconds{portal="acme"})") == 1764000000);
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="spare",state="closed"})") == 1);
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="spare",state="open"})") == 0);
    CHECK(f.value(R"(b24gate_http_connections{port="tls"})") == 0);
    CHECK(f.value("b24gate_log_dropped_total") == 0);
    CHECK(f.value(R"(b24gate_build_info{version="1.2.3",commit="abcdef0"})") == 1);
    CHECK(f.value(R"(b24gate_call_duration_seconds_count{portal="acme"})") == 0);
    CHECK(f.value(R"(b24gate_queue_wait_seconds_count{portal="acme",priority="normal"})") == 0);
}

TEST_CASE("a portal's series count what they are told") {
    Fixture f;
    auto& acme = f.all.portal("acme", {"main"});
    CHECK(&f.all.portal("acme") == &acme);
    acme.call(ErrorClass::ok, "", 300ms);
    acme.call(ErrorClass::gateway, "GATEWAY_QUEUE_FULL", 1ms);
    acme.call(ErrorClass::gateway, "GATEWAY_FORBIDDEN", 1ms);
    acme.call(ErrorClass::gateway, "GATEWAY_STORE", 1ms);
    acme.attempt(ErrorClass::rate_limit, 40ms);
    acme.attempt(ErrorClass::ok, 40ms);
    acme.waited(config::Priority::bulk, 3s);
    acme.connected();
    acme.handshaken(true);
    acme.success_at(1764000100);
    acme.bucket_level.set(12.5);
    acme.in_flight.set(3);
    acme.queue_length[static_cast<std::size_t>(config::Priority::interactive)]->set(7);
    acme.connections[static_cast<std::size_t>(observe::PoolState::busy)]->add(2);
    acme.breaker("main", observe::BreakerState::half_open);
    acme.in_flight_limit.set(4);
    acme.predicted_wait[static_cast<std::size_t>(config::Priority::bulk)]->set(1.5);
    acme.operating("main", 0.75);
    acme.refused_by_portal("rate", 2);
    acme.refused_by_gateway("deadline", 6);
    acme.would_have(3, 4.5, 1);

    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="ok",fault="none"})") == 1);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="gateway",fault="limit"})") == 1);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="gateway",fault="refused"})") == 1);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="gateway",fault="system"})") == 1);
    CHECK(f.value(R"(b24gate_call_duration_seconds_bucket{portal="acme",le="0.25"})") == 3);
    CHECK(f.value(R"(b24gate_call_duration_seconds_bucket{portal="acme",le="0.5"})") == 4);
    CHECK(f.value(R"(b24gate_upstream_attempts_total{portal="acme",class="rate_limit"})") == 1);
    CHECK(f.value(R"(b24gate_upstream_duration_seconds_count{portal="acme"})") == 2);
    CHECK(f.value(R"(b24gate_queue_wait_seconds_bucket{portal="acme",priority="bulk",le="2.5"})") == 0);
    CHECK(f.value(R"(b24gate_queue_wait_seconds_bucket{portal="acme",priority="bulk",le="5"})") == 1);
    CHECK(f.value(R"(b24gate_upstream_connects_total{portal="acme"})") == 1);
    CHECK(f.value(R"(b24gate_upstream_handshakes_total{portal="acme",resumed="true"})") == 1);
    CHECK(f.value(R"(b24gate_upstream_handshakes_total{portal="acme",resumed="false"})") == 0);
    CHECK(f.value(R"(b24gate_last_success_timestamp_seconds{portal="acme"})") == 1764000100);
    CHECK(f.value(R"(b24gate_bucket_level{portal="acme"})") == 12.5);
    CHECK(f.value(R"(b24gate_in_flight{portal="acme"})") == 3);
    CHECK(f.value(R"(b24gate_queue_length{portal="acme",priority="interactive"})") == 7);
    CHECK(f.value(R"(b24gate_upstream_connections{portal="acme",state="busy"})") == 2);
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="main",state="half_open"})") == 1);
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="main",state="closed"})") == 0);

    CHECK(f.value(R"(b24gate_in_flight_limit{portal="acme"})") == 4);
    CHECK(f.value(R"(b24gate_predicted_wait_seconds{portal="acme",priority="bulk"})") == 1.5);
    CHECK(f.value(R"(b24gate_operating_used_ratio{portal="acme",credential="main"})") == 0.75);
    CHECK(f.value(R"(b24gate_portal_refusals_total{portal="acme",limit="rate"})") == 2);
    CHECK(f.value(R"(b24gate_gateway_refusals_total{portal="acme",reason="deadline"})") == 6);
    CHECK(f.value(R"(b24gate_observe_would_delay_total{portal="acme"})") == 3);
    CHECK(f.value(R"(b24gate_observe_would_delay_seconds_total{portal="acme"})") == 4.5);
    CHECK(f.value(R"(b24gate_observe_would_refuse_total{portal="acme"})") == 1);

    // A reload declares it again and changes nothing of what was counted.
    f.all.portal("acme", {"main", "second"});
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="main",state="half_open"})") == 1);
    CHECK(f.value(R"(b24gate_breaker_state{portal="acme",credential="second",state="closed"})") == 1);
    CHECK(f.value(R"(b24gate_calls_total{portal="acme",class="ok",fault="none"})") == 1);
}

TEST_CASE("requests by status: only numbers that HTTP knows") {
    Fixture f;
    auto& r = f.all.requests("shop", "acme");
    CHECK(&f.all.requests("shop", "acme") == &r);
    CHECK(&f.all.requests("shop", "other") != &r);
    const std::map<unsigned, std::string> rows{{200, "200"},   {409, "409"},  {418, "418"},
                                               {511, "511"},   {0, "none"},   {299, "other"},
                                               {600, "other"}, {99, "other"}, {70000, "other"}};
    for (const auto& [status, label] : rows) r.answered(ErrorClass::server, "X", status);
    for (const auto& [status, label] : rows) {
        const double expected = label == "other" ? 4 : 1;
        CHECK(f.value(R"(b24gate_requests_total{client="shop",portal="acme",class="server",status=")" + label +
                      "\"}") == expected);
    }
    CHECK(f.value(R"(b24gate_client_calls_total{client="shop",fault="system"})") == 9);
    f.all.requests("shop", "other").answered(ErrorClass::gateway, "GATEWAY_FORBIDDEN", 403);
    CHECK(f.value(R"(b24gate_client_calls_total{client="shop",fault="refused"})") == 1);
    r.hit();
    CHECK(f.value(R"(b24gate_budget_hits_total{portal="acme",client="shop"})") == 1);
}

TEST_CASE("histograms can be kept without the portal") {
    Fixture f(false);
    f.all.portal("acme").call(ErrorClass::ok, "", 1ms);
    f.all.portal("beta").call(ErrorClass::ok, "", 1ms);
    f.all.portal("beta").waited(config::Priority::normal, 1ms);
    CHECK(f.value("b24gate_call_duration_seconds_count") == 2);
    CHECK(f.value(R"(b24gate_queue_wait_seconds_count{priority="normal"})") == 1);
    CHECK(f.value(R"(b24gate_calls_total{portal="beta",class="ok",fault="none"})") == 1);
}

TEST_CASE("several threads may meet a new series at once") {
    Fixture f;
    auto& r = f.all.requests("shop", "acme");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (unsigned i = 0; i < 1000; ++i) {
                r.answered(ErrorClass::business, "X", 400 + i % 16);
                f.all.portal("p" + std::to_string(i % 5)).call(ErrorClass::ok, "", 1ms);
            }
        });
    for (auto& t : threads) t.join();
    CHECK(f.value(R"(b24gate_client_calls_total{client="shop",fault="refused"})") == 4000);
    CHECK(f.value(R"(b24gate_requests_total{client="shop",portal="acme",class="business",status="415"})") == 4 * 62);
    CHECK(f.value(R"(b24gate_calls_total{portal="p4",class="ok",fault="none"})") == 800);
}

TEST_CASE("the kernel's line about a process") {
    const std::string fields = "S 1 2 3 4 5 6 7 8 9 10 111 222 13 14 15 16 17 18 777 20 4242 23 24";
    for (const std::string& name : {std::string("b24gate"), std::string("a b) (c) "), std::string()}) {
        const auto stat = observe::parse_proc_stat("17 (" + name + ") " + fields + "\n");
        REQUIRE(stat);
        CHECK(stat->user_ticks == 111);
        CHECK(stat->system_ticks == 222);
        CHECK(stat->start_ticks == 777);
        CHECK(stat->resident_pages == 4242);
    }
    for (const char* broken :
         {"", ")", "17 (x", "17 (x) S 1 2 3", "17 (x) S 1 2 3 4 5 6 7 8 9 10 a b 13 14 15 16 17 18 19 20 21"})
        CHECK_FALSE(observe::parse_proc_stat(broken));
    CHECK(observe::parse_boot_time("cpu 1 2\nbtime 1764000000\nprocesses 5\n") == 1764000000);
    CHECK(observe::parse_boot_time("btime 12") == 12);
    for (const char* broken : {"", "btime", "btime x", "xbtime 5\n"}) CHECK_FALSE(observe::parse_boot_time(broken));
}

TEST_CASE("the process sees itself") {
    const observe::ProcessUsage usage = observe::read_process_usage();
    CHECK(usage.resident_bytes > 100'000);
    CHECK(usage.open_fds >= 3);
    CHECK(usage.max_fds >= usage.open_fds);
    CHECK(usage.start_time > 1e9);
    Registry registry;
    auto handle = observe::declare_process_metrics(registry);
    CHECK(registry.render().find("process_open_fds 0\n") == std::string::npos);
    CHECK(registry.render().find("# TYPE process_cpu_seconds_total counter\n") != std::string::npos);
}
