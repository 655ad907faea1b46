// A look at JSON text without building a tree: where a member stands and what its raw bytes are. For bodies that are
// forwarded byte for byte and only looked at. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::core::json {

struct SyntaxError {
    std::size_t offset;
    std::string message;
};

/// One complete document after RFC 8259: UTF-8, no byte order mark, no lone surrogate, nesting at most `max_depth`
/// (PHP's json_decode stops at 512). nullopt: it is valid.
[[nodiscard]] std::optional<SyntaxError> validate(std::string_view text, std::size_t max_depth = 512);

enum class Type { object, array, string, number, boolean, null, invalid };

/// By the first character that is no white space.
[[nodiscard]] Type type_of(std::string_view text) noexcept;

/// Walks the members of an object, or the elements of an array, one level deep. Safe on any bytes: on text that is not
/// JSON it stops and failed() says so, it never reads outside of the text. Values are only skipped over (brackets and
/// strings are balanced), not validated.
class Reader {
public:
    /// `text` is one object or array, white space around it allowed. It must outlive the reader.
    explicit Reader(std::string_view text) noexcept;

    /// Goes to the next member. False at the end, and when the text is broken.
    bool next();

    [[nodiscard]] bool is_object() const noexcept { return is_object_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    /// After the last next(): the closing bracket was seen and only white space follows.
    [[nodiscard]] bool complete() const noexcept { return complete_; }

    // Of the current member; offsets count from the start of `text`.
    [[nodiscard]] std::string_view raw_key() const noexcept { return raw_key_; }  ///< with its quotes; empty in arrays
    [[nodiscard]] bool key_is(std::string_view name) const;                       ///< compares the decoded key
    [[nodiscard]] std::string key() const;                                        ///< decoded
    [[nodiscard]] std::string_view value() const noexcept { return value_; }  ///< raw bytes, without white space around
    [[nodiscard]] std::size_t begin() const noexcept { return begin_; }       ///< of the key (object) or value (array)
    [[nodiscard]] std::size_t end() const noexcept { return end_; }           ///< just behind the value
    [[nodiscard]] std::size_t index() const noexcept { return count_ - 1; }   ///< 0 for the first

private:
    bool fail() noexcept;
    void skip_space() noexcept;
    bool skip_string() noexcept;
    bool skip_value() noexcept;

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t begin_ = 0, end_ = 0, count_ = 0;
    std::string_view raw_key_, value_;
    bool is_object_ = false, failed_ = false, complete_ = false, started_ = false;
};

/// The first member called `name` (decoded), as raw bytes; nullopt when there is none or the text is no object.
[[nodiscard]] std::optional<std::string_view> find(std::string_view object, std::string_view name);
/// The last one: what PHP's json_decode keeps when a name stands twice.
[[nodiscard]] std::optional<std::string_view> find_last(std::string_view object, std::string_view name);

/// Decodes a JSON string literal with its quotes; escapes become UTF-8. nullopt when it is no string literal.
[[nodiscard]] std::optional<std::string> decode_string(std::string_view literal);
/// The number of a JSON number literal, or of a string literal that holds one; nullopt otherwise.
[[nodiscard]] std::optional<double> to_number(std::string_view literal);
/// Appends `text` as a JSON string literal, quotes included. Invalid UTF-8 becomes U+FFFD.
void append_quoted(std::string& out, std::string_view text);
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace b24gate::core::json
