// Who may speak to the admin port: a key as Bearer, or a session that a browser has begun with one. Belongs to a
// worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/admin/router.hpp>
#include <b24gate/gateway/worker_state.hpp>

namespace b24gate::admin {

class Access {
public:
    Access(gateway::WorkerState& worker, AdminShared& shared) : worker_(worker), shared_(shared) {}

    void add_routes(Router& router);

    /// Who asks; role none: nobody that is known. A session is prolonged.
    [[nodiscard]] Actor actor(const server::Request& request) const;
    /// Whether that actor may still see what it once could; prolongs nothing.
    [[nodiscard]] bool still(const Actor& actor) const;
    /// Why the route is not for this request; nullopt: it is.
    boost::asio::awaitable<std::optional<server::Response>> refusal(const server::Request& request, const Actor& actor,
                                                                    Role needed);
    /// A page in a browser can be made to speak to this port under a name of its own (DNS rebinding), so only names
    /// that are ours are answered. An address is nobody's name.
    [[nodiscard]] bool knows_host(std::string_view host) const;

private:
    boost::asio::awaitable<server::Response> login(Visit& visit);
    boost::asio::awaitable<server::Response> logout(Visit& visit);
    boost::asio::awaitable<server::Response> session(Visit& visit) const;
    boost::asio::awaitable<bool> hold_back(std::string peer, std::string_view what);
    [[nodiscard]] Role role_of(std::string_view key) const;
    [[nodiscard]] Role role_of_hash(std::string_view hash) const;

    gateway::WorkerState& worker_;
    AdminShared& shared_;
};

}  // namespace b24gate::admin
