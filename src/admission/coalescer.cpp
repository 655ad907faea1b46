#include <b24gate/admission/coalescer.hpp>

#include <algorithm>
#include <cmath>

namespace b24gate::admission {

namespace {

// One request may run for 60 seconds at the portal, and what was learnt may be wrong by half.
constexpr core::Duration longest_batch = std::chrono::seconds(30);
constexpr unsigned most_calls = 50;
constexpr double guest_share = 0.25;
// Of a round trip, before the first was measured.
constexpr double first_overhead = 0.2;
constexpr double overhead_weight = 0.1;
constexpr double most_overhead = 10;
// What the answer may be late by beyond the expected round trip.
constexpr core::Duration margin = std::chrono::milliseconds(250);
constexpr double least_running = 0.001;
constexpr double size_weight = 0.2;

}  // namespace

Coalescer::Coalescer(Settings settings) : overhead_(first_overhead) { reconfigure(std::move(settings)); }

void Coalescer::reconfigure(Settings settings) {
    settings_ = std::move(settings);
    settings_.max_calls = std::clamp(settings_.max_calls, 1U, most_calls);
    settings_.max_duration = std::min(settings_.max_duration, longest_batch);
    for (auto& [credential, health] : health_) health.reconfigure(settings_.health);
    full_size_ = std::min<double>(full_size_, settings_.max_calls);
}

std::size_t Coalescer::seats(const Scarcity& scarcity, std::string_view method) const {
    const double running = std::max(least_running, times_.expected(method));
    const double hits = std::max(1.0, scarcity.hits + scarcity.rate * running - scarcity.others);
    double size = std::ceil(scarcity.mates / hits);
    const double waiting = scarcity.mates + scarcity.others;
    if (waiting > scarcity.free) {
        // Of W calls in S slots, n at a time: W (running + overhead / n) / 2S for the mean call to leave, and
        // overhead + n running to its answer. The sum is least at this n.
        size = std::max(size, std::floor(std::sqrt(waiting * overhead_ / (2 * scarcity.slots * running))));
    }
    return static_cast<std::size_t>(std::clamp(std::min(size, scarcity.mates), 1.0, double(settings_.max_calls)));
}

Coalescer::Load::Load(const Coalescer& coalescer, std::string_view method, const Boarding& boarding,
                      core::Deadline deadline, core::TimePoint now)
    : coalescer_(coalescer),
      now_(now),
      tightest_(deadline.at),
      seconds_(coalescer.times_.expected(method)),
      bytes_(boarding.bytes) {}

Coalescer::Load::Fit Coalescer::Load::add(std::string_view method, const Boarding& boarding, core::Deadline deadline,
                                          bool guest) {
    const Settings& settings = coalescer_.settings_;
    const double seconds = seconds_ + coalescer_.times_.expected(method);
    if (seconds > core::to_seconds(settings.max_duration) * (guest ? guest_share : 1)) return Fit::nor_alike;
    if (bytes_ + boarding.bytes > settings.max_bytes) return Fit::no;
    const auto answer = now_ + core::from_seconds(seconds + coalescer_.overhead_) + margin;
    if (answer > tightest_) return Fit::nor_alike;
    if (answer > deadline.at) return Fit::no;
    seconds_ = seconds;
    bytes_ += boarding.bytes;
    tightest_ = std::min(tightest_, deadline.at);
    return Fit::yes;
}

bool Coalescer::allows(std::string_view credential, core::TimePoint now) const {
    if (!settings_.enabled || settings_.max_calls < 2) return false;
    const BatchHealth* known = health(credential);
    return !known || known->allows(now);
}

const BatchHealth* Coalescer::health(std::string_view credential) const {
    const auto it = health_.find(credential);
    return it == health_.end() ? nullptr : &it->second;
}

void Coalescer::left(std::string_view credential, std::uint64_t number, std::size_t size, std::size_t wanted,
                     bool left_behind) {
    auto it = health_.find(credential);
    if (it == health_.end()) it = health_.emplace(std::string(credential), BatchHealth(settings_.health)).first;
    it->second.left(number);
    // A batch that was meant to be small says nothing about how many fit.
    if (!left_behind || (size == wanted && wanted < settings_.max_calls)) return;
    const double full = static_cast<double>(size);
    full_size_ = full_size_ == 0 ? full : full_size_ + size_weight * (full - full_size_);
}

BatchHealth::Change Coalescer::landed(std::string_view credential, std::uint64_t number, std::size_t size,
                                      BatchHealth::Sign sign, bool sent, double operating, core::TimePoint now) {
    if (sent) {
        counters_.batches += 1;
        counters_.calls += size;
        const auto range = std::lower_bound(batch_size_bounds.begin(), batch_size_bounds.end() - 1, size);
        counters_.sizes[static_cast<std::size_t>(range - batch_size_bounds.begin())] += 1;
    }
    if (sign == BatchHealth::Sign::carried) counters_.hits_saved += size - 1;
    if (sign == BatchHealth::Sign::failed) counters_.failed += 1;
    const auto it = health_.find(credential);
    return it == health_.end() ? BatchHealth::Change::none : it->second.record(number, sign, operating, now);
}

void Coalescer::overhead(double seconds) {
    if (!(seconds >= 0)) return;
    overhead_ += overhead_weight * (std::min(seconds, most_overhead) - overhead_);
}

double Coalescer::usual_size() const {
    const double most = settings_.max_calls;
    if (full_size_ > 0) return std::clamp(full_size_, 1.0, most);
    return std::clamp(std::floor(core::to_seconds(settings_.max_duration) / RunningTimes::unknown), 1.0, most);
}

std::vector<Coalescer::Off> Coalescer::off(core::TimePoint now) const {
    std::vector<Off> out;
    for (const auto& [credential, health] : health_) {
        if (!health.off()) continue;
        out.push_back(
            {credential, health.why(), std::max(core::Duration::zero(), health.until() - now), health.probing()});
    }
    return out;
}

}  // namespace b24gate::admission
