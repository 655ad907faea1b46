// Where a callback goes to: the check of X-B24-Callback. Names are resolved later, when the callback is sent; whoever
// does that has to look at the addresses too. Pure; any thread; never throws on any bytes (but for std::bad_alloc).
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/config/config.hpp>
#include <b24gate/core/secret.hpp>

namespace b24gate::operations {

struct CallbackUrl {
    core::Secret text;  ///< as it was given: what is kept. Receivers put passwords into paths and queries
    bool tls = true;
    std::string host;         ///< lower case; an IPv6 address without brackets
    std::string port;         ///< digits
    std::string host_header;  ///< host, and the port where it is not the scheme's own
    std::string origin;       ///< scheme://host_header: all of it that a log may show
    core::Secret target;      ///< path and query, as they go into the request line
};

inline constexpr std::size_t longest_callback_url = 2048;

/// http or https, a host that `settings` allow, no user, no fragment; an address instead of a name must be one of the
/// open internet, unless private ones are allowed. The error is a sentence for the client, and holds nothing of the URL
/// but its host.
[[nodiscard]] boost::system::result<CallbackUrl, std::string> parse_callback_url(std::string_view url,
                                                                                 const config::Operations& settings);

}  // namespace b24gate::operations
