#include <b24gate/core/secret.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/simulator/methods.hpp>
#include <b24gate/simulator/portal.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace b24gate::simulator {
namespace {

struct KnownError {
    std::string_view code;
    int status;
    std::string_view text;
};
constexpr std::array known_errors{
    KnownError{"INTERNAL_SERVER_ERROR", 500, "Internal server error"},
    KnownError{"ERROR_UNEXPECTED_ANSWER", 500, "Server returned an unexpected response"},
    KnownError{"QUERY_LIMIT_EXCEEDED", 503, "Too many requests"},
    KnownError{"OPERATION_TIME_LIMIT", 429, "Method is blocked due to operation time limit."},
    KnownError{"ERROR_BATCH_METHOD_NOT_ALLOWED", 405, "Method is not allowed for batch usage"},
    KnownError{"ERROR_BATCH_LENGTH_EXCEEDED", 400, "Max batch length exceeded"},
    KnownError{"NO_AUTH_FOUND", 401, "Wrong authorization data"},
    KnownError{"INVALID_REQUEST", 400, "Https required."},
    KnownError{"OVERLOAD_LIMIT", 503, "REST API is blocked due to overload."},
    KnownError{"ACCESS_DENIED", 403, "REST is available only by subscription."},
    KnownError{"INVALID_CREDENTIALS", 401, "Invalid request credentials"},
    KnownError{"insufficient_scope", 403, "The request requires higher privileges than provided by the webhook token"},
    KnownError{"expired_token", 401, "The access token provided has expired"},
    KnownError{"invalid_token", 401, "Unable to get application by token"},
    KnownError{"user_access_error", 403, "The user does not have access to the application."},
    KnownError{"PORTAL_DELETED", 403, "Portal was deleted"},
    KnownError{"ERROR_OAUTH", 401, "Application not installed"},
    KnownError{"APPLICATION_NOT_FOUND", 401, "Application not found"},
    KnownError{"NOT_INSTALLED", 401, "Application not installed"},
    KnownError{"PAYMENT_REQUIRED", 401, "Subscription has been ended"},
    KnownError{"authorization_error", 401, "Unable to authorize user"},
    KnownError{"CONNECTION_ERROR", 401, "Error connecting to authorization server"},
    KnownError{"METHOD_CONFIRM_WAITING", 401, "Waiting for confirmation"},
    KnownError{"METHOD_CONFIRM_DENIED", 403, "Method call denied"},
    KnownError{"WRONG_AUTH_TYPE", 403, "Current authorization type is denied for this method"},
    KnownError{"WRONG_LICENSE", 403, "This feature is not enabled for the current license"},
    KnownError{"ERROR_METHOD_NOT_FOUND", 404, "Method not found!"},
    KnownError{"ERROR_CORE", 400, "Internal error"},
    KnownError{"NO_APPLICATION_ID", 200, "Application context required"},
    KnownError{"WRONG_ENCODING", 200, "Wrong request encoding"},
};

std::string text_of(const json::value* value) { return value ? php::to_string(*value) : std::string(); }

bool is_special(std::string_view lower) { return lower == "batch" || lower == "download" || lower == "upload"; }

}  // namespace

Error known_error(std::string_view code) {
    for (const KnownError& known : known_errors)
        if (known.code == code) return {known.status, std::string(code), std::string(known.text), {}};
    return {400, std::string(code), "", {}};
}

bool Credential::allows(std::string_view wanted) const {
    if (wanted.empty() || scope.empty()) return true;
    return std::any_of(scope.begin(), scope.end(), [&](const std::string& have) {
        return have == wanted || (have == "tasks" && wanted == "task") || (have == "task" && wanted == "tasks");
    });
}

Portal::Portal(std::string name, OAuthServer& oauth) : name_(std::move(name)), oauth_(oauth) {}

void Portal::reset(Moment now) {
    const long long open = stats.open_connections, in_flight = stats.in_flight;
    stats = {};
    stats.open_connections = open;
    stats.in_flight = in_flight;
    executions.clear();
    buckets_.clear();
    baskets_.clear();
    tables_.clear();
    files_.clear();
    markers_.clear();
    replays_.clear();
    seed(now);
}

