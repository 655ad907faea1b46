// `b24gate status`: one screen of what a gateway is doing.
#pragma once

#include <ostream>

#include <b24gate/app/operations_command.hpp>

namespace b24gate::app {

struct StatusOptions {
    AdminPlace place;
    bool json = false;
    bool watch = false;  ///< anew every two seconds, until it is interrupted
};

/// The exit code: 0; 1 when no gateway answers; 2 when what was asked makes no sense.
int status_command(const StatusOptions& options, std::ostream& out, std::ostream& err);

}  // namespace b24gate::app
