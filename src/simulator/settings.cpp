// What a config file and POST /portals may say, as one table of keys.
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/cloud.hpp>

#include <algorithm>
#include <array>

namespace b24gate::simulator {
namespace {

constexpr std::string_view default_secret = "s3cr3tw3bh00kc0d";
constexpr std::string_view default_client = "local.b24sim";
constexpr std::string_view default_client_secret = "b24sim-client-secret";

struct Context {
    Cloud& cloud;
    Portal& portal;
    Moment now;
};
/// Empty when all is well, else what would be right.
using Setter = std::string (*)(Context&, const json::value&);

std::string want(bool ok, const char* what) { return ok ? std::string() : std::string(what); }

std::string set_bool(bool& into, const json::value& value) {
    if (!value.is_bool()) return "is true or false";
    into = value.get_bool();
    return {};
}

std::string set_text(std::string& into, const json::value& value) {
    if (value.is_null()) {
        into.clear();
        return {};
    }
    if (!value.is_string()) return "is a string";
    into = php::to_string(value);
    return {};
}

std::string set_number(double& into, const json::value& value) {
    const auto number = value.is_string() ? std::nullopt : php::to_number(value);
    if (!number || *number < 0) return "is a number, 0 or more";
    into = *number;
    return {};
}

std::string set_micros(Micros& into, const json::value& value, double unit) {
    double number = 0;
    std::string error = set_number(number, value);
    if (error.empty()) into = from_seconds(number * unit);
    return error;
}

std::string set_texts(std::vector<std::string>& into, const json::value& value) {
    const auto* list = value.if_array();
    if (!list) return "is a list of strings";
    into.clear();
    for (const json::value& item : *list) {
        if (!item.is_string()) return "is a list of strings";
        into.push_back(php::to_string(item));
    }
    return {};
}

std::string set_plan(Context& c, const json::value& value) {
    const std::string name = php::to_string(value);
    LeakyBucket::Plan& plan = c.portal.settings.plan;
    if (name == "standard") {
        plan.burst = 50, plan.rate = 2;
        c.portal.settings.license = "ru_basic";
        c.portal.settings.license_type = c.portal.settings.license_family = "basic";
    } else if (name == "enterprise") {
        plan.burst = 250, plan.rate = 5;
        c.portal.settings.license = "ru_ent250";
        c.portal.settings.license_type = "ent250";
        c.portal.settings.license_family = "ent";
    } else if (name == "none") {
        plan.burst = 0, plan.rate = 0;
    } else {
        return "is standard (50 and 2/s), enterprise (250 and 5/s) or none";
    }
    return {};
}

std::string set_methods(Context& c, const json::value& value) {
    const auto* map = value.if_object();
    if (!map) return "is an object: method -> {latency_ms, operating_s, refuse, result}";
    for (const auto& [name, changes] : *map) {
        const std::string lower = core::to_lower(std::string_view(name.data(), name.size()));
        if (changes.is_null()) {
            c.portal.settings.methods.erase(lower);
            continue;
        }
        MethodSettings& method = c.portal.settings.methods[lower];
        if (!changes.is_object()) return "is an object: method -> {latency_ms, operating_s, refuse, result}";
        for (const auto& [key, given] : changes.get_object()) {
            std::string error;
            Micros span{0};
            if (key == "latency_ms") {
                error = set_micros(span, given, 1e-3);
                method.latency = span;
            } else if (key == "operating_s") {
                error = set_micros(span, given, 1);
                method.operating = span;
            } else if (key == "refuse") {
                error = set_text(method.refuse, given);
            } else if (key == "result") {
                method.result = given;
            } else {
                error = "is unknown; there are latency_ms, operating_s, refuse and result";
            }
            if (!error.empty()) return "." + std::string(name) + "." + std::string(key) + " " + error;
        }
    }
    return {};
}

std::string set_webhooks(Context& c, const json::value& value) {
    const auto* list = value.if_array();
    if (!list) return "is a list of {user, secret, scope, revoked, refuse}";
    std::vector<Webhook> webhooks;
    for (const json::value& item : *list) {
        if (!item.is_object()) return "is a list of {user, secret, scope, revoked, refuse}";
        Webhook webhook;
        for (const auto& [key, given] : item.get_object()) {
            std::string error;
            if (key == "user")
                webhook.user = php::to_int(given);
            else if (key == "secret")
                error = set_text(webhook.secret, given);
            else if (key == "scope")
                error = set_texts(webhook.scope, given);
            else if (key == "revoked")
                error = set_bool(webhook.revoked, given);
            else if (key == "refuse")
                error = set_text(webhook.refuse, given);
            else
                error = "is unknown; there are user, secret, scope, revoked and refuse";
            if (!error.empty()) return "." + std::string(key) + " " + error;
        }
        if (webhook.secret.empty()) return "needs a secret for each webhook";
        webhooks.push_back(std::move(webhook));
    }
    c.portal.settings.webhooks = std::move(webhooks);
    return {};
}

std::string set_revoked(Context& c, const json::value& value) {
    // true: all of them; else the secret of one.
    bool found = false;
    for (Webhook& webhook : c.portal.settings.webhooks)
        if (value.is_bool() || webhook.secret == php::to_string(value)) {
            webhook.revoked = value.is_bool() ? value.get_bool() : true;
            found = true;
        }
    return want(found, "is true, false or the secret of a webhook");
}

std::string set_tokens(Context& c, const json::value& value) {
    const auto* list = value.if_array();
    if (!list) return "is a list of {client_id, user, access_token, refresh_token, expires_in}";
    for (const json::value& item : *list) {
        const auto text = [&](std::string_view key) {
            const json::value* given = php::get(item, key);
            return given ? php::to_string(*given) : std::string();
        };
        const std::string client = text("client_id").empty() ? std::string(default_client) : text("client_id");
        std::optional<Micros> life;
        if (const json::value* given = php::get(item, "expires_in"))
            life = from_seconds(php::to_number(*given).value_or(3600));
        const json::value* user = php::get(item, "user");
        c.cloud.oauth().issue({c.portal.name(), client, user ? php::to_int(*user) : 1}, c.now, text("access_token"),
                              text("refresh_token"), life);
    }
    return {};
}

std::string set_counts(std::map<std::string, long long>& into, const json::value& value) {
    const auto* map = value.if_object();
    if (!map) return "is an object: name -> number";
    for (const auto& [name, number] : *map) into[std::string(name)] = php::to_int(number);
    return {};
}

struct Key {
    std::string_view name;
    Setter set;
};
#define B24SIM_SETTING(name, expression)                            \
    Key {                                                           \
        name, [](Context& c, const json::value& v) -> std::string { \
            (void)v;                                                \
            return expression;                                      \
        }                                                           \
    }
constexpr std::array keys{
    B24SIM_SETTING("hosts", set_texts(c.portal.settings.hosts, v)),
    B24SIM_SETTING("public_url", set_text(c.portal.settings.public_url, v)),
    B24SIM_SETTING("member_id", set_text(c.portal.settings.member_id, v)),
    Key{"plan", set_plan},
    B24SIM_SETTING("burst", set_number(c.portal.settings.plan.burst, v)),
    B24SIM_SETTING("rate", set_number(c.portal.settings.plan.rate, v)),
    B24SIM_SETTING("count_refused", set_bool(c.portal.settings.plan.count_refused, v)),
    B24SIM_SETTING("operating", set_bool(c.portal.settings.operating, v)),
    B24SIM_SETTING("operating_limit_s", set_micros(c.portal.settings.operating_limit, v, 1)),
    B24SIM_SETTING("latency_ms", set_micros(c.portal.settings.latency, v, 1e-3)),
    B24SIM_SETTING("commit_at_end", set_bool(c.portal.settings.commit_at_end, v)),
    B24SIM_SETTING("self_hosted", set_bool(c.portal.settings.self_hosted, v)),
    B24SIM_SETTING("https_only", set_bool(c.portal.settings.https_only, v)),
    B24SIM_SETTING("gzip", set_bool(c.portal.settings.gzip, v)),
    B24SIM_SETTING("chunked", set_bool(c.portal.settings.chunked, v)),
    B24SIM_SETTING("escape_unicode", set_bool(c.portal.settings.escape_unicode, v)),
    B24SIM_SETTING("escape_slashes", set_bool(c.portal.settings.escape_slashes, v)),
    B24SIM_SETTING(
        "max_input_vars",
        (c.portal.settings.max_input_vars = static_cast<std::size_t>(std::max(1LL, php::to_int(v))), std::string())),
    B24SIM_SETTING("license", set_text(c.portal.settings.license, v)),
    B24SIM_SETTING("license_type", set_text(c.portal.settings.license_type, v)),
    B24SIM_SETTING("license_family", set_text(c.portal.settings.license_family, v)),
    B24SIM_SETTING("utc_offset_minutes",
                   (c.portal.settings.utc_offset_minutes = static_cast<int>(std::clamp(php::to_int(v), -900LL, 900LL)),
                    std::string())),
    B24SIM_SETTING("refuse", set_text(c.portal.settings.refuse, v)),
    B24SIM_SETTING("renamed_to", set_text(c.portal.settings.renamed_to, v)),
    Key{"methods", set_methods},
    Key{"webhooks", set_webhooks},
    Key{"revoke_webhook", set_revoked},
    Key{"tokens", set_tokens},
    B24SIM_SETTING("expire_tokens",
                   (php::truthy(v) ? c.cloud.oauth().expire(c.portal.name(), c.now) : void(), std::string())),
    B24SIM_SETTING("revoke_tokens", (php::truthy(v) ? c.cloud.oauth().revoke(c.portal.name()) : void(), std::string())),
    B24SIM_SETTING("seed", set_counts(c.portal.settings.seed, v)),
    Key{"statuses",
        [](Context& c, const json::value& v) -> std::
                                                 string {
                                                     std::map<std::string, long long> given;
                                                     std::string error = set_counts(given, v);
                                                     for (const auto& [code, status] : given) {
                                                         if (status < 100 || status > 999)
                                                             return "has statuses from 100 to 999";
                                                         c.portal.settings.statuses[code] = static_cast<int>(status);
                                                     }
                                                     return error;
                                                 }},
};
#undef B24SIM_SETTING

std::string known_names() {
    std::string out;
    for (const Key& key : keys) out += (out.empty() ? "" : ", ") + std::string(key.name);
    return out;
}

/// 32 hex digits that stay the same for a name.
std::string member_id_of(std::string_view name) {
    std::string out;
    std::uint64_t hash = 14695981039346656037ULL;
    for (int round = 0; round < 2; ++round) {
        for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        for (int i = 0; i < 16; ++i) out += "0123456789abcdef"[hash >> (i * 4) & 15];
        hash = (hash ^ 0x5BULL) * 1099511628211ULL;
    }
    return out;
}

}  // namespace

std::string Cloud::configure_portal(std::string_view name, const json::value& changes, Moment now) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    });
    if (!plain || name == "rest" || name == "oauth")
        return "a portal's name holds letters, digits, - and _, and is not rest or oauth";
    if (!changes.is_object()) return "a portal's settings are an object";
    std::unique_ptr<Portal>& slot = portals_[std::string(name)];
    const bool fresh = !slot;
    if (fresh) {
        slot = std::make_unique<Portal>(std::string(name), oauth_);
        slot->settings.hosts = {std::string(name) + ".bitrix24.test"};
        slot->settings.member_id = member_id_of(name);
    }
    const PortalSettings before = slot->settings;
    Context context{*this, *slot, now};
    for (const auto& [key, value] : changes.get_object()) {
        const std::string_view wanted(key.data(), key.size());
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == wanted; });
        const std::string error =
            found == keys.end() ? "is unknown; there are " + known_names() : found->set(context, value);
        if (error.empty()) continue;
        if (fresh)
            portals_.erase(std::string(name));
        else
            slot->settings = before;
        return "portals." + std::string(name) + "." + std::string(wanted) + (error.front() == '.' ? "" : " ") + error;
    }
    slot->seed(now);
    return {};
}

