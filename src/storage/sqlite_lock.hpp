// A lock between processes on a file of its own. All writing of a database is done under it: two connections that write
// or checkpoint at the same moment can corrupt the file with SQLite 3.7.0 to 3.51.2 (sqlite.org/wal.html#walresetbug).
// It also excludes two stores of one process. Not for several threads at once.
#pragma once

#include <sys/types.h>

#include <string>

#include <b24gate/core/clock.hpp>

namespace b24gate::storage {

class FileLock {
public:
    /// `owner` and `group` are given to a file that is made, by root alone.
    FileLock(std::string file, uid_t owner, gid_t group) : file_(std::move(file)), owner_(owner), group_(group) {}
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

    /// 0: held. ETIMEDOUT: somebody else has held it until `until`. Else why the file cannot be opened or locked.
    [[nodiscard]] int acquire(core::TimePoint until);
    void release() noexcept;

    [[nodiscard]] const std::string& file() const noexcept { return file_; }

private:
    [[nodiscard]] int open() noexcept;
    [[nodiscard]] bool still_there() const noexcept;
    void close() noexcept;

    std::string file_;
    uid_t owner_;
    gid_t group_;
    int fd_ = -1;
};

/// Releases what is held.
class Unlock {
public:
    explicit Unlock(FileLock& lock) noexcept : lock_(&lock) {}
    ~Unlock() { lock_->release(); }
    Unlock(const Unlock&) = delete;
    Unlock& operator=(const Unlock&) = delete;

private:
    FileLock* lock_;
};

}  // namespace b24gate::storage
