// The error that a body names, in each of the shapes it comes in. Pure; any thread; never throws on any bytes.
#pragma once

#include <string>
#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

struct NamedError {
    std::string code;         ///< letter for letter; empty where the portal gave "" or something that is no code
    std::string description;  ///< plain_text of what the portal wrote; may be empty
};

/// From the raw values of `error` and `error_description` (empty: absent). `error` is a string, a number or, in v3, an
/// object with code and message.
[[nodiscard]] NamedError read_error(std::string_view error, std::string_view description);

/// JSON strings as text, other scalars as they stand, null and nothing as "".
[[nodiscard]] std::string text_of(std::string_view raw);

/// Without a byte order mark, which some self-hosted portals send.
[[nodiscard]] std::string_view without_bom(std::string_view body) noexcept;

/// What is said of a class when nobody said anything: a sentence.
[[nodiscard]] std::string_view sentence_for(ErrorClass c) noexcept;

/// How a body that holds no Bitrix24 answer is named in a description: "an HTML page", "an empty body", ...
[[nodiscard]] std::string_view name_of_body(std::string_view content_type, std::string_view body) noexcept;

}  // namespace b24gate::bitrix
