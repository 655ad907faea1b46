#include <b24gate/simulator/oauth.hpp>

#include <algorithm>

namespace b24gate::simulator {
namespace {

std::string text_of(const json::value& params, std::string_view name) {
    const json::value* value = php::get(params, name);
    return value ? php::to_string(*value) : std::string();
}

std::string join(const std::vector<std::string>& list) {
    std::string out;
    for (const std::string& item : list) out += (out.empty() ? "" : ",") + item;
    return out;
}

Response json_response(int status, const json::object& body) {
    Response out;
    out.status = status;
    out.headers = {{"Content-Type", "application/json"}};
    out.body = php::json_encode(body);
    return out;
}

}  // namespace

App& OAuthServer::app(std::string client_id) {
    App& out = apps_[client_id];
    out.client_id = std::move(client_id);
    return out;
}

const App* OAuthServer::find_app(std::string_view client_id) const {
    const auto found = apps_.find(client_id);
    return found == apps_.end() ? nullptr : &found->second;
}

std::string OAuthServer::random_token(std::optional<Moment> expires) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    if (expires) {
        // Long tokens of the cloud begin with their expiry, little-endian.
        auto seconds = static_cast<std::uint32_t>(expires->time_since_epoch() / std::chrono::seconds(1));
        for (int i = 0; i < 4; ++i, seconds >>= 8) {
            out += digits[seconds >> 4 & 15];
            out += digits[seconds & 15];
        }
    }
    while (out.size() < 48)
        for (std::uint64_t bits = random_(), k = 0; k < 8; ++k, bits >>= 4) out += digits[bits & 15];
    return out;
}

TokenPair OAuthServer::issue(const Grant& grant, Moment now, std::string access, std::string refresh,
                             std::optional<Micros> access_life) {
    auto chain = std::make_shared<Chain>();
    chain->grant = grant;
    chain->pair.access_expires = now + access_life.value_or(settings_.access_life);
    chain->pair.refresh_expires = now + settings_.refresh_life;
    chain->pair.access = access.empty() ? random_token(chain->pair.access_expires) : std::move(access);
    chain->pair.refresh = refresh.empty() ? random_token(std::nullopt) : std::move(refresh);
    by_access_[chain->pair.access] = chain;
    by_refresh_[chain->pair.refresh] = chain;
    chains_.push_back(chain);
    return chain->pair;
}

std::string OAuthServer::make_code(const Grant& grant, Moment now) {
    std::string code = random_token(std::nullopt);
    codes_[code] = {grant, now + settings_.code_life};
    return code;
}

OAuthServer::Check OAuthServer::check(std::string_view access, Moment now) const {
    const auto found = by_access_.find(std::string(access));
    if (found == by_access_.end()) return {};
    const Chain& chain = *found->second;
    return {now >= chain.pair.access_expires ? Verdict::expired : Verdict::ok, chain.grant};
}

void OAuthServer::expire(std::string_view portal, Moment now) {
    for (const auto& chain : chains_)
        if (chain->grant.portal == portal) chain->pair.access_expires = std::min(chain->pair.access_expires, now);
}

void OAuthServer::revoke(std::string_view portal) {
    for (const auto& chain : chains_) {
        if (chain->grant.portal != portal) continue;
        by_access_.erase(chain->pair.access);
        by_refresh_.erase(chain->pair.refresh);
        by_refresh_.erase(chain->previous_refresh);
    }
    std::erase_if(chains_, [&](const auto& chain) { return chain->grant.portal == portal; });
}

std::vector<std::pair<Grant, TokenPair>> OAuthServer::pairs(std::string_view portal) const {
    std::vector<std::pair<Grant, TokenPair>> out;
    for (const auto& chain : chains_)
        if (chain->grant.portal == portal) out.emplace_back(chain->grant, chain->pair);
    return out;
}

