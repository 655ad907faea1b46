#include <b24gate/admin/query.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include <b24gate/config/nearest.hpp>
#include <b24gate/core/base64.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/storage/operation_record.hpp>

namespace b24gate::admin {
namespace {

namespace json = boost::json;

constexpr std::size_t most_parameters = 64;
constexpr std::size_t most_depth = 16;
constexpr std::string_view cursor_mark = "b24";

/// The digits of a fixed width at the beginning, which are taken off.
std::optional<int> take_digits(std::string_view& text, std::size_t width) noexcept {
    if (text.size() < width || !core::is_digits(text.substr(0, width))) return std::nullopt;
    int value = 0;
    std::from_chars(text.data(), text.data() + width, value);
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, char c) noexcept {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

std::string_view take_segment(std::string_view& path) noexcept {
    if (path.starts_with('/')) path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

/// nullopt: it is none. What is left of `text` is behind it.
std::optional<std::chrono::milliseconds> take_offset(std::string_view& text) noexcept {
    if (take(text, 'Z') || take(text, 'z')) return std::chrono::milliseconds(0);
    const bool ahead = take(text, '+');
    if (!ahead && !take(text, '-')) return std::nullopt;
    const auto hours = take_digits(text, 2);
    take(text, ':');
    const auto minutes = take_digits(text, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::milliseconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    return ahead ? offset : -offset;
}

std::optional<std::string> text_of(const json::value& value) {
    if (const auto* text = value.if_string()) return std::string(*text);
    if (const auto* flag = value.if_bool()) return std::string(*flag ? "true" : "false");
    if (const auto* whole = value.if_int64()) return std::to_string(*whole);
    if (const auto* count = value.if_uint64()) return std::to_string(*count);
    return std::nullopt;
}

}  // namespace

Parsed<Query> Query::parse(std::string_view target) {
    Query out;
    const std::size_t mark = target.find('?');
    std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        auto name = percent_decoded(pair.substr(0, equals), true);
        auto value =
            percent_decoded(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
        if (!name || !value) return std::string("the query has a % that is not followed by two hex digits");
        if (out.all_.size() == most_parameters) return fmt::format("more than {} parameters", most_parameters);
        out.all_.emplace_back(*std::move(name), *std::move(value));
    }
    return out;
}

Parsed<Query> Query::from(const json::object& object) {
    Query out;
    for (const auto& member : object) {
        std::optional<std::string> value = text_of(member.value());
        if (const auto* list = member.value().if_array()) {
            value.emplace();
            for (const json::value& element : *list) {
                if (!element.is_string())
                    return fmt::format("{} is a list, so texts must stand in it", std::string_view(member.key()));
                if (!value->empty()) *value += ',';
                *value += std::string_view(element.get_string());
            }
        }
        if (!value)
            return fmt::format("{} must be a text, a whole number, a flag or a list of texts",
                               std::string_view(member.key()));
        if (out.all_.size() == most_parameters) return fmt::format("more than {} members", most_parameters);
        out.all_.emplace_back(member.key(), *std::move(value));
    }
    return out;
}

const std::string* Query::find(std::string_view name) const noexcept {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& pair) { return pair.first == name; });
    return found == all_.end() ? nullptr : &found->second;
}

std::string_view Query::value(std::string_view name) const noexcept {
    const std::string* found = find(name);
    return found == nullptr ? std::string_view() : std::string_view(*found);
}

std::optional<std::string> Query::check(std::span<const std::string_view> known) const {
    for (auto pair = all_.begin(); pair != all_.end(); ++pair) {
        if (std::find(known.begin(), known.end(), pair->first) == known.end()) {
            const auto meant = config::nearest(pair->first, known);
            return fmt::format("unknown parameter \"{}\"; {}", pair->first,
                               meant ? fmt::format("did you mean \"{}\"?", *meant)
                                     : fmt::format("known are {}", fmt::join(known, ", ")));
        }
        if (std::any_of(all_.begin(), pair, [&](const auto& other) { return other.first == pair->first; }))
            return fmt::format("\"{}\" stands twice; several values stand in one, with commas between", pair->first);
    }
    return std::nullopt;
}

std::string_view path_of(std::string_view target) noexcept {
    std::string_view path = target.substr(0, target.find('?'));
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return path;
}

bool match(std::string_view pattern, std::string_view path, std::vector<std::string>& parts) {
    parts.clear();
    while (!pattern.empty() && !path.empty()) {
        const std::string_view wanted = take_segment(pattern);
        const std::string_view given = take_segment(path);
        if (!wanted.starts_with('{')) {
            if (wanted != given) return false;
            continue;
        }
        auto part = percent_decoded(given, false);
        if (!part || part->empty()) return false;
        parts.push_back(*std::move(part));
    }
    return pattern.empty() && path.empty();
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            const int high = i + 2 < text.size() ? core::hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? core::hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain)
            out += c;
        else
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

Parsed<json::object> body_object(std::string_view body) {
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
    json::parse_options options;
    options.max_depth = most_depth;
    boost::system::error_code error;
    json::value value = json::parse(body, error, {}, options);
    if (error) return "the body is no JSON: " + error.message();
    if (!value.is_object()) return std::string("the body must be a JSON object");
    return std::move(value.get_object());
}

std::optional<std::int64_t> parse_time(std::string_view text) noexcept {
    namespace chr = std::chrono;
    if (core::is_digits(text) && text.size() > 4) {
        std::int64_t ms = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
        if (error != std::errc{} || end != text.data() + text.size() || ms >= storage::never) return std::nullopt;
        return ms;
    }
    const auto year = take_digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text, 2);
    if (!day) return std::nullopt;
    const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                   chr::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *year < 1970) return std::nullopt;
    chr::milliseconds ms = chr::sys_days(date).time_since_epoch();
    if (text.empty()) return ms.count();
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
    const auto hour = take_digits(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
    ms += chr::hours(*hour) + chr::minutes(*minute);
    if (take(text, ':')) {
        const auto second = take_digits(text, 2);
        if (!second || *second > 60) return std::nullopt;
        ms += chr::seconds(*second);
        if (take(text, '.')) {
            if (text.empty() || !core::is_digits(text.substr(0, 1))) return std::nullopt;
            for (int unit = 100; !text.empty() && core::is_digits(text.substr(0, 1)); unit /= 10) {
                ms += chr::milliseconds(unit * (text.front() - '0'));
                text.remove_prefix(1);
            }
        }
    }
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    return (ms - *offset).count();
}

std::string encode_cursor(std::int64_t position) {
    if (position <= 0) return {};
    std::string out = core::to_base64(fmt::format("{}{:x}", cursor_mark, position));
    while (out.ends_with('=')) out.pop_back();
    std::replace(out.begin(), out.end(), '+', '-');
    std::replace(out.begin(), out.end(), '/', '_');
    return out;
}

std::optional<std::int64_t> decode_cursor(std::string_view text) {
    if (text.empty()) return 0;
    const auto plain = core::from_base64(text);
    if (!plain || !plain->starts_with(cursor_mark)) return std::nullopt;
    std::int64_t position = 0;
    const char* const last = plain->data() + plain->size();
    const auto [end, error] = std::from_chars(plain->data() + cursor_mark.size(), last, position, 16);
    if (error != std::errc{} || end != last || position <= 0) return std::nullopt;
    return position;
}

}  // namespace b24gate::admin
