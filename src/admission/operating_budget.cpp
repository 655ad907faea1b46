#include <b24gate/admission/operating_budget.hpp>

#include <algorithm>
#include <cmath>

namespace b24gate::admission {

namespace {

using std::chrono::seconds;

constexpr auto window = seconds(600);
constexpr auto basket_length = seconds(60);
// The portal's clock and ours differ, and it counts in whole seconds: wait this much beyond the announced moment.
constexpr auto reset_margin = seconds(1);
// After a refusal whose end nobody announced.
constexpr auto blind_step = seconds(60);
// After one that came although a basket should just have left.
constexpr auto puzzled_step = seconds(5);
// Near the limit calls leave at least this far apart; the wait grows from zero at `slow_from`.
constexpr auto longest_gap = seconds(7);
// And never so far that the budget could not be used up: a share of the pace the limit allows.
constexpr double gap_share = 0.5;
// What is kept free for the next call, at most, as a share of the limit: the portal lets the call that crosses the
// limit finish, so a single costly call need not wait until all of it fits.
constexpr double largest_reserve = 0.05;
constexpr double cost_weight = 0.2;
constexpr double shortest_counted = 0.1;
// A method that costs this many seconds a call may fill half of the slots and no more.
constexpr double costly = 1;
// A limit that was lowered is tried a little higher again after this long.
constexpr auto limit_patience = std::chrono::hours(2);
constexpr double limit_step = 0.01;
// One refusal lowers it to this much at the most.
constexpr double largest_cut = 0.9;
// Below this a refusal cannot be explained by a smaller limit; somebody else must have used the counter.
constexpr double lowest_limit_share = 0.5;
constexpr char separator = '\x1f';
constexpr char batched_mark = '*';

// A wall clock that steps makes baskets of minutes that never were.
constexpr std::size_t most_baskets = 16;

// Numbers beyond these are not times.
constexpr double most_seconds = 1e6;
constexpr double most_unix = 1e12;
constexpr double most_cost = 3600;

bool has_wall_clock(const OperatingBudget::Report& report) {
    return report.unix_now > 0 && report.unix_now < most_unix;
}

double duration_of(const OperatingBudget::Report& report, double otherwise) {
    const auto& duration = report.timing.duration;
    return duration && *duration >= 0 && *duration < most_seconds ? *duration : otherwise;
}

}  // namespace

std::string OperatingBudget::key(std::string_view credential, std::string_view method, bool batched) {
    std::string out;
    out.reserve(credential.size() + method.size() + 2);
    out.append(credential).push_back(separator);
    if (batched) out.push_back(batched_mark);
    out.append(method);
    return out;
}

OperatingBudget::Ledger* OperatingBudget::find(std::string_view key) {
    const auto it = ledgers_.find(key);
    return it == ledgers_.end() ? nullptr : &it->second;
}

OperatingBudget::Ledger& OperatingBudget::obtain(std::string_view key, core::TimePoint now) {
    if (Ledger* found = find(key)) return *found;
    if (ledgers_.size() >= settings_.max_keys) forget_some(now);
    Ledger& made = ledgers_.emplace(std::string(key), Ledger{}).first->second;
    made.limit = settings_.limit;
    return made;
}

void OperatingBudget::forget_some(core::TimePoint now) {
    if (ledgers_.empty()) return;
    // An eighth at a time, so that the scan is paid once in many insertions.
    std::vector<std::pair<double, std::string_view>> order;
    order.reserve(ledgers_.size());
    for (auto& [name, ledger] : ledgers_) order.emplace_back(used(ledger, now), name);
    const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 8 + 1);
    std::partial_sort(order.begin(), middle, order.end());
    std::vector<std::string> victims;
    for (auto it = order.begin(); it != middle; ++it) victims.emplace_back(it->second);
    for (const auto& victim : victims) ledgers_.erase(victim);
}

double OperatingBudget::used(Ledger& ledger, core::TimePoint now) {
    while (!ledger.baskets.empty() && ledger.baskets.front().expires <= now) {
        ledger.estimated = true;
        ledger.baskets.pop_front();
    }
    double sum = 0;
    for (const auto& basket : ledger.baskets) sum += basket.seconds;
    return sum;
}

