// Members of JSON that we have written ourselves, perhaps in another version: what is missing or of another type is as
// if it said nothing. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::alerts {

[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::int64_t number_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::uint64_t count_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] double real_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] bool flag_of(const boost::json::object& object, std::string_view name);
/// Empty ones, where there are none.
[[nodiscard]] const boost::json::object& members_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] const boost::json::array& elements_of(const boost::json::object& object, std::string_view name);

}  // namespace b24gate::alerts
