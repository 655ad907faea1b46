// The last calls that failed, for people who ask what is wrong now: a bounded ring in memory, and sums by kind since
// the start. Any thread; only failures come here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::observe {

struct RecentError {
    std::int64_t at = 0;  ///< Unix milliseconds
    std::string request_id, client, portal, method;
    bitrix::ErrorClass error_class = bitrix::ErrorClass::gateway;
    std::string code;
    bitrix::Executed executed = bitrix::Executed::unknown;
    unsigned status = 0;      ///< what the client got; 0: it had hung up
    std::string description;  ///< masked by whoever brings it
};

class RecentErrors {
public:
    struct Limits {
        std::size_t errors = 1000;
        std::size_t groups = 500;  ///< kinds that are counted apart; those beyond go into one without names
        std::size_t text = 300;    ///< bytes of a description, a method or a code
    };
    RecentErrors() = default;
    explicit RecentErrors(const Limits& limits) : limits_(limits) {}

    void add(RecentError error);
    /// `told` is called with each error from now on, on the thread that brings it, under no lock. Before the first one.
    void when_added(std::function<void(const RecentError&)> told) { told_ = std::move(told); }

    /// The newest first, `limit` at most, that fit: empty and `ok`: any.
    struct Filter {
        std::string_view client, portal, code;
        bitrix::ErrorClass error_class = bitrix::ErrorClass::ok;
        std::size_t limit = 100;
    };
    [[nodiscard]] std::vector<RecentError> list(const Filter& filter) const;

    /// One kind of error since the start of the process.
    struct Group {
        bitrix::ErrorClass error_class = bitrix::ErrorClass::gateway;
        std::string code, portal, method;
        std::uint64_t count = 0;
        std::int64_t first = 0, last = 0;
        std::string request_id, description;  ///< of the last one
    };
    /// Those that came last first.
    [[nodiscard]] std::vector<Group> groups() const;

private:
    using Kind = std::tuple<bitrix::ErrorClass, std::string, std::string, std::string>;
    const Limits limits_;
    std::function<void(const RecentError&)> told_;
    mutable std::mutex mutex_;
    std::vector<RecentError> ring_;
    std::size_t next_ = 0;  ///< where the next one goes once the ring is full
    std::map<Kind, Group> groups_;
};

}  // namespace b24gate::observe