void Portal::seed(Moment now) {
    const std::string date = iso8601(now, settings.utc_offset_minutes);
    Table& users = table("user");
    const auto wanted = settings.seed.find("user");
    for (std::size_t i = users.size(), count = wanted == settings.seed.end()
                                                   ? 3
                                                   : static_cast<std::size_t>(std::max(0LL, wanted->second));
         i < count; ++i)
        users.add({{"ACTIVE", true},
                   {"NAME", i == 0 ? "Anna" : "User"},
                   {"LAST_NAME", "No" + std::to_string(i + 1)},
                   {"EMAIL", json::array{}},
                   {"LAST_LOGIN", date},
                   {"TIME_ZONE", ""},
                   {"UF_DEPARTMENT", json::array{1}}});
    for (const auto& [entity, count] : settings.seed) {
        if (entity == "user") continue;
        Table& rows = table(entity);
        for (long long i = static_cast<long long>(rows.size()); i < count; ++i) {
            const std::string number = std::to_string(i + 1);
            json::object row{{"TITLE", entity + " " + number},
                             {"STAGE_ID", i % 3 == 2 ? "WON" : "NEW"},
                             {"OPPORTUNITY", std::to_string(100 + i * 7 % 5000) + ".00"},
                             {"CURRENCY_ID", "RUB"},
                             {"ASSIGNED_BY_ID", std::to_string(1 + i % 3)},
                             {"DATE_CREATE", date},
                             {"DATE_MODIFY", date},
                             {"ORIGINATOR_ID", ""},
                             {"ORIGIN_ID", ""}};
            if (entity == "contact")
                row = {{"NAME", "Name " + number},
                       {"LAST_NAME", "Last " + number},
                       {"PHONE", json::array{json::object{{"VALUE", "+7900" + number}, {"VALUE_TYPE", "WORK"}}}},
                       {"ASSIGNED_BY_ID", "1"},
                       {"DATE_CREATE", date},
                       {"ORIGINATOR_ID", ""},
                       {"ORIGIN_ID", ""}};
            if (entity == "task")
                row = {{"TITLE", "Task " + number}, {"DESCRIPTION", ""}, {"STATUS", "2"},       {"RESPONSIBLE_ID", "1"},
                       {"PARENT_ID", "0"},          {"CREATED_BY", "1"}, {"CREATED_DATE", date}};
            rows.add(std::move(row));
        }
    }
    if (files_.empty()) {
        add_file({"small.bin", 1000, {}});
        add_file({"medium.bin", 1 << 20, {}});
        add_file({"large.bin", 100 << 20, {}});
    }
}

bool Portal::hit(std::string_view source, Moment now) {
    ++stats.hits;
    if (settings.plan.burst <= 0) return true;
    constexpr std::size_t most = 10000;
    if (buckets_.size() > most)
        std::erase_if(buckets_, [&](const auto& entry) { return entry.second.level(settings.plan, now) <= 0; });
    const bool passes = buckets_[std::string(source)].hit(settings.plan, now);
    if (!passes) ++stats.refused_rate;
    return passes;
}

double Portal::level(std::string_view source, Moment now) {
    const auto found = buckets_.find(std::string(source));
    return found == buckets_.end() ? 0 : found->second.level(settings.plan, now);
}

long long Portal::add_file(File file) {
    const long long id = files_.empty() ? 1 : files_.rbegin()->first + 1;
    files_[id] = std::move(file);
    return id;
}

void Portal::count_marker(std::string_view method, const json::value& fields) {
    for (const char* name : {"UF_MARK", "ORIGIN_ID", "XML_ID", "TITLE"}) {
        const std::string marker = text_of(php::get(fields, name));
        if (marker.empty()) continue;
        if (++markers_[std::string(method) + " " + name + "=" + marker] > 1) ++stats.duplicates;
        return;
    }
}

bool Portal::knows(std::string_view lower) const {
    if (is_special(lower) || methods_v2().contains(lower)) return true;
    const auto found = settings.methods.find(std::string(lower));
    return found != settings.methods.end() && found->second.result;
}

std::vector<std::string> Portal::method_names(const Credential& credential, bool all) const {
    std::vector<std::string> out{"batch"};
    for (const auto& [name, method] : methods_v2())
        if (name != "upload" && (all || credential.allows(method.scope))) out.push_back(name);
    for (const auto& [name, given] : settings.methods)
        if (given.result) out.push_back(name);
    return out;
}

