#include <b24gate/config/nearest.hpp>

#include <algorithm>
#include <vector>

#include <b24gate/core/text.hpp>

namespace b24gate::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the table are enough: a swap looks two rows back.
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto same = [&](std::size_t x, std::size_t y) {
                return core::to_lower(a[x - 1]) == core::to_lower(b[y - 1]);
            };
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(i, j) ? 0u : 1u)});
            if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
    // No known name is this long; a longer word would only cost time.
    if (word.size() > 64) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t least = 0;
    for (const std::string_view name : known) {
        const std::size_t distance = edit_distance(word, name);
        if (distance * 3 <= std::max(word.size(), name.size()) && (!best || distance < least)) {
            best = name;
            least = distance;
        }
    }
    return best;
}

}  // namespace b24gate::config
