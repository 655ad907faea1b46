#include <b24gate/config/units.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <arpa/inet.h>

#include <b24gate/core/text.hpp>

namespace b24gate::config {
namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr Unit size_units[] = {
    {"B", 1},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"KiB", 1024.0},
    {"MiB", 1024.0 * 1024},
    {"GiB", 1024.0 * 1024 * 1024},
};

constexpr Unit duration_units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};

/// A number with one of `units` behind it, in the base unit; nothing beyond `most`, where a double is still exact.
template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Unit (&units)[N], bool any_case,
                                             double most) noexcept {
    text = core::trim(text);
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    const std::string_view number = text.substr(0, digits);
    if (number.front() == '.' || number.back() == '.') return std::nullopt;
    double value = 0;
    const auto [end, problem] =
        std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
    if (problem != std::errc{} || end != number.data() + number.size()) return std::nullopt;
    const std::string_view unit = core::trim(text.substr(digits));
    for (const Unit& u : units)
        if (any_case ? core::iequals(u.name, unit) : u.name == unit) {
            value *= u.factor;
            if (value > most) return std::nullopt;
            return static_cast<std::uint64_t>(std::llround(value));
        }
    return std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    if (!core::is_digits(text)) return std::nullopt;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

constexpr unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const IpAddress& address) noexcept {
    return std::equal(std::begin(mapped_prefix), std::end(mapped_prefix), address.begin());
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    return parse_with_unit(text, size_units, true, 9e15);
}

std::optional<Milliseconds> parse_duration(std::string_view text) noexcept {
    const auto ms = parse_with_unit(text, duration_units, false, 10'000 * 86400e3);
    if (!ms) return std::nullopt;
    return Milliseconds(static_cast<Milliseconds::rep>(*ms));
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.empty() || host == "*") return Endpoint{"0.0.0.0", *port};
    if (core::iequals(host, "localhost")) return Endpoint{"127.0.0.1", *port};
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    // An IPv6 address without brackets would leave open where the port begins.
    if (brackets != (host.find(':') != std::string_view::npos) || !parse_address(host)) return std::nullopt;
    return Endpoint{std::string(host), *port};
}

std::string to_string(const Endpoint& endpoint) {
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::string_view names[] = {"B", "KiB", "MiB", "GiB"};
    std::size_t unit = 0;
    while (unit + 1 < std::size(names) && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + std::string(names[unit]);
}

std::string format_duration(Milliseconds d) {
    const auto ms = d.count();
    if (ms == 0) return "0s";
    struct {
        std::string_view name;
        Milliseconds::rep factor;
    } constexpr units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}};
    for (const auto& u : units)
        if (ms % u.factor == 0) return std::to_string(ms / u.factor) + std::string(u.name);
    return std::to_string(ms) + "ms";
}

std::optional<IpAddress> parse_address(std::string_view text) noexcept {
    text = text.substr(0, text.find('%'));
    char buffer[INET6_ADDRSTRLEN + 1];
    if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    IpAddress out{};
    if (text.find(':') != std::string_view::npos) {
        if (inet_pton(AF_INET6, buffer, out.data()) != 1) return std::nullopt;
        return out;
    }
    std::copy(std::begin(mapped_prefix), std::end(mapped_prefix), out.begin());
    if (inet_pton(AF_INET, buffer, out.data() + 12) != 1) return std::nullopt;
    return out;
}

bool Cidr::contains(const IpAddress& address) const noexcept {
    const std::size_t whole = bits / 8;
    if (!std::equal(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(whole), address.begin())) return false;
    const unsigned rest = bits % 8;
    return rest == 0 || ((base[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

Cidr Cidr::masked() const noexcept {
    Cidr out = *this;
    for (unsigned i = 0; i < out.base.size(); ++i) {
        const unsigned kept = bits <= i * 8 ? 0 : std::min(8u, bits - i * 8);
        out.base[i] = static_cast<unsigned char>(out.base[i] & (0xff00u >> kept));
    }
    return out;
}

std::optional<Cidr> parse_cidr(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const std::string_view host = text.substr(0, slash);
    const auto base = parse_address(host);
    if (!base || host.find('%') != std::string_view::npos) return std::nullopt;
    Cidr out{*base, 128};
    if (slash == std::string_view::npos) return out;
    const std::string_view length = text.substr(slash + 1);
    const bool v4 = host.find(':') == std::string_view::npos;
    unsigned bits = 0;
    if (!core::is_digits(length) || length.size() > 3) return std::nullopt;
    std::from_chars(length.data(), length.data() + length.size(), bits);
    if (bits > (v4 ? 32u : 128u)) return std::nullopt;
    out.bits = v4 ? bits + 96 : bits;
    return out;
}

std::string to_string(const Cidr& block) {
    char buffer[INET6_ADDRSTRLEN] = {};
    const bool v4 = is_mapped(block.base) && block.bits >= 96;
    if (v4)
        inet_ntop(AF_INET, block.base.data() + 12, buffer, sizeof buffer);
    else
        inet_ntop(AF_INET6, block.base.data(), buffer, sizeof buffer);
    std::string out = buffer;
    if (block.bits != 128) out += "/" + std::to_string(v4 ? block.bits - 96 : block.bits);
    return out;
}

}  // namespace b24gate::config
