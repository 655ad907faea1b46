// What several resources of the API read out of a request in the same way.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/query.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::admin {

inline constexpr std::size_t longest_reason = 500;

/// How long a request waits for the store.
[[nodiscard]] inline core::Deadline store_deadline() {
    return core::Deadline{core::Clock::now() + std::chrono::seconds(10)};
}

/// Why somebody acts, for the audit; may be empty. Control characters become spaces. nullopt: it is too long.
[[nodiscard]] inline std::optional<std::string> reason_of(const Query& body) {
    std::string reason(core::trim(body.value("reason")));
    if (reason.size() > longest_reason) return std::nullopt;
    for (char& c : reason)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return reason;
}
inline constexpr std::string_view reason_too_long = "reason is longer than 500 bytes";

}  // namespace b24gate::admin
