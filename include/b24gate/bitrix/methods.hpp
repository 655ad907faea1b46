// Facts about method names: does it read, may it run twice, may it travel in a batch. One table (reference section 7);
// the config can add to it. Pure; immutable after construction; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

/// What a second run of the same call does. Source: reference 7.1.
enum class Effect {
    read,        ///< nothing either time
    idempotent,  ///< the same end state as one run
    unsafe,      ///< something again: never repeated after an unknown outcome
};

class Methods {
public:
    Methods() = default;
    /// `reads` and `repeatable`: globs, lower case, that go before the built-in table.
    Methods(std::vector<std::string> reads, std::vector<std::string> repeatable);

    /// `method` in any case, without .json. Unknown names are unsafe.
    [[nodiscard]] Effect effect(std::string_view method) const;

    /// Whether the same call may be sent again although the first may have been carried out. Looks at the parameters
    /// where the name alone does not tell (an `update` of PHONE or EMAIL appends; entity.rights writes with ACCESS).
    /// `body` is the cleaned body in its own encoding, `query` the cleaned query string.
    [[nodiscard]] bool repeat_is_safe(std::string_view method, std::string_view query, std::string_view body) const;

    /// May never stand in a batch (reference 7.4): batch, upload, download, streaming methods, event.offline.get,
    /// task.*
    [[nodiscard]] bool batchable(std::string_view method) const;

    /// For metric labels: whether the name is one that is known to exist (bounded set).
    [[nodiscard]] bool known(std::string_view method) const;

    /// Streams a file's bytes instead of a JSON envelope (CallFacts::raw_answer): downloads, generated documents.
    [[nodiscard]] bool file_answer(std::string_view method) const;

private:
    std::vector<std::string> reads_, repeatable_;
};

}  // namespace b24gate::bitrix
