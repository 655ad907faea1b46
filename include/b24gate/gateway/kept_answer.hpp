// An answer as it is kept for whoever asks for it later. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <b24gate/server/message.hpp>

namespace b24gate::gateway {

/// Fields and body; not for one that streams.
[[nodiscard]] std::string keep_answer(const server::Response& answer);
/// nullopt: keep_answer has not written that.
[[nodiscard]] std::optional<server::Response> read_answer(unsigned status, std::string_view text);

/// What stands in the links of a kept answer where the address of the gateway and the client's key belong: who asks for
/// it brings both.
inline constexpr std::string_view kept_host = "b24gate-kept-host", kept_key = "b24gate-kept-key";
[[nodiscard]] std::string with_address(std::string body, std::string_view base, std::string_view key);

}  // namespace b24gate::gateway
