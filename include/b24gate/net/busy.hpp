// Somebody has to be waited for at a stop.
#pragma once

#include <atomic>

namespace b24gate::net {

/// Counts its own life in `count`, which must outlive it.
class Busy {
public:
    explicit Busy(std::atomic<int>& count) : count_(count) { ++count_; }
    ~Busy() { --count_; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

private:
    std::atomic<int>& count_;
};

}  // namespace b24gate::net
