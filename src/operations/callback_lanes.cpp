#include <b24gate/operations/callback_lanes.hpp>

#include <algorithm>

namespace b24gate::operations {
namespace {

using namespace std::chrono_literals;

/// Nobody waits here longer: the lease would run out.
constexpr core::Duration longest_wait = 10s;
constexpr core::Duration shortest_pause = 1s, longest_pause = 10min;
/// Of the newest duration in what is expected.
constexpr double weight = 0.25;

}  // namespace

CallbackLanes::Verdict CallbackLanes::admit(const std::string& origin, std::int64_t number, core::TimePoint now,
                                            double random) {
    Lane& lane = lanes_[origin];
    if (lane.running < at_once) {
        ++lane.running;
        ++held_;
        return {Kind::send, {}};
    }
    const core::Duration each = core::from_seconds(lane.seconds / at_once);
    const core::Duration ahead = each * static_cast<long>(lane.waiting.size());
    if (lane.waiting.size() < most_waiting && ahead < longest_wait) {
        lane.waiting.push_back(number);
        ++held_;
        return {Kind::wait, {}};
    }
    lane.free_at = std::min(std::max(lane.free_at, now + ahead) + each, now + longest_pause);
    const core::Duration pause = std::max(lane.free_at - now, shortest_pause);
    // Spread: all that have been sent back for as long as possible would come at once.
    const auto spread = core::from_seconds(core::to_seconds(pause) * 0.5 * random);
    return {Kind::postpone, std::chrono::duration_cast<std::chrono::milliseconds>(pause + spread)};
}

std::optional<std::int64_t> CallbackLanes::finished(const std::string& origin, std::optional<core::Duration> took) {
    const auto found = lanes_.find(origin);
    if (found == lanes_.end() || found->second.running == 0) return std::nullopt;
    Lane& lane = found->second;
    --held_;
    if (took) lane.seconds += (core::to_seconds(*took) - lane.seconds) * weight;
    if (lane.waiting.empty()) {
        --lane.running;
        return std::nullopt;
    }
    const std::int64_t next = lane.waiting.front();
    lane.waiting.pop_front();
    return next;
}

std::vector<std::int64_t> CallbackLanes::take_waiting() {
    std::vector<std::int64_t> out;
    for (auto& [origin, lane] : lanes_) {
        out.insert(out.end(), lane.waiting.begin(), lane.waiting.end());
        lane.waiting.clear();
    }
    held_ -= out.size();
    return out;
}

void CallbackLanes::forget(core::TimePoint now) {
    std::erase_if(lanes_, [now](const auto& entry) {
        const Lane& lane = entry.second;
        return lane.running == 0 && lane.waiting.empty() && lane.free_at <= now;
    });
}

}  // namespace b24gate::operations
