#include <b24gate/tokens/token_request.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::tokens {
namespace {

using core::Secret;
using upstream::Target;

constexpr std::size_t longest_url = 2048;
constexpr std::string_view servers[] = {"https://oauth.bitrix.info", "https://oauth.bitrix24.tech"};

std::optional<Target> target_of(std::string_view url) {
    if (url.size() > longest_url) return std::nullopt;
    auto target = upstream::parse_target(url);
    if (!target) return std::nullopt;
    return *std::move(target);
}

bool is_plain_path(std::string_view path) noexcept {
    return path.find("//") == path.npos && path.find("/./") == path.npos && path.find("/../") == path.npos &&
           std::all_of(path.begin(), path.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || core::is_digits({&c, 1}) || c == '/' ||
                      c == '.' || c == '-' || c == '_' || c == '~';
           });
}

/// As it stands: a trailing slash is a part of it, and Target has dropped it.
std::string_view path_of(std::string_view url) noexcept {
    const std::size_t scheme = url.find("://");
    const std::size_t slash = scheme == url.npos ? url.npos : url.find('/', scheme + 3);
    return slash == url.npos ? "/" : url.substr(slash);
}

using Parameter = std::pair<std::string_view, std::string_view>;

Secret encoded(std::initializer_list<Parameter> parameters) {
    std::size_t most = 0;
    for (const auto& [name, value] : parameters) most += name.size() + 2 + value.size() * 3;
    std::string out;
    out.reserve(most);  // no growth: it would leave copies behind
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out += '&';
        out += name;
        out += '=';
        bitrix::append_form_encoded(out, value);
    }
    return Secret(std::move(out));
}

}  // namespace

std::optional<std::string> portal_url_of(std::string_view client_endpoint, bool allow_http) {
    const auto target = target_of(client_endpoint);
    if (!target || (!target->tls && !allow_http)) return std::nullopt;
    std::string_view path = path_of(client_endpoint);
    if (!is_plain_path(path)) return std::nullopt;
    if (path.ends_with('/')) path.remove_suffix(1);
    if (!path.ends_with("/rest")) return std::nullopt;
    path.remove_suffix(5);
    return target->origin + std::string(path);
}

TokenTarget token_target(std::string_view configured_token_url, std::string_view server_endpoint,
                         const std::vector<std::string>& extra_allowed_hosts) {
    TokenTarget out{std::string(configured_token_url), false};
    if (server_endpoint.empty()) return out;
    out.fell_back = true;
    const auto server = target_of(server_endpoint);
    if (!server || (path_of(server_endpoint) != "/rest/" && path_of(server_endpoint) != "/rest")) return out;
    // Before all others: the configured path may be one of its own.
    const auto configured = target_of(configured_token_url);
    if (configured && configured->origin == server->origin) {
        out.fell_back = false;
        return out;
    }
    const bool known = std::ranges::find(servers, std::string_view(server->origin)) != std::end(servers) ||
                       std::ranges::any_of(extra_allowed_hosts, [&](const std::string& host) {
                           const auto allowed = target_of("https://" + host);
                           return allowed && allowed->base_path.empty() && allowed->origin == server->origin;
                       });
    if (!known) return out;
    return {server->origin + "/oauth/token/", false};
}

Secret refresh_parameters(std::string_view client_id, const Secret& client_secret, const Secret& refresh_token) {
    return encoded({{"grant_type", "refresh_token"},
                    {"client_id", client_id},
                    {"client_secret", client_secret.reveal()},
                    {"refresh_token", refresh_token.reveal()}});
}

Secret code_parameters(std::string_view client_id, const Secret& client_secret, const Secret& code) {
    return encoded({{"grant_type", "authorization_code"},
                    {"client_id", client_id},
                    {"client_secret", client_secret.reveal()},
                    {"code", code.reveal()}});
}

std::optional<TokenRequest> make_token_request(std::string_view token_url, const Secret& parameters, Verb verb) {
    auto target = target_of(token_url);
    if (!target) return std::nullopt;
    const std::string& text = parameters.reveal();
    std::string head;
    head.reserve(512 + token_url.size() + text.size());
    head += verb == Verb::post ? "POST " : "GET ";
    head += path_of(token_url);
    if (verb == Verb::get) {
        head += '?';
        head += text;
    }
    head += " HTTP/1.1\r\nHost: ";
    head += target->host_header;
    head += "\r\nUser-Agent: b24gate/" B24GATE_VERSION "\r\nAccept: application/json\r\n";
    if (verb == Verb::post) {
        head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
        head += std::to_string(text.size());
        head += "\r\n";
    }
    head += "\r\n";
    TokenRequest request;
    request.target = *std::move(target);
    request.head = Secret(std::move(head));
    if (verb == Verb::post) request.body = parameters;
    return request;
}

std::string authorize_url(std::string_view portal_url, std::string_view client_id, std::string_view state) {
    std::string out(portal_url);
    out += "/oauth/authorize/?client_id=";
    bitrix::append_form_encoded(out, client_id);
    out += "&state=";
    bitrix::append_form_encoded(out, state);
    return out;
}

}  // namespace b24gate::tokens
