// The built-in facts about method names, as data: methods.cpp looks them up. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include <b24gate/bitrix/methods.hpp>

namespace b24gate::bitrix {

/// What the tables say about a name (lower case). A name that stands in a table wins over its family, the family over
/// the last segment. nullopt: no table knows it.
[[nodiscard]] std::optional<Effect> builtin_effect(std::string_view method_lower) noexcept;

/// Bitrix24 documents the name. Lower case.
[[nodiscard]] bool is_documented(std::string_view method_lower) noexcept;

/// Answers with a file's bytes instead of a JSON envelope. Lower case.
[[nodiscard]] bool streams_file(std::string_view method_lower) noexcept;

/// May not stand in a batch, by its name. Lower case.
[[nodiscard]] bool is_unbatchable(std::string_view method_lower) noexcept;

}  // namespace b24gate::bitrix