Response OAuthServer::refuse(int status, std::string code, std::string text) {
    ++stats_.refused[code];
    json::object body{{"error", code}};
    if (!text.empty()) body["error_description"] = text;
    return json_response(status, body);
}

Response OAuthServer::answer(const Chain& chain, Moment now, const Endpoints& endpoints, bool refreshed) const {
    const App* app = find_app(chain.grant.client_id);
    json::object body;
    body["access_token"] = chain.pair.access;
    if (refreshed) body["expires"] = chain.pair.access_expires.time_since_epoch() / std::chrono::seconds(1);
    body["expires_in"] = std::max<long long>(0, (chain.pair.access_expires - now) / std::chrono::seconds(1));
    body["scope"] = app && !app->scope.empty() ? join(app->scope) : "crm,task,tasks,im,disk,user,app";
    body["domain"] = endpoints.domain;
    body["server_endpoint"] = endpoints.server_endpoint;
    body["status"] = app ? app->status : "L";
    body["client_endpoint"] = endpoints.client_endpoint(chain.grant.portal);
    body["member_id"] = endpoints.member_id(chain.grant.portal);
    body["user_id"] = chain.grant.user;
    body["refresh_token"] = chain.pair.refresh;
    return json_response(200, body);
}

Response OAuthServer::token(const json::value& params, Moment now, const Endpoints& endpoints) {
    ++stats_.requests;
    const std::string grant_type = text_of(params, "grant_type"), client_id = text_of(params, "client_id");
    if (grant_type != "refresh_token" && grant_type != "authorization_code")
        return refuse(400, "invalid_request", "Invalid grant_type parameter or parameter missing");
    const App* app = find_app(client_id);
    if (!app) return refuse(200, "wrong_client");
    if (app->secret != text_of(params, "client_secret")) return refuse(400, "invalid_client");
    if (app->refuse == "PAYMENT_REQUIRED") return refuse(401, app->refuse, "Payment required");
    if (app->refuse == "NOT_INSTALLED") return refuse(401, app->refuse, "Application not installed");
    if (!app->refuse.empty()) return refuse(400, app->refuse);

    if (grant_type == "authorization_code") {
        const auto found = codes_.find(text_of(params, "code"));
        if (found == codes_.end()) return refuse(400, "invalid_grant");
        const Code code = found->second;
        codes_.erase(found);
        if (code.grant.client_id != client_id || now >= code.expires) return refuse(400, "invalid_grant");
        issue(code.grant, now);
        ++stats_.exchanges;
        return answer(*chains_.back(), now, endpoints, false);
    }

    const std::string refresh = text_of(params, "refresh_token");
    if (refresh.empty()) return refuse(400, "invalid_request", "No \"refresh_token\" parameter found");
    const auto found = by_refresh_.find(refresh);
    if (found == by_refresh_.end() || found->second->grant.client_id != client_id) return refuse(400, "invalid_grant");
    const std::shared_ptr<Chain> chain = found->second;
    if (chain->pair.refresh != refresh) {
        if (now < chain->rotated + settings_.refresh_grace) {
            ++stats_.replays;
            return answer(*chain, now, endpoints, true);
        }
        return refuse(400, "invalid_grant");
    }
    if (now >= chain->pair.refresh_expires) return refuse(400, "invalid_grant");

    // The old pair is dead at once; only a grace time keeps the old refresh token known.
    by_access_.erase(chain->pair.access);
    by_refresh_.erase(chain->previous_refresh);
    chain->previous_refresh = chain->pair.refresh;
    chain->rotated = now;
    chain->pair.access_expires = now + settings_.access_life;
    chain->pair.refresh_expires = now + settings_.refresh_life;
    chain->pair.access = random_token(chain->pair.access_expires);
    chain->pair.refresh = random_token(std::nullopt);
    by_access_[chain->pair.access] = chain;
    by_refresh_[chain->pair.refresh] = chain;
    ++stats_.refreshes;
    return answer(*chain, now, endpoints, true);
}

}  // namespace b24gate::simulator
