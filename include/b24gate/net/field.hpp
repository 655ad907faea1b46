// One header field, as a view into the buffer that was received.
#pragma once

#include <string_view>
#include <vector>

#include <b24gate/core/text.hpp>

namespace b24gate::net {

struct Field {
    std::string_view name;
    std::string_view value;
};

/// The first field of that name, compared without case; empty when there is none.
[[nodiscard]] inline std::string_view find_field(const std::vector<Field>& fields, std::string_view name) noexcept {
    for (const Field& f : fields)
        if (core::iequals(f.name, name)) return f.value;
    return {};
}

/// The same view into a copy of the bytes, or into bytes that have moved from `from` to `to`.
[[nodiscard]] inline std::string_view rebased(std::string_view view, const char* from, const char* to) noexcept {
    return view.data() == nullptr ? view : std::string_view(to + (view.data() - from), view.size());
}

inline void rebase(std::vector<Field>& fields, const char* from, const char* to) noexcept {
    if (from == to) return;
    for (Field& f : fields) f = {rebased(f.name, from, to), rebased(f.value, from, to)};
}

}  // namespace b24gate::net
