#include <b24gate/observe/line_writer.hpp>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace b24gate::observe {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto gather = 10ms;
constexpr auto stop_limit = 2s;
/// What a pipe takes at once when poll() says that it is ready (PIPE_BUF): a longer write could block for ever.
constexpr std::size_t pipe_piece = 4096;

bool is_regular(int fd) noexcept {
    struct stat info {};
    return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

void LineWriter::Ring::append(std::string_view line) noexcept {
    const std::size_t end = (begin + size) % bytes.size();
    const std::size_t first = std::min(line.size(), bytes.size() - end);
    std::memcpy(bytes.data() + end, line.data(), first);
    std::memcpy(bytes.data(), line.data() + first, line.size() - first);
    size += line.size();
    ++lines;
}

void LineWriter::Ring::drop_oldest() noexcept {
    const std::size_t straight = std::min(size, bytes.size() - begin);
    std::size_t length = 0;
    if (const void* at = std::memchr(bytes.data() + begin, '\n', straight)) {
        length = static_cast<std::size_t>(static_cast<const char*>(at) - (bytes.data() + begin)) + 1;
    } else {
        const void* rest = std::memchr(bytes.data(), '\n', size - straight);
        length = straight + static_cast<std::size_t>(static_cast<const char*>(rest) - bytes.data()) + 1;
    }
    begin = (begin + length) % bytes.size();
    size -= length;
    --lines;
}

LineWriter::LineWriter(Target target, std::size_t capacity) : target_(target), regular_(is_regular(target.fd)) {
    filling_.bytes.resize(std::max<std::size_t>(capacity, 1));
    writing_.bytes.resize(filling_.bytes.size());
    // Signals are for the main thread; SIGPIPE then is EPIPE.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

LineWriter::~LineWriter() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        give_up_ = Clock::now() + stop_limit;
    }
    wake_.notify_one();
    thread_.join();
    for (Target& target : next_targets_) close(target);
    close(target_);
}

void LineWriter::push(std::string_view line) {
    bool notify = false;
    {
        const std::lock_guard lock(mutex_);
        ++pushed_;
        if (line.empty() || line.size() > filling_.bytes.size()) {
            ++dropped_;
            ++done_;
            return;
        }
        while (filling_.bytes.size() - filling_.size < line.size()) {
            filling_.drop_oldest();
            ++dropped_;
            ++done_;
        }
        filling_.append(line);
        if (sleeping_ || (!hurry_ && filling_.size > filling_.bytes.size() / 2)) {
            notify = true;
            hurry_ = !sleeping_;
            sleeping_ = false;
        }
    }
    if (notify) wake_.notify_one();
}

void LineWriter::change(Target target) {
    {
        const std::lock_guard lock(mutex_);
        next_targets_.push_back(target);
        ++changes_asked_;
        hurry_ = true;
    }
    wake_.notify_one();
}

bool LineWriter::flush(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    const std::uint64_t upto = pushed_, changes = changes_asked_;
    hurry_ = true;
    wake_.notify_one();
    return written_.wait_for(lock, limit, [&] { return done_ >= upto && changes_made_ >= changes; });
}

std::uint64_t LineWriter::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void LineWriter::close(Target& target) noexcept {
    if (target.owned && target.fd >= 0) ::close(target.fd);
    target.fd = -1;
}

bool LineWriter::write_all(const char* data, std::size_t size) {
    while (size > 0) {
        if (!regular_) {
            pollfd ready{target_.fd, POLLOUT, 0};
            const int count = ::poll(&ready, 1, 100);
            if (count < 0 && errno != EINTR) return false;
            if (count <= 0) {
                const std::lock_guard lock(mutex_);
                if (Clock::now() >= give_up_) return false;
                continue;
            }
        }
        const ssize_t n = ::write(target_.fd, data, regular_ ? size : std::min(size, pipe_piece));
        if (n > 0) {
            data += n;
            size -= static_cast<std::size_t>(n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return false;
        }
    }
    return true;
}

bool LineWriter::write_out() {
    const std::size_t straight = std::min(writing_.size, writing_.bytes.size() - writing_.begin);
    return write_all(writing_.bytes.data() + writing_.begin, straight) &&
           write_all(writing_.bytes.data(), writing_.size - straight);
}

void LineWriter::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        while (filling_.size == 0 && next_targets_.empty() && !stopping_) {
            sleeping_ = true;
            hurry_ = false;
            wake_.wait(lock);
        }
        sleeping_ = false;
        wake_.wait_for(lock, gather, [this] { return hurry_ || stopping_; });
        hurry_ = false;
        if (filling_.size == 0 && next_targets_.empty() && stopping_) return;

        std::swap(filling_, writing_);
        std::vector<Target> targets = std::exchange(next_targets_, {});
        lock.unlock();
        const std::uint64_t lines = writing_.lines;
        const bool ok = write_out();
        writing_.begin = writing_.size = 0;
        writing_.lines = 0;
        for (Target& target : targets) {
            close(target_);
            target_ = target;
            regular_ = is_regular(target_.fd);
        }
        lock.lock();
        done_ += lines;
        changes_made_ += targets.size();
        if (!ok) dropped_ += lines;
        written_.notify_all();
    }
}

}  // namespace b24gate::observe
