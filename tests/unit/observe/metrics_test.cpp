#include <b24gate/observe/metrics.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace b24gate::observe;

TEST_CASE("counters, gauges and histograms as Prometheus reads them") {
    Registry registry;
    auto& calls = registry.counter("t_calls_total", "Calls.", {"portal", "class"});
    calls.with({"acme", "ok"}).add();
    calls.with({"acme", "ok"}).add(2);
    calls.with({"acme", "server"});
    registry.gauge("t_level", "Level\nof \\ it.").with({}).set(0.5);
    auto& wait = registry.histogram("t_wait_seconds", "Wait.", {0.1, 1, 2.5}, {"portal"}).with({"acme"});
    for (const double v : {0.05, 0.1, 0.5, 2.5, 7.0}) wait.observe(v);
    CHECK(registry.render() ==
          "# HELP t_calls_total Calls.\n"
          "# TYPE t_calls_total counter\n"
          "t_calls_total{portal=\"acme\",class=\"ok\"} 3\n"
          "t_calls_total{portal=\"acme\",class=\"server\"} 0\n"
          "# HELP t_level Level\\nof \\\\ it.\n"
          "# TYPE t_level gauge\n"
          "t_level 0.5\n"
          "# HELP t_wait_seconds Wait.\n"
          "# TYPE t_wait_seconds histogram\n"
          "t_wait_seconds_bucket{portal=\"acme\",le=\"0.1\"} 2\n"
          "t_wait_seconds_bucket{portal=\"acme\",le=\"1\"} 3\n"
          "t_wait_seconds_bucket{portal=\"acme\",le=\"2.5\"} 4\n"
          "t_wait_seconds_bucket{portal=\"acme\",le=\"+Inf\"} 5\n"
          "t_wait_seconds_sum{portal=\"acme\"} 10.15\n"
          "t_wait_seconds_count{portal=\"acme\"} 5\n");
}

TEST_CASE("a histogram without labels, and values that are no numbers") {
    Registry registry;
    auto& h = registry.histogram("t_seconds", "T.", {1}).with({});
    h.observe(std::numeric_limits<double>::quiet_NaN());
    h.observe(std::numeric_limits<double>::infinity());
    h.observe(-3);
    const std::string text = registry.render();
    CHECK(text.find("t_seconds_bucket{le=\"1\"} 1\n") != std::string::npos);
    CHECK(text.find("t_seconds_bucket{le=\"+Inf\"} 3\n") != std::string::npos);
    CHECK(text.find("t_seconds_sum -3\n") != std::string::npos);
    CHECK(text.find("t_seconds_count 3\n") != std::string::npos);
}

TEST_CASE("numbers are written short and exact") {
    struct {
        double value;
        std::string expected;
    } const rows[] = {{0, "0"},
                      {-1, "-1"},
                      {1764000000, "1764000000"},
                      {1764000000.25, "1764000000.25"},
                      {0.1, "0.1"},
                      {1e300, "1e+300"},
                      {std::numeric_limits<double>::infinity(), "+Inf"},
                      {-std::numeric_limits<double>::infinity(), "-Inf"},
                      {std::numeric_limits<double>::quiet_NaN(), "NaN"}};
    for (const auto& row : rows) {
        Registry registry;
        registry.gauge("g", "G.").with({}).set(row.value);
        CHECK(registry.render() == "# HELP g G.\n# TYPE g gauge\ng " + row.expected + "\n");
    }
}

TEST_CASE("label values are escaped, valid UTF-8 and bounded") {
    struct {
        std::string value, expected;
    } const rows[] = {{"a\"b\\c\nd", "a\\\"b\\\\c\\nd"},
                      {"\xD0\x96", "\xD0\x96"},
                      {"x\xFFy", "x\xEF\xBF\xBDy"},
                      {std::string(1000, 'x'), std::string(128, 'x')},
                      {"", ""}};
    for (const auto& row : rows) {
        Registry registry;
        registry.gauge("g", "G.", {"l"}).with({row.value});
        CHECK(registry.render() == "# HELP g G.\n# TYPE g gauge\ng{l=\"" + row.expected + "\"} 0\n");
    }
}

TEST_CASE("the same labels give the same series, and too few or too many harm nothing") {
    Registry registry;
    auto& family = registry.counter("c_total", "C.", {"a", "b"});
    Counter& one = family.with({"x", "y"});
    CHECK(&family.with({"x", "y"}) == &one);
    CHECK(&family.with({"y", "x"}) != &one);
    CHECK(&family.with({"x"}) == &family.with({"x", ""}));
    CHECK(&family.with({"x", "y", "z"}) == &one);
}

TEST_CASE("a family holds a bounded number of series; the rest is counted as other") {
    Registry registry;
    auto& family = registry.counter("c_total", "C.", {"a", "b"}, 5);
    for (int i = 0; i < 100; ++i) family.with({std::to_string(i), "x"}).add();
    family.with({"0", "x"}).add();
    const std::string text = registry.render();
    CHECK(text.find("c_total{a=\"0\",b=\"x\"} 2\n") != std::string::npos);
    CHECK(text.find("c_total{a=\"3\",b=\"x\"} 1\n") != std::string::npos);
    CHECK(text.find("c_total{a=\"4\",b=\"x\"}") == std::string::npos);
    CHECK(text.find("c_total{a=\"other\",b=\"other\"} 96\n") != std::string::npos);
}

TEST_CASE("a name can be declared once") {
    Registry registry;
    registry.counter("x_total", "X.");
    CHECK_THROWS_AS(registry.gauge("x_total", "X."), std::logic_error);
}

TEST_CASE("callbacks fill in before each rendering, as long as their handle lives") {
    Registry registry;
    Gauge& total = registry.sampled_counter("s_total", "S.").with({});
    int calls = 0;
    auto handle = registry.on_collect([&] { total.set(++calls); });
    CHECK(registry.render().find("s_total 1\n") != std::string::npos);
    CHECK(registry.render().find("# TYPE s_total counter\n") != std::string::npos);
    CHECK(calls == 2);
    handle.reset();
    CHECK(registry.render().find("s_total 2\n") != std::string::npos);
}

TEST_CASE("what many threads count is counted, while others look") {
    Registry registry;
    auto& family = registry.counter("c_total", "C.", {"t"});
    auto& h = registry.histogram("h_seconds", "H.", {0.5}).with({});
    Gauge& g = registry.gauge("g", "G.").with({});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            Counter& own = family.with({std::to_string(t)});
            Counter& shared = family.with({"shared"});
            for (int i = 0; i < 10000; ++i) {
                own.add();
                shared.add();
                h.observe(i % 2);
                g.add(i % 2 == 0 ? 1 : -1);
            }
        });
    for (int i = 0; i < 20; ++i) CHECK(registry.render().find("h_seconds_count") != std::string::npos);
    for (auto& t : threads) t.join();
    CHECK(family.with({"shared"}).value() == 40000);
    CHECK(family.with({"2"}).value() == 10000);
    CHECK(h.in_bucket(0) == 20000);
    CHECK(h.in_bucket(1) == 20000);
    CHECK(h.sum() == 20000);
    CHECK(g.value() == 0);
}
