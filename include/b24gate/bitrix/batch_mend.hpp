// A client's batch of which some commands were refused for want of budget: which may be sent again, and one answer out
// of all that came back. Pure; any thread; never throws on any bytes (but for std::bad_alloc).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>

namespace b24gate::bitrix {

class BatchMend {
public:
    /// The complete, successful answer to a client's v2 batch. nullopt: no command was refused for its rate or
    /// operating time, or they must not be sent without the others: the client asked for `halt`, or a command may refer
    /// to another's result; or the batch or its answer is not of the ordinary form.
    [[nodiscard]] static std::optional<BatchMend> look(const Call& call, std::string_view answer);

    /// No command is left that was refused so.
    [[nodiscard]] bool done() const noexcept;
    /// Those that are left, as a batch of their own; for a portal it is the same client's call.
    [[nodiscard]] Call rest() const;
    /// The answer to rest(). False: it is not of the ordinary form; nothing has changed.
    bool merge(std::string_view answer);
    /// What was sent as rest() may have been carried out, and no answer came: its commands say so.
    void lose();

    /// The answer to the client's batch, each value as the portal wrote it.
    [[nodiscard]] std::string body() const;

private:
    struct Entry {
        std::string key;
        std::string command;
        std::string method;
        std::optional<std::string> values[5];  ///< raw JSON, by the maps of a batch answer
        bool refused = false;
    };
    bool read(std::string_view answer, const std::vector<Entry*>& commands, bool own_keys);

    std::string answer_;
    std::vector<Entry> entries_;  ///< in the order of the commands
};

}  // namespace b24gate::bitrix
