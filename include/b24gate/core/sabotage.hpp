// Breaks one promise on purpose, so that the crash test can show that it would notice. Only the program
// b24gate_sabotaged can do that, which nobody builds but that test: everywhere else all of this is `false` and gone.
#pragma once

#include <cstdlib>
#include <string_view>

namespace b24gate::core {

/// The words for the environment's B24GATE_SABOTAGE are the names.
enum class Sabotage {
    acknowledge_early,  ///< says that a hand-over is on disk before it is
    repeat_unsafe,      ///< sends again what may have been carried out and cannot be checked
    no_settling,        ///< looks and repeats while the portal may still be at work
    no_fence,           ///< lets who has lost an operation end it all the same
    unblock_on_held,    ///< lets the next one of an order key go while the outcome of one is unknown
    forget_intent,      ///< takes what was being sent for unsent when its gateway has died
};

#ifdef B24GATE_SABOTAGE
inline bool sabotaged(Sabotage what) noexcept {
    static const std::string_view wanted = [] {
        const char* const set = std::getenv("B24GATE_SABOTAGE");
        return set ? std::string_view(set) : std::string_view();
    }();
    switch (what) {
        case Sabotage::acknowledge_early: return wanted == "acknowledge_early";
        case Sabotage::repeat_unsafe: return wanted == "repeat_unsafe";
        case Sabotage::no_settling: return wanted == "no_settling";
        case Sabotage::no_fence: return wanted == "no_fence";
        case Sabotage::unblock_on_held: return wanted == "unblock_on_held";
        case Sabotage::forget_intent: return wanted == "forget_intent";
    }
    return false;
}
#else
constexpr bool sabotaged(Sabotage) noexcept { return false; }
#endif

}  // namespace b24gate::core
