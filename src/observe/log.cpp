#include <b24gate/observe/log.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <system_error>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::observe {
namespace {

constexpr std::array<Level, 6> levels{Level::trace, Level::debug, Level::info, Level::warn, Level::error, Level::off};

struct Opened {
    int fd = -1;
    bool owned = false;
    std::string problem;
};

Opened open_file(const std::string& file) {
    if (file == "-") return {STDOUT_FILENO, false, {}};
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd >= 0) return {fd, true, {}};
    const std::string why = std::system_category().message(errno);
    return {-1, false, "the log file " + file + " cannot be opened for writing: " + why};
}

Opened open_or_throw(const std::string& file) {
    Opened opened = open_file(file);
    if (opened.fd < 0) throw std::runtime_error(opened.problem);
    return opened;
}

std::string no_level(std::string_view name) {
    return "log.level is \"" + std::string(name) + "\"; it takes trace, debug, info, warn, error or off";
}

Level level_or_throw(std::string_view name) {
    if (const auto level = parse_level(name)) return *level;
    throw std::runtime_error(no_level(name));
}

/// The calling thread's buffer: lines are made without allocating.
std::string& line_buffer() {
    thread_local std::string buffer;
    if (buffer.capacity() > (64u << 10)) buffer = {};
    buffer.clear();
    return buffer;
}

void append_value(std::string& out, const KeyValue& fact, const Masker& masker) {
    char digits[32];
    if (const auto* text = std::get_if<std::string_view>(&fact.value)) {
        core::json::append_quoted(out, masker.mask_text(*text));
    } else if (const auto* flag = std::get_if<bool>(&fact.value)) {
        out += *flag ? "true" : "false";
    } else if (const auto* whole = std::get_if<std::int64_t>(&fact.value)) {
        out.append(digits, std::to_chars(digits, digits + sizeof digits, *whole).ptr);
    } else if (const double number = std::get<double>(fact.value); std::isfinite(number)) {
        out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    } else {
        out += "null";
    }
}

}  // namespace

std::optional<Level> parse_level(std::string_view name) noexcept {
    for (const Level level : levels)
        if (to_string(level) == name) return level;
    return std::nullopt;
}

Log::Log(const config::Log& settings, std::shared_ptr<const Masker> masker)
    : level_(level_or_throw(settings.level)),
      calls_(settings.calls),
      params_(settings.params),
      masker_(std::move(masker)),
      file_(settings.file),
      writer_([&] {
          const Opened opened = open_or_throw(settings.file);
          return LineWriter::Target{opened.fd, opened.owned};
      }()) {}

void Log::call(const CallRecord& record) {
    if (!calls_.load(std::memory_order_relaxed)) return;
    if (!enabled(level_of(bitrix::fault_of(record.error_class, record.error)))) return;
    std::string& line = line_buffer();
    append_line(line, record, masker_.current(), params_.load(std::memory_order_relaxed));
    line += '\n';
    writer_.push(line);
}

void Log::attempt(const AttemptRecord& record) {
    if (!enabled(Level::warn)) return;
    std::string& line = line_buffer();
    append_line(line, record, masker_.current());
    line += '\n';
    writer_.push(line);
}

void Log::event(Level level, std::string_view what, std::initializer_list<KeyValue> facts) {
    if (!enabled(level)) return;
    const Masker& masker = masker_.current();
    std::string& line = line_buffer();
    line += "{\"time\":\"";
    append_time(line, std::chrono::system_clock::now());
    line += "\",\"level\":\"";
    line += to_string(level);
    line += "\",\"event\":";
    core::json::append_quoted(line, what);
    for (const KeyValue& fact : facts) {
        line += ',';
        core::json::append_quoted(line, fact.key);
        line += ':';
        append_value(line, fact, masker);
    }
    line += "}\n";
    writer_.push(line);
}

std::optional<std::string> Log::reopen() {
    const std::lock_guard lock(file_mutex_);
    const Opened opened = open_file(file_);
    if (opened.fd < 0) return opened.problem;
    writer_.change({opened.fd, opened.owned});
    return std::nullopt;
}

std::optional<std::string> Log::reconfigure(const config::Log& settings) {
    const auto level = parse_level(settings.level);
    if (!level) return no_level(settings.level);
    const std::lock_guard lock(file_mutex_);
    const Opened opened = open_file(settings.file);
    if (opened.fd < 0) return opened.problem;
    file_ = settings.file;
    writer_.change({opened.fd, opened.owned});
    level_ = *level;
    calls_ = settings.calls;
    params_ = settings.params;
    return std::nullopt;
}

}  // namespace b24gate::observe
