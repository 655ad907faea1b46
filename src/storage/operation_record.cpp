#include <b24gate/storage/operation_record.hpp>

#include <array>

namespace b24gate::storage {
namespace {

constexpr std::array<std::string_view, operation_state_count> states{"queued", "running", "waiting", "succeeded",
                                                                     "failed", "dead",    "held",    "discarded"};
constexpr std::array<std::string_view, 4> stages{"none", "leased", "intent", "lookup"};
constexpr std::array<std::string_view, 5> kinds{"read", "repeatable", "checkable", "keyed", "unsafe"};

template <class T, class Names>
std::optional<T> named(const Names& names, std::string_view name) noexcept {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<T>(i);
    return std::nullopt;
}

}  // namespace

std::string_view to_string(OperationState state) noexcept { return states[static_cast<std::size_t>(state)]; }
std::string_view to_string(OperationStage stage) noexcept { return stages[static_cast<std::size_t>(stage)]; }
std::string_view to_string(RepeatKind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }
std::optional<OperationState> operation_state(std::string_view name) noexcept {
    return named<OperationState>(states, name);
}
std::optional<OperationStage> operation_stage(std::string_view name) noexcept {
    return named<OperationStage>(stages, name);
}
std::optional<RepeatKind> repeat_kind(std::string_view name) noexcept { return named<RepeatKind>(kinds, name); }

bool is_final(OperationState state) noexcept {
    return state == OperationState::succeeded || state == OperationState::failed || state == OperationState::dead ||
           state == OperationState::discarded;
}

}  // namespace b24gate::storage
