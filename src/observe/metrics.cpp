#include <b24gate/observe/metrics.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::observe {
namespace {

constexpr std::string_view other = "other";
constexpr std::size_t max_label_value = 128;

/// Valid UTF-8 of bounded length: one bad byte would spoil the whole scrape.
std::string label_value(std::string_view text) {
    text = text.substr(0, max_label_value);
    if (std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return std::string(text);
    return core::json::decode_string(core::json::quoted(text)).value_or(std::string(other));
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && quotes) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
}

void append_number(std::string& out, std::uint64_t v) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, v).ptr);
}

void append_number(std::string& out, double v) {
    if (std::isnan(v)) {
        out += "NaN";
    } else if (std::isinf(v)) {
        out += v > 0 ? "+Inf" : "-Inf";
    } else if (std::abs(v) < 1e15 && v == std::floor(v)) {
        char digits[24];  // 1764000000 reads better than 1.764e+09
        out.append(digits, std::to_chars(digits, digits + sizeof digits, static_cast<std::int64_t>(v)).ptr);
    } else {
        char digits[32];
        out.append(digits, std::to_chars(digits, digits + sizeof digits, v).ptr);
    }
}

void append_labels(std::string& out, const std::vector<std::string>& names, const std::vector<std::string>& values,
                   std::string_view bound = {}) {
    if (names.empty() && bound.empty()) return;
    out += '{';
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) out += ',';
        out += names[i];
        out += "=\"";
        append_escaped(out, values[i], true);
        out += '"';
    }
    if (!bound.empty()) {
        if (!names.empty()) out += ',';
        out.append("le=\"").append(bound).append("\"");
    }
    out += '}';
}

template <class Simple>
void append_series(std::string& out, const MetricInfo& info, const std::vector<std::string>& values,
                   const Simple& metric) {
    out += info.name;
    append_labels(out, info.labels, values);
    out += ' ';
    append_number(out, metric.value());
    out += '\n';
}

void append_series(std::string& out, const MetricInfo& info, const std::vector<std::string>& values,
                   const Histogram& metric) {
    const auto bounds = metric.bounds();
    std::uint64_t count = 0;  // summed here, so that _count is what the buckets say even while others observe
    for (std::size_t i = 0; i <= bounds.size(); ++i) {
        count += metric.in_bucket(i);
        std::string bound = "+Inf";
        if (i < bounds.size()) {
            bound.clear();
            append_number(bound, bounds[i]);
        }
        out.append(info.name).append("_bucket");
        append_labels(out, info.labels, values, bound);
        out += ' ';
        append_number(out, count);
        out += '\n';
    }
    out.append(info.name).append("_sum");
    append_labels(out, info.labels, values);
    out += ' ';
    append_number(out, metric.sum());
    out += '\n';
    out.append(info.name).append("_count");
    append_labels(out, info.labels, values);
    out += ' ';
    append_number(out, count);
    out += '\n';
}

template <class Metric>
std::unique_ptr<Metric> make(const MetricInfo& info) {
    if constexpr (std::is_same_v<Metric, Histogram>) {
        return std::make_unique<Metric>(info.bounds);
    } else {
        return std::make_unique<Metric>();
    }
}

}  // namespace

std::string_view to_string(MetricType type) noexcept {
    switch (type) {
        case MetricType::counter: return "counter";
        case MetricType::gauge: return "gauge";
        case MetricType::histogram: return "histogram";
    }
    return "untyped";
}

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds), buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::observe(double v) noexcept {
    std::size_t i = 0;
    while (i < bounds_.size() && !(v <= bounds_[i])) ++i;
    buckets_[i].fetch_add(1, std::memory_order_relaxed);
    if (std::isfinite(v)) sum_.fetch_add(v, std::memory_order_relaxed);
}

std::uint64_t Histogram::in_bucket(std::size_t i) const noexcept { return buckets_[i].load(std::memory_order_relaxed); }

template <class Metric>
Metric& Family<Metric>::with(LabelValues values) {
    std::vector<std::string> key(info_.labels.size());
    for (std::size_t i = 0; i < std::min(key.size(), values.size()); ++i) key[i] = label_value(values[i]);
    const std::lock_guard lock(mutex_);
    auto found = series_.find(key);
    if (found == series_.end()) {
        // The last place is kept for "other".
        if (series_.size() + 1 >= max_series_) std::fill(key.begin(), key.end(), std::string(other));
        found = series_.try_emplace(std::move(key)).first;
        if (!found->second) found->second = make<Metric>(info_);
    }
    return *found->second;
}

template <class Metric>
void Family<Metric>::render(std::string& out) const {
    out.append("# HELP ").append(info_.name).append(" ");
    append_escaped(out, info_.help, false);
    out.append("\n# TYPE ").append(info_.name).append(" ").append(to_string(info_.type)).append("\n");
    const std::lock_guard lock(mutex_);
    for (const auto& [values, metric] : series_) append_series(out, info_, values, *metric);
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <class Metric>
Family<Metric>& Registry::add(MetricInfo info, std::size_t max_series) {
    const std::lock_guard lock(mutex_);
    for (const auto& family : families_)
        if (family->info().name == info.name) throw std::logic_error("metric " + info.name + " is declared twice");
    auto family = std::make_unique<Family<Metric>>(std::move(info), max_series);
    Family<Metric>& made = *family;
    families_.push_back(std::move(family));
    // One without labels has its only series from the start.
    if (made.info().labels.empty()) made.with({});
    return made;
}

Family<Counter>& Registry::counter(std::string name, std::string help, std::vector<std::string> labels,
                                   std::size_t max_series) {
    return add<Counter>({std::move(name), MetricType::counter, std::move(labels), std::move(help), {}}, max_series);
}

Family<Gauge>& Registry::gauge(std::string name, std::string help, std::vector<std::string> labels,
                               std::size_t max_series) {
    return add<Gauge>({std::move(name), MetricType::gauge, std::move(labels), std::move(help), {}}, max_series);
}

Family<Gauge>& Registry::sampled_counter(std::string name, std::string help, std::vector<std::string> labels,
                                         std::size_t max_series) {
    return add<Gauge>({std::move(name), MetricType::counter, std::move(labels), std::move(help), {}}, max_series);
}

Family<Histogram>& Registry::histogram(std::string name, std::string help, std::vector<double> bounds,
                                       std::vector<std::string> labels, std::size_t max_series) {
    return add<Histogram>(
        {std::move(name), MetricType::histogram, std::move(labels), std::move(help), std::move(bounds)}, max_series);
}

std::shared_ptr<void> Registry::on_collect(std::function<void()> callback) {
    auto handle = std::make_shared<std::function<void()>>(std::move(callback));
    const std::lock_guard lock(collect_mutex_);
    callbacks_.push_back(handle);
    return handle;
}

std::string Registry::render() const {
    {
        const std::lock_guard lock(collect_mutex_);
        std::erase_if(callbacks_, [](const auto& weak) {
            const auto callback = weak.lock();
            if (callback) (*callback)();
            return !callback;
        });
    }
    std::string out;
    const std::lock_guard lock(mutex_);
    for (const auto& family : families_) family->render(out);
    return out;
}

std::vector<MetricInfo> Registry::families() const {
    const std::lock_guard lock(mutex_);
    std::vector<MetricInfo> out;
    for (const auto& family : families_) out.push_back(family->info());
    return out;
}

}  // namespace b24gate::observe
