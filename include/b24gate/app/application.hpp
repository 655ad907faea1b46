// `b24gate serve`: builds everything in order, runs it, reloads it, and takes it down again without losing a call.
#pragma once

#include <string>

namespace b24gate::app {

/// Serves until it is told to stop. The exit code: 0 after a drain, 1 when a second signal cut it short, 2 when it
/// could not start (with one line on stderr for each reason).
int serve(const std::string& config_path);

}  // namespace b24gate::app
