// Which of the known names was probably meant. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace b24gate::config {

/// How many letters must be changed, added, left out or swapped with their neighbour to get from one to the other;
/// compared without case.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known name that is nearest to `word`, if it is near enough to be meant: at most one change in three letters.
/// The first of equals.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace b24gate::config
