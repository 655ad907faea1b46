#include "sqlite_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace b24gate::storage {
namespace {

using namespace std::chrono_literals;

constexpr auto first_sleep = 50us;
constexpr auto longest_sleep = 5ms;

int set_lock(int fd, short type) noexcept {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

}  // namespace

FileLock::~FileLock() { close(); }

void FileLock::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

int FileLock::open() noexcept {
    fd_ = ::open(file_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd_ >= 0) return 0;
    if (errno != ENOENT) return errno;
    fd_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    // Somebody else has just made it.
    if (fd_ < 0) return errno == EEXIST ? EAGAIN : errno;
    if (::geteuid() == 0 && ::fchown(fd_, owner_, group_) != 0) return errno;
    return 0;
}

bool FileLock::still_there() const noexcept {
    struct stat opened {
    }, named{};
    return ::fstat(fd_, &opened) == 0 && ::stat(file_.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

int FileLock::acquire(core::TimePoint until) {
    auto sleep = std::chrono::microseconds(first_sleep);
    while (true) {
        int error = fd_ >= 0 ? 0 : open();
        if (error == 0) error = set_lock(fd_, F_WRLCK);
        if (error == 0) {
            if (still_there()) return 0;
            // It was removed: whoever comes next locks another file.
            close();
            continue;
        }
        if (error != EAGAIN && error != EACCES && error != EINTR) return error;
        if (error == EACCES && fd_ < 0) return error;
        const auto now = core::Clock::now();
        if (now >= until) return ETIMEDOUT;
        std::this_thread::sleep_for(std::min<core::Duration>(sleep, until - now));
        sleep = std::min<std::chrono::microseconds>(sleep * 3 / 2, longest_sleep);
    }
}

void FileLock::release() noexcept {
    if (fd_ >= 0) (void)set_lock(fd_, F_UNLCK);
}

}  // namespace b24gate::storage
