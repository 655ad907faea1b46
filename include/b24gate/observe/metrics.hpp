// Counters, gauges and histograms, and their rendering as Prometheus text (format 0.0.4). Counting is one relaxed
// atomic operation on a series that the caller has looked up once; only looking up takes a lock. The number of series
// of a family is bounded: label sets beyond it are counted together as "other". Any thread; series and families live
// as long as their Registry.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::observe {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

class Counter {
public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
public:
    void set(double v) noexcept { value_.store(v, std::memory_order_relaxed); }
    void add(double v) noexcept { value_.fetch_add(v, std::memory_order_relaxed); }
    [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<double> value_{0};
};

class Histogram {
public:
    /// Upper bounds, rising; the one of infinity is added. They must outlive the histogram.
    explicit Histogram(std::span<const double> bounds);

    void observe(double v) noexcept;
    [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
    [[nodiscard]] std::uint64_t in_bucket(std::size_t i) const noexcept;  ///< of that bucket alone, not cumulative
    [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

private:
    std::span<const double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;  ///< one more than bounds
    std::atomic<double> sum_{0};
};

enum class MetricType { counter, gauge, histogram };
[[nodiscard]] std::string_view to_string(MetricType) noexcept;

struct MetricInfo {
    std::string name;
    MetricType type = MetricType::counter;
    std::vector<std::string> labels;
    std::string help;
    std::vector<double> bounds;  ///< of histograms
};

using LabelValues = std::span<const std::string_view>;

/// What Registry knows of every family.
class FamilyBase {
public:
    virtual ~FamilyBase() = default;
    [[nodiscard]] const MetricInfo& info() const noexcept { return info_; }
    virtual void render(std::string& out) const = 0;

protected:
    explicit FamilyBase(MetricInfo info) : info_(std::move(info)) {}
    MetricInfo info_;
};

template <class Metric>
class Family final : public FamilyBase {
public:
    Family(MetricInfo info, std::size_t max_series) : FamilyBase(std::move(info)), max_series_(max_series) {}

    /// The series of these label values, in the order of the declared labels; made, at 0, when it is new. Too few
    /// values are filled up with "", too many are left out. The reference holds as long as the registry.
    Metric& with(LabelValues values);
    Metric& with(std::initializer_list<std::string_view> values) { return with({values.begin(), values.size()}); }

    void render(std::string& out) const override;

private:
    std::size_t max_series_;
    mutable std::mutex mutex_;
    std::map<std::vector<std::string>, std::unique_ptr<Metric>> series_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

class Registry {
public:
    static constexpr std::size_t default_max_series = 2000;

    /// Declaring a name twice throws std::logic_error.
    Family<Counter>& counter(std::string name, std::string help, std::vector<std::string> labels = {},
                             std::size_t max_series = default_max_series);
    Family<Gauge>& gauge(std::string name, std::string help, std::vector<std::string> labels = {},
                         std::size_t max_series = default_max_series);
    Family<Histogram>& histogram(std::string name, std::string help, std::vector<double> bounds,
                                 std::vector<std::string> labels = {}, std::size_t max_series = default_max_series);
    /// A counter whose total is kept elsewhere and set before each rendering.
    Family<Gauge>& sampled_counter(std::string name, std::string help, std::vector<std::string> labels = {},
                                   std::size_t max_series = default_max_series);

    /// Called before each rendering, on the thread that renders, one after the other, until the returned handle goes.
    /// Must not declare or render.
    [[nodiscard]] std::shared_ptr<void> on_collect(std::function<void()> callback);

    [[nodiscard]] std::string render() const;
    [[nodiscard]] std::vector<MetricInfo> families() const;

private:
    template <class Metric>
    Family<Metric>& add(MetricInfo info, std::size_t max_series);

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<FamilyBase>> families_;
    std::mutex mutable collect_mutex_;
    std::vector<std::weak_ptr<std::function<void()>>> mutable callbacks_;
};

}  // namespace b24gate::observe
