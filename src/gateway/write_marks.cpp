#include <b24gate/gateway/write_marks.hpp>

#include <algorithm>

namespace b24gate::gateway {

void WriteMarks::Mark::raise(std::uint64_t event, core::TimePoint until) noexcept {
    at = std::max(at, event);
    settled = std::max(settled, until);
}

bool WriteMarks::Mark::before(std::uint64_t seen, core::TimePoint now) const noexcept {
    return at <= seen && now >= settled;
}

void WriteMarks::mark(const bitrix::Touched& touched, std::uint64_t at, core::TimePoint settled) {
    if (touched.everything) {
        all_.raise(at, settled);
        return;
    }
    for (const std::string_view family : touched.families) {
        auto found = by_family_.find(family);
        if (found == by_family_.end()) {
            if (by_family_.size() == most_families) {
                for (const auto& [name, mark] : by_family_) all_.raise(mark.at, mark.settled);
                by_family_.clear();
            }
            found = by_family_.emplace(std::string(family), Mark{}).first;
        }
        found->second.raise(at, settled);
    }
}

bool WriteMarks::untouched_since(std::string_view family, std::uint64_t seen, core::TimePoint now) const {
    if (!all_.before(seen, now)) return false;
    for (const std::string_view name : {family, family.substr(0, family.find('.'))})
        if (const auto found = by_family_.find(name); found != by_family_.end() && !found->second.before(seen, now))
            return false;
    return true;
}

}  // namespace b24gate::gateway
