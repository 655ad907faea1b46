#include <b24gate/admin/access.hpp>

#include <fmt/format.h>

#include <b24gate/access/portal_choice.hpp>
#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/browser.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/core/sha256.hpp>
#include <b24gate/net/sleep.hpp>

#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using core::Clock;
using server::Request;
using server::Response;

/// With the prefix browsers take it over TLS alone, from this host alone.
constexpr std::string_view secure_cookie = "__Host-b24gate", plain_cookie = "b24gate";
constexpr unsigned most_held_back = 32;
constexpr std::int64_t audit_pause_ms = 1000;

std::string_view bearer(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() <= scheme.size() || !core::iequals(authorization.substr(0, scheme.size()), scheme))
        return {};
    return core::trim(authorization.substr(scheme.size()));
}

std::string_view session_id(const Request& request) {
    const std::string_view header = request.field("Cookie");
    const std::string_view secure = cookie(header, secure_cookie);
    return secure.empty() ? cookie(header, plain_cookie) : secure;
}

std::string set_cookie(const Request& request, std::string_view id, bool end) {
    const bool tls = over_tls(request);
    return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict{}{}", tls ? secure_cookie : plain_cookie, id,
                       tls ? "; Secure" : "", end ? "; Max-Age=0" : "");
}

std::string hash_of(std::string_view key) { return core::to_hex(core::sha256(key)); }

bool is_key(const core::Secret& key, std::string_view given) {
    return !key.empty() && core::equal_constant_time(given, key.reveal());
}

}  // namespace

void Access::add_routes(Router& router) {
    router.add("POST", "/api/v1/login", Role::none, [this](Visit& visit) { return login(visit); });
    router.add("POST", "/api/v1/logout", Role::read, [this](Visit& visit) { return logout(visit); });
    router.add("GET", "/api/v1/session", Role::read, [this](Visit& visit) { return session(visit); });
}

bool Access::knows_host(std::string_view host) const {
    const config::Admin& admin = worker_.snapshot()->config->admin;
    const std::string name = access::host_name(host);
    if (name.empty() || name == "localhost" || name == "127.0.0.1" || name == "[::1]" || name == "::1") return true;
    if (admin.listen && name == core::to_lower(admin.listen->host)) return true;
    for (const std::string& known : admin.hosts)
        if (name == core::to_lower(known)) return true;
    return false;
}

Role Access::role_of(std::string_view key) const {
    const config::Admin& admin = worker_.snapshot()->config->admin;
    const bool full = is_key(admin.key, key), read = is_key(admin.read_only_key, key);  // both, in any case
    return full ? Role::full : read ? Role::read : Role::none;
}

Role Access::role_of_hash(std::string_view hash) const {
    const config::Admin& admin = worker_.snapshot()->config->admin;
    if (!admin.key.empty() && hash == hash_of(admin.key.reveal())) return Role::full;
    if (!admin.read_only_key.empty() && hash == hash_of(admin.read_only_key.reveal())) return Role::read;
    return Role::none;
}

Actor Access::actor(const Request& request) const {
    Actor out;
    if (const std::string_view key = bearer(request.field("Authorization")); !key.empty()) {
        out.role = role_of(key);
        if (out.role != Role::none)
            out.name = fmt::format("{}@{}", out.role == Role::full ? "admin" : "read-only", request.peer);
        return out;
    }
    const std::string_view id = session_id(request);
    if (id.empty()) return out;
    const auto session = shared_.sessions.find(id, Clock::now());
    if (!session) return out;
    // A key that is no longer configured takes its sessions with it.
    if (role_of_hash(session->key) != session->role) {
        shared_.sessions.end(session->hash);
        return out;
    }
    out.role = session->role;
    out.name = fmt::format("{}@{}", session->name, request.peer);
    out.session = session->hash;
    return out;
}

bool Access::still(const Actor& actor) const {
    if (!actor.session.empty()) return shared_.sessions.holds(actor.session, Clock::now());
    const config::Admin& admin = worker_.snapshot()->config->admin;
    return actor.role == Role::full ? !admin.key.empty() : !admin.read_only_key.empty();
}

