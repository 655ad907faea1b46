// The check of URLs. A message never repeats one as a whole: webhook addresses with their secret get pasted here.
#include <algorithm>
#include <string>
#include <string_view>

#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

struct Parts {
    bool tls = false;
    std::string_view authority;
    std::string_view path;
};

bool valid_port(std::string_view port) noexcept {
    return core::is_digits(port) && port.size() <= 5 && parse_endpoint("127.0.0.1:" + std::string(port)) &&
           port.find_first_not_of('0') != std::string_view::npos;
}

bool valid_authority(std::string_view authority) {
    std::string_view host = authority;
    if (host.starts_with('[')) {
        const std::size_t close = host.find(']');
        if (close == std::string_view::npos || !parse_address(host.substr(1, close - 1))) return false;
        const std::string_view rest = host.substr(close + 1);
        return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
    }
    if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
        if (!valid_port(host.substr(colon + 1))) return false;
        host = host.substr(0, colon);
    }
    return !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
           std::all_of(host.begin(), host.end(), [](char c) {
               return is_letter(c) || core::is_digits({&c, 1}) || c == '.' || c == '-' || c == '_';
           });
}

/// What is wrong with `text`; empty: nothing, `out` is filled.
std::string split(std::string_view text, UrlKind kind, Parts& out) {
    const std::string example = kind == UrlKind::portal    ? "\"https://acme.bitrix24.com\""
                                : kind == UrlKind::gateway ? "\"https://b24.internal\""
                                                           : "\"https://oauth.bitrix.info/oauth/token/\"";
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return "has no scheme; write a whole address like " + example;
    const std::string name = core::to_lower(text.substr(0, scheme));
    if (name != "https" && name != "http") return "must begin with https://; write an address like " + example;
    out.tls = name == "https";
    text.remove_prefix(scheme + 3);
    const std::size_t end = text.find_first_of("/?#");
    out.authority = text.substr(0, end);
    out.path = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    if (out.authority.find('@') != std::string_view::npos)
        return "holds a user or password; write the address alone, like " + example;
    if (!valid_authority(out.authority)) return "has no valid host name or port; write an address like " + example;
    if (out.path.find_first_of("?#") != std::string_view::npos)
        return "holds a query or fragment; write it without the part from '?' or '#' on";
    if (std::any_of(out.path.begin(), out.path.end(),
                    [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '\\'; }))
        return "holds a character that no path may have; write an address like " + example;
    if (kind == UrlKind::token) return "";
    const std::string path = core::to_lower(out.path);
    if (kind == UrlKind::portal && (path == "/rest" || path.find("/rest/") != std::string::npos))
        return "is a REST address; write the portal's alone, like " + example +
               ", and the webhook's user and secret in its credentials";
    if (path.ends_with('/')) return "ends with '/'; write it without, like " + example;
    return "";
}

}  // namespace

bool Reader::url(const Node& node, UrlKind kind, std::string& out) {
    std::string given;
    if (!text(node, given)) return false;
    Parts parts;
    if (const std::string wrong = split(given, kind, parts); !wrong.empty()) {
        error(node.at, node.key + " " + wrong);
        return false;
    }
    if (!parts.tls && kind != UrlKind::gateway)
        warning(node.at, node.key +
                             " begins with http://: secrets travel in the clear; that is for tests and "
                             "self-hosted portals inside a closed network");
    out = (parts.tls ? "https://" : "http://") + core::to_lower(parts.authority) + std::string(parts.path);
    return true;
}

}  // namespace b24gate::config
