// The answer to a batch of single calls, taken apart into the answers that the calls would have had alone. Pure; any
// thread; never throws on any bytes (but for std::bad_alloc); linear in the body, and what it makes is not larger than
// the body and one `time` a command.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/batch_command.hpp>
#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

struct PartAnswer {
    enum class Kind {
        success,
        error,
        /// Neither a result nor a readable error: cut off, halted, or an answer that is no envelope. The portal may
        /// have carried the command out: it is sent again, singly, only where a repeat is safe.
        missing,
    };
    Kind kind = Kind::missing;
    /// success: `{"result":...,"next":...,"total":...,"time":...}`, each value byte for byte as the portal wrote it.
    /// error: the entry of `result_error` byte for byte, which is what the single call's body would have been.
    /// missing: empty.
    std::string body;
    /// success: ok with status 200, and the command's own timing for the operating ledger.
    /// error: by the code, without a status, which a batch does not tell: error_answer() then takes the class's.
    /// missing: server, executed unknown.
    Outcome outcome;
};

/// `body` is the complete answer, status 200, to batch_body(commands); one part a command, in their order. An error
/// says why the batch failed as a whole (no secret, nothing of the body): every call's outcome is then unknown, unless
/// classify() of the same answer says more.
[[nodiscard]] boost::system::result<std::vector<PartAnswer>, std::string> split_batch(
    std::string_view body, std::span<const Command* const> commands);

}  // namespace b24gate::bitrix