asio::awaitable<std::optional<Response>> Access::refusal(const Request& request, const Actor& actor, Role needed) {
    std::optional<Response> out;
    if (needed == Role::none) co_return out;
    if (actor.role == Role::none) {
        const config::Admin& admin = worker_.snapshot()->config->admin;
        const bool any = !admin.key.empty() || !admin.read_only_key.empty();
        const bool tried = !bearer(request.field("Authorization")).empty();
        if (tried && !co_await hold_back(std::string(request.peer), "key")) {
            out = error_answer(429, "GATEWAY_UNAUTHORIZED", "too many wrong keys at once; try again later");
            co_return out;
        }
        out = error_answer(401, "GATEWAY_UNAUTHORIZED",
                           any ? "send the admin key as Authorization: Bearer KEY, or log in"
                               : "no admin.key is configured, so only health and metrics are served");
        out->fields.add("WWW-Authenticate", "Bearer realm=\"b24gate\"");
        co_return out;
    }
    if (actor.role < needed) {
        out = error_answer(403, "GATEWAY_FORBIDDEN", "this key may look at everything and change nothing");
        co_return out;
    }
    // What a key opens no page elsewhere can send; a cookie goes along by itself.
    if (request.method != "POST" || actor.session.empty()) co_return out;
    const auto session = shared_.sessions.find(session_id(request), Clock::now());
    if (!same_origin(request, true))
        out = error_answer(403, "GATEWAY_FORBIDDEN", "this came from a page elsewhere, or from no page at all");
    else if (!session || !core::equal_constant_time(request.field("X-CSRF-Token"), session->csrf))
        out = error_answer(403, "GATEWAY_FORBIDDEN", "send the session's token as X-CSRF-Token");
    co_return out;
}

/// Lets whoever guesses wait. False: so many wait already that this one is sent away at once.
asio::awaitable<bool> Access::hold_back(std::string peer, std::string_view what) {
    core::Duration delay{0};
    {
        const std::lock_guard lock(shared_.wrong_keys.mutex);
        delay = shared_.wrong_keys.guard.wrong_key(peer, Clock::now());
    }
    shared_.log.event(observe::Level::warn, "admin_refused", {{"peer", peer}, {"what", what}});
    if (delay == core::Duration::zero()) co_return true;
    if (shared_.wrong_keys.waiting.fetch_add(1) >= most_held_back) {
        --shared_.wrong_keys.waiting;
        co_return false;
    }
    net::Sleep sleep(worker_.worker, Clock::now() + delay);
    static_cast<void>(co_await sleep.wait());
    --shared_.wrong_keys.waiting;
    co_return true;
}

asio::awaitable<Response> Access::login(Visit& visit) {
    const Request& request = visit.request;
    constexpr std::string_view known[] = {"key"};
    // A page elsewhere can send a form, but neither this type nor, without asking first, any other one.
    if (!core::iequals(request.field("Content-Type").substr(0, 16), "application/json") || !same_origin(request, false))
        co_return error_answer(403, "GATEWAY_FORBIDDEN", "log in with application/json, from this port's own page");
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    if (const auto wrong = body->check(known)) co_return bad_request(*wrong);
    const std::string key(body->value("key"));
    const Role role = role_of(key);
    if (role == Role::none) {
        const std::string peer(request.peer);
        const std::int64_t now = core::unix_ms();
        std::int64_t last = shared_.wrong_keys.last_audit;
        if (now >= last + audit_pause_ms && shared_.wrong_keys.last_audit.compare_exchange_strong(last, now)) {
            const auto ignored = co_await shared_.store.operations().put_audit("nobody@" + peer, "login refused", "",
                                                                               "", store_deadline());
            static_cast<void>(ignored);  // the log has it as well
        }
        if (!co_await hold_back(peer, "login"))
            co_return error_answer(429, "GATEWAY_UNAUTHORIZED", "too many wrong keys at once; try again later");
        co_return error_answer(401, "GATEWAY_UNAUTHORIZED", "this is no key of the admin port");
    }
    const std::string name = role == Role::full ? "admin" : "read-only";
    const auto begun = shared_.sessions.begin(role, name, hash_of(key), Clock::now());
    if (!begun) co_return error_answer(503, "GATEWAY_STORE", "the system gives no random bytes");
    const auto audited = co_await shared_.store.operations().put_audit(fmt::format("{}@{}", name, request.peer),
                                                                       "login", "", "", store_deadline());
    if (!audited) shared_.log.event(observe::Level::warn, "audit_failed", {{"error", audited.error().message}});
    json::object out;
    out["role"] = to_string(role);
    out["csrf"] = begun->csrf;
    Response response = json_answer(200, out);
    response.fields.add("Set-Cookie", set_cookie(request, begun->id, false));
    co_return response;
}

asio::awaitable<Response> Access::logout(Visit& visit) {
    if (!visit.actor.session.empty()) shared_.sessions.end(visit.actor.session);
    const auto audited =
        co_await shared_.store.operations().put_audit(visit.actor.name, "logout", "", "", store_deadline());
    if (!audited) shared_.log.event(observe::Level::warn, "audit_failed", {{"error", audited.error().message}});
    Response response = json_answer(200, json::object{{"role", to_string(Role::none)}});
    response.fields.add("Set-Cookie", set_cookie(visit.request, "", true));
    co_return response;
}

asio::awaitable<Response> Access::session(Visit& visit) const {
    json::object out;
    out["role"] = to_string(visit.actor.role);
    out["name"] = visit.actor.name;
    out["csrf"] = nullptr;
    if (!visit.actor.session.empty())
        if (const auto known = shared_.sessions.find(session_id(visit.request), Clock::now()))
            out["csrf"] = known->csrf;
    co_return json_answer(200, out);
}

}  // namespace b24gate::admin
