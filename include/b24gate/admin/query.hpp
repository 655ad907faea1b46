// What a request to the API says of itself: its query string and its JSON body. Bytes from outside, so every mistake is
// told in a sentence that says what would be right. Pure; any thread.
#pragma once

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b24gate::admin {

template <class T>
using Parsed = boost::system::result<T, std::string>;

/// Names and values, decoded, in their order.
class Query {
public:
    Query() = default;
    /// Of a target: what stands behind its first '?'. At most 64 parameters.
    [[nodiscard]] static Parsed<Query> parse(std::string_view target);
    /// Of a JSON object with texts, numbers, flags, and lists of texts, which become texts with commas.
    [[nodiscard]] static Parsed<Query> from(const boost::json::object& object);

    /// Null: it is not there.
    [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
    /// The one that stands last; empty when there is none.
    [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
    /// Every name is one of these, and stands once. Otherwise what is wrong.
    [[nodiscard]] std::optional<std::string> check(std::span<const std::string_view> known) const;

    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return all_; }

private:
    std::vector<std::pair<std::string, std::string>> all_;
};

/// The path before the query, and "/" at its end dropped.
[[nodiscard]] std::string_view path_of(std::string_view target) noexcept;

/// Whether a path is of that pattern, in which {...} stands for any one segment; then `parts` are those, decoded.
[[nodiscard]] bool match(std::string_view pattern, std::string_view path, std::vector<std::string>& parts);

/// `%41` and `+` decoded; nullopt: a percent sign that begins no byte.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);
/// For a value in a query and for a segment of a path.
[[nodiscard]] std::string percent_encoded(std::string_view text);

/// The object of a body; an empty body is an empty object.
[[nodiscard]] Parsed<boost::json::object> body_object(std::string_view body);

/// RFC 3339 (2026-01-31T23:59:59.5+03:00, the time or the seconds may be missing), or Unix milliseconds.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text) noexcept;

/// A cursor that says nothing to whoever gets it; 0 and empty stand for each other.
[[nodiscard]] std::string encode_cursor(std::int64_t position);
[[nodiscard]] std::optional<std::int64_t> decode_cursor(std::string_view text);

}  // namespace b24gate::admin
