#include <b24gate/admission/breaker.hpp>

#include <algorithm>
#include <utility>

namespace b24gate::admission {

namespace {
// How long to tell callers to wait while a probe is out.
constexpr auto probe_time = std::chrono::seconds(1);
}  // namespace

Breaker::State Breaker::state(core::TimePoint now) const noexcept {
    if (!open_) return State::closed;
    return now < until_ ? State::open : State::half_open;
}

bool Breaker::admit(std::uint64_t id, core::TimePoint now) noexcept {
    if (!open_) return true;
    if (now < until_) return false;
    if (probing_) return probe_ == id;
    probing_ = true;
    probe_ = id;
    return true;
}

void Breaker::open(core::TimePoint now, std::string why) {
    length_ = open_ ? std::min(length_ * 2, settings_.longest) : settings_.first;
    open_ = true;
    probing_ = false;
    pages_ = 0;
    until_ = now + length_;
    why_ = std::move(why);
}

bool Breaker::record(std::uint64_t id, Sign sign, core::TimePoint now) {
    const bool probe = probing_ && probe_ == id;
    if (open_ && !probe) return false;  // sent before it opened: tells nothing about the time after
    switch (sign) {
        case Sign::none: give_up(id); return false;
        case Sign::willing:
            open_ = false;
            probing_ = false;
            pages_ = 0;
            why_.clear();
            return false;
        case Sign::overload: open(now, "the portal answered OVERLOAD_LIMIT"); return true;
        case Sign::page:
            pages_ += 1;
            if (!probe && pages_ < settings_.pages_to_open) return false;
            open(now, "the portal answered with 503 or 429 pages, one after another");
            return true;
    }
    return false;
}

void Breaker::give_up(std::uint64_t id) noexcept {
    if (probing_ && probe_ == id) probing_ = false;
}

core::TimePoint Breaker::retry_at(core::TimePoint now) const noexcept {
    if (!open_) return now;
    if (now < until_) return until_;
    return probing_ ? now + probe_time : now;
}

}  // namespace b24gate::admission
