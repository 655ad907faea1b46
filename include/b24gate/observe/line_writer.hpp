// Lines from any thread to a file descriptor, by a thread of its own. Callers never wait for the disk: they copy the
// line into a bounded buffer, and when that is full the oldest lines go, counted. The writer gathers lines for a few
// milliseconds and writes them with one call: waking it for every line would cost the caller more than the line.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace b24gate::observe {

class LineWriter {
public:
    static constexpr std::size_t default_capacity = 2u << 20;

    struct Target {
        int fd = -1;
        bool owned = false;  ///< closed when it is no longer needed
    };

    /// `capacity`: bytes that wait for the writer.
    explicit LineWriter(Target target, std::size_t capacity = default_capacity);
    /// Writes what waits, for at most two seconds.
    ~LineWriter();
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    /// `line` ends with its only line break; longer than the capacity: it is dropped.
    void push(std::string_view line);

    /// What waits now still goes to the old descriptor; later lines may, until flush() has returned.
    void change(Target target);

    /// All that was pushed before has been written or given up, and change() carried out. False: not within `limit`.
    bool flush(std::chrono::milliseconds limit);

    /// Lines that were dropped for want of room or because writing failed.
    [[nodiscard]] std::uint64_t dropped() const;

private:
    /// Whole lines in a ring of bytes.
    struct Ring {
        std::vector<char> bytes;
        std::size_t begin = 0, size = 0;
        std::uint64_t lines = 0;

        void append(std::string_view line) noexcept;
        void drop_oldest() noexcept;
    };
    void run();
    [[nodiscard]] bool write_all(const char* data, std::size_t size);
    [[nodiscard]] bool write_out();
    static void close(Target& target) noexcept;

    mutable std::mutex mutex_;
    std::condition_variable wake_;     ///< the writer waits here
    std::condition_variable written_;  ///< flush() waits here
    Ring filling_;
    std::vector<Target> next_targets_;  ///< empty or the descriptor to change to, and those it replaced unused
    std::uint64_t pushed_ = 0, done_ = 0, dropped_ = 0;
    std::uint64_t changes_asked_ = 0, changes_made_ = 0;
    bool sleeping_ = false;  ///< the writer waits for a first line
    bool hurry_ = false;     ///< it shall not gather more
    bool stopping_ = false;
    std::chrono::steady_clock::time_point give_up_ = std::chrono::steady_clock::time_point::max();

    // The writer's own.
    Ring writing_;
    Target target_;
    bool regular_ = false;  ///< a file: a write ends by itself
    std::thread thread_;
};

}  // namespace b24gate::observe
