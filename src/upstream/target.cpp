#include <b24gate/upstream/target.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <optional>

#include <b24gate/core/text.hpp>

namespace b24gate::upstream {
namespace {

/// The cloud's own domains: bitrix24 with any public suffix, one label before it.
bool is_cloud_host(std::string_view host) {
    const std::size_t dot = host.find('.');
    if (dot == std::string_view::npos || dot == 0) return false;
    const std::string_view domain = host.substr(dot + 1);
    if (!domain.starts_with("bitrix24.")) return false;
    const std::string_view suffix = domain.substr(9);
    for (const std::string_view known :
         {"com", "ru", "eu", "de", "fr", "it", "pl",     "es",     "ua", "by", "kz",   "cn",
          "in",  "mx", "vn", "id", "jp", "tr", "com.br", "com.tr", "co", "uk", "tech", "net"})
        if (suffix == known) return true;
    return false;
}

constexpr std::size_t longest_host = 253;

bool is_host(std::string_view host, bool v6) {
    if (host.empty() || host.size() > longest_host || host.front() == '.' || host.front() == '-') return false;
    return std::all_of(host.begin(), host.end(), [v6](char c) {
        if (v6) return core::hex_digit(c) >= 0 || c == ':' || c == '.';
        return (c >= 'a' && c <= 'z') || core::is_digits({&c, 1}) || c == '.' || c == '-' || c == '_';
    });
}

bool is_port(std::string_view port) {
    return core::is_digits(port) && port.size() <= 5 && port.front() != '0' && std::stoi(std::string(port)) <= 65535;
}

/// Nullopt: its host or its port is none. Boost.URL decodes the host, and passes over a port that is none: what it has
/// understood must be what stands in the text, or it would become a part of a header or of another URL.
std::optional<Target> make_target(const boost::urls::url_view& url, std::string_view text) {
    Target target;
    target.tls = url.scheme() == "https";
    const auto host = url.host_address();
    target.host = core::to_lower(std::string_view(host.data(), host.size()));
    const std::string_view default_port = target.tls ? "443" : "80";
    target.port = url.has_port() && !url.port().empty() ? std::string(url.port()) : std::string(default_port);
    std::string path(url.encoded_path());
    while (path.ends_with('/')) path.pop_back();
    target.base_path = std::move(path);
    const bool v6 = target.host.find(':') != std::string::npos;
    target.host_header = v6 ? "[" + target.host + "]" : target.host;
    if (!is_host(target.host, v6) || !is_port(target.port)) return std::nullopt;
    const std::size_t begin = text.find("://") + 3;
    const std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
    const std::string authority = core::to_lower(text.substr(begin, end - begin));
    if (authority != target.host_header && authority != target.host_header + ":" &&
        authority != target.host_header + ":" + target.port)
        return std::nullopt;
    if (target.port != default_port) target.host_header += ":" + target.port;
    target.origin = (target.tls ? "https://" : "http://") + target.host_header;
    return target;
}

}  // namespace

boost::system::result<Target, std::string> parse_target(std::string_view url) {
    const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
    if (!parsed) return std::string("not a URL; write https://name.bitrix24.com");
    if (parsed->scheme() != "https" && parsed->scheme() != "http")
        return std::string("the scheme must be https (or http for a self-hosted portal)");
    if (parsed->host_address().empty()) return std::string("there is no host in it");
    if (parsed->has_userinfo() || parsed->has_query() || parsed->has_fragment())
        return std::string("it must be scheme, host and perhaps a path, nothing else");
    auto target = make_target(*parsed, url);
    if (!target)
        return std::string(
            "its host or its port is none: a host has letters, digits, dots, hyphens and underscores, "
            "a port is from 1 to 65535");
    return *std::move(target);
}

boost::system::result<Target, std::string> renamed_target(const Target& from, std::string_view location,
                                                          std::string_view sent_path,
                                                          const std::vector<std::string>& allowed) {
    const auto parsed = boost::urls::parse_uri({location.data(), location.size()});
    if (!parsed) return std::string("its Location is no absolute URL");
    if (parsed->scheme() != "https" && (from.tls || parsed->scheme() != "http"))
        return std::string("its Location is not https");
    const std::string_view path = sent_path.substr(0, sent_path.find('?'));
    if (std::string_view(parsed->encoded_path().data(), parsed->encoded_path().size()) != path)
        return std::string("its Location has another path: a login page rather than a renamed portal");
    auto named = make_target(*parsed, location);
    if (!named) return std::string("its Location has a host or a port that is none");
    Target to = *std::move(named);
    to.base_path = from.base_path;
    if (to.host == from.host && to.port == from.port) return std::string("its Location is the portal itself");
    bool trusted = is_cloud_host(from.host) && is_cloud_host(to.host) && to.tls && to.port == "443";
    for (const std::string& pattern : allowed) trusted = trusted || core::glob_match(pattern, to.host);
    if (!trusted)
        return "its Location is on the host " + to.host +
               ", which is not trusted with credentials; add it to redirect_hosts if it is the portal's new name";
    return to;
}

}  // namespace b24gate::upstream
