// When a portal's families of methods were last written to: whether an answer may still be what the portal would say.
// Moments are numbers of events, ascending, not times. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <b24gate/bitrix/families.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::gateway {

class WriteMarks {
public:
    /// A write that touches these families was sent, or has ended, as event number `at`. With an outcome that nobody
    /// knows the portal may still be at it until `settled`.
    void mark(const bitrix::Touched& touched, std::uint64_t at, core::TimePoint settled = core::TimePoint::min());

    /// Whether no write has touched the family behind event number `seen`, and none is unsettled.
    [[nodiscard]] bool untouched_since(std::string_view family, std::uint64_t seen, core::TimePoint now) const;

    /// More families than this are taken for all of them: names come from clients.
    static constexpr std::size_t most_families = 256;

private:
    struct Mark {
        std::uint64_t at = 0;
        core::TimePoint settled = core::TimePoint::min();

        void raise(std::uint64_t event, core::TimePoint until) noexcept;
        [[nodiscard]] bool before(std::uint64_t seen, core::TimePoint now) const noexcept;
    };
    Mark all_;
    std::map<std::string, Mark, std::less<>> by_family_;
};

}  // namespace b24gate::gateway
