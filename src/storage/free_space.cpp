#include <b24gate/storage/free_space.hpp>

#include <sys/statvfs.h>

#include <filesystem>

namespace b24gate::storage {

std::optional<std::uint64_t> free_space(const std::string& url) {
    constexpr std::string_view scheme = "sqlite:";
    if (!url.starts_with(scheme)) return std::nullopt;
    const std::filesystem::path folder = std::filesystem::path(url.substr(scheme.size())).parent_path();
    struct statvfs room {};
    if (statvfs(folder.empty() ? "." : folder.c_str(), &room) != 0) return std::nullopt;
    return std::uint64_t{room.f_bavail} * room.f_frsize;
}

}  // namespace b24gate::storage
