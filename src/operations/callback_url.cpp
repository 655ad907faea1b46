#include <b24gate/operations/callback_url.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <b24gate/access/addresses.hpp>
#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::operations {
namespace {

constexpr std::size_t longest_host = 253;
constexpr std::string_view example = "write an address like https://hooks.example.com/b24";

bool is_name(std::string_view host) noexcept {
    return !host.empty() && host.size() <= longest_host && host.front() != '.' && host.front() != '-' &&
           host.back() != '.' && std::all_of(host.begin(), host.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || core::is_digits({&c, 1}) || c == '.' || c == '-' || c == '_';
           });
}

bool is_port(std::string_view port) noexcept {
    std::uint16_t number = 0;
    return core::is_digits(port) && port.front() != '0' &&
           std::from_chars(port.data(), port.data() + port.size(), number).ec == std::errc();
}

/// Host and port out of what stands between "//" and the path. By hand: Boost.URL decodes the host and passes over a
/// port that is none, and what is checked must be what is called.
bool split_authority(std::string_view authority, CallbackUrl& out) {
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t close = authority.find(']');
        if (close == std::string_view::npos) return false;
        out.host = core::to_lower(authority.substr(1, close - 1));
        if (out.host.find('%') != std::string::npos || out.host.find(':') == std::string::npos ||
            !config::parse_address(out.host))
            return false;
        authority.remove_prefix(close + 1);
        out.host_header = "[" + out.host + "]";
    } else {
        const std::size_t colon = std::min(authority.find(':'), authority.size());
        out.host = core::to_lower(authority.substr(0, colon));
        if (!is_name(out.host)) return false;
        authority.remove_prefix(colon);
        out.host_header = out.host;
    }
    const std::string_view default_port = out.tls ? "443" : "80";
    if (authority.empty()) {
        out.port = default_port;
        return true;
    }
    port = authority.substr(1);
    if (authority.front() != ':' || !is_port(port)) return false;
    out.port = port;
    if (port != default_port) out.host_header += ":" + out.port;
    return true;
}

}  // namespace

boost::system::result<CallbackUrl, std::string> parse_callback_url(std::string_view url,
                                                                   const config::Operations& settings) {
    if (settings.callback_hosts.empty())
        return std::string(
            "X-B24-Callback: this gateway sends no callbacks; its operator names the hosts that may get "
            "them in callback_hosts");
    if (url.size() > longest_callback_url)
        return "X-B24-Callback is longer than " + std::to_string(longest_callback_url) + " bytes";
    const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
    if (!parsed) return "X-B24-Callback is no URL; " + std::string(example);
    const std::string scheme = core::to_lower(std::string_view(parsed->scheme().data(), parsed->scheme().size()));
    if ((scheme != "https" && scheme != "http") || !parsed->has_authority())
        return "X-B24-Callback must begin with https:// or http://; " + std::string(example);
    if (parsed->has_userinfo())
        return "X-B24-Callback holds a user or a password; receivers know the gateway by the signature: " +
               std::string(example);
    if (parsed->has_fragment())
        return "X-B24-Callback holds a fragment, which is never sent; leave out the part from '#' on";

    CallbackUrl out;
    out.tls = scheme == "https";
    const std::size_t begin = url.find("://") + 3;
    const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
    if (!split_authority(url.substr(begin, end - begin), out))
        return "X-B24-Callback has no valid host name or port; " + std::string(example);
    const auto& globs = settings.callback_hosts;
    if (std::none_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return core::glob_match(glob, out.host); }))
        return "X-B24-Callback: the host " + out.host + " is not among those that this gateway sends callbacks to";
    if (!settings.allow_private_callbacks && config::parse_address(out.host) && !access::is_public_address(out.host))
        return "X-B24-Callback: the address " + out.host +
               " is not of the open internet, and this gateway sends callbacks to no other ones";
    const std::string_view rest = url.substr(end);
    out.target = core::Secret((rest.starts_with('/') ? "" : "/") + std::string(rest));
    out.origin = (out.tls ? "https://" : "http://") + out.host_header;
    out.text = core::Secret(std::string(url));
    return out;
}

}  // namespace b24gate::operations
