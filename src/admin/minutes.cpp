#include <b24gate/admin/minutes.hpp>

namespace b24gate::admin {
namespace {

std::int64_t minute_of(std::int64_t unix_seconds) noexcept { return unix_seconds - unix_seconds % 60; }

void add(FaultTotals& to, const FaultTotals& more) noexcept {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

}  // namespace

void Minutes::sample(const std::map<std::string, FaultTotals>& totals, std::int64_t unix_seconds) {
    const std::lock_guard lock(mutex_);
    const std::int64_t begin = minute_of(unix_seconds);
    // A clock that was set back goes on in the newest minute.
    if (slots_.empty() || slots_.back().begin < begin) slots_.push_back(Slot{begin, {}});
    while (slots_.size() > kept) slots_.pop_front();
    for (const auto& [portal, total] : totals) {
        FaultTotals& before = last_[portal];
        FaultTotals since{};
        bool any = false;
        for (std::size_t i = 0; i < total.size(); ++i) {
            since[i] = total[i] >= before[i] ? total[i] - before[i] : total[i];
            any = any || since[i] != 0;
        }
        before = total;
        if (any) add(slots_.back().portals[portal], since);
    }
}

std::vector<Minutes::Minute> Minutes::all(std::int64_t unix_seconds) const {
    std::vector<Minute> out(kept);
    const std::int64_t first = minute_of(unix_seconds) - 60 * (static_cast<std::int64_t>(kept) - 1);
    for (std::size_t i = 0; i < kept; ++i) out[i].begin = first + 60 * static_cast<std::int64_t>(i);
    const std::lock_guard lock(mutex_);
    for (const Slot& slot : slots_) {
        if (slot.begin < first || slot.begin > out.back().begin) continue;
        Minute& minute = out[static_cast<std::size_t>((slot.begin - first) / 60)];
        for (const auto& [portal, calls] : slot.portals) add(minute.calls, calls);
    }
    return out;
}

FaultTotals Minutes::of(const std::string& portal, std::size_t minutes, std::int64_t unix_seconds) const {
    const std::int64_t first = minute_of(unix_seconds) - 60 * (static_cast<std::int64_t>(minutes) - 1);
    FaultTotals out{};
    const std::lock_guard lock(mutex_);
    for (const Slot& slot : slots_) {
        const auto found = slot.portals.find(portal);
        if (slot.begin >= first && found != slot.portals.end()) add(out, found->second);
    }
    return out;
}

}  // namespace b24gate::admin
