#include <b24gate/admin/operation_plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <b24gate/admin/json_text.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;
using storage::OperationState;

constexpr std::size_t most_shown = 50;

bool possible(BulkAction action, OperationState state) noexcept {
    switch (state) {
        case OperationState::held:
        case OperationState::dead:
        case OperationState::failed: return true;
        case OperationState::queued:
        case OperationState::waiting: return action == BulkAction::discard;
        case OperationState::running:
        case OperationState::succeeded:
        case OperationState::discarded: break;
    }
    return false;
}

/// The most frequent ones; the rest is one number.
json::object counted(const std::map<std::string, std::size_t>& counts) {
    std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    json::object out;
    std::size_t rest = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        if (i < most_shown)
            out[sorted[i].first] = sorted[i].second;
        else
            rest += sorted[i].second;
    }
    if (rest != 0) out["(others)"] = rest;
    return out;
}

}  // namespace

std::string_view to_string(BulkAction action) noexcept { return action == BulkAction::retry ? "retry" : "discard"; }

Parsed<OperationQuery> plan_query(BulkAction action, OperationQuery query) {
    if (query.states.empty()) query.states = {OperationState::dead, OperationState::failed};
    for (const OperationState state : query.states)
        if (!possible(action, state))
            return fmt::format("what is {} cannot be {}", to_string(state),
                               action == BulkAction::retry ? "begun anew; held, dead and failed can"
                                                           : "discarded; queued, waiting, held, dead and failed can");
    return query;
}

void Plan::add(const storage::OperationRecord& record) {
    Planned one;
    one.id = record.id;
    one.state = record.state;
    one.generation = record.generation;
    one.fence = record.fence;
    operations.push_back(std::move(one));
    if (record.state == OperationState::held) ++held;
    ++by_state[std::string(to_string(record.state))];
    if (!record.error_class.empty()) ++by_class[record.error_class];
    ++by_method[record.method];
    ++by_portal[record.portal];
    if (newest == 0) newest = record.created;
    oldest = record.created;
}

void Plan::finish() { std::reverse(operations.begin(), operations.end()); }

std::optional<double> seconds_for(const std::map<std::string, std::size_t>& by_portal,
                                  const std::function<std::optional<Pace>(std::string_view)>& pace) {
    double longest = 0;
    for (const auto& [portal, count] : by_portal) {
        const auto known = pace(portal);
        if (!known) return std::nullopt;
        if (known->unlimited) continue;
        const double waiting = static_cast<double>(count) - std::max(0.0, known->available);
        if (waiting <= 0) continue;
        if (known->rate <= 0) return std::nullopt;
        longest = std::max(longest, waiting / known->rate);  // portals do not wait for each other
    }
    return longest;
}

json::object to_json(const Plan& plan, std::optional<double> seconds) {
    json::object out;
    out["action"] = to_string(plan.action);
    out["filter"] = to_query_string(plan.query);
    out["count"] = plan.operations.size();
    out["complete"] = plan.complete;
    out["held"] = plan.held;
    out["held_left_out"] = plan.held_left_out;
    out["by_state"] = counted(plan.by_state);
    out["by_class"] = counted(plan.by_class);
    out["by_method"] = counted(plan.by_method);
    out["by_portal"] = counted(plan.by_portal);
    out["oldest"] = time_value(plan.oldest);
    out["newest"] = time_value(plan.newest);
    out["estimate_s"] = seconds ? json::value(std::ceil(*seconds)) : json::value();
    return out;
}

}  // namespace b24gate::admin
