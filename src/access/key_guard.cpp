#include <b24gate/access/key_guard.hpp>

#include <algorithm>
#include <functional>

namespace b24gate::access {
namespace {

/// Beyond this more wrong keys change nothing, and forgiveness must not take for ever.
constexpr unsigned most_counted = 64;

config::IpAddress network_of(std::string_view peer) noexcept {
    // What is no address (a local socket) shares one record.
    const config::IpAddress address = config::parse_address(peer).value_or(config::IpAddress{});
    const config::Cidr mapped{config::parse_address("0.0.0.0").value_or(config::IpAddress{}), 96};
    if (mapped.contains(address)) return address;
    return config::Cidr{address, 64}.masked().base;
}

}  // namespace

std::size_t KeyGuard::HashAddress::operator()(const config::IpAddress& address) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(address.data()), address.size()});
}

core::Duration KeyGuard::wrong_key(std::string_view peer, core::TimePoint now) {
    const config::IpAddress network = network_of(peer);
    const auto found = records_.find(network);
    if (found != records_.end()) {
        by_age_.splice(by_age_.begin(), by_age_, found->second);
    } else {
        if (by_age_.size() >= std::max<std::size_t>(1, limits_.addresses)) {
            records_.erase(by_age_.back().network);
            by_age_.pop_back();
        }
        by_age_.push_front({network, 0, now});
        records_.emplace(network, by_age_.begin());
    }
    Record& record = by_age_.front();
    if (now > record.since && limits_.forget > core::Duration::zero()) {
        const auto forgiven = (now - record.since) / limits_.forget;
        record.since += forgiven * limits_.forget;
        record.wrong -= static_cast<unsigned>(std::min<long long>(forgiven, record.wrong));
        if (record.wrong == 0) record.since = now;
    }
    record.wrong = std::min(record.wrong + 1, most_counted);
    if (record.wrong <= limits_.free) return core::Duration::zero();
    core::Duration delay = limits_.step;
    for (unsigned i = limits_.free + 1; i < record.wrong && delay < limits_.most; ++i) delay *= 2;
    return std::min(delay, limits_.most);
}

}  // namespace b24gate::access