std::optional<Error> Portal::authenticate(Call& call, Moment now) {
    Credential& credential = call.credential;
    if (!call.secret.empty()) {
        if (settings.https_only && !call.secure) return known_error("INVALID_REQUEST");
        for (const Webhook& webhook : settings.webhooks) {
            if (webhook.secret != call.secret || std::to_string(webhook.user) != call.user) continue;
            if (webhook.revoked) break;
            if (!webhook.refuse.empty()) return known_error(webhook.refuse);
            credential = {Credential::Kind::webhook,
                          webhook.user,
                          "webhook/" + call.user + "/" + call.secret,
                          "",
                          webhook.scope,
                          "/rest/" + call.user + "/" + call.secret + "/",
                          ""};
            return std::nullopt;
        }
        return known_error("INVALID_CREDENTIALS");
    }
    // A header goes before a parameter, whatever either holds.
    const std::string parameter = !call.bearer.empty()            ? call.bearer
                                  : php::get(call.params, "auth") ? text_of(php::get(call.params, "auth"))
                                                                  : text_of(php::get(call.params, "access_token"));
    if (parameter.empty()) return known_error("NO_AUTH_FOUND");
    const OAuthServer::Check check = oauth_.check(parameter, now);
    if (check.verdict == OAuthServer::Verdict::unknown || check.grant.portal != name_)
        return known_error("invalid_token");
    if (check.verdict == OAuthServer::Verdict::expired) return known_error("expired_token");
    const App* app = oauth_.find_app(check.grant.client_id);
    if (!app) return known_error("APPLICATION_NOT_FOUND");
    if (!app->refuse.empty()) return known_error(app->refuse);
    credential = {Credential::Kind::app,
                  check.grant.user,
                  "app/" + check.grant.client_id,
                  check.grant.client_id,
                  app->scope,
                  "/rest/",
                  parameter};
    return std::nullopt;
}

std::optional<Response> Portal::admit(Call& call, Moment now) {
    const auto refuse = [&](Error error) {
        if (error.status == 401 || error.code == "insufficient_scope") ++stats.refused_auth;
        return error_response(call, std::move(error));
    };
    if (!settings.refuse.empty()) return refuse(known_error(settings.refuse));
    // The classic generation looks the method up before it looks at the credential.
    const bool v3 = call.version == 3;
    if (!v3 && !knows(call.lower)) return refuse(known_error("ERROR_METHOD_NOT_FOUND"));
    if (auto error = authenticate(call, now)) return refuse(std::move(*error));
    for (const char* name : {"auth", "access_token", "auth_connector", "aplogin", "ap", "state"})
        if (php::get(call.params, name)) php::take(call.params, name);
    if (call.lower == "download" && !open_link(call, "download"))
        return refuse({403, "ACCESS_DENIED", "Access denied! Link check failed", {}});
    if (call.lower == "batch") return std::nullopt;

    const Registry& registry = v3 ? methods_v3() : methods_v2();
    const auto method = registry.find(call.lower);
    if (v3 && method == registry.end())
        return refuse(
            {404, "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION", "Method `" + call.method + "` not found", {}});
    if (method != registry.end() && !call.credential.allows(method->second.scope)) {
        Error error = known_error("insufficient_scope");
        if (call.credential.kind == Credential::Kind::app)
            error.text = "The request requires higher privileges than provided by the access token";
        return refuse(std::move(error));
    }
    const auto given = settings.methods.find(call.lower);
    if (given != settings.methods.end() && !given->second.refuse.empty())
        return refuse(known_error(given->second.refuse));
    if (settings.operating && !settings.self_hosted &&
        baskets(call, call.lower, false).sum(now) > settings.operating_limit) {
        ++stats.refused_operating;
        return error_response(call, known_error("OPERATION_TIME_LIMIT"));
    }
    return std::nullopt;
}

