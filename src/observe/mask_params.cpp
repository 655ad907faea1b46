// Parameters by name: forms with brackets and JSON, each inside the other as far as batches nest them.
#include <algorithm>
#include <vector>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/observe/mask.hpp>

namespace b24gate::observe {
namespace {

/// A command of a batch is a form in a JSON string or a form value; a batch in a batch is refused by portals. Deeper
/// ones are not looked into but hidden.
constexpr unsigned max_depth = 4;

/// Only what would change the form's structure is encoded: the line is for people.
std::string url_encoded(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || c == '&' || c == '%' || c == '+' || c == '#' || byte == 0x7F) {
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    return out;
}

/// Just behind the string literal that starts at `at`; the end of the text when it is not closed.
std::size_t string_end(std::string_view text, std::size_t at) noexcept {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '"') return at + 1;
        if (text[at] == '\\') ++at;
    }
    return text.size();
}

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

constexpr bool is_structural(char c) noexcept {
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':' || c == '"';
}

std::size_t skip_space(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

/// Just behind the value that starts at `at`.
std::size_t value_end(std::string_view text, std::size_t at) noexcept {
    std::size_t open = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = string_end(text, at);
        } else if (c == '{' || c == '[') {
            ++open;
            ++at;
            continue;
        } else if (c == '}' || c == ']') {
            if (open == 0) return at;
            --open;
            ++at;
        } else if (c == ',' || c == ':' || is_space(c)) {
            if (open == 0) return at;
            ++at;
            continue;
        } else {
            while (at < text.size() && !is_structural(text[at]) && !is_space(text[at])) ++at;
        }
        if (open == 0) return at;
    }
    return text.size();
}

struct Frame {
    bool object;
    bool key_next;     ///< objects: a key comes next
    bool first;        ///< arrays: the first element comes next
    bool hidden_rest;  ///< arrays: a condition such as ["PHONE", "=", "..."]
};

}  // namespace

std::string Masker::apply_value(std::string_view text, unsigned depth) const {
    if (depth >= max_depth) return std::string(text.find_first_of("={[") == text.npos ? apply(text) : mask);
    const std::size_t start = skip_space(text, 0);
    if (start < text.size() && (text[start] == '{' || text[start] == '[')) return apply(apply_json(text, depth + 1));
    if (text.find('=') == text.npos) return apply(text);
    // "method?a=1&b=2", as the commands of a batch are written, or only "a=1&b=2"
    const std::size_t question = text.find('?');
    const std::size_t begin = question == text.npos ? 0 : question + 1;
    std::string out(text.substr(0, begin));
    out += apply_form(text.substr(begin), depth + 1);
    return apply(out);
}

std::string Masker::apply_form(std::string_view text, unsigned depth) const {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('&', at), text.size());
        const std::string_view piece = text.substr(at, end - at);
        const std::size_t equals = std::min(piece.find('='), piece.size());
        const std::string name = bitrix::form_decode(piece.substr(0, equals));
        bool hidden = false;
        for (std::size_t i = 0; i < name.size() && !hidden;) {
            const std::size_t stop = std::min(name.find_first_of("[]?", i), name.size());
            hidden = is_masked_name(core::trim(std::string_view(name).substr(i, stop - i)));
            i = stop + 1;
        }
        const std::string shown_name = apply(name);
        if (shown_name == name) {
            out += piece.substr(0, equals);
        } else {
            out += url_encoded(shown_name);
        }
        if (equals < piece.size()) {
            const std::string_view raw = piece.substr(equals + 1);
            out += '=';
            if (hidden) {
                out += mask;
            } else {
                const std::string value = bitrix::form_decode(raw);
                const std::string shown = apply_value(value, depth + 1);
                if (shown == value) {
                    out += raw;
                } else {
                    out += url_encoded(shown);
                }
            }
        }
        if (end < text.size()) out += '&';
        at = end + 1;
    }
    return out;
}

std::string Masker::apply_json(std::string_view text, unsigned depth) const {
    std::string out;
    out.reserve(text.size());
    std::vector<Frame> frames;
    const auto hide = [&] { out.append("\"").append(mask).append("\""); };
    const auto show_string = [&](std::string_view raw, const std::string& decoded, bool is_key) {
        const std::string shown = is_key ? apply(decoded) : apply_value(decoded, depth + 1);
        if (shown == decoded) {
            out += raw;
        } else {
            core::json::append_quoted(out, shown);
        }
    };
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        Frame* top = frames.empty() ? nullptr : &frames.back();
        const bool in_array = top != nullptr && !top->object;
        if (is_space(c) || c == ':') {
            out += c;
            ++at;
        } else if (c == ',') {
            if (top != nullptr && top->object) top->key_next = true;
            out += c;
            ++at;
        } else if (c == '}' || c == ']') {
            if (top != nullptr) frames.pop_back();
            out += c;
            ++at;
        } else if (in_array && top->hidden_rest) {
            at = value_end(text, at);
            hide();
        } else if (c == '{' || c == '[') {
            if (in_array) top->first = false;
            frames.push_back({c == '{', c == '{', c == '[', false});
            out += c;
            ++at;
        } else if (c == '"') {
            const std::size_t end = string_end(text, at);
            const std::string_view raw = text.substr(at, end - at);
            const auto literal = core::json::decode_string(raw);
            const std::string decoded = literal ? *literal : std::string(raw.substr(1));
            const bool is_key = top != nullptr && top->object && top->key_next;
            show_string(raw, decoded, is_key);
            at = end;
            if (is_key) {
                top->key_next = false;
                const std::size_t colon = skip_space(text, at);
                if (colon < text.size() && text[colon] == ':' && is_masked_name(decoded)) {
                    const std::size_t value = skip_space(text, colon + 1);
                    out.append(text, at, value - at);
                    at = value_end(text, value);
                    hide();
                }
            } else if (in_array && top->first) {
                top->first = false;
                top->hidden_rest = is_masked_name(decoded);
            }
        } else {
            const std::size_t begin = at;
            while (at < text.size() && !is_structural(text[at]) && !is_space(text[at])) ++at;
            if (in_array) top->first = false;
            out.append(text, begin, at - begin);
        }
    }
    return out;
}

}  // namespace b24gate::observe
