#include <b24gate/core/text.hpp>
#include <b24gate/simulator/php.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

namespace b24gate::simulator::php {
namespace {

/// A PHP array under construction; the order of insertion is kept and appending is O(1).
struct Node {
    bool is_map = false;
    std::string scalar;
    std::vector<std::string> keys;
    std::vector<Node> values;
    std::unordered_map<std::string, std::size_t> index;
    long long next = 0;

    void make_map() {
        if (is_map) return;
        *this = Node{};
        is_map = true;
    }
};

/// Whether PHP turns this string key into an integer one; gives the integer.
std::optional<long long> integer_key(std::string_view key) {
    if (key.empty() || key.size() > 20) return std::nullopt;
    const std::string_view digits = key.front() == '-' ? key.substr(1) : key;
    if (!core::is_digits(digits) || (digits.size() > 1 && digits.front() == '0') || key == "-0") return std::nullopt;
    long long number = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size()) return std::nullopt;
    return number;
}

Node& child(Node& parent, std::optional<std::string> key) {
    if (!key) key = std::to_string(parent.next);
    const auto [found, fresh] = parent.index.try_emplace(*key, parent.values.size());
    if (fresh) {
        if (const auto number = integer_key(*key);
            number && *number >= parent.next && *number < std::numeric_limits<long long>::max())
            parent.next = *number + 1;
        parent.keys.push_back(std::move(*key));
        parent.values.emplace_back();
    }
    return parent.values[found->second];
}

void underscore(std::string& name, std::string_view what) {
    for (char& c : name)
        if (what.find(c) != std::string_view::npos) c = '_';
}

/// php_register_variable_ex: one decoded name and value into the tree.
void register_variable(Node& root, std::string_view raw_name, std::string_view value, std::size_t max_depth) {
    if (const auto nul = raw_name.find('\0'); nul != std::string_view::npos) raw_name = raw_name.substr(0, nul);
    while (!raw_name.empty() && raw_name.front() == ' ') raw_name.remove_prefix(1);
    std::size_t bracket = raw_name.find('[');
    std::string top(raw_name.substr(0, bracket));
    underscore(top, " .");
    if (top.empty()) return;

    std::vector<std::optional<std::string>> path{std::move(top)};
    while (bracket != std::string_view::npos) {
        if (path.size() > max_depth) return;
        std::size_t begin = bracket + 1;
        std::size_t look = begin;
        if (look < raw_name.size() && std::string_view(" \t\n\v\f\r").find(raw_name[look]) != std::string_view::npos)
            ++look;
        std::size_t end;
        if (look < raw_name.size() && raw_name[look] == ']') {
            path.emplace_back(std::nullopt);
            end = look;
        } else {
            end = raw_name.find(']', look);
            if (end == std::string_view::npos) {
                // The bracket never closes: it was no index, and the rest belongs to the name before it.
                std::string rest(raw_name.substr(begin));
                underscore(rest, " .[");
                if (path.size() == 1) *path.back() += "_" + rest;
                break;
            }
            path.emplace_back(std::string(raw_name.substr(begin, end - begin)));
        }
        bracket = end + 1 < raw_name.size() && raw_name[end + 1] == '[' ? end + 1 : std::string_view::npos;
    }

    Node* at = &root;
    for (std::size_t i = 0; i < path.size(); ++i) {
        at->make_map();
        at = &child(*at, path[i]);
    }
    *at = Node{};
    at->scalar = value;
}

json::value to_value(Node&& node) {
    if (!node.is_map) return json::value(json::string(node.scalar));
    bool list = true;
    for (std::size_t i = 0; list && i < node.keys.size(); ++i) list = node.keys[i] == std::to_string(i);
    if (list) {
        json::array out;
        out.reserve(node.values.size());
        for (Node& value : node.values) out.push_back(to_value(std::move(value)));
        return out;
    }
    json::object out;
    out.reserve(node.values.size());
    for (std::size_t i = 0; i < node.keys.size(); ++i) out[node.keys[i]] = to_value(std::move(node.values[i]));
    return out;
}

std::size_t utf8_length(unsigned char lead) noexcept {
    return lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
}

void append_hex4(std::string& out, unsigned unit) {
    static constexpr char digits[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 15];
}

void append_string(std::string& out, std::string_view text, EncodeOptions options) {
    out += '"';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        switch (c) {
            case '"': out += "\\\""; continue;
            case '\\': out += "\\\\"; continue;
            case '\b': out += "\\b"; continue;
            case '\f': out += "\\f"; continue;
            case '\n': out += "\\n"; continue;
            case '\r': out += "\\r"; continue;
            case '\t': out += "\\t"; continue;
            case '/':
                if (options.escape_slashes) out += '\\';
                out += '/';
                continue;
            default: break;
        }
        if (c < 0x20) {
            append_hex4(out, c);
        } else if (c < 0x80) {
            out += static_cast<char>(c);
        } else {
            const std::size_t length = utf8_length(c);
            bool whole = length > 0 && i + length <= text.size();
            unsigned point = length == 2 ? c & 0x1F : length == 3 ? c & 0x0F : c & 0x07;
            for (std::size_t k = 1; whole && k < length; ++k) {
                const auto next = static_cast<unsigned char>(text[i + k]);
                whole = (next & 0xC0) == 0x80;
                point = point << 6 | (next & 0x3F);
            }
            if (!whole) {
                out += options.escape_unicode ? "\\ufffd" : "\xEF\xBF\xBD";
                continue;
            }
            if (!options.escape_unicode) {
                out.append(text.substr(i, length));
            } else if (point >= 0x10000) {
                append_hex4(out, 0xD800 + ((point - 0x10000) >> 10));
                append_hex4(out, 0xDC00 + ((point - 0x10000) & 0x3FF));
            } else {
                append_hex4(out, point);
            }
            i += length - 1;
        }
    }
    out += '"';
}

