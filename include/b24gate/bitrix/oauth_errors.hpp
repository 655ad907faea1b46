// The authorization server's answers to token requests. Pure; any thread; never throws on any bytes.
#pragma once

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

/// The verdict on a complete answer of the token endpoint; origin oauth. ok: a 2xx JSON object with an access_token (an
/// error in a 200 is none). Executed unknown: the refresh may have happened, and the old pair may be dead.
[[nodiscard]] Outcome classify_oauth(unsigned status, std::string_view content_type, std::string_view body);

}  // namespace b24gate::bitrix
