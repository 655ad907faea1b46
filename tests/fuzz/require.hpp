// What holds of any input: where it does not, the fuzzer has a finding, with its stack.
#pragma once

inline void require(bool holds) {
    if (!holds) __builtin_trap();
}
