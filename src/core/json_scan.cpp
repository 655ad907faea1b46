#include <b24gate/core/json_scan.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include <b24gate/core/text.hpp>

namespace b24gate::core::json {
namespace {

namespace bj = boost::json;

/// A SAX handler that keeps nothing: only the grammar counts.
struct NullHandler {
    constexpr static std::size_t max_object_size = std::size_t(-1);
    constexpr static std::size_t max_array_size = std::size_t(-1);
    constexpr static std::size_t max_key_size = std::size_t(-1);
    constexpr static std::size_t max_string_size = std::size_t(-1);
    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_object_begin(bj::error_code&) { return true; }
    bool on_object_end(std::size_t, bj::error_code&) { return true; }
    bool on_array_begin(bj::error_code&) { return true; }
    bool on_array_end(std::size_t, bj::error_code&) { return true; }
    bool on_key_part(bj::string_view, std::size_t, bj::error_code&) { return true; }
    bool on_key(bj::string_view, std::size_t, bj::error_code&) { return true; }
    bool on_string_part(bj::string_view, std::size_t, bj::error_code&) { return true; }
    bool on_string(bj::string_view, std::size_t, bj::error_code&) { return true; }
    bool on_number_part(bj::string_view, bj::error_code&) { return true; }
    bool on_int64(std::int64_t, bj::string_view, bj::error_code&) { return true; }
    bool on_uint64(std::uint64_t, bj::string_view, bj::error_code&) { return true; }
    bool on_double(double, bj::string_view, bj::error_code&) { return true; }
    bool on_bool(bool, bj::error_code&) { return true; }
    bool on_null(bj::error_code&) { return true; }
    bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
    bool on_comment(bj::string_view, bj::error_code&) { return true; }
};

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) noexcept {
    if (at + 4 > text.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        const int digit = hex_digit(text[i]);
        if (digit < 0) return std::nullopt;
        value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return value;
}

/// The length of the valid UTF-8 sequence at `at`, or 0.
std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
    const unsigned char c = byte(at);
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return continues(at + 1) ? 2 : 0;
    if (c >= 0xE0 && c <= 0xEF) {
        if (!continues(at + 1) || !continues(at + 2)) return 0;
        if (c == 0xE0 && byte(at + 1) < 0xA0) return 0;  // overlong
        if (c == 0xED && byte(at + 1) > 0x9F) return 0;  // surrogate
        return 3;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        if (!continues(at + 1) || !continues(at + 2) || !continues(at + 3)) return 0;
        if (c == 0xF0 && byte(at + 1) < 0x90) return 0;
        if (c == 0xF4 && byte(at + 1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

/// The first '"' or '\\' in [at, end), or `end` or beyond. Most bytes of an answer stand in strings, so they are looked
/// at sixteen at a time where the machine can.
const char* find_quote_or_backslash(const char* at, const char* end) noexcept {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const int hits =
            _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        if (hits != 0) return at + std::countr_zero(static_cast<unsigned>(hits));
    }
#endif
    while (at < end && *at != '"' && *at != '\\') ++at;
    return at;
}

}  // namespace

std::optional<SyntaxError> validate(std::string_view text, std::size_t max_depth) {
    bj::parse_options options;
    options.max_depth = max_depth;
    bj::basic_parser<NullHandler> parser(options);
    bj::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (error) return SyntaxError{used, error.message()};
    for (std::size_t i = used; i < text.size(); ++i)
        if (!is_space(text[i])) return SyntaxError{i, "extra data behind the document"};
    return std::nullopt;
}

Type type_of(std::string_view text) noexcept {
    for (const char c : text) {
        if (is_space(c)) continue;
        switch (c) {
            case '{': return Type::object;
            case '[': return Type::array;
            case '"': return Type::string;
            case 't':
            case 'f': return Type::boolean;
            case 'n': return Type::null;
            default: return c == '-' || (c >= '0' && c <= '9') ? Type::number : Type::invalid;
        }
    }
    return Type::invalid;
}

Reader::Reader(std::string_view text) noexcept : text_(text) {
    skip_space();
    if (at_ < text_.size() && (text_[at_] == '{' || text_[at_] == '[')) {
        is_object_ = text_[at_] == '{';
        ++at_;
    } else {
        failed_ = true;
    }
}

bool Reader::fail() noexcept {
    failed_ = true;
    return false;
}

void Reader::skip_space() noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool Reader::skip_string() noexcept {
    const char* const end = text_.data() + text_.size();
    const char* at = text_.data() + at_ + 1;
    for (;;) {
        at = find_quote_or_backslash(at, end);
        if (at >= end) {
            at_ = text_.size();
            return false;
        }
        if (*at == '"') {
            at_ = static_cast<std::size_t>(at - text_.data()) + 1;
            return true;
        }
        at += end - at > 1 ? 2 : 1;
    }
}

bool Reader::skip_value() noexcept {
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '"') return skip_string();
    if (text_[at_] == '{' || text_[at_] == '[') {
        std::size_t depth = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                if (!skip_string()) return false;
                continue;
            }
            // Braces and brackets differ from each other in bits that do not matter: { 7B [ 5B } 7D ] 5D.
            const char folded = static_cast<char>(c | 0x20);
            if (folded == '{') {
                ++depth;
            } else if (folded == '}' && --depth == 0) {
                ++at_;
                return true;
            }
            ++at_;
        }
        return false;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']')
        ++at_;
    return at_ > start;
}

