// JSON as the admin port writes it. Pure; any thread.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace b24gate::admin {

/// Numbers as people write them: at most three decimals and no exponent. Strings that are not UTF-8 are mended.
[[nodiscard]] std::string to_text(const boost::json::value& value);

/// RFC 3339 in UTC with milliseconds; null for 0 and for what never comes.
[[nodiscard]] boost::json::value time_value(std::int64_t unix_ms);

/// Null instead of an empty text.
[[nodiscard]] boost::json::value text_or_null(std::string_view text);

}  // namespace b24gate::admin
