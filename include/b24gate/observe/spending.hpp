// What one client's calls have cost one portal, by method, since the start of the process. Bounded; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::observe {

class Spending {
public:
    /// Methods that are told apart; those beyond are one, `others`.
    static constexpr std::size_t most_methods = 100;
    static constexpr std::string_view others = "(others)";

    struct Row {
        std::string method;      ///< as it was called
        std::uint64_t hits = 0;  ///< requests that the portal counts
        double seconds = 0;      ///< running time, as the portal's answers told it
    };

    void add(std::string_view method, unsigned hits, double seconds);
    /// The dearest first: by hits, then by seconds.
    [[nodiscard]] std::vector<Row> rows() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace b24gate::observe
