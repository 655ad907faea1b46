// Finds the admin port for a command.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include <b24gate/app/operations_command.hpp>
#include <b24gate/config/config.hpp>

#include "admin_door.hpp"

namespace b24gate::app {

struct OpenPlace {
    int code = 0;                          ///< not 0: what is wrong has been said
    std::unique_ptr<AdminDoor> door;       ///< null: no gateway runs there
    std::string url;                       ///< of the admin port
    std::optional<config::Config> config;  ///< unless the place was a URL
};
[[nodiscard]] OpenPlace open_place(const AdminPlace& place, std::string_view program, std::ostream& err);

}  // namespace b24gate::app