core::TimePoint OperatingBudget::open_at(Ledger& ledger, core::TimePoint now) const {
    if (now < ledger.blocked_until) return ledger.blocked_until;
    if (ledger.proving && ledger.in_flight > 0) return now + reset_margin;
    if (!ledger.known) return now;
    const double sum = used(ledger, now);
    const double reserve = std::min(ledger.cost, largest_reserve * ledger.limit);
    const double expected = sum + ledger.in_flight * ledger.cost;
    if (expected + reserve > ledger.limit) {
        double after = expected;
        for (const auto& basket : ledger.baskets) {
            after -= basket.seconds;
            if (after + reserve <= ledger.limit) return basket.expires + reset_margin;
        }
        return now + reset_margin;  // what is in flight alone fills it: its answers will tell
    }
    const double slow_from = settings_.slow_from * ledger.limit;
    if (expected <= slow_from || ledger.limit <= slow_from) return now;
    const double near = (expected - slow_from) / (ledger.limit - slow_from);
    const double pace = ledger.cost / ledger.limit * core::to_seconds(window);
    const auto gap = core::from_seconds(near * std::min(core::to_seconds(longest_gap), gap_share * pace));
    return std::max(now, ledger.last_grant + gap);
}

core::TimePoint OperatingBudget::open_at(std::string_view key, core::TimePoint now) {
    Ledger* ledger = find(key);
    return ledger ? open_at(*ledger, now) : now;
}

bool OperatingBudget::fills_slots(std::string_view key, unsigned slots) {
    const Ledger* ledger = find(key);
    return ledger && ledger->cost >= costly && ledger->in_flight >= std::max(1U, slots / 2);
}

core::TimePoint OperatingBudget::predict(std::string_view key, std::size_t ahead, core::TimePoint now) {
    Ledger* ledger = find(key);
    if (!ledger) return now;
    const auto first = open_at(*ledger, now);
    if (ahead == 0 || !ledger->known || ledger->cost <= 0) return first;
    // What fits before the limit goes soon; from there on the window gives back what it took, at the limit's pace.
    const double room = std::max(0.0, ledger->limit - used(*ledger, now) - ledger->in_flight * ledger->cost);
    const double beyond = static_cast<double>(ahead) * ledger->cost - room;
    if (beyond <= 0) return first;
    return first + core::from_seconds(beyond / ledger->limit * core::to_seconds(window));
}

bool OperatingBudget::granted(std::string_view key, core::TimePoint now) {
    Ledger* ledger = find(key);
    if (!ledger) return false;
    ledger->in_flight += 1;
    ledger->last_grant = now;
    return true;
}

long long OperatingBudget::minute_of(const Report& report, core::TimePoint now) const {
    const double unix_seconds =
        has_wall_clock(report) ? report.unix_now + offset_ : core::to_seconds(now.time_since_epoch());
    return static_cast<long long>(unix_seconds) / basket_length.count();
}

/// A basket leaves ten minutes after its first call, so the announced moment less ten minutes has passed already at the
/// portal. If that is still to come by our clock, or has only just passed, the two clocks are compared by it. Resets
/// that come too late cost a little budget, those that come too early cost refusals: only the latter are corrected.
void OperatingBudget::learn_offset(const Report& report, core::TimePoint now) {
    if (!report.timing.operating_reset_at || !has_wall_clock(report)) return;
    const double base = report.unix_now - core::to_seconds(now.time_since_epoch());
    if (std::abs(base - wall_base_) > 1) highest_offset_ = -1e9;
    wall_base_ = base;
    const double least = *report.timing.operating_reset_at - core::to_seconds(window) - report.unix_now;
    if (!std::isfinite(least) || least > core::to_seconds(basket_length)) return;
    highest_offset_ = std::max(highest_offset_, least);
    offset_ = highest_offset_ < -core::to_seconds(basket_length) ? 0 : std::min(0.0, highest_offset_);
}

void OperatingBudget::learn_reset(Ledger& ledger, const Report& report, core::TimePoint now) const {
    if (!report.timing.operating_reset_at || !has_wall_clock(report)) return;
    const double ahead = *report.timing.operating_reset_at - report.unix_now - offset_;
    if (!std::isfinite(ahead) || ahead <= 0 || ahead > core::to_seconds(window + basket_length)) return;
    // Nothing leaves the portal's window before this moment, and the oldest basket leaves at it.
    const auto reset = now + core::from_seconds(ahead);
    while (ledger.baskets.size() > 1 && ledger.baskets.front().expires + seconds(30) < reset) {
        ledger.baskets.pop_front();
    }
    if (!ledger.baskets.empty()) ledger.baskets.front().expires = reset;
    for (std::size_t i = 1; i < ledger.baskets.size(); ++i) {
        ledger.baskets[i].expires = std::max(ledger.baskets[i].expires, ledger.baskets[i - 1].expires);
    }
}

