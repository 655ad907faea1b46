// The log: one JSON line a call, a line for each failed attempt, and lines for what happens to the process. Lines are
// made on the calling thread and written by another; no caller waits for the disk. Any thread.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <b24gate/config/config.hpp>
#include <b24gate/observe/call_record.hpp>
#include <b24gate/observe/line_writer.hpp>
#include <b24gate/observe/mask.hpp>

namespace b24gate::observe {

/// One fact of an event. Texts are masked.
struct KeyValue {
    std::string_view key;  ///< of our own making
    std::variant<std::string_view, std::int64_t, double, bool> value;

    KeyValue(std::string_view k, std::string_view text) : key(k), value(text) {}
    KeyValue(std::string_view k, const char* text) : key(k), value(std::string_view(text)) {}
    KeyValue(std::string_view k, const std::string& text) : key(k), value(std::string_view(text)) {}
    KeyValue(std::string_view k, bool flag) : key(k), value(flag) {}
    KeyValue(std::string_view k, std::integral auto number) : key(k), value(static_cast<std::int64_t>(number)) {}
    KeyValue(std::string_view k, std::floating_point auto number) : key(k), value(static_cast<double>(number)) {}
};

[[nodiscard]] std::optional<Level> parse_level(std::string_view name) noexcept;

class Log {
public:
    /// Throws std::runtime_error when the file cannot be opened or the level is none.
    explicit Log(const config::Log& settings, std::shared_ptr<const Masker> masker = std::make_shared<Masker>());

    void call(const CallRecord& record);
    void attempt(const AttemptRecord& record);
    /// `what` names the event in snake_case: start, reload, drain, tls_handshake_failed.
    void event(Level level, std::string_view what, std::initializer_list<KeyValue> facts = {});

    /// Whether lines of that level are written: for callers whose facts are dear.
    [[nodiscard]] bool enabled(Level level) const noexcept {
        return level >= level_.load(std::memory_order_relaxed) && level != Level::off;
    }

    /// Opens the file again by its name, after it was rotated away. A message when that fails: lines then go on into
    /// the old one.
    [[nodiscard]] std::optional<std::string> reopen();
    /// New settings, all or nothing; the file is opened again in any case.
    [[nodiscard]] std::optional<std::string> reconfigure(const config::Log& settings);
    /// After new secrets have become known and before they are used.
    void set_masker(std::shared_ptr<const Masker> masker) { masker_.set(std::move(masker)); }
    [[nodiscard]] const Masker& masker() const { return masker_.current(); }

    bool flush(std::chrono::milliseconds limit = std::chrono::seconds(2)) { return writer_.flush(limit); }
    [[nodiscard]] std::uint64_t dropped() const { return writer_.dropped(); }

private:
    std::atomic<Level> level_;
    std::atomic<bool> calls_, params_;
    SharedMasker masker_;
    std::mutex file_mutex_;  ///< guards file_
    std::string file_;
    LineWriter writer_;
};

}  // namespace b24gate::observe
