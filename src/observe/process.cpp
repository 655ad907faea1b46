#include <b24gate/observe/process.hpp>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

#include <b24gate/observe/gate_metrics.hpp>

namespace b24gate::observe {
namespace {

std::string read_text(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::uint64_t> to_number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

double count_open_fds() {
    DIR* folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) return 0;
    double count = -1;  // the folder's own
    while (const dirent* entry = ::readdir(folder))
        if (entry->d_name[0] != '.') ++count;
    ::closedir(folder);
    return count;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) noexcept {
    // The second field is the program's name in parentheses and may hold anything, also parentheses.
    const std::size_t name_end = text.rfind(')');
    if (name_end == text.npos) return std::nullopt;
    std::array<std::string_view, 22> fields;  // the third field of the line is the first here
    std::size_t count = 0;
    for (std::size_t at = name_end + 1; at < text.size() && count < fields.size();) {
        const std::size_t begin = text.find_first_not_of(" \n", at);
        if (begin == text.npos) break;
        at = std::min(text.find_first_of(" \n", begin), text.size());
        fields[count++] = text.substr(begin, at - begin);
    }
    if (count < fields.size()) return std::nullopt;
    const auto user = to_number(fields[11]), system = to_number(fields[12]), start = to_number(fields[19]),
               pages = to_number(fields[21]);
    if (!user || !system || !start || !pages) return std::nullopt;
    return ProcStat{*user, *system, *start, *pages};
}

std::optional<std::uint64_t> parse_boot_time(std::string_view text) noexcept {
    constexpr std::string_view key = "btime ";
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.starts_with(key)) return to_number(line.substr(key.size()));
        at = end + 1;
    }
    return std::nullopt;
}

ProcessUsage read_process_usage() {
    ProcessUsage usage;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    if (const auto stat = parse_proc_stat(read_text("/proc/self/stat"))) {
        usage.cpu_seconds = static_cast<double>(stat->user_ticks + stat->system_ticks) / ticks;
        usage.resident_bytes = static_cast<double>(stat->resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
        if (const auto boot = parse_boot_time(read_text("/proc/stat")))
            usage.start_time = static_cast<double>(*boot) + static_cast<double>(stat->start_ticks) / ticks;
    }
    usage.open_fds = count_open_fds();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = static_cast<double>(limit.rlim_cur);
    return usage;
}

std::shared_ptr<void> declare_process_metrics(Registry& registry) {
    Gauge& cpu =
        registry.sampled_counter("process_cpu_seconds_total", "User and system CPU time of the process.").with({});
    Gauge& resident = registry.gauge("process_resident_memory_bytes", "Resident memory of the process.").with({});
    Gauge& open = registry.gauge("process_open_fds", "Open file descriptors.").with({});
    Gauge& max = registry.gauge("process_max_fds", "Limit of open file descriptors.").with({});
    Gauge& started = registry.gauge("process_start_time_seconds", "Unix time of the process's start.").with({});
    return registry.on_collect([&cpu, &resident, &open, &max, &started] {
        const ProcessUsage usage = read_process_usage();
        cpu.set(usage.cpu_seconds);
        resident.set(usage.resident_bytes);
        open.set(usage.open_fds);
        max.set(usage.max_fds);
        started.set(usage.start_time);
    });
}

}  // namespace b24gate::observe