Response Portal::error_response(const Call& call, Error error) {
    if (const auto other = settings.statuses.find(error.code); other != settings.statuses.end())
        error.status = other->second;
    ++stats.errors[error.code];
    Response out;
    json::object body;
    const php::EncodeOptions encode{settings.escape_slashes, settings.escape_unicode};
    // The front layer knows no generations: its refusals keep the classic shape.
    const bool front = error.code == "QUERY_LIMIT_EXCEEDED";
    if (call.version == 3 && !front) {
        struct Row {
            std::string_view code;
            int status;
            std::string_view v3, message;
        };
        static constexpr std::array rows{
            Row{"OPERATION_TIME_LIMIT", 429, "EXCEPTION_RATELIMITEXCEPTION", "Request limit exceeded"},
            Row{"insufficient_scope", 403, "EXCEPTION_INSUFFICIENTSCOPEEXCEPTION", "Insufficient scope"},
            Row{"ACCESS_DENIED", 402, "EXCEPTION_MARKETSUBSCRIPTIONREQUIREDEXCEPTION",
                "A Market subscription is required"},
            Row{"PORTAL_DELETED", 400, "EXCEPTION_ACCESSDENIEDEXCEPTION", "Access denied"},
            Row{"INTERNAL_SERVER_ERROR", 500, "EXCEPTION_INTERNAL_INTERNALEXCEPTION", "Internal error"}};
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.code == error.code; });
        json::object inner;
        if (row != rows.end()) {
            error.status = row->status;
            inner = {{"code", "BITRIX_REST_V3_" + std::string(row->v3)}, {"message", row->message}};
        } else if (error.status == 401 || error.code == "OVERLOAD_LIMIT" || error.code == "user_access_error") {
            // Every failure of authentication looks the same here.
            error.status = 401;
            inner = {{"code", "BITRIX_REST_V3_EXCEPTION_ACCESSDENIEDEXCEPTION"}, {"message", "Access denied"}};
        } else {
            inner = {{"code", error.code}, {"message", error.text}};
        }
        for (auto& [key, value] : error.extra) inner[key] = std::move(value);
        body["error"] = std::move(inner);
    } else {
        body["error"] = error.code;
        body["error_description"] = error.text;
        for (auto& [key, value] : error.extra) body[key] = std::move(value);
    }
    out.status = error.status;
    out.headers = {{"Server", "nginx"}};
    if (call.xml && call.version == 2) {
        out.headers.emplace_back("Content-Type", "text/xml; charset=utf-8");
        out.body = "<response><error>" + error.code + "</error><error_description>" + error.text +
                   "</error_description></response>";
    } else {
        out.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
        out.body = php::json_encode(body, encode);
    }
    if (!front) {
        out.headers.emplace_back("Access-Control-Allow-Origin", "*");
        out.headers.emplace_back("Access-Control-Allow-Headers", "origin, content-type, accept");
        out.headers.emplace_back("X-Content-Type-Options", "nosniff");
        if (!settings.self_hosted) out.headers.emplace_back("X-Bitrix-Rest-Time", "0.0000000000");
    }
    return out;
}

std::string Portal::sign(std::string_view text) const {
    const std::string key = "b24sim signature key of " + name_;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), digest, &length);
    return base64_encode(std::string_view(reinterpret_cast<const char*>(digest), length));
}

std::string Portal::link(const Call& call, std::string_view method, std::string_view payload) const {
    const Credential& who = call.credential;
    const std::string query = base64_encode(payload);
    const std::string state = std::string(method) + "|disk|" + query + "|" + who.path + who.token;
    const std::string token = php::url_encode("disk|" + query + "|" + sign(state));
    return who.token.empty()
               ? call.base_url + who.path + std::string(method) + "/?token=" + token
               : call.base_url + who.path + std::string(method) + ".json?auth=" + who.token + "&token=" + token;
}

std::optional<std::string> Portal::open_link(const Call& call, std::string_view method) const {
    const std::string token = text_of(php::get(call.params, "token"));
    const std::size_t first = token.find('|'), last = token.rfind('|');
    if (first == std::string::npos || first == last) return std::nullopt;
    const std::string query = token.substr(first + 1, last - first - 1);
    const Credential& who = call.credential;
    const std::string state =
        std::string(method) + "|" + token.substr(0, first) + "|" + query + "|" + who.path + who.token;
    if (!core::equal_constant_time(sign(state), token.substr(last + 1))) return std::nullopt;
    return base64_decode(query);
}

}  // namespace b24gate::simulator
