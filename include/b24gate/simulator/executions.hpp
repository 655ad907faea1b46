// What a portal has carried out, call by call: the witness of tests that count. Pure; one thread.
#pragma once

#include <b24gate/simulator/moment.hpp>
#include <b24gate/simulator/php.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace b24gate::simulator {

struct Call;
struct MethodResult;

struct Execution {
    std::uint64_t number = 0;                 ///< from 1, in the order in which the calls took effect
    Moment started, ended;                    ///< when it arrived, when it took effect
    const std::string* method = nullptr;      ///< lower case; owned by the log
    const std::string* credential = nullptr;  ///< "webhook 1", "CLIENT_ID 1": kind or application, and the user
    long long record = 0;                     ///< the id it made or named; 0: none
    std::string marker;                       ///< see marker_of
    std::uint64_t body = 0;                   ///< hash of the parameters
    std::string key;                          ///< Idempotency-Key
    std::string error;                        ///< its code, where the method refused
    bool batched = false;
};

class ExecutionLog {
public:
    std::size_t keep = 1'000'000;

    void add(const Call& call, std::string_view method, const json::value& params, const MethodResult& result,
             bool batched, Moment started, Moment ended);
    /// At most `limit` behind the one with the number `after`, and where to go on.
    [[nodiscard]] json::object page(std::uint64_t after, std::size_t limit) const;
    /// Empties it; numbers go on.
    void clear() noexcept { log_.clear(); }

private:
    const std::string* name(std::string text) { return &*names_.insert(std::move(text)).first; }

    std::deque<Execution> log_;
    std::set<std::string> names_;
    std::uint64_t last_ = 0;
};

/// What tells one call from others: UF_MARK, ORIGIN_ID, XML_ID or TITLE of its fields, in either spelling, else UF_MARK
/// beside them.
[[nodiscard]] std::string marker_of(const json::value& params);

}  // namespace b24gate::simulator
