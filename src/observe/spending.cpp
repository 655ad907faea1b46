#include <b24gate/observe/spending.hpp>

#include <algorithm>
#include <tuple>

namespace b24gate::observe {

void Spending::add(std::string_view method, unsigned hits, double seconds) {
    // Whoever sends nothing spends nothing, and a portal's number is not to be trusted further than that.
    if (!(seconds > 0)) seconds = 0;
    if (hits == 0 && seconds == 0) return;
    std::string name(method);
    const std::lock_guard lock(mutex_);
    auto row = rows_.find(name);
    if (row == rows_.end()) {
        if (rows_.size() >= most_methods) name = others;
        row = rows_.try_emplace(name).first;
        row->second.method = name;
    }
    row->second.hits += hits;
    row->second.seconds += seconds;
}

std::vector<Spending::Row> Spending::rows() const {
    std::vector<Row> out;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, row] : rows_) out.push_back(row);
    }
    std::ranges::stable_sort(
        out, [](const Row& a, const Row& b) { return std::tie(a.hits, a.seconds) > std::tie(b.hits, b.seconds); });
    return out;
}

}  // namespace b24gate::observe
