#include <b24gate/bitrix/multipart.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

constexpr std::size_t max_header_line = 8192;
constexpr std::size_t max_header_lines = 32;

MultipartError broken(std::string_view what) { return {"the multipart body is broken: " + std::string(what)}; }

constexpr bool is_alnum(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// RFC 9110's token without the apostrophe, which PHP takes for a quote.
constexpr bool is_token(char c) noexcept {
    return is_alnum(c) || std::string_view("!#$%&*+-.^_`|~").find(c) != std::string_view::npos;
}

/// RFC 2046's boundary characters without those at which PHP ends an unquoted one.
constexpr bool is_boundary_char(char c) noexcept {
    return is_alnum(c) || std::string_view("'()+_-./:=?").find(c) != std::string_view::npos;
}

std::size_t find(std::string_view text, std::string_view what, std::size_t from) {
    if (from >= text.size()) return std::string_view::npos;
    // memmem is linear on any input; string_view::find is not, and a boundary can be all dashes.
    const void* hit = memmem(text.data() + from, text.size() - from, what.data(), what.size());
    return hit ? static_cast<std::size_t>(static_cast<const char*>(hit) - text.data()) : std::string_view::npos;
}

void skip_blanks(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

std::string_view take_token(std::string_view& text) {
    std::size_t end = 0;
    while (end < text.size() && is_token(text[end])) ++end;
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(end);
    return token;
}

/// A quoted string or a token; nullopt: neither, or the quotes are not closed.
std::optional<std::string_view> take_value(std::string_view& text) {
    if (text.empty() || text.front() != '"') {
        const std::string_view token = take_token(text);
        if (token.empty()) return std::nullopt;
        return token;
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        // Only a backslash in front of a quote escapes; that is how PHP finds the end.
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') {
            ++i;
        } else if (text[i] == '"') {
            const std::string_view value = text.substr(1, i - 1);
            text.remove_prefix(i + 1);
            return value;
        }
    }
    return std::nullopt;
}

/// `form-data; name="x"; filename="y"`
bool parse_disposition(std::string_view text, MultipartField& field) {
    skip_blanks(text);
    if (!core::iequals(take_token(text), "form-data")) return false;
    bool named = false;
    while (true) {
        skip_blanks(text);
        if (text.empty()) return named;
        if (text.front() != ';') return false;
        text.remove_prefix(1);
        skip_blanks(text);
        const std::string_view key = take_token(text);
        if (key.empty() || text.empty() || text.front() != '=') return false;
        text.remove_prefix(1);
        const auto value = take_value(text);
        if (!value) return false;
        if (core::iequals(key, "name")) {
            if (named || value->find('\\') != std::string_view::npos) return false;
            named = true;
            field.name = *value;
        } else if (core::iequals(key, "filename")) {
            field.is_file = true;
        }
    }
}

/// The header lines of one part; `at` moves to the part's content. nullopt: fine.
std::optional<MultipartError> parse_headers(std::string_view body, std::size_t& at, MultipartField& field) {
    bool disposed = false;
    for (std::size_t lines = 0;; ++lines) {
        const std::size_t end = find(body.substr(0, std::min(body.size(), at + max_header_line + 2)), "\r\n", at);
        if (end == std::string_view::npos) return broken("a part's header line is not ended by CRLF");
        std::string_view line = body.substr(at, end - at);
        at = end + 2;
        if (line.empty()) break;
        if (lines == max_header_lines) return broken("a part has more than 32 header lines");
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            return broken("a part's header holds a bare CR, LF or NUL");
        const std::string_view name = take_token(line);
        if (name.empty() || line.empty() || line.front() != ':')
            return broken("a part's header line is not of the form `Name: value`");
        line.remove_prefix(1);
        if (!core::iequals(name, "Content-Disposition")) continue;
        if (disposed || !parse_disposition(line, field))
            return broken(
                "every part needs one `Content-Disposition: form-data; name=\"...\"` with one name that holds no "
                "backslash");
        disposed = true;
    }
    if (!disposed) return broken("a part has no Content-Disposition");
    return std::nullopt;
}

}  // namespace

boost::system::result<std::string_view, MultipartError> multipart_boundary(std::string_view content_type) {
    const std::string lower = core::to_lower(content_type);
    const std::size_t at = lower.find("boundary");
    const MultipartError missing{"Content-Type: multipart/form-data needs one `boundary` parameter"};
    if (at == std::string::npos) return missing;
    // PHP takes the first of these words in the whole value, lower case before any other.
    if (!content_type.substr(at).starts_with("boundary") && content_type.find("boundary") != std::string_view::npos)
        return missing;
    std::string_view before = content_type.substr(0, at);
    while (!before.empty() && (before.back() == ' ' || before.back() == '\t')) before.remove_suffix(1);
    std::string_view rest = content_type.substr(at + 8);
    const MultipartError wrong{
        "the multipart boundary must be 1 to 70 letters, digits or '()+_-./:=? right behind `boundary=`"};
    if (before.empty() || before.back() != ';' || rest.empty() || rest.front() != '=') return wrong;
    rest.remove_prefix(1);
    const bool quoted = !rest.empty() && rest.front() == '"';
    if (quoted) rest.remove_prefix(1);
    std::size_t end = 0;
    while (end < rest.size() && is_boundary_char(rest[end])) ++end;
    const std::string_view boundary = rest.substr(0, end);
    rest.remove_prefix(end);
    if (quoted) {
        if (rest.empty() || rest.front() != '"') return wrong;
        rest.remove_prefix(1);
    }
    if (boundary.empty() || boundary.size() > 70 || (!rest.empty() && rest.front() != ';')) return wrong;
    if (lower.find("boundary", lower.size() - rest.size()) != std::string::npos) return missing;
    return boundary;
}

boost::system::result<std::vector<MultipartField>, MultipartError> parse_multipart(std::string_view body,
                                                                                   std::string_view boundary) {
    const std::string line_start = "\n--" + std::string(boundary);
    const std::string_view delimiter = std::string_view(line_start).substr(1);
    std::vector<MultipartField> fields;
    std::size_t at = body.starts_with("\r\n") ? 2 : 0;
    if (!body.substr(at).starts_with(delimiter)) return broken("it does not begin with the boundary");
    while (true) {
        MultipartField field;
        field.begin = at;
        at += delimiter.size();
        const std::string_view rest = body.substr(at);
        if (rest == "--" || rest == "--\r\n") return fields;
        if (rest.starts_with("--")) return broken("there is text behind the final boundary");
        if (!rest.starts_with("\r\n")) return broken("a boundary line is not ended by CRLF, or it stands in a value");
        at += 2;
        if (auto error = parse_headers(body, at, field)) return *std::move(error);
        // From one byte before: a boundary right behind the headers is a line start too.
        const std::size_t line_feed = find(body, line_start, at - 1);
        if (line_feed == std::string_view::npos) return broken("the final boundary is missing");
        if (line_feed < at + 1 || body[line_feed - 1] != '\r')
            return broken("a boundary has no CRLF of its own in front of it");
        field.value = body.substr(at, line_feed - 1 - at);
        at = line_feed + 1;
        field.end = at;
        fields.push_back(field);
    }
}

}  // namespace b24gate::bitrix
