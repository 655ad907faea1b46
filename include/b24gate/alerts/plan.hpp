// Who is to be told what now. The plan follows from how the alerts stand and what each channel was told of them last,
// so whatever could not be sent is planned again, as things are by then: no channel has a backlog. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <b24gate/alerts/engine.hpp>
#include <b24gate/config/alerts.hpp>
#include <b24gate/storage/alert_store.hpp>

namespace b24gate::alerts {

/// One alert in a message.
struct Item {
    enum class Kind {
        fired,     ///< the channel hears of it for the first time
        still,     ///< it knows
        resolved,  ///< it is over
    };
    Kind kind = Kind::fired;
    Alert alert;
};

/// One message: all of a rule that a channel is to hear of.
struct Notice {
    std::string id;  ///< the same for each try
    std::string channel;
    AlertRule rule = AlertRule::error_rate;
    std::vector<Item> items;
    bool flapping = false;  ///< one of them comes and goes

    [[nodiscard]] bool firing() const noexcept;
    [[nodiscard]] Severity severity() const noexcept;  ///< the worst
};

[[nodiscard]] std::vector<Notice> plan(const config::Alerts& settings, const std::vector<Alert>& alerts,
                                       const std::vector<storage::Silence>& silences, UnixMs now);

/// The channel has been told: writes that into the alerts, as far as they still are what it was told of.
/// `reference`: the channel's own name of the message.
void note_told(std::vector<Alert>& alerts, const Notice& notice, const std::string& reference, UnixMs now);

/// Whether the channel is for that alert at all.
[[nodiscard]] bool goes_to(const Alert& alert, const config::AlertChannel& channel);
/// The silence that holds for it; null: none does.
[[nodiscard]] const storage::Silence* silence_of(const Alert& alert, const std::vector<storage::Silence>& silences,
                                                 UnixMs now);
/// Another alert says the reason for this one already.
[[nodiscard]] bool inhibited(const Alert& alert, const std::vector<Alert>& all);

}  // namespace b24gate::alerts
