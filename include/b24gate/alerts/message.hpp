// A notice in words, and in the form of each kind of channel. Long lists are cut before they are rendered, so that no
// markup is ever cut in two. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/alerts/business_errors.hpp>
#include <b24gate/alerts/plan.hpp>
#include <b24gate/alerts/texts.hpp>

namespace b24gate::alerts {

struct Message {
    bool firing = true;
    Severity severity = Severity::warning;
    std::string title;               ///< one line
    std::vector<std::string> lines;  ///< one for each alert, where they are several
    std::string meaning, advice;     ///< may be empty
    std::vector<std::string> facts;  ///< since when, which gateway
    std::string link;                ///< may be empty
};

inline constexpr std::size_t most_lines = 20;

/// `gateway`: the name of who sends it. `lines`: how many at the most.
[[nodiscard]] Message message_of(const Notice& notice, const config::Alerts& settings, Language language,
                                 const std::string& gateway, UnixMs now, std::size_t lines = most_lines);
/// A message that says only that the channel works.
[[nodiscard]] Message test_message(const std::string& channel, const std::string& gateway, Language language);
/// For the person who is responsible for a client.
[[nodiscard]] Message business_message(const BusinessNote& note, Language language);
/// One alert in a line, as it is now.
[[nodiscard]] std::string headline(const Alert& alert, const config::Alerts& settings, Language language);

// --- forms ---------------------------------------------------------------------------------------------------------

[[nodiscard]] std::string plain_text(const Message& message, Language language);

inline constexpr std::size_t telegram_limit = 4096;  ///< UTF-16 units, without the markup
/// HTML as Telegram knows it.
[[nodiscard]] std::string telegram_html(const Message& message, Language language);
[[nodiscard]] std::size_t utf16_length(std::string_view utf8) noexcept;

/// BB code as the notices of a portal know it.
[[nodiscard]] std::string portal_text(const Message& message, Language language);

/// JSON with the members of Alertmanager's version 4, so that receivers of those work.
[[nodiscard]] std::string webhook_json(const Notice& notice, const config::Alerts& settings, Language language,
                                       const std::string& gateway, UnixMs now);
[[nodiscard]] std::string webhook_test_json(const std::string& channel, const Message& message, UnixMs now);

/// A whole mail. `id`: of the message, `root`: of the thread that it belongs to.
[[nodiscard]] std::string mail_text(const Message& message, Language language, const config::AlertChannel& channel,
                                    std::string_view id, std::string_view root, UnixMs now);

}  // namespace b24gate::alerts
