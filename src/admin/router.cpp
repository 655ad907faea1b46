#include <b24gate/admin/router.hpp>

#include <utility>

namespace b24gate::admin {
namespace {

std::string_view take_segment(std::string_view& path) noexcept {
    if (path.starts_with('/')) path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

}  // namespace

std::string_view to_string(Role role) noexcept {
    switch (role) {
        case Role::none: return "none";
        case Role::read: return "read-only";
        case Role::full: return "full";
    }
    return "none";
}

bool match(std::string_view pattern, std::string_view path, std::vector<std::string>& parts) {
    parts.clear();
    while (!pattern.empty() && !path.empty()) {
        const std::string_view wanted = take_segment(pattern);
        const std::string_view given = take_segment(path);
        if (!wanted.starts_with('{')) {
            if (wanted != given) return false;
            continue;
        }
        auto part = percent_decoded(given, false);
        if (!part || part->empty()) return false;
        parts.push_back(*std::move(part));
    }
    return pattern.empty() && path.empty();
}

void Router::add(std::string_view method, std::string_view pattern, Role role, Route::Handler handler) {
    routes_.push_back(Route{method, pattern, role, std::move(handler)});
}

Router::Found Router::find(std::string_view method, std::string_view path) const {
    const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
    Found out;
    for (const Route& route : routes_) {
        std::vector<std::string> parts;
        if (!match(route.pattern, path, parts)) continue;
        if (route.method == wanted) {
            out.route = &route;
            out.parts = std::move(parts);
            return out;
        }
        if (!out.allowed.empty()) out.allowed += ", ";
        out.allowed += route.method;
        if (route.method == "GET") out.allowed += ", HEAD";
    }
    return out;
}

}  // namespace b24gate::admin
