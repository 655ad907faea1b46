// The forms that channels want a message in.
#include <b24gate/alerts/message.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include <b24gate/core/base64.hpp>
#include <b24gate/observe/call_record.hpp>

namespace b24gate::alerts {
namespace {

namespace json = boost::json;

constexpr std::size_t most_in_webhook = 100;

std::string time_text(UnixMs at) {
    std::string out;
    observe::append_time(out, observe::WallTime(std::chrono::milliseconds(at)));
    return out;
}

std::string html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

/// A bracket begins a tag: one that is none is made a look-alike.
std::string without_tags(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '[' ? '(' : c == ']' ? ')' : c;
    return out;
}

json::object alert_json(const Item& item, const config::Alerts& settings, Language language,
                        const std::string& gateway) {
    const Alert& alert = item.alert;
    json::object labels;
    labels["alertname"] = to_string(alert.rule);
    labels["severity"] = to_string(alert.severity);
    labels["gateway"] = gateway;
    if (!alert.subject.empty()) labels["subject"] = alert.subject;
    if (!alert.portal.empty()) labels["portal"] = alert.portal;
    json::object annotations;
    annotations["summary"] = headline(alert, settings, language);
    annotations["description"] = texts_of(alert.rule, language).meaning;
    // Texts, all of them: Alertmanager's receivers take nothing else.
    annotations["value"] = fmt::format("{}", alert.value);
    annotations["threshold"] = fmt::format("{}", alert.threshold);
    if (!alert.note.empty()) annotations["note"] = alert.note;
    json::object out;
    out["status"] = item.kind == Item::Kind::resolved ? "resolved" : "firing";
    out["labels"] = std::move(labels);
    out["annotations"] = std::move(annotations);
    out["startsAt"] = time_text(alert.since);
    out["endsAt"] = item.kind == Item::Kind::resolved ? time_text(alert.resolved) : "0001-01-01T00:00:00Z";
    out["generatorURL"] = settings.link.empty() ? "" : settings.link + "/alerts/" + alert.id;
    out["fingerprint"] = alert.id;
    return out;
}

/// RFC 2047: an encoded word may have 75 characters, so a long subject becomes several; none is cut inside of a
/// character.
std::string encoded_words(std::string_view text) {
    constexpr std::size_t most = 42;
    std::string out;
    while (!text.empty()) {
        std::size_t length = std::min(most, text.size());
        while (length < text.size() && length > 1 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
            --length;
        if (!out.empty()) out += "\r\n ";
        out += "=?UTF-8?B?" + core::to_base64(text.substr(0, length)) + "?=";
        text.remove_prefix(length);
    }
    return out;
}

std::string mail_date(UnixMs at) {
    const std::time_t seconds = static_cast<std::time_t>(at / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    // In English whatever the locale is.
    constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::array<char, 64> out{};
    std::snprintf(out.data(), out.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                  days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                  months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                  parts.tm_sec);
    return out.data();
}

}  // namespace

std::size_t utf16_length(std::string_view utf8) noexcept {
    std::size_t out = 0;
    for (const char c : utf8) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0) != 0x80) out += byte >= 0xF0 ? 2 : 1;
    }
    return out;
}

std::string telegram_html(const Message& message, Language language) {
    const CommonTexts& words = common_texts(language);
    std::string out = "<b>" + html(message.title) + "</b>\n";
    for (const std::string& line : message.lines) out += "• " + html(line) + "\n";
    const auto paragraph = [&](std::string_view name, const std::string& text) {
        if (!text.empty()) out += "\n<i>" + std::string(name) + "</i>: " + html(text) + "\n";
    };
    paragraph(words.meaning, message.meaning);
    paragraph(words.advice, message.advice);
    if (!message.facts.empty()) out += "\n";
    for (const std::string& fact : message.facts) out += html(fact) + "\n";
    if (!message.link.empty()) out += html(message.link) + "\n";
    return out;
}

std::string portal_text(const Message& message, Language language) {
    const CommonTexts& words = common_texts(language);
    std::string out = "[B]" + without_tags(message.title) + "[/B]";
    for (const std::string& line : message.lines) out += "[BR]- " + without_tags(line);
    if (!message.meaning.empty()) out += "[BR]" + std::string(words.meaning) + ": " + without_tags(message.meaning);
    if (!message.advice.empty()) out += "[BR]" + std::string(words.advice) + ": " + without_tags(message.advice);
    for (const std::string& fact : message.facts) out += "[BR]" + without_tags(fact);
    if (!message.link.empty() && message.link.find_first_of("[]") == std::string::npos)
        out += "[BR][URL=" + message.link + "]" + std::string(words.details) + "[/URL]";
    return out;
}

std::string webhook_json(const Notice& notice, const config::Alerts& settings, Language language,
                         const std::string& gateway, UnixMs now) {
    const Message message = message_of(notice, settings, language, gateway, now);
    json::array alerts;
    for (const Item& item : notice.items) {
        if (alerts.size() == most_in_webhook) break;
        alerts.push_back(alert_json(item, settings, language, gateway));
    }
    json::object common;
    common["alertname"] = to_string(notice.rule);
    json::object annotations;
    annotations["summary"] = message.title;
    annotations["meaning"] = message.meaning;
    annotations["advice"] = message.advice;
    json::object out;
    out["version"] = "4";
    out["type"] = message.firing ? "alert.firing" : "alert.resolved";
    out["timestamp"] = time_text(now);
    out["groupKey"] = std::string("{}:{alertname=\"") + std::string(to_string(notice.rule)) + "\"}";
    out["truncatedAlerts"] = notice.items.size() - alerts.size();
    out["status"] = message.firing ? "firing" : "resolved";
    out["receiver"] = notice.channel;
    out["groupLabels"] = common;
    out["commonLabels"] = common;
    out["commonAnnotations"] = std::move(annotations);
    out["externalURL"] = settings.link;
    out["text"] = plain_text(message, language);
    out["alerts"] = std::move(alerts);
    return json::serialize(out);
}

std::string webhook_test_json(const std::string& channel, const Message& message, UnixMs now) {
    json::object out;
    out["version"] = "4";
    out["type"] = "alert.test";
    out["timestamp"] = time_text(now);
    out["status"] = "resolved";
    out["receiver"] = channel;
    out["text"] = message.title;
    out["alerts"] = json::array();
    return json::serialize(out);
}

std::string mail_text(const Message& message, Language language, const config::AlertChannel& channel,
                      std::string_view id, std::string_view root, UnixMs now) {
    const std::string domain = channel.from.substr(channel.from.find('@'));
    std::string out = "Date: " + mail_date(now) + "\r\n";
    out += "From: b24gate <" + channel.from + ">\r\n";
    out += "To: ";
    for (std::size_t i = 0; i < channel.to.size(); ++i) out += (i == 0 ? "<" : ",\r\n <") + channel.to[i] + ">";
    out += "\r\nSubject: " + encoded_words(message.title) + "\r\n";
    out += "Message-ID: <" + std::string(id) + domain + ">\r\n";
    if (!root.empty() && root != id) {
        out += "In-Reply-To: <" + std::string(root) + domain + ">\r\n";
        out += "References: <" + std::string(root) + domain + ">\r\n";
    }
    out += "Auto-Submitted: auto-generated\r\n";
    if (message.severity >= Severity::critical && message.firing) out += "Importance: high\r\n";
    out += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    const std::string body = core::to_base64(plain_text(message, language));
    for (std::size_t at = 0; at < body.size(); at += 76) out += body.substr(at, 76) + "\r\n";
    return out;
}

}  // namespace b24gate::alerts
