#include <b24gate/admin/static_files.hpp>

namespace b24gate::admin {

std::span<const StaticFile> static_files() noexcept { return {}; }

}  // namespace b24gate::admin
