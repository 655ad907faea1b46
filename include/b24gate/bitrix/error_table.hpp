// What an error code means: Bitrix24's codes as data. A code decides before the status, for the same code comes with
// different statuses from one portal to the next. Pure; any thread.
#pragma once

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

struct Verdict {
    ErrorClass error_class = ErrorClass::server;
    Executed executed = Executed::unknown;
};

struct CodeFacts {
    std::string_view code;  ///< as the portal wrote it; compared without case; may be empty
    std::string_view text;  ///< its description: decides only where the code says nothing, or says two things
    unsigned status = 0;    ///< 0: an entry of a batch, which has none
    bool writes = true;     ///< the call may have changed something
};

/// The verdict on an error that names a code.
[[nodiscard]] Verdict by_code(const CodeFacts& facts);

/// The verdict on an answer with no code at all: pages of what stands before the portal, empty or broken bodies.
/// `file`: a file was asked for, so 404 is about the file and not about the portal.
[[nodiscard]] Verdict by_status(unsigned status, bool file) noexcept;

/// A v3 batch that failed ran its commands up to the one that failed, unless this code is given before anything runs.
[[nodiscard]] bool comes_before_a_v3_batch_runs(const Verdict& verdict, std::string_view code);

}  // namespace b24gate::bitrix
