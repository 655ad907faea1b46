// [alerts]: what is watched, when it counts as trouble, and who is told. Plain data; part of Config.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::config {

using Milliseconds = std::chrono::milliseconds;

enum class AlertRule {
    error_rate,
    no_success,
    stuck_operations,
    refresh_token,
    needs_reauth,
    breaker_open,
    store,
    disk,
    callbacks,
    reload,
    channel,
};
inline constexpr std::size_t alert_rule_count = 11;
[[nodiscard]] std::string_view to_string(AlertRule) noexcept;  ///< as in the file: "error_rate"

/// From the least to the worst.
enum class Severity { info, warning, critical, page };
[[nodiscard]] std::string_view to_string(Severity) noexcept;

struct AlertRuleSettings {
    bool enabled = true;
    Severity severity = Severity::warning;
    double threshold = 0;    ///< above it; of the error rate a share, else a count
    Milliseconds window{0};  ///< what is looked at, back from now; of the refresh token: ahead
    Milliseconds hold{0};    ///< so long it must be so before it counts ("for")
    unsigned min_calls = 0;  ///< fewer calls in the window say nothing
    std::uint64_t free = 0;  ///< bytes; of the disk: below it

    friend bool operator==(const AlertRuleSettings&, const AlertRuleSettings&) = default;
};
/// What holds without a [alerts.rules.NAME].
[[nodiscard]] AlertRuleSettings default_rule(AlertRule) noexcept;
[[nodiscard]] std::array<AlertRuleSettings, alert_rule_count> default_rules() noexcept;

enum class Language { en, ru };

struct AlertChannel {
    enum class Type { log, webhook, telegram, email, portal };
    std::string name;
    Type type = Type::log;
    Severity least = Severity::info;        ///< what is less severe does not go here
    std::vector<std::string> rules{"*"};    ///< globs of rule names
    std::vector<std::string> portals{"*"};  ///< globs; what concerns no portal goes everywhere
    Language language = Language::en;
    core::Secret url;                 ///< webhook: where to; telegram: the API's address, without a slash
    core::Secret secret, old_secret;  ///< webhook: signs
    core::Secret token;               ///< telegram: of the bot
    std::string chat;                 ///< telegram
    std::int64_t thread = 0;          ///< telegram: message_thread_id; 0: none
    std::string server;               ///< email: smtp://HOST:PORT or smtps://HOST:PORT
    std::string user;                 ///< email: login; empty: none
    core::Secret password;            ///< email
    std::string from;                 ///< email: an address
    std::vector<std::string> to;      ///< email: addresses
    std::string ca;                   ///< email, webhook: PEM file of a private CA
    bool plain = false;               ///< email: smtp:// without STARTTLS, for tests and closed networks
    std::string portal;               ///< portal: through which one
    std::string credential;           ///< portal: empty: "main", or the only one
    std::int64_t portal_user = 0;     ///< portal: who gets it
};

struct Alerts {
    bool enabled = true;
    Milliseconds interval{15'000};             ///< between looks
    Milliseconds keep{300'000};                ///< trouble must be gone so long before it counts as over
    Milliseconds group_wait{30'000};           ///< the first message of a rule waits so long for others of it
    Milliseconds group_interval{300'000};      ///< between messages of a rule, when something has changed
    Milliseconds repeat_interval{14'400'000};  ///< between messages of a rule, while nothing changes: 4 h
    Milliseconds timeout{10'000};              ///< of one sending
    Language language = Language::en;          ///< of messages; a channel may have another one
    std::string link;                          ///< address of the dashboard, for links in messages; empty: no links
    core::Secret heartbeat_url;                ///< asked while alerts are looked for; empty: none
    Milliseconds heartbeat_interval{60'000};
    bool tell_responsible = true;            ///< business errors go to the client's responsible_user
    Milliseconds responsible_wait{300'000};  ///< errors of one kind are gathered so long
    std::array<AlertRuleSettings, alert_rule_count> rules = default_rules();
    std::map<std::string, AlertChannel> channels;  ///< by name; one of type log is there always

    [[nodiscard]] const AlertRuleSettings& rule(AlertRule r) const noexcept {
        return rules[static_cast<std::size_t>(r)];
    }
};

}  // namespace b24gate::config
