// Who answers which path of the admin port, and who may ask. One table, which is the server's own description of
// itself.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admin/query.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::admin {

enum class Role {
    none,
    read,  ///< sees everything that the API shows
    full,  ///< and acts
};
[[nodiscard]] std::string_view to_string(Role) noexcept;  ///< "none", "read-only", "full"

/// Who asks, as the audit names it.
struct Actor {
    std::string name;
    Role role = Role::none;
    std::string session;  ///< hash of its id; empty: it came with a key
};

/// One request to the API, with what has been read out of it.
struct Visit {
    const server::Request& request;
    Actor actor;
    Query query;
    boost::json::object body;        ///< of a POST
    std::vector<std::string> parts;  ///< what stands for the {...} of the route, decoded

    explicit Visit(const server::Request& r) : request(r) {}
};

struct Route {
    using Handler = std::function<boost::asio::awaitable<server::Response>(Visit&)>;

    std::string_view method;   ///< GET or POST
    std::string_view pattern;  ///< "/api/v1/portals/{name}/pause": {...} stands for one segment
    Role role = Role::read;    ///< at least
    Handler handler;
};

class Router {
public:
    void add(std::string_view method, std::string_view pattern, Role role, Route::Handler handler);

    struct Found {
        const Route* route = nullptr;  ///< null: nothing is here, or not with that method
        std::string allowed;           ///< methods that the path has, as Allow says them; empty: no such path
        std::vector<std::string> parts;
    };
    /// HEAD is GET.
    [[nodiscard]] Found find(std::string_view method, std::string_view path) const;
    [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

private:
    std::vector<Route> routes_;
};

}  // namespace b24gate::admin
