// Operations, plans and jobs of the admin API as text for a terminal. Pure.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace b24gate::app {

/// A table; empty lists say so.
[[nodiscard]] std::string operations_table(const boost::json::object& page);
[[nodiscard]] std::string operation_text(const boost::json::object& operation);
[[nodiscard]] std::string plan_text(const boost::json::object& plan);
[[nodiscard]] std::string job_text(const boost::json::object& job);
/// Control characters would speak to the terminal: they become question marks.
[[nodiscard]] std::string printable(std::string_view text);
/// A member as text: "-" when it is null or missing.
[[nodiscard]] std::string member(const boost::json::object& object, std::string_view name);

}  // namespace b24gate::app