std::string Cloud::configure_oauth(const json::value& changes) {
    if (!changes.is_object()) return "oauth is an object";
    for (const auto& [key, value] : changes.get_object()) {
        std::string error;
        if (key == "host") {
            error = set_text(oauth_host_, value);
        } else if (key == "public_url") {
            error = set_text(oauth_url_, value);
        } else if (key == "access_life_s") {
            error = set_micros(oauth_.settings().access_life, value, 1);
        } else if (key == "refresh_life_s") {
            error = set_micros(oauth_.settings().refresh_life, value, 1);
        } else if (key == "code_life_s") {
            error = set_micros(oauth_.settings().code_life, value, 1);
        } else if (key == "refresh_grace_s") {
            error = set_micros(oauth_.settings().refresh_grace, value, 1);
        } else if (key == "apps" && value.is_object()) {
            for (const auto& [client, given] : value.get_object()) {
                App& app = oauth_.app(std::string(client));
                if (!given.is_object()) return "oauth.apps." + std::string(client) + " is an object";
                for (const auto& [name, item] : given.get_object()) {
                    if (name == "secret")
                        error = set_text(app.secret, item);
                    else if (name == "scope")
                        error = set_texts(app.scope, item);
                    else if (name == "status")
                        error = set_text(app.status, item);
                    else if (name == "refuse")
                        error = set_text(app.refuse, item);
                    else if (name == "redirect_uri")
                        error = set_text(redirect_uris_[std::string(client)], item);
                    else
                        error = "is unknown; there are secret, scope, status, refuse and redirect_uri";
                    if (!error.empty())
                        return "oauth.apps." + std::string(client) + "." + std::string(name) + " " + error;
                }
            }
        } else {
            error =
                "is unknown; there are host, public_url, access_life_s, refresh_life_s, code_life_s, refresh_grace_s "
                "and apps";
        }
        if (!error.empty()) return "oauth." + std::string(key) + " " + error;
    }
    return {};
}

void Cloud::add_default_portal(Moment now) {
    App& app = oauth_.app(std::string(default_client));
    app.secret = default_client_secret;
    default_portal = "acme";
    const json::object settings{
        {"plan", "standard"},
        {"webhooks", json::array{json::object{{"user", 1}, {"secret", default_secret}}}},
        {"tokens", json::array{json::object{{"client_id", default_client},
                                            {"user", 1},
                                            {"access_token", "b24sim-access-token"},
                                            {"refresh_token", "b24sim-refresh-token"}}}},
        {"seed", json::object{
                     {"deal", 173}, {"contact", 60}, {"company", 20}, {"lead", 10}, {"task", 120}, {"eventlog", 120}}}};
    configure_portal(default_portal, settings, now);
}

}  // namespace b24gate::simulator
