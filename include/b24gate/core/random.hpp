// Randomness that protects nothing: jitter and names. Any thread.
#pragma once

#include <cstdint>
#include <random>

namespace b24gate::core {

/// Uniform in [0, 1).
[[nodiscard]] inline double random_fraction() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace b24gate::core
