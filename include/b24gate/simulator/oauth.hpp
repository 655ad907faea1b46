// The authorization server: codes, token pairs, rotation and expiry. Pure; `now` is an argument.
#pragma once

#include <b24gate/simulator/http.hpp>
#include <b24gate/simulator/moment.hpp>
#include <b24gate/simulator/php.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace b24gate::simulator {

struct App {
    std::string client_id, secret;
    std::vector<std::string> scope;  ///< empty: every scope
    std::string status = "L";
    std::string refuse;  ///< the token endpoint and the portals answer this error code instead
};

/// For whom a token chain speaks.
struct Grant {
    std::string portal, client_id;
    long long user = 1;
};

struct TokenPair {
    std::string access, refresh;
    Moment access_expires, refresh_expires;
};

class OAuthServer {
public:
    struct Settings {
        Micros access_life = std::chrono::hours(1);
        Micros refresh_life = std::chrono::hours(24 * 180);
        Micros code_life = std::chrono::seconds(30);
        /// How long a used refresh token still gives the pair it was exchanged for. Bitrix24's own figure is unknown.
        Micros refresh_grace{0};
    };
    /// The addresses an answer names.
    struct Endpoints {
        std::string domain, server_endpoint;
        std::function<std::string(const std::string&portal)> client_endpoint, member_id;
    };
    struct Stats {
        std::uint64_t requests = 0, refreshes = 0, exchanges = 0, replays = 0;
        std::map<std::string, std::uint64_t> refused;  ///< by error code
    };
    enum class Verdict { ok, expired, unknown };
    struct Check {
        Verdict verdict = Verdict::unknown;
        Grant grant;
    };

    explicit OAuthServer(std::uint64_t seed) : random_(seed) {}

    [[nodiscard]] Settings& settings() noexcept { return settings_; }
    [[nodiscard]] Stats& stats() noexcept { return stats_; }
    App& app(std::string client_id);
    [[nodiscard]] const App* find_app(std::string_view client_id) const;
    [[nodiscard]] const std::map<std::string, App, std::less<>>& apps() const noexcept { return apps_; }

    /// A new chain. Given tokens are taken as they are, else made.
    TokenPair issue(const Grant& grant, Moment now, std::string access = {}, std::string refresh = {},
                    std::optional<Micros> access_life = {});
    std::string make_code(const Grant& grant, Moment now);
    [[nodiscard]] Check check(std::string_view access, Moment now) const;
    /// Every access token of that portal is expired from now on.
    void expire(std::string_view portal, Moment now);
    /// Every chain of that portal is dead: access and refresh tokens are unknown.
    void revoke(std::string_view portal);
    /// The current pairs of a portal.
    [[nodiscard]] std::vector<std::pair<Grant, TokenPair>> pairs(std::string_view portal) const;

    /// GET or POST /oauth/token/ with its parameters.
    Response token(const json::value& params, Moment now, const Endpoints& endpoints);

private:
    struct Chain {
        Grant grant;
        TokenPair pair;
        std::string previous_refresh;
        Moment rotated{};
    };
    struct Code {
        Grant grant;
        Moment expires;
    };
    std::string random_token(std::optional<Moment> expires);
    Response refuse(int status, std::string code, std::string text = {});
    Response answer(const Chain& chain, Moment now, const Endpoints& endpoints, bool refreshed) const;

    Settings settings_;
    Stats stats_;
    std::map<std::string, App, std::less<>> apps_;
    std::vector<std::shared_ptr<Chain>> chains_;
    std::unordered_map<std::string, std::shared_ptr<Chain>> by_access_, by_refresh_;
    std::unordered_map<std::string, Code> codes_;
    std::mt19937_64 random_;
};

}  // namespace b24gate::simulator
