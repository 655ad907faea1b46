#include <b24gate/admission/batch_health.hpp>

#include <algorithm>
#include <utility>

namespace b24gate::admission {

namespace {
// Batches that go well, one after another, until a new failure counts as the first.
constexpr unsigned forgiven_after = 10;
}  // namespace

BatchHealth::Sign BatchHealth::sign_of(bitrix::ErrorClass error_class, bool sent) noexcept {
    using bitrix::ErrorClass;
    if (!sent) return Sign::none;
    switch (error_class) {
        case ErrorClass::ok: return Sign::carried;
        case ErrorClass::rate_limit:
        case ErrorClass::overload:
        case ErrorClass::auth_expired:
        case ErrorClass::auth_invalid:
        case ErrorClass::portal_gone:
        case ErrorClass::gateway: return Sign::none;
        // A portal that refuses batches as such would refuse the next one too.
        default: return Sign::failed;
    }
}

void BatchHealth::left(std::uint64_t number) noexcept {
    last_left_ = number;
    if (off_) probe_ = number;
}

BatchHealth::Change BatchHealth::turn_off(core::TimePoint now, std::string why) {
    length_ = length_ == core::Duration::zero() ? settings_.first : std::min(length_ * 2, settings_.longest);
    off_ = true;
    probe_ = 0;
    failures_ = 0;
    carried_ = 0;
    stale_ = last_left_;
    until_ = now + length_;
    why_ = std::move(why);
    return Change::off;
}

BatchHealth::Change BatchHealth::record(std::uint64_t number, Sign sign, double operating, core::TimePoint now) {
    const bool probe = probe_ != 0 && probe_ == number;
    if (number <= stale_) return Change::none;  // its failure was part of what is known
    if (sign == Sign::none) {
        if (probe) probe_ = 0;
        return Change::none;
    }
    if (operating >= settings_.most_operating) {
        return turn_off(now, "the operating time of batch itself climbs");
    }
    if (sign == Sign::failed) {
        failures_ += 1;
        carried_ = 0;
        if (!probe && failures_ < settings_.failures) return Change::none;
        return turn_off(now, "batches failed as a whole");
    }
    failures_ = 0;
    carried_ += 1;
    if (carried_ >= forgiven_after) length_ = core::Duration::zero();
    if (!off_) return Change::none;
    off_ = false;
    probe_ = 0;
    why_.clear();
    return Change::on;
}

}  // namespace b24gate::admission
