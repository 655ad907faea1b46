// Texts of the configuration -> values: sizes, durations, endpoints, address blocks. Pure; any thread; never throws on
// any bytes. nullopt: the text is none of these.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/config/config.hpp>

namespace b24gate::config {

/// "32MiB": digits, maybe a fraction, and a unit: B, kB, MB, GB (powers of 1000), KiB, MiB, GiB (powers of 1024).
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// "10s": digits, maybe a fraction, and a unit: ms, s, m, h, d. At most 10,000 days.
[[nodiscard]] std::optional<Milliseconds> parse_duration(std::string_view text) noexcept;

/// "127.0.0.1:8080", "[::1]:8080", ":8080" and "*:8080" (every IPv4 address), "localhost:8080" (127.0.0.1). The host
/// comes back as a plain IP address, without brackets.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

[[nodiscard]] std::string to_string(const Endpoint& endpoint);  ///< IPv6 in brackets
[[nodiscard]] std::string format_size(std::uint64_t bytes);     ///< "32MiB" where that is exact, else "65535B"
[[nodiscard]] std::string format_duration(Milliseconds d);      ///< "75s", "1500ms"

/// 16 bytes; IPv4 in its v4-mapped form, so that ::ffff:10.0.0.1 and 10.0.0.1 are the same.
using IpAddress = std::array<unsigned char, 16>;

/// An IPv4 or IPv6 address; a zone ("fe80::1%eth0") is left out.
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text) noexcept;

/// A block of addresses.
struct Cidr {
    IpAddress base{};
    unsigned bits = 128;  ///< of the 16 bytes: an IPv4 /8 is 104 here

    [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
    [[nodiscard]] Cidr masked() const noexcept;  ///< with every bit behind the prefix cleared
    friend bool operator==(const Cidr&, const Cidr&) = default;
};

/// "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix are kept as they are: see masked().
[[nodiscard]] std::optional<Cidr> parse_cidr(std::string_view text) noexcept;
[[nodiscard]] std::string to_string(const Cidr& block);

}  // namespace b24gate::config
