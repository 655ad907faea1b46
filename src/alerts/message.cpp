#include <b24gate/alerts/message.hpp>

#include <algorithm>
#include <chrono>

#include <b24gate/observe/call_record.hpp>

namespace b24gate::alerts {
namespace {

constexpr std::size_t longest_note = 200, longest_subject = 160;

/// One line, not too long, not cut inside of a character.
std::string shortened(std::string_view text, std::size_t most) {
    std::string out;
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    if (out.size() <= most) return out;
    while (most > 0 && (static_cast<unsigned char>(out[most]) & 0xC0) == 0x80) --most;
    out.resize(most);
    return out + "…";
}

std::string time_text(UnixMs at) {
    std::string out;
    observe::append_time(out, observe::WallTime(std::chrono::milliseconds(at)));
    return out;
}

std::string value_text(AlertRule rule, double value, Language language) {
    switch (rule) {
        case AlertRule::error_rate: return percent(value);
        case AlertRule::no_success:
        case AlertRule::refresh_token: return length_of_time(static_cast<std::int64_t>(value), language);
        case AlertRule::disk: return bytes(value, language);
        default: return count(value <= 0 ? 0 : static_cast<std::uint64_t>(value), language);
    }
}

/// The worst says something only where it is a figure.
bool has_peak(AlertRule rule) {
    return rule == AlertRule::error_rate || rule == AlertRule::stuck_operations || rule == AlertRule::disk ||
           rule == AlertRule::callbacks;
}

std::string over_line(const Alert& alert, Language language) {
    const CommonTexts& words = common_texts(language);
    const std::string subject = std::string(texts_of(alert.rule, language).name) +
                                (alert.subject.empty() ? "" : " " + shortened(alert.subject, longest_subject));
    const std::string time = length_of_time((alert.resolved - alert.fired) / 1000, language);
    std::string out = filled(
        words.over, {{"subject", subject}, {"time", time}, {"peak", value_text(alert.rule, alert.peak, language)}});
    if (!has_peak(alert.rule)) out.resize(out.rfind(", "));
    if (alert.end == End::no_data) out += " (" + std::string(words.no_data) + ")";
    if (alert.end == End::gone) out += " (" + std::string(words.gone) + ")";
    return out;
}

std::string line_of(const Item& item, const config::Alerts& settings, Language language) {
    return item.kind == Item::Kind::resolved ? over_line(item.alert, language)
                                             : headline(item.alert, settings, language);
}

std::string in_brackets(std::string_view word) { return "[" + std::string(word) + "] "; }

}  // namespace

std::string headline(const Alert& alert, const config::Alerts& settings, Language language) {
    const std::string window = length_of_time(settings.rule(alert.rule).window.count() / 1000, language);
    std::string subject = shortened(alert.subject, longest_subject);
    return filled(texts_of(alert.rule, language).headline,
                  {{"subject", std::move(subject)},
                   {"value", value_text(alert.rule, alert.value, language)},
                   {"threshold", value_text(alert.rule, alert.threshold, language)},
                   {"window", window},
                   {"part", count(alert.part, language)},
                   {"total", count(alert.total, language)},
                   {"note", alert.note.empty() ? "-" : shortened(alert.note, longest_note)}});
}

Message message_of(const Notice& notice, const config::Alerts& settings, Language language, const std::string& gateway,
                   UnixMs now, std::size_t lines) {
    const CommonTexts& words = common_texts(language);
    const RuleTexts& rule = texts_of(notice.rule, language);
    Message out;
    out.firing = notice.firing();
    out.severity = notice.severity();
    std::string bracket(out.firing ? words.firing : words.resolved);
    const auto firing = static_cast<std::size_t>(std::count_if(
        notice.items.begin(), notice.items.end(), [](const Item& i) { return i.kind != Item::Kind::resolved; }));
    const std::size_t shown = out.firing ? firing : notice.items.size();
    if (shown > 1) bracket += ":" + std::to_string(shown);
    if (notice.items.size() == 1) {
        const Item& item = notice.items.front();
        out.title = in_brackets(bracket) + line_of(item, settings, language);
        if (out.firing) out.facts.push_back(filled(words.since, {{"time", time_text(item.alert.since)}}));
        if (notice.flapping)
            out.facts.push_back(filled(words.flapping, {{"count", std::to_string(item.alert.firings.size())}}));
    } else {
        out.title = in_brackets(bracket) + std::string(rule.name);
        for (const Item& item : notice.items) {
            if (out.lines.size() == lines) {
                out.lines.push_back(filled(words.more, {{"count", std::to_string(notice.items.size() - lines)}}));
                break;
            }
            const bool over = item.kind == Item::Kind::resolved;
            out.lines.push_back((over && out.firing ? in_brackets(words.resolved) : std::string()) +
                                line_of(item, settings, language));
        }
    }
    if (out.firing) {
        const std::string subject = notice.items.size() == 1 ? notice.items.front().alert.subject : "NAME";
        out.meaning = rule.meaning;
        out.advice = filled(rule.advice, {{"subject", shortened(subject, longest_subject)}});
    }
    out.facts.push_back(std::string(words.severities[static_cast<std::size_t>(out.severity)]) + ", " + gateway + ", " +
                        time_text(now));
    if (!settings.link.empty())
        out.link = settings.link + "/alerts" + (notice.items.size() == 1 ? "/" + notice.items.front().alert.id : "");
    return out;
}

Message test_message(const std::string& channel, const std::string& gateway, Language language) {
    Message out;
    out.firing = false;
    out.severity = Severity::info;
    out.title = filled(common_texts(language).test, {{"channel", channel}, {"gateway", gateway}});
    return out;
}

Message business_message(const BusinessNote& note, Language language) {
    const CommonTexts& words = common_texts(language);
    Message out;
    out.title = filled(words.business_title, {{"client", note.client}});
    for (const BusinessNote::Kind& kind : note.kinds) {
        const std::string text = kind.text.empty() ? std::string() : "— " + shortened(kind.text, 300);
        out.lines.push_back(filled(
            words.business_line,
            {{"method", kind.method}, {"code", kind.code}, {"count", count(kind.count, language)}, {"text", text}}));
    }
    if (note.more != 0) out.lines.push_back(filled(words.business_digest, {{"count", count(note.more, language)}}));
    out.advice = words.business_advice;
    return out;
}

std::string plain_text(const Message& message, Language language) {
    const CommonTexts& words = common_texts(language);
    std::string out = message.title + "\n";
    for (const std::string& line : message.lines) out += "- " + line + "\n";
    const auto paragraph = [&](std::string_view name, const std::string& text) {
        if (!text.empty()) out += "\n" + std::string(name) + ": " + text + "\n";
    };
    paragraph(words.meaning, message.meaning);
    paragraph(words.advice, message.advice);
    if (!message.facts.empty()) out += "\n";
    for (const std::string& fact : message.facts) out += fact + "\n";
    if (!message.link.empty()) out += message.link + "\n";
    return out;
}

}  // namespace b24gate::alerts
