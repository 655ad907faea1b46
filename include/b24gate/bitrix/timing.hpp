// Reads the `time` of an answer. Pure; any thread; any bytes.
#pragma once

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

/// `time`: the member's JSON value. What is missing or no number stays empty.
[[nodiscard]] Timing timing_of(std::string_view time);

}  // namespace b24gate::bitrix
