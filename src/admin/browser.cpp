#include <b24gate/admin/browser.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <b24gate/core/text.hpp>

namespace b24gate::admin {

std::string_view cookie(std::string_view header, std::string_view name) noexcept {
    while (!header.empty()) {
        const std::size_t end = std::min(header.find(';'), header.size());
        const std::string_view pair = core::trim(header.substr(0, end));
        header.remove_prefix(std::min(end + 1, header.size()));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
    }
    return {};
}

bool over_tls(const server::Request& request) {
    return request.tls || core::iequals(request.field("X-Forwarded-Proto"), "https");
}

bool same_origin(const server::Request& request, bool must_say) {
    if (const std::string_view site = request.field("Sec-Fetch-Site"); !site.empty()) return site == "same-origin";
    const std::string_view origin = request.field("Origin");
    if (origin.empty()) return !must_say;
    return core::iequals(origin, fmt::format("{}://{}", over_tls(request) ? "https" : "http", request.host));
}

}  // namespace b24gate::admin
