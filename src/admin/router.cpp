#include <b24gate/admin/router.hpp>

#include <utility>

namespace b24gate::admin {

std::string_view to_string(Role role) noexcept {
    switch (role) {
        case Role::none: return "none";
        case Role::read: return "read-only";
        case Role::full: return "full";
    }
    return "none";
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
        if (out.allowed.find(route.method) != std::string::npos) continue;
        if (!out.allowed.empty()) out.allowed += ", ";
        out.allowed += route.method;
        if (route.method == "GET") out.allowed += ", HEAD";
    }
    return out;
}

}  // namespace b24gate::admin
