#include <b24gate/bitrix/call_target.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <b24gate/core/text.hpp>

namespace b24gate::bitrix {
namespace {

using core::iequals;

constexpr std::string_view forms =
    "/rest/{user}/{key}/{method}, /rest/{method} with the key as `auth`, and the same behind /rest/api/ for REST 3; "
    "a /portals/{portal} prefix may stand in front";

Refusal bad(std::string message) { return {GatewayCode::bad_request, std::move(message)}; }
Refusal lost(std::string_view message) {
    return {GatewayCode::not_found, std::string(message) + "; the paths are " + std::string(forms)};
}

constexpr bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// What must not stand in a segment, in whatever spelling: two readers of the path could see two different paths.
constexpr std::string_view character_fault(char c) noexcept {
    if (is_control(c)) return "a control character";
    if (c == '/') return "an encoded slash";
    if (c == '\\') return "a backslash";
    if (c == ';') return "a semicolon";
    if (c == '?' || c == '#') return "an encoded '?' or '#'";
    if (c == '%') return "a percent sign that is encoded twice";
    return {};
}

/// Nearly all of a path: characters that stand for themselves.
constexpr auto is_plain = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}();

/// Splits and decodes; nullopt: `fault` says what is wrong.
std::optional<std::vector<std::string>> split_path(std::string_view path, std::string_view& fault) {
    std::vector<std::string> segments;
    std::string segment;
    const auto close = [&] {
        if (segment == "." || segment == "..") fault = "a dot segment";
        if (!segment.empty()) segments.push_back(std::move(segment));
        segment.clear();
        return fault.empty();
    };
    for (std::size_t i = 0; i < path.size(); ++i) {
        char c = path[i];
        if (is_plain[static_cast<unsigned char>(c)]) {
            std::size_t end = i + 1;
            while (end < path.size() && is_plain[static_cast<unsigned char>(path[end])]) ++end;
            segment.append(path, i, end - i);
            i = end - 1;
            continue;
        }
        if (c == '/') {
            if (!close()) return std::nullopt;
            continue;
        }
        if (c == '%') {
            const int high = i + 2 < path.size() ? core::hex_digit(path[i + 1]) : -1;
            const int low = high >= 0 ? core::hex_digit(path[i + 2]) : -1;
            if (low < 0) {
                fault = "a '%' without two hex digits";
                return std::nullopt;
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == ' ' || c == '#' || static_cast<unsigned char>(c) >= 0x80) {
            fault = "a character that must be percent-encoded";
            return std::nullopt;
        }
        fault = character_fault(c);
        if (!fault.empty()) return std::nullopt;
        segment += c;
    }
    if (!close()) return std::nullopt;
    return segments;
}

bool is_portal_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        const char l = core::to_lower(c);
        return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '_' || l == '-';
    });
}

bool ends_with(std::string_view text, std::string_view lower_end) noexcept {
    return text.size() > lower_end.size() && iequals(text.substr(text.size() - lower_end.size()), lower_end);
}

Suffix take_suffix(std::string& method) {
    Suffix suffix = Suffix::none;
    if (ends_with(method, ".json")) suffix = Suffix::json;
    if (ends_with(method, ".xml")) suffix = Suffix::xml;
    if (suffix != Suffix::none) method.resize(method.rfind('.'));
    return suffix;
}

}  // namespace

boost::system::result<Target, Refusal> parse_target(std::string_view target) {
    if (target.empty() || target.front() != '/') return bad("the request target must be a path that begins with '/'");
    const std::size_t mark = target.find('?');
    Target out;
    if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
    for (const char c : out.query)
        if (is_control(c) || c == ' ' || c == '#')
            return bad("the query holds a space, a control character or a '#'; percent-encode it");

    std::string_view fault;
    auto split = split_path(target.substr(0, mark), fault);
    if (!split) return bad("the path holds " + std::string(fault) + "; a call's path holds none");
    std::vector<std::string>& path = *split;

    std::size_t at = 0;
    if (path.size() > 1 && path[0] == "portals") {
        if (!is_portal_name(path[1])) return lost("a portal's name holds only letters, digits, '_' and '-'");
        out.portal_prefix = path[1];
        at = 2;
    }
    if (at >= path.size() || path[at] != "rest") return lost("this path is no Bitrix24 call");
    ++at;
    if (at < path.size() && path[at] == "api") {
        out.api = Api::v3;
        ++at;
    }
    switch (path.size() - at) {
        case 0: return lost("the method is missing");
        case 1: break;
        case 2: return lost("the method behind the key is missing, or one part of the path is too many");
        case 3:
            out.form = UrlForm::webhook;
            out.user = std::move(path[at]);
            out.key = core::Secret(std::move(path[at + 1]));
            at += 2;
            break;
        default: return lost("the path has too many parts");
    }
    out.method = std::move(path[at]);
    if (out.api == Api::v2) {
        out.suffix = take_suffix(out.method);
        // The portal drops one suffix too: what is left must be the same name for both.
        if (ends_with(out.method, ".json") || ends_with(out.method, ".xml"))
            return bad("the method carries two suffixes; one .json, or none, is right");
    }
    if (!is_method_name(out.method))
        return bad(
            "the path does not end in a method's name: letters, digits, '.', '_' and '-', at most 128, such as "
            "crm.deal.list");
    if (out.api == Api::v2 && iequals(out.method, "download")) out.kind = CallKind::download;
    if (out.api == Api::v2 && iequals(out.method, "upload")) out.kind = CallKind::upload;
    if (out.kind != CallKind::method) out.method.clear();
    return out;
}

std::string_view path_fault(std::string_view target) {
    std::string_view fault;
    static_cast<void>(split_path(target.substr(0, target.find('?')), fault));
    return fault;
}

bool is_method_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 128) return false;
    if (core::iequals(name.substr(0, 5), "b24g_")) return false;  // a client key in the wrong place
    bool letter = false;
    char previous = '.';
    for (const char c : name) {
        const char l = core::to_lower(c);
        if (l >= 'a' && l <= 'z')
            letter = true;
        else if (c == '.' ? previous == '.' : !((c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
        previous = c;
    }
    return letter && previous != '.';
}

}  // namespace b24gate::bitrix
