// What a reload cannot change. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <b24gate/config/config.hpp>

namespace b24gate::config {

/// One message for each setting that differs but is only read at the start; empty: everything in `next` can take
/// effect while the gateway runs.
[[nodiscard]] std::vector<std::string> reload_diff(const Config& running, const Config& next);

}  // namespace b24gate::config
