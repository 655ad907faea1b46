// Where a portal is: the parsed form of its URL. Pure.
#pragma once

#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace b24gate::upstream {

struct Target {
    bool tls = true;
    std::string host;         ///< lower case, without brackets
    std::string port;         ///< digits
    std::string base_path;    ///< empty, or begins with '/' and does not end with one
    std::string host_header;  ///< host, and the port where it is not the scheme's own
    std::string origin;       ///< scheme://host_header, as it stands in links

    friend bool operator==(const Target&, const Target&) = default;
};

/// scheme://host[:port][/path]; a host is a name of letters, digits and ".-_", or an IP address; nothing is decoded.
/// The error is a sentence.
[[nodiscard]] boost::system::result<Target, std::string> parse_target(std::string_view url);

/// Where a redirect of a renamed portal leads, when it is one: https (or the portal's own scheme), the same path on
/// another host, and a host that is allowed: a sibling in the portal's own domain family (*.bitrix24.*), or one of
/// `allowed` (globs, lower case). Credentials follow only there. Source: reference 5.7.
[[nodiscard]] boost::system::result<Target, std::string> renamed_target(const Target& from, std::string_view location,
                                                                        std::string_view sent_path,
                                                                        const std::vector<std::string>& allowed);

}  // namespace b24gate::upstream
