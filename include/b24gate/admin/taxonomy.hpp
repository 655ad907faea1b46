// What classes, codes and states mean, in words for people: English and Russian, all of them in one place. Pure data;
// any thread.
#pragma once

#include <boost/json/object.hpp>

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::admin {

enum class Language { en, ru };

struct Words {
    std::string_view phrase;   ///< a few words, for a column
    std::string_view meaning;  ///< what has happened
    std::string_view advice;   ///< what to do
};

/// Of a class, or of one of the gateway's own codes, which say more than their class.
[[nodiscard]] const Words& words_of(bitrix::ErrorClass error_class, std::string_view code, Language language) noexcept;
[[nodiscard]] std::string_view words_of(storage::OperationState state, Language language) noexcept;
/// Why an operation waits or is held, as the half of a sentence; empty: the word is not known.
[[nodiscard]] std::string_view words_of_why(std::string_view why, Language language) noexcept;

/// {"en": {"phrase", "meaning", "advice"}, "ru": {...}}
[[nodiscard]] boost::json::object explanation(bitrix::ErrorClass error_class, std::string_view code);
/// {"en": text, "ru": text}, of how an operation stands.
[[nodiscard]] boost::json::object standing(const storage::OperationRecord& record, unsigned most_attempts);

/// The class of that name; ok when there is none.
[[nodiscard]] bitrix::ErrorClass error_class_of(std::string_view name) noexcept;

}  // namespace b24gate::admin
