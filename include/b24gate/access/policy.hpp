// May this client call this method: allow and deny patterns, also for every command inside a batch. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/config/config.hpp>

namespace b24gate::access {

/// `method` in any case. What is no method name is refused whatever the patterns say. A pattern in `deny` beats all in
/// `allow`; a suffix (.json, .xml) hides no method from `deny`.
[[nodiscard]] bool authorize(const config::Client& client, std::string_view method);

/// The first command that the client may not call; null: all are granted. Points into `commands`.
[[nodiscard]] const bitrix::BatchCommand* authorize_batch(const config::Client& client,
                                                          const std::vector<bitrix::BatchCommand>& commands);

/// The whole rule for a call, with what to answer. A batch is its commands: it needs no grant of its own, but "batch"
/// in `deny` refuses it. A signed link came out of a call that was granted: it has no method to look at.
[[nodiscard]] std::optional<bitrix::Refusal> authorize_call(const config::Client& client, const bitrix::Call& call);

}  // namespace b24gate::access
