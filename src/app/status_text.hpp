// The overview and the portals of the admin API as one screen of 80 columns. Pure.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace b24gate::app {

[[nodiscard]] std::string status_text(const boost::json::object& overview, const boost::json::object& portals);

}  // namespace b24gate::app
