// What a gateway has seen of late, as the rules want it: totals over their windows, and how things stand. Travels
// through the store as JSON, so that one gateway can judge for all. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::alerts {

using UnixMs = std::int64_t;

struct PortalFacts {
    std::uint64_t calls = 0, system = 0;  ///< in the window of error_rate: all, and those that the system failed
    std::uint64_t failed = 0;             ///< in the window of no_success: for whatever reason
    UnixMs last_success = 0;              ///< 0: none since the start
};

struct CredentialFacts {
    std::string portal, credential;
    bool needs_reauth = false;
    std::string reason;         ///< of needs_reauth; a code
    UnixMs refresh_ends = 0;    ///< when its refresh token lapses; 0: it has none
    bool breaker_open = false;  ///< not closed: a probe under way changes nothing
};

struct ChannelFacts {
    std::string name;
    bool failing = false;
    std::string error;      ///< of the last failure
    UnixMs last_sent = 0;   ///< 0: never
    UnixMs last_error = 0;  ///< 0: never
};

struct Facts {
    std::string name;  ///< of the gateway, for people: its host
    UnixMs at = 0;
    UnixMs since = 0;              ///< when the process began to look
    std::uint64_t counted_ms = 0;  ///< how far back its counts reach, at the most the longest window
    std::map<std::string, PortalFacts> portals;
    std::vector<CredentialFacts> credentials;
    std::vector<ChannelFacts> channels;  ///< that this gateway has sent through
    bool reload_failed = false;
    std::optional<std::uint64_t> free_disk;  ///< bytes; nullopt: not known
    std::uint64_t callbacks_given_up = 0;    ///< in the window of callbacks
};

[[nodiscard]] std::string to_json(const Facts& facts);
/// nullopt: it is none of ours. Members that are missing are as they are above.
[[nodiscard]] std::optional<Facts> parse_facts(std::string_view text);

}  // namespace b24gate::alerts
