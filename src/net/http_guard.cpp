#include <b24gate/net/http_guard.hpp>

#include <charconv>

#include <b24gate/core/text.hpp>
#include <b24gate/net/token.hpp>

namespace b24gate::net {
namespace {

using core::iequals;

bool is_token(std::string_view text) noexcept {
    if (text.empty()) return false;
    for (const char c : text)
        if (!is_token_char(static_cast<unsigned char>(c))) return false;
    return true;
}

/// Visible characters, space, tab and obs-text: no CR, LF or NUL, which could end a line for someone else.
bool is_field_value(std::string_view text) noexcept {
    bool control = false;  // without an early end, so that the compiler can look at many bytes at once
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        control |= (byte < 0x20 && byte != '\t') || byte == 0x7F;
    }
    return !control;
}

/// Origin-form, or absolute-form with an authority that is a host.
std::optional<Violation> check_form(std::string_view target) noexcept {
    if (target.front() == '/') return std::nullopt;
    if (!target.starts_with("http://") && !target.starts_with("https://")) return Violation{400, "target"};
    target.remove_prefix(target.find("//") + 2);
    return is_host(target.substr(0, target.find_first_of("/?"))) ? std::nullopt
                                                                 : std::optional(Violation{400, "target"});
}

std::optional<Violation> check_request_line(std::string_view line, Head& out) noexcept {
    const std::size_t first = line.find(' ');
    if (first == std::string_view::npos) return Violation{400, "request_line"};
    const std::size_t second = line.find(' ', first + 1);
    if (second == std::string_view::npos) return Violation{400, "request_line"};
    out.method = line.substr(0, first);
    out.target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (!is_token(out.method) || out.target.empty()) return Violation{400, "request_line"};
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.')
        return Violation{400, "request_line"};
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return Violation{505, "version"};
    out.minor_version = version.back() == '1' ? 1 : 0;
    for (const char c : out.target) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7F || c == '#') return Violation{400, "target"};
    }
    const bool discards = out.method == "DELETE" && out.target.starts_with("/operations/");
    if (out.method != "GET" && out.method != "POST" && out.method != "HEAD" && !discards) {
        for (const std::string_view known : {"PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"})
            if (out.method == known) return Violation{405, "method"};
        return Violation{501, "method"};
    }
    return check_form(out.target);
}

std::optional<Violation> check_status_line(std::string_view line, Head& out) noexcept {
    if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) return Violation{502, "status_line"};
    out.minor_version = line[7] == '1' ? 1 : 0;
    const std::string_view digits = line.substr(9, 3);
    if (digits.size() != 3 || !core::is_digits(digits)) return Violation{502, "status_line"};
    if (line.size() > 12 && line[12] != ' ') return Violation{502, "status_line"};
    if (!is_field_value(line.substr(12))) return Violation{502, "status_line"};
    out.status = static_cast<unsigned>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
    return out.status < 100 ? std::optional(Violation{502, "status_line"}) : std::nullopt;
}

/// Whether a comma-separated list has the member.
bool list_has(std::string_view list, std::string_view member) noexcept {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (iequals(core::trim(list.substr(0, comma)), member)) return true;
        if (comma == std::string_view::npos) break;
        list.remove_prefix(comma + 1);
    }
    return false;
}

struct Counts {
    std::size_t fields = 0, hosts = 0, lengths = 0, codings = 0;
};