void append_double(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += '0';
        return;
    }
    char text[400];
    const auto done = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
    out.append(text, done.ptr);
}

}  // namespace

std::string url_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out += ' ';
        } else if (text[i] == '%' && i + 2 < text.size() && core::hex_digit(text[i + 1]) >= 0 &&
                   core::hex_digit(text[i + 2]) >= 0) {
            out += static_cast<char>(core::hex_digit(text[i + 1]) * 16 + core::hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string url_encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
            c == '.' || c == '~') {
            out += c;
        } else {
            out += '%';
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 15];
        }
    }
    return out;
}

json::value parse_str(std::string_view query, ParseLimits limits) {
    Node root;
    root.is_map = true;
    std::size_t count = 0;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        if (++count > limits.max_vars) break;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        register_variable(root, url_decode(pair.substr(0, equals)),
                          equals < pair.size() ? url_decode(pair.substr(equals + 1)) : std::string(), limits.max_depth);
    }
    return to_value(std::move(root));
}

json::value register_fields(const std::vector<FormField>& fields, ParseLimits limits) {
    Node root;
    root.is_map = true;
    std::size_t count = 0;
    for (const FormField& field : fields) {
        if (++count > limits.max_vars) break;
        register_variable(root, field.name, field.value, limits.max_depth);
    }
    return to_value(std::move(root));
}

Url parse_url(std::string_view text) {
    text = text.substr(0, text.find('#'));
    const std::size_t mark = text.find('?');
    Url out{std::string(text.substr(0, mark)),
            mark == std::string_view::npos ? std::string() : std::string(text.substr(mark + 1))};
    for (std::string* part : {&out.path, &out.query})
        for (char& c : *part)
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
    return out;
}

json::value normalize(json::value tree) {
    if (auto* list = tree.if_array()) {
        for (json::value& item : *list) item = normalize(std::move(item));
        return tree;
    }
    auto* map = tree.if_object();
    if (!map) return tree;
    bool list = true;
    std::size_t i = 0;
    for (auto& [key, value] : *map) {
        list = list && key == std::to_string(i++);
        value = normalize(std::move(value));
    }
    if (!list) return tree;
    json::array out;
    out.reserve(map->size());
    for (auto& [key, value] : *map) out.push_back(std::move(value));
    return out;
}

std::optional<json::value> json_decode(std::string_view text) {
    const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0' || c == '\v'; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    json::parse_options options;
    options.max_depth = 512;
    json::error_code failed;
    json::value tree = json::parse(json::string_view(text.data(), text.size()), failed, {}, options);
    if (failed) return std::nullopt;
    return normalize(std::move(tree));
}

void json_encode(std::string& out, const json::value& value, EncodeOptions options) {
    switch (value.kind()) {
        case json::kind::null: out += "null"; break;
        case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
        case json::kind::int64: out += std::to_string(value.get_int64()); break;
        case json::kind::uint64: out += std::to_string(value.get_uint64()); break;
        case json::kind::double_: append_double(out, value.get_double()); break;
        case json::kind::string: append_string(out, std::string_view(value.get_string()), options); break;
        case json::kind::array: {
            out += '[';
            bool first = true;
            for (const json::value& item : value.get_array()) {
                if (!std::exchange(first, false)) out += ',';
                json_encode(out, item, options);
            }
            out += ']';
            break;
        }
        case json::kind::object: {
            out += '{';
            bool first = true;
            for (const auto& [key, item] : value.get_object()) {
                if (!std::exchange(first, false)) out += ',';
                append_string(out, std::string_view(key.data(), key.size()), options);
                out += ':';
                json_encode(out, item, options);
            }
            out += '}';
            break;
        }
    }
}

std::string json_encode(const json::value& value, EncodeOptions options) {
    std::string out;
    json_encode(out, value, options);
    return out;
}

