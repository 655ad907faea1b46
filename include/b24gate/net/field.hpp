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

}  // namespace b24gate::net
