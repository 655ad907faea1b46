// Somebody has to be waited for at a stop.
#pragma once

#include <atomic>

namespace b24gate::notify {

class Busy {
public:
    explicit Busy(std::atomic<int>& count) : count_(count) { ++count_; }
    ~Busy() { --count_; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

private:
    std::atomic<int>& count_;
};

}  // namespace b24gate::notify
