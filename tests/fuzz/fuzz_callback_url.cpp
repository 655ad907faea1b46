// Anything in X-B24-Callback: what is accepted has a host that is allowed and goes into a request as it is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/access/addresses.hpp>
#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/operations/callback_url.hpp>

#include "require.hpp"

namespace {

void check_visible(std::string_view text) {
    for (const char c : text) require(c > 0x20 && c < 0x7F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace b24gate;
    static const config::Operations settings = [] {
        config::Operations out;
        out.callback_hosts = {"*.example", "1*", "*:*"};
        return out;
    }();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto url = operations::parse_callback_url(text, settings);
    if (!url) {
        require(url.error().starts_with("X-B24-Callback") && url.error().size() < 600);
        return 0;
    }
    check_visible(url->text.reveal());
    require(url->text.reveal() == text && size <= operations::longest_callback_url);
    require(url->target.reveal().starts_with('/') && url->target.reveal().find('#') == std::string::npos);
    require(url->origin == (url->tls ? "https://" : "http://") + url->host_header);
    require(url->host.find('@') == std::string::npos && url->host.find('%') == std::string::npos);
    require(core::glob_match("*.example", url->host) || url->host.starts_with('1') ||
            url->host.find(':') != std::string::npos);
    require(!config::parse_address(url->host) || access::is_public_address(url->host));
    require(core::is_digits(url->port));
    // Written anew from its parts it is the same place.
    const auto again = operations::parse_callback_url(url->origin + url->target.reveal(), settings);
    if (again) {
        require(again->origin == url->origin && again->port == url->port);
        require(again->target.reveal() == url->target.reveal());
    } else {
        require(size + 8 > operations::longest_callback_url);
    }
    return 0;
}