bool truthy(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return false;
        case json::kind::bool_: return value.get_bool();
        case json::kind::int64: return value.get_int64() != 0;
        case json::kind::uint64: return value.get_uint64() != 0;
        case json::kind::double_: return value.get_double() != 0;
        case json::kind::string: return !value.get_string().empty() && value.get_string() != "0";
        case json::kind::array: return !value.get_array().empty();
        case json::kind::object: return true;
    }
    return false;
}

std::string to_string(const json::value& value) {
    switch (value.kind()) {
        case json::kind::bool_: return value.get_bool() ? "1" : "";
        case json::kind::int64: return std::to_string(value.get_int64());
        case json::kind::uint64: return std::to_string(value.get_uint64());
        case json::kind::double_: {
            std::string out;
            append_double(out, value.get_double());
            return out;
        }
        case json::kind::string: return std::string(std::string_view(value.get_string()));
        default: return {};
    }
}

std::optional<double> to_number(const json::value& value) {
    switch (value.kind()) {
        case json::kind::int64: return static_cast<double>(value.get_int64());
        case json::kind::uint64: return static_cast<double>(value.get_uint64());
        case json::kind::double_: return value.get_double();
        case json::kind::string: {
            const std::string_view text = core::trim(std::string_view(value.get_string()));
            double number = 0;
            const char* begin = text.data() + (!text.empty() && text.front() == '+' ? 1 : 0);
            const auto parsed = std::from_chars(begin, text.data() + text.size(), number);
            if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() ||
                !std::isfinite(number))
                return std::nullopt;
            return number;
        }
        default: return std::nullopt;
    }
}

long long to_int(const json::value& value) {
    if (value.is_int64()) return value.get_int64();
    if (value.is_bool()) return value.get_bool() ? 1 : 0;
    if (value.is_array()) return value.get_array().empty() ? 0 : 1;
    if (value.is_object()) return 1;
    double number = 0;
    if (value.is_string()) {
        // (int)"12abc" is 12: the longest numeric prefix counts.
        std::string_view text = core::trim(std::string_view(value.get_string()));
        if (!text.empty() && text.front() == '+') text.remove_prefix(1);
        long long whole = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
        if (parsed.ec == std::errc{} && (parsed.ptr == text.data() + text.size() ||
                                         (*parsed.ptr != '.' && *parsed.ptr != 'e' && *parsed.ptr != 'E')))
            return whole;
        std::from_chars(text.data(), text.data() + text.size(), number);
    } else if (const auto parsed = to_number(value)) {
        number = *parsed;
    }
    constexpr double limit = 9.2e18;
    return number > limit    ? std::numeric_limits<long long>::max()
           : number < -limit ? std::numeric_limits<long long>::min()
                             : static_cast<long long>(number);
}

bool is_array(const json::value& value) noexcept { return value.is_array() || value.is_object(); }

const json::value* get(const json::value& array, std::string_view key) {
    if (const auto* map = array.if_object()) return map->if_contains(json::string_view(key.data(), key.size()));
    if (const auto* list = array.if_array()) {
        const auto number = integer_key(key);
        if (number && *number >= 0 && static_cast<std::size_t>(*number) < list->size())
            return &(*list)[static_cast<std::size_t>(*number)];
    }
    return nullptr;
}

const json::value* get_any_case(const json::value& array, std::string_view key) {
    if (const json::value* exact = get(array, key)) return exact;
    if (const auto* map = array.if_object())
        for (const auto& [name, value] : *map)
            if (core::iequals(std::string_view(name.data(), name.size()), key)) return &value;
    return nullptr;
}

namespace {
json::object as_map(json::value& array) {
    if (auto* map = array.if_object()) return std::move(*map);
    json::object out;
    if (auto* list = array.if_array())
        for (std::size_t i = 0; i < list->size(); ++i) out[std::to_string(i)] = std::move((*list)[i]);
    return out;
}
}  // namespace

std::optional<json::value> take(json::value& array, std::string_view key) {
    if (!get(array, key)) return std::nullopt;
    json::object map = as_map(array);
    json::object rest;
    std::optional<json::value> taken;
    for (auto& [name, value] : map) {
        if (std::string_view(name.data(), name.size()) == key)
            taken = std::move(value);
        else
            rest[name] = std::move(value);
    }
    array = rest.empty() ? json::value(json::array{}) : json::value(std::move(rest));
    return taken;
}

void put(json::value& array, std::string_view key, json::value value) {
    if (auto* list = array.if_array()) {
        const auto number = integer_key(key);
        if (number && *number >= 0 && static_cast<std::size_t>(*number) < list->size()) {
            (*list)[static_cast<std::size_t>(*number)] = std::move(value);
            return;
        }
        if (number && static_cast<std::size_t>(*number) == list->size()) {
            list->push_back(std::move(value));
            return;
        }
    }
    if (!array.is_object()) array = as_map(array);
    array.get_object()[json::string_view(key.data(), key.size())] = std::move(value);
}

}  // namespace b24gate::simulator::php
