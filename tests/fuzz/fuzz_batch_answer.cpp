// Any bytes as the answer to a batch: one part a command, each a JSON object of bounded size.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/batch_answer.hpp>
#include <b24gate/core/json_scan.hpp>

#include "require.hpp"

using namespace b24gate::bitrix;
namespace json = b24gate::core::json;

/// The first byte is the number of commands.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::vector<Command> commands(data[0] % (max_batched + 1));
    std::vector<const Command*> list;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        commands[i].writes = i % 2 == 1;
        list.push_back(&commands[i]);
    }
    const auto parts = split_batch(body, list);
    if (!parts) {
        require(!parts.error().empty());
        return 0;
    }
    require(parts->size() == commands.size());
    std::size_t bytes = 0;
    for (const PartAnswer& part : *parts) {
        bytes += part.body.size();
        switch (part.kind) {
            case PartAnswer::Kind::success:
                require(part.outcome.ok());
                require(!json::validate(part.body));
                require(json::find(part.body, "result").has_value());
                break;
            case PartAnswer::Kind::error:
                require(!part.outcome.ok());
                require(!json::validate(part.body));
                require(json::find(part.body, "error").has_value());
                break;
            case PartAnswer::Kind::missing:
                require(part.body.empty() && part.outcome.executed == Executed::unknown);
                break;
        }
    }
    require(bytes <= (body.size() + 64) * (commands.size() + 1));
    return 0;
}