std::optional<Violation> check_field(std::string_view line, Head& out, Counts& counts, std::vector<Field>* fields) {
    if (line.front() == ' ' || line.front() == '\t') return Violation{400, "folded_line"};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Violation{400, "field_line"};
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return Violation{400, "field_name"};
    const std::string_view value = core::trim(line.substr(colon + 1));
    if (!is_field_value(value)) return Violation{400, "field_value"};
    if (++counts.fields > max_fields) return Violation{431, "field_count"};
    if (fields != nullptr) fields->push_back({name, value});
    switch (name.size()) {
        case 4:
            if (iequals(name, "host")) {
                ++counts.hosts;
                out.host = value;
            }
            break;
        case 6:
            if (iequals(name, "expect")) {
                if (!iequals(value, "100-continue")) return Violation{417, "expect"};
                out.expect_continue = true;
            }
            break;
        case 10:
            if (iequals(name, "connection")) {
                if (list_has(value, "close")) out.keep_alive = false;
                if (out.minor_version == 0 && list_has(value, "keep-alive")) out.keep_alive = true;
            }
            break;
        case 14:
            if (iequals(name, "content-length")) {
                std::uint64_t length = 0;
                // 18 digits: far from overflow, and no body is that long.
                if (++counts.lengths > 1 || !core::is_digits(value) || value.size() > 18)
                    return Violation{400, "content_length"};
                std::from_chars(value.data(), value.data() + value.size(), length);
                out.content_length = length;
            }
            break;
        case 17:
            if (iequals(name, "transfer-encoding")) {
                if (++counts.codings > 1 || out.minor_version == 0) return Violation{400, "transfer_encoding"};
                if (!iequals(value, "chunked")) {
                    // A list that names chunked is an attempt at ambiguity; any other coding is one we do not have.
                    return Violation{list_has(value, "chunked") || value.empty() ? 400u : 501u, "transfer_encoding"};
                }
                out.chunked = true;
            }
            break;
        default: break;
    }
    return std::nullopt;
}

template <class FirstLine>
std::optional<Violation> check_head(std::string_view head, Head& out, Counts& counts, std::vector<Field>* fields,
                                    FirstLine first_line) {
    out = Head{};
    bool first = true, complete = false;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        if (end == std::string_view::npos) return Violation{400, "line_end"};
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        if (first) {
            first = false;
            if (const auto violation = first_line(line, out)) return violation;
            out.keep_alive = out.minor_version == 1;
            continue;
        }
        if (line.empty()) {
            if (!head.empty()) return Violation{400, "line_end"};
            complete = true;
            break;
        }
        if (const auto violation = check_field(line, out, counts, fields)) return violation;
    }
    if (!complete) return Violation{400, "line_end"};
    if (out.chunked && out.content_length) return Violation{400, "length_and_chunked"};
    return std::nullopt;
}

}  // namespace

HeadEnd find_head_end(std::string_view received, std::size_t from) noexcept {
    for (std::size_t at = from; at < received.size(); ++at) {
        at = received.find('\n', at);
        if (at == std::string_view::npos) break;
        if (at == 0 || received[at - 1] != '\r') return {0, Violation{400, "bare_lf"}};
        if (at >= 3 && received[at - 2] == '\n') return {at + 1, std::nullopt};
    }
    return {};
}

std::optional<Violation> check_request_head(std::string_view head, Head& out, std::vector<Field>* fields) {
    Counts counts;
    if (const auto violation = check_head(head, out, counts, fields, check_request_line)) return violation;
    if (counts.hosts > 1 || (counts.hosts == 0 && out.minor_version == 1)) return Violation{400, "host"};
    if (counts.hosts == 1 && !is_host(out.host)) return Violation{400, "host"};
    return std::nullopt;
}

std::optional<Violation> check_answer_head(std::string_view head, Head& out, std::vector<Field>* fields) {
    Counts counts;
    return check_head(head, out, counts, fields, check_status_line);
}

bool is_host(std::string_view host) noexcept {
    if (host.empty() || host.size() > 255) return false;
    std::string_view port;
    if (host.front() == '[') {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos || end < 3) return false;
        for (const char c : host.substr(1, end - 1))
            if (core::hex_digit(c) < 0 && c != ':' && c != '.') return false;
        port = host.substr(end + 1);
    } else {
        const std::size_t colon = host.find(':');
        const std::string_view name = host.substr(0, colon);
        if (name.empty()) return false;
        for (const char c : name) {
            const char l = core::to_lower(c);
            if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '.' || l == '_')) return false;
        }
        port = colon == std::string_view::npos ? std::string_view{} : host.substr(colon);
    }
    return port.empty() || (port.size() >= 2 && port.size() <= 6 && port[0] == ':' && core::is_digits(port.substr(1)));
}

}  // namespace b24gate::net
