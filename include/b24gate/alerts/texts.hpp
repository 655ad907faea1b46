// What is said, in each language, as data: what an alert is, what it means, what to do. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/config/alerts.hpp>

namespace b24gate::alerts {

using config::Language;

struct RuleTexts {
    std::string_view name;      ///< "Error rate"
    std::string_view headline;  ///< with {subject}, {value}, {threshold}, {window}, {part}, {total}, {note}
    std::string_view meaning, advice;
};
[[nodiscard]] const RuleTexts& texts_of(config::AlertRule rule, Language language) noexcept;

struct CommonTexts {
    std::string_view firing, resolved;          ///< in front of a title
    std::string_view more;                      ///< with {count}
    std::string_view over;                      ///< with {subject}, {time}, {peak}
    std::string_view no_data, gone;             ///< why it is over, where it was not mended
    std::string_view since, flapping;           ///< with {time}; with {count}
    std::string_view meaning, advice, details;  ///< words before what follows
    std::string_view severities[4];
    std::string_view business_title;  ///< with {client}
    std::string_view business_line;   ///< with {method}, {code}, {count}, {text}
    std::string_view business_advice;
    std::string_view business_digest;  ///< with {count}
    std::string_view test;             ///< with {channel}, {gateway}
};
[[nodiscard]] const CommonTexts& common_texts(Language language) noexcept;

/// `text` with each {name} replaced.
struct Filling {
    std::string_view name;
    std::string value;
};
[[nodiscard]] std::string filled(std::string_view text, std::initializer_list<Filling> fillings);

/// "34 %", "0.4 %".
[[nodiscard]] std::string percent(double share);
/// "12 min", "3 h 5 min", "2 d".
[[nodiscard]] std::string length_of_time(std::int64_t seconds, Language language);
[[nodiscard]] std::string bytes(double count, Language language);
/// With the language's own mark between thousands.
[[nodiscard]] std::string count(std::uint64_t number, Language language);

}  // namespace b24gate::alerts
