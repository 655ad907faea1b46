#include <b24gate/admin/static_files.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <b24gate/admin/answers.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::admin {
namespace {

using server::Request;
using server::Response;

/// Everything below it has an address of its own for each of its versions.
constexpr std::string_view assets = "/assets/";

/// Messages link to an alert below it; the page has its own addresses behind the #.
constexpr std::string_view alerts = "/alerts/";

/// Nothing that could lead elsewhere.
bool is_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos;
}

Response moved(std::string_view where) {
    Response response = text_answer(302, "text/plain; charset=utf-8", {});
    response.fields.add("Location", where);
    return response;
}

/// Calls `see` with each element of a comma-separated field; ends when it says true, and says so.
template <typename See>
bool any_of_list(std::string_view list, See see) {
    while (!list.empty()) {
        const std::string_view one = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), one.size() + 1));
        if (see(core::trim(one))) return true;
    }
    return false;
}

bool has_already(std::string_view if_none_match, std::string_view tag) {
    return any_of_list(if_none_match, [&](std::string_view one) {
        if (one.starts_with("W/")) one.remove_prefix(2);
        return one == tag || one == "*";
    });
}

Response answer(const StaticFile& file, const Request& request) {
    const bool packed = !file.packed.empty() && takes_gzip(request.field("Accept-Encoding"));
    const std::string tag = fmt::format("\"{}{}\"", file.digest, packed ? "-gzip" : "");
    const bool known = has_already(request.field("If-None-Match"), tag);
    Response response;
    response.status = known ? 304 : 200;
    if (!known) response.body = packed ? file.packed : file.body;
    add_browser_fields(response);
    response.fields.add("Content-Type", file.type);
    response.fields.add("Cache-Control",
                        file.path.starts_with(assets) ? "public, max-age=31536000, immutable" : "no-cache");
    response.fields.add("ETag", tag);
    response.fields.add("Vary", "Accept-Encoding");
    if (packed) response.fields.add("Content-Encoding", "gzip");
    return response;
}

}  // namespace

bool takes_gzip(std::string_view accept_encoding) noexcept {
    return any_of_list(accept_encoding, [](std::string_view one) {
        const std::string_view name = core::trim(one.substr(0, one.find(';')));
        if (!core::iequals(name, "gzip")) return false;
        const std::size_t weight = one.find("q=");
        return weight == std::string_view::npos || one.find_first_of("123456789", weight) != std::string_view::npos;
    });
}

std::optional<Response> static_answer(const Request& request, std::span<const StaticFile> files) {
    if (request.method == "POST") return std::nullopt;
    const std::string_view target = request.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const auto file = std::find_if(files.begin(), files.end(), [&](const StaticFile& one) { return one.path == path; });
    if (file != files.end()) return answer(*file, request);
    if (path.starts_with(assets))
        return not_found("there is no such file; the page is from another version, load it again");
    if (path.starts_with(alerts) && is_id(path.substr(alerts.size()))) return moved("/#" + std::string(path));
    return std::nullopt;
}

}  // namespace b24gate::admin
