// How alerts come and go: pending, firing, resolved. Decides; who writes it down and who tells of it are others. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/alerts/conditions.hpp>
#include <b24gate/alerts/facts.hpp>
#include <b24gate/config/alerts.hpp>

namespace b24gate::alerts {

using config::Severity;

enum class State { pending, firing, resolved };
[[nodiscard]] std::string_view to_string(State) noexcept;

/// Why an alert is over.
enum class End {
    fixed,    ///< the trouble is gone
    no_data,  ///< nothing is seen any more that could tell
    gone,     ///< what it was about is not watched any more
};
[[nodiscard]] std::string_view to_string(End) noexcept;

/// What a channel was told of an alert last.
struct Told {
    bool firing = false;
    UnixMs at = 0;
    unsigned count = 0;     ///< messages that it stood in
    std::string reference;  ///< the channel's own name of the first message, to answer it; empty: none

    friend bool operator==(const Told&, const Told&) = default;
};

struct Alert {
    std::string id;  ///< of rule and subject: the same each time
    AlertRule rule = AlertRule::error_rate;
    std::string subject, portal;
    Severity severity = Severity::warning;
    State state = State::pending;
    UnixMs since = 0;      ///< the trouble began
    UnixMs fired = 0;      ///< it began to fire; 0: never yet
    UnixMs resolved = 0;   ///< it ended
    UnixMs last_true = 0;  ///< the trouble was seen last
    UnixMs seen = 0;       ///< it was looked at last
    End end = End::fixed;
    double value = 0, peak = 0, threshold = 0;
    std::uint64_t part = 0, total = 0;
    std::string note;
    std::vector<UnixMs> firings;       ///< of the last hour
    std::map<std::string, Told> told;  ///< by channel

    friend bool operator==(const Alert&, const Alert&) = default;
};

[[nodiscard]] std::string alert_id(AlertRule rule, std::string_view subject);
[[nodiscard]] std::optional<AlertRule> parse_rule(std::string_view name) noexcept;
/// More changes in an hour than anybody wants to read of one by one.
[[nodiscard]] bool flapping(const Alert& alert, UnixMs now) noexcept;

class Engine {
public:
    /// `known`: as they were written down.
    explicit Engine(std::vector<Alert> known = {}) : alerts_(std::move(known)) {}

    /// The alerts whose state is another one now, as they are now.
    std::vector<Alert> step(const config::Alerts& settings, const std::vector<Condition>& conditions, UnixMs now);

    [[nodiscard]] std::vector<Alert>& alerts() noexcept { return alerts_; }
    [[nodiscard]] const std::vector<Alert>& alerts() const noexcept { return alerts_; }

private:
    std::vector<Alert> alerts_;
};

}  // namespace b24gate::alerts
