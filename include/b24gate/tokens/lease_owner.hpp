// Who holds a lease, so that those on the same host see at once that it has died and need not wait for the lease's end.
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::tokens {

struct LeaseOwner {
    std::string host;                 ///< of one boot of one machine; empty: not known
    std::uint64_t pid_namespace = 0;  ///< 0: not known
    std::int64_t pid = 0;
    std::uint64_t start_time = 0;  ///< in ticks since the boot: a pid is used again; 0: not known
    std::string random;            ///< tells the parts of one process apart

    friend bool operator==(const LeaseOwner&, const LeaseOwner&) = default;
};

/// "host:pid-namespace:pid:start-time:random".
[[nodiscard]] std::string to_text(const LeaseOwner& owner);
/// nullopt: not written by to_text.
[[nodiscard]] std::optional<LeaseOwner> parse_lease_owner(std::string_view text);

/// What the system says of a pid now.
struct ProcessLook {
    bool gone = false;             ///< there is no such process, or only its exit status is left
    std::uint64_t start_time = 0;  ///< 0: not known
};
/// Whether `holder` is certainly dead, as `self` sees it. Never true for a holder elsewhere. Pure.
[[nodiscard]] bool is_dead(const LeaseOwner& holder, const LeaseOwner& self, const ProcessLook& look) noexcept;

// --- these look at /proc
// ----------------------------------------------------------------------------------------------

/// With a random part of its own at every call: ask once and keep it. Where /proc is not that of this process, it says
/// nothing of host and start time, and nobody will take it for dead.
[[nodiscard]] LeaseOwner this_process();
[[nodiscard]] ProcessLook look_at_process(std::int64_t pid);
/// The same as this process sees it now.
[[nodiscard]] bool is_dead(const LeaseOwner& holder);

}  // namespace b24gate::tokens
