// Files that are compiled into the program and served to whoever asks: nothing secret is in them, and they show nothing
// until somebody logs in.
#pragma once

#include <span>
#include <string_view>

namespace b24gate::admin {

struct StaticFile {
    std::string_view path;  ///< "/", "/assets/app.js"
    std::string_view type;  ///< Content-Type
    std::string_view body;
};
[[nodiscard]] std::span<const StaticFile> static_files() noexcept;

}  // namespace b24gate::admin
