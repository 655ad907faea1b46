#include "document.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

// Errors come back as values, and nesting stays far below what the recursion of a tree's destruction can bear.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
// toml++ 3.3 asserts what a file can break ("[=" for one), but behind each such assertion it also has the message. With
// NDEBUG it would turn the assertions into assumptions of the optimiser, which is worse; so they are nothing at all.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
// Its tables of letters declare places unreachable that a letter beyond ASCII outside of a string does reach (Cyrillic
// for one): there the answer is no.
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE \
    return {}
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()
#include <toml++/toml.h>

namespace b24gate::config {
namespace {

/// toml++ bounds the nesting of values but not of dotted keys, and frees what it built by recursion: a line of some
/// ten thousand dots would end the process.
constexpr unsigned max_key_parts = 16;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

Position position(const toml::source_position& at) noexcept { return {std::max(1u, at.line), std::max(1u, at.column)}; }

/// The length of the UTF-8 sequence at `at`; 0 when it is none (overlong forms and surrogates are none).
std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const bool fits = !(lead == 0xe0 && byte(1) < 0xa0) && !(lead == 0xed && byte(1) > 0x9f);
        return tail(1) && tail(2) && fits ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const bool fits = !(lead == 0xf0 && byte(1) < 0x90) && !(lead == 0xf4 && byte(1) > 0x8f);
        return tail(1) && tail(2) && tail(3) && fits ? 4 : 0;
    }
    return 0;
}

/// Looks at the text before toml++ does: for bytes that are no text, and keys with too many parts. Strings and comments
/// are stepped over; behind the first thing that is no TOML the answer does not matter, toml++ builds nothing there.
class Preview {
public:
    explicit Preview(std::string_view text) : text_(text) {}

    std::optional<SyntaxProblem> run() {
        if (auto problem = check_bytes()) return problem;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (c == '"' || c == '\'') {
                skip_string(c);
            } else {
                if (c == '.' && ++dots_ >= max_key_parts)
                    return SyntaxProblem{place(), "a key of more than " + std::to_string(max_key_parts) +
                                                      " parts; nothing here is nested that deep"};
                if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '}') dots_ = 0;
                ++at_;
            }
        }
        return std::nullopt;
    }

private:
    std::optional<SyntaxProblem> check_bytes() const {
        Position here;
        for (std::size_t i = 0; i < text_.size();) {
            const std::size_t length = utf8_length(text_, i);
            if (length == 0) return SyntaxProblem{here, "this is not UTF-8 text; save the file as UTF-8"};
            if (text_[i] == '\0') return SyntaxProblem{here, "a NUL byte: this is a binary file, not a TOML text"};
            if (text_[i] == '\n')
                here = {here.line + 1, 1};
            else if (!(i == 0 && text_.starts_with(byte_order_mark)))
                ++here.column;
            i += length;
        }
        return std::nullopt;
    }

    void skip_string(char quote) {
        const std::string triple(3, quote);
        const bool lines = text_.substr(at_).starts_with(triple);
        at_ += lines ? 3 : 1;
        while (at_ < text_.size()) {
            if (text_[at_] == '\\' && quote == '"') {
                at_ += 2;
            } else if (lines && text_.substr(at_).starts_with(triple)) {
                at_ += 3;
                // Up to two quotes may stand right before the closing three.
                for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] == quote; ++i) ++at_;
                return;
            } else if (!lines && (text_[at_] == quote || text_[at_] == '\n')) {
                ++at_;
                return;
            } else {
                ++at_;
            }
        }
        at_ = text_.size();
    }

    /// Where at_ stands, counted in characters.
    Position place() const {
        const std::string_view before = text_.substr(0, at_);
        Position out;
        out.line += static_cast<unsigned>(std::count(before.begin(), before.end(), '\n'));
        for (const char c : before.substr(before.rfind('\n') + 1))
            if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++out.column;
        if (out.line == 1 && before.starts_with(byte_order_mark)) --out.column;
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned dots_ = 0;
};

struct Hint {
    std::string_view part;     ///< of the parser's own words
    std::string_view message;  ///< what to say instead
};

// The parser's words quote the file where a number is too large; a value may be a secret in the wrong place, so those
// are said anew. The others only name keys or a single character.
constexpr Hint hints[] = {
    {"could not determine value type", "this is no value; text stands in double quotes, like name = \"text\""},
    {"not representable", "a number that is too large; text stands in double quotes"},
    {"could not be interpreted", "this is no value; text stands in double quotes, like name = \"text\""},
    {"unescaped control characters", "a text must end on its line; close it with a double quote"},
    {"saw ';'", "TOML has one key a line; ';' separates nothing"},
    {"unknown escape sequence",
     "a backslash in a text begins an escape; write \\\\ for one, or single quotes around the text"},
    {"nested value depth", "values nested more than 32 deep; nothing here is nested that deep"},
    {"could not be converted", "this is no value; text stands in double quotes, like name = \"text\""},
};

std::string explain(std::string_view description) {
    for (const Hint& hint : hints)
        if (description.find(hint.part) != std::string_view::npos) return std::string(hint.message);
    constexpr std::string_view prefix = "Error while parsing ";
    if (description.starts_with(prefix)) description.remove_prefix(prefix.size());
    std::string out = "no valid TOML: ";
    for (const char c : description) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return out;
}

Node convert(const toml::node& from, const toml::key* key, const Node* array) {
    Node out;
    out.at = position(from.source().begin);
    if (key) {
        out.key = std::string(key->str());
        out.key_at = position(key->source().begin);
    } else if (array) {
        out.key = array->key;
        out.key_at = out.at;
    }
    if (const auto* table = from.as_table()) {
        out.type = Node::Type::table;
        for (const auto& [name, value] : *table) out.children.push_back(convert(value, &name, nullptr));
        // toml++ keeps them by name; who reads the messages goes by the file.
        std::sort(out.children.begin(), out.children.end(), [](const Node& a, const Node& b) {
            return std::pair(a.key_at.line, a.key_at.column) < std::pair(b.key_at.line, b.key_at.column);
        });
    } else if (const auto* items = from.as_array()) {
        out.type = Node::Type::array;
        for (const auto& item : *items) out.children.push_back(convert(item, nullptr, &out));
    } else if (const auto* text = from.as_string()) {
        out.type = Node::Type::string;
        out.text = text->get();
    } else if (const auto* integer = from.as_integer()) {
        out.type = Node::Type::integer;
        out.integer = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
        out.type = Node::Type::real;
        out.real = real->get();
    } else if (const auto* boolean = from.as_boolean()) {
        out.type = Node::Type::boolean;
        out.boolean = boolean->get();
    } else {
        out.type = Node::Type::date;
    }
    return out;
}

}  // namespace

boost::system::result<Node, SyntaxProblem> parse_document(std::string_view text) {
    if (auto problem = Preview(text).run()) return *std::move(problem);
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) return SyntaxProblem{position(parsed.error().source().begin), explain(parsed.error().description())};
    return convert(parsed.table(), nullptr, nullptr);
}

}  // namespace b24gate::config