void OperatingBudget::record(std::string_view key, const Report& report, core::TimePoint now) {
    const auto& operating = report.timing.operating;
    const bool counted = operating && *operating >= 0 && *operating < most_seconds;
    Ledger* found = find(key);
    if (!found && (!counted || *operating <= 0)) return;
    Ledger& ledger = found ? *found : obtain(key, now);
    if (report.counted && ledger.in_flight > 0) ledger.in_flight -= 1;
    if (!counted) return;
    ledger.proving = false;
    learn_offset(report, now);
    // Calls this short are not added, and may report zero whatever the sum is.
    if (*operating <= 0 && duration_of(report, 0) < shortest_counted) return;
    ledger.known = true;

    const double before = used(ledger, now);
    const bool overlapped = report.granted <= ledger.last_report;
    // The answer to a call that overtook another may be older than what is known: it can only add.
    if (!overlapped) learn_reset(ledger, report, now);
    double sum = used(ledger, now);
    double grown = *operating - sum;
    if (grown > 0) {
        const long long minute = minute_of(report, now);
        if (ledger.baskets.empty() || ledger.baskets.back().minute != minute) {
            const bool first = ledger.baskets.empty();
            ledger.baskets.push_back({minute, now + window, 0});
            if (ledger.baskets.size() > most_baskets) {
                ledger.baskets[1].seconds += ledger.baskets[0].seconds;
                ledger.baskets.pop_front();
            }
            if (first) learn_reset(ledger, report, now);
        }
        ledger.baskets.back().seconds += grown;
    } else if (!overlapped) {
        while (grown < 0 && !ledger.baskets.empty()) {
            auto& oldest = ledger.baskets.front();
            const double part = std::min(oldest.seconds, -grown);
            oldest.seconds -= part;
            grown += part;
            if (oldest.seconds > 1e-9) break;
            if (ledger.baskets.size() == 1) break;
            ledger.baskets.pop_front();
        }
    }
    const double share = std::max(0.0, *operating - before);
    const double cost = std::min(
        most_cost, overlapped ? duration_of(report, ledger.cost) : std::min(share, duration_of(report, share)));
    if (cost > 0) ledger.cost = ledger.cost == 0 ? cost : ledger.cost + cost_weight * (cost - ledger.cost);
    // The portal let this call pass with what it had reported before.
    if (!overlapped && !ledger.estimated && before > ledger.limit) ledger.limit = std::min(settings_.limit, before);
    if (ledger.limit < settings_.limit && now - ledger.limit_changed > limit_patience) {
        ledger.limit = std::min(settings_.limit, ledger.limit + limit_step * settings_.limit);
        ledger.limit_changed = now;
    }
    if (!overlapped) ledger.estimated = false;
    ledger.last_report = now;
}

void OperatingBudget::learn_limit(Ledger& ledger, double sum, bool again, core::TimePoint now) const {
    if (sum < lowest_limit_share * settings_.limit) return;
    // With no basket gone since, the sum is the portal's own word. Otherwise the first refusal may only mean that the
    // basket was not gone yet; the next one, a little later, cannot.
    if (ledger.estimated && !again) return;
    ledger.limit = std::max(sum, largest_cut * ledger.limit);
    ledger.limit_changed = now;
}

void OperatingBudget::refused(std::string_view key, const Report& report, core::TimePoint now) {
    Ledger& ledger = obtain(key, now);
    if (report.counted && ledger.in_flight > 0) ledger.in_flight -= 1;
    // Calls that were in flight together with the first refused one say nothing new.
    if (report.granted <= ledger.last_refusal) return;
    const bool again = ledger.proving;
    const double sum = used(ledger, now);
    const bool puzzling = ledger.known && sum < ledger.limit;
    if (puzzling) learn_limit(ledger, sum, again, now);
    const bool soon = puzzling && ledger.estimated && !again;
    auto until = now + (soon ? puzzled_step : blind_step);
    if (!soon && ledger.known && !ledger.baskets.empty()) {
        until = std::min(until, ledger.baskets.front().expires + reset_margin);
    }
    ledger.blocked_until = until;
    ledger.proving = true;
    ledger.last_refusal = now;
}

void OperatingBudget::reconfigure(Settings settings) {
    for (auto& [name, ledger] : ledgers_) {
        // A limit that the portal has corrected stays, unless the new one is lower still.
        const bool learnt = ledger.limit < settings_.limit;
        ledger.limit = learnt ? std::min(ledger.limit, settings.limit) : settings.limit;
    }
    settings_ = settings;
}

std::vector<OperatingBudget::Counter> OperatingBudget::counters(core::TimePoint now) {
    std::vector<Counter> out;
    for (auto& [name, ledger] : ledgers_) {
        const auto open = open_at(ledger, now);
        const double sum = used(ledger, now);
        if (sum <= 0 && open <= now) continue;
        const auto cut = name.find(separator);
        const bool batched = name[cut + 1] == batched_mark;
        out.push_back({name.substr(0, cut), name.substr(cut + (batched ? 2 : 1)), batched, sum,
                       std::max(0.0, ledger.limit - sum), ledger.limit, open - now});
    }
    return out;
}

}  // namespace b24gate::admission
