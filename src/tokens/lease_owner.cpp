#include <b24gate/tokens/lease_owner.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <iterator>

#include <openssl/rand.h>
#include <unistd.h>

#include <b24gate/core/text.hpp>

namespace b24gate::tokens {
namespace {

constexpr std::size_t longest_part = 64;

template <class Number>
bool to_number(std::string_view text, Number& out) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return core::is_digits(text) && error == std::errc{} && end == text.data() + text.size();
}

bool is_part(std::string_view text) noexcept {
    return text.size() <= longest_part && std::all_of(text.begin(), text.end(), [](char c) {
               const char lower = core::to_lower(c);
               return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

std::string first_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

/// The target of a link; empty: there is none.
std::string link(const char* path) {
    std::array<char, 128> target{};
    const ssize_t size = ::readlink(path, target.data(), target.size());
    return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

struct Stat {
    bool known = false;
    char state = '?';
    std::int64_t threads = 0;
    std::uint64_t start_time = 0;
};

Stat stat_of(const std::string& process) {
    Stat stat;
    const std::string line = first_line("/proc/" + process + "/stat");
    // The name stands in brackets and may hold anything: what follows begins behind the last one.
    const std::size_t close = line.rfind(") ");
    if (close == std::string::npos) return stat;
    std::string_view rest = std::string_view(line).substr(close + 2);
    for (int field = 3; !rest.empty() && field <= 22; ++field) {
        const std::string_view value = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(value.size() + 1, rest.size()));
        if (field == 3) stat.state = value.empty() ? '?' : value.front();
        if (field == 20) to_number(value, stat.threads);
        if (field == 22) stat.known = to_number(value, stat.start_time);
    }
    return stat;
}

}  // namespace

std::string to_text(const LeaseOwner& owner) {
    return owner.host + ":" + std::to_string(owner.pid_namespace) + ":" + std::to_string(owner.pid) + ":" +
           std::to_string(owner.start_time) + ":" + owner.random;
}

std::optional<LeaseOwner> parse_lease_owner(std::string_view text) {
    std::array<std::string_view, 5> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::size_t end = text.find(':');
        if ((end == text.npos) != (i + 1 == parts.size())) return std::nullopt;
        parts[i] = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    LeaseOwner owner;
    if (!is_part(parts[0]) || !is_part(parts[4]) || !to_number(parts[1], owner.pid_namespace) ||
        !to_number(parts[2], owner.pid) || owner.pid <= 0 || !to_number(parts[3], owner.start_time))
        return std::nullopt;
    owner.host = parts[0];
    owner.random = parts[4];
    return owner;
}

bool is_dead(const LeaseOwner& holder, const LeaseOwner& self, const ProcessLook& look) noexcept {
    if (holder.host.empty() || holder.host != self.host) return false;
    if (holder.pid_namespace == 0 || holder.pid_namespace != self.pid_namespace) return false;
    if (look.gone) return true;
    return holder.start_time != 0 && look.start_time != 0 && holder.start_time != look.start_time;
}

LeaseOwner this_process() {
    LeaseOwner owner;
    owner.pid = ::getpid();
    std::array<unsigned char, 8> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1)
        for (const unsigned char byte : bytes) {
            owner.random += "0123456789abcdef"[byte >> 4];
            owner.random += "0123456789abcdef"[byte & 15];
        }
    // Another namespace's /proc has other processes under the same numbers.
    if (link("/proc/self") != std::to_string(owner.pid)) return owner;
    const std::string name_space = link("/proc/self/ns/pid");  // "pid:[4026531836]"
    const std::size_t open = name_space.find('[');
    if (open == std::string::npos || !name_space.ends_with(']') ||
        !to_number(std::string_view(name_space).substr(open + 1, name_space.size() - open - 2), owner.pid_namespace))
        return owner;
    const Stat stat = stat_of("self");
    if (stat.known) owner.start_time = stat.start_time;
    const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
    if (is_part(boot)) owner.host = boot;
    return owner;
}

ProcessLook look_at_process(std::int64_t pid) {
    ProcessLook look;
    const auto number = static_cast<pid_t>(pid);
    if (pid <= 0 || number != pid) return look;
    // Not by /proc alone: it may hide the processes of others.
    if (::kill(number, 0) != 0 && errno == ESRCH) {
        look.gone = true;
        return look;
    }
    const Stat stat = stat_of(std::to_string(pid));
    if (!stat.known) return look;
    look.start_time = stat.start_time;
    // Ended, and its parent has not asked for its exit status. A first thread that ended before the others looks alike.
    look.gone = (stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1;
    return look;
}

bool is_dead(const LeaseOwner& holder) {
    static const LeaseOwner self = this_process();
    return is_dead(holder, self, look_at_process(holder.pid));
}

}  // namespace b24gate::tokens
