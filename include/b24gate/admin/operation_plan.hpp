// An action on many operations: what it would do, told before it is done. Pure; any thread.
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admin/operation_query.hpp>

namespace b24gate::admin {

enum class BulkAction { retry, discard };
[[nodiscard]] std::string_view to_string(BulkAction) noexcept;  ///< "retry", "discard"

/// An operation as it stood when the plan was made: if it stands otherwise later, it is left alone.
struct Planned {
    std::string id;
    storage::OperationState state = storage::OperationState::dead;
    unsigned generation = 0;
    std::int64_t fence = 0;
};

/// The query of a plan: states that nobody has named are dead and failed, so that what is held, and may have been
/// carried out already, is never among them by accident. The error is a sentence: the action cannot be done to a state.
[[nodiscard]] Parsed<OperationQuery> plan_query(BulkAction action, OperationQuery query);

struct Plan {
    static constexpr std::size_t most = 100'000;

    BulkAction action = BulkAction::retry;
    OperationQuery query;
    std::vector<Planned> operations;  ///< the oldest first
    bool complete = true;             ///< false: there are more than `most`, or looking took too long
    std::size_t held = 0;             ///< of them: a repeat may do them twice
    std::size_t held_left_out = 0;    ///< held ones that fit, but were not asked for
    std::map<std::string, std::size_t> by_state, by_class, by_method, by_portal;
    storage::UnixMs oldest = 0, newest = 0;  ///< created

    /// The newest come first, as lists bring them.
    void add(const storage::OperationRecord& record);
    void finish();  ///< after the last one
};

/// How fast a portal takes calls now.
struct Pace {
    bool unlimited = false;
    double available = 0;  ///< requests that may leave at once
    double rate = 0;       ///< and a second, behind those
};
/// How long the portals need for that many calls each, one a request; nullopt: nobody knows.
[[nodiscard]] std::optional<double> seconds_for(const std::map<std::string, std::size_t>& by_portal,
                                                const std::function<std::optional<Pace>(std::string_view)>& pace);

/// What people get to see of it.
[[nodiscard]] boost::json::object to_json(const Plan& plan, std::optional<double> seconds);

}  // namespace b24gate::admin
