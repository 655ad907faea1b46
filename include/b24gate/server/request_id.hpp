// The id under which one request is found in log, error and answer alike.
#pragma once

#include <string>
#include <string_view>

namespace b24gate::server {

/// The client's own id when it is usable (letters, digits, '.', '_', '-'; at most 64), else 32 random hex digits.
[[nodiscard]] std::string request_id(std::string_view proposed);

}  // namespace b24gate::server
