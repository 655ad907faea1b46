// Slows down who tries keys: the more wrong ones an address has sent lately, the longer it waits for the next refusal.
// Only refusals wait; a right key from the same address is never held up. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include <b24gate/config/units.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::access {

class KeyGuard {
public:
    struct Limits {
        std::size_t addresses = 4096;  ///< how many are remembered; the one that was quiet the longest goes first
        unsigned free = 10;            ///< wrong keys that cost nothing: a service with an old key is no attack
        core::Duration step = std::chrono::milliseconds(250);  ///< the first delay; it doubles from there
        core::Duration most = std::chrono::seconds(5);
        core::Duration forget = std::chrono::seconds(30);  ///< one wrong key is forgiven after each
    };

    KeyGuard() = default;
    explicit KeyGuard(const Limits& limits) : limits_(limits) {}

    /// A wrong key came from `peer`: how long its refusal should be held back, zero to `most`. IPv6 addresses count by
    /// their /64, which one caller can have to themselves.
    [[nodiscard]] core::Duration wrong_key(std::string_view peer, core::TimePoint now);

    [[nodiscard]] std::size_t size() const noexcept { return by_age_.size(); }

private:
    struct Record {
        config::IpAddress network;
        unsigned wrong = 0;
        core::TimePoint since;  ///< up to here forgiveness is counted
    };
    struct HashAddress {
        std::size_t operator()(const config::IpAddress& address) const noexcept;
    };

    Limits limits_;
    std::list<Record> by_age_;  ///< the most recent first
    std::unordered_map<config::IpAddress, std::list<Record>::iterator, HashAddress> records_;
};

}  // namespace b24gate::access
