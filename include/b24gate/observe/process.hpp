// What Linux tells of the process itself. The parsers are total; reading never fails, it leaves out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace b24gate::observe {

/// Of /proc/self/stat, in the kernel's units.
struct ProcStat {
    std::uint64_t user_ticks = 0, system_ticks = 0;
    std::uint64_t start_ticks = 0;  ///< after boot
    std::uint64_t resident_pages = 0;
};
[[nodiscard]] std::optional<ProcStat> parse_proc_stat(std::string_view text) noexcept;

/// Unix time of the boot, from /proc/stat.
[[nodiscard]] std::optional<std::uint64_t> parse_boot_time(std::string_view text) noexcept;

struct ProcessUsage {
    double cpu_seconds = 0;
    double resident_bytes = 0;
    double open_fds = 0;
    double max_fds = 0;
    double start_time = 0;  ///< Unix time
};
[[nodiscard]] ProcessUsage read_process_usage();

}  // namespace b24gate::observe