bool Reader::next() {
    if (failed_ || complete_) return false;
    skip_space();
    if (at_ >= text_.size()) return fail();
    const char close = is_object_ ? '}' : ']';
    if (text_[at_] == close) {
        ++at_;
        skip_space();
        if (at_ != text_.size()) return fail();
        complete_ = true;
        return false;
    }
    if (started_) {
        if (text_[at_] != ',') return fail();
        ++at_;
        skip_space();
        if (at_ >= text_.size()) return fail();
    }
    started_ = true;
    begin_ = at_;
    raw_key_ = {};
    if (is_object_) {
        if (text_[at_] != '"' || !skip_string()) return fail();
        raw_key_ = text_.substr(begin_, at_ - begin_);
        skip_space();
        if (at_ >= text_.size() || text_[at_] != ':') return fail();
        ++at_;
        skip_space();
    }
    const std::size_t value_begin = at_;
    if (!skip_value()) return fail();
    end_ = at_;
    value_ = text_.substr(value_begin, end_ - value_begin);
    ++count_;
    return true;
}

bool Reader::key_is(std::string_view name) const {
    if (raw_key_.size() < 2) return false;
    const std::string_view inner = raw_key_.substr(1, raw_key_.size() - 2);
    if (inner.find('\\') == std::string_view::npos) return inner == name;
    const auto decoded = decode_string(raw_key_);
    return decoded && *decoded == name;
}

std::string Reader::key() const {
    if (auto decoded = decode_string(raw_key_)) return *std::move(decoded);
    return {};
}

std::optional<std::string_view> find(std::string_view object, std::string_view name) {
    Reader reader(object);
    if (!reader.is_object()) return std::nullopt;
    while (reader.next())
        if (reader.key_is(name)) return reader.value();
    return std::nullopt;
}

std::optional<std::string_view> find_last(std::string_view object, std::string_view name) {
    Reader reader(object);
    std::optional<std::string_view> found;
    if (!reader.is_object()) return found;
    while (reader.next())
        if (reader.key_is(name)) found = reader.value();
    return found;
}

std::optional<std::string> decode_string(std::string_view literal) {
    if (literal.size() < 2 || literal.front() != '"' || literal.back() != '"') return std::nullopt;
    const std::string_view inner = literal.substr(1, literal.size() - 2);
    std::string out;
    out.reserve(inner.size());
    for (std::size_t i = 0; i < inner.size(); ++i) {
        if (inner[i] == '"') return std::nullopt;
        if (inner[i] != '\\') {
            out += inner[i];
            continue;
        }
        if (++i >= inner.size()) return std::nullopt;
        switch (inner[i]) {
            case '"': out += '"'; break;
            case '\\': out += '\\'; break;
            case '/': out += '/'; break;
            case 'b': out += '\b'; break;
            case 'f': out += '\f'; break;
            case 'n': out += '\n'; break;
            case 'r': out += '\r'; break;
            case 't': out += '\t'; break;
            case 'u': {
                auto unit = hex4(inner, i + 1);
                if (!unit) return std::nullopt;
                i += 4;
                std::uint32_t code = *unit;
                if (code >= 0xD800 && code <= 0xDBFF) {
                    if (i + 2 >= inner.size() || inner[i + 1] != '\\' || inner[i + 2] != 'u') return std::nullopt;
                    const auto low = hex4(inner, i + 3);
                    if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
                    i += 6;
                    code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
                } else if (code >= 0xDC00 && code <= 0xDFFF) {
                    return std::nullopt;
                }
                append_utf8(out, code);
                break;
            }
            default: return std::nullopt;
        }
    }
    return out;
}

std::optional<double> to_number(std::string_view literal) {
    if (literal.size() >= 2 && literal.front() == '"' && literal.back() == '"')
        literal = literal.substr(1, literal.size() - 2);
    double value = 0;
    const auto [end, error] = std::from_chars(literal.data(), literal.data() + literal.size(), value);
    if (error != std::errc{} || end != literal.data() + literal.size()) return std::nullopt;
    return value;
}

void append_quoted(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (static_cast<unsigned char>(c) >= 0x80) {
            const std::size_t length = utf8_length(text, i);
            if (length == 0) {
                out += "\xEF\xBF\xBD";
                ++i;
            } else {
                out.append(text, i, length);
                i += length;
            }
            continue;
        }
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
                    out += "\\u00";
                    out += hex[(c >> 4) & 0xF];
                    out += hex[c & 0xF];
                } else {
                    out += c;
                }
        }
        ++i;
    }
    out += '"';
}

std::string quoted(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 2);
    append_quoted(out, text);
    return out;
}

}  // namespace b24gate::core::json
