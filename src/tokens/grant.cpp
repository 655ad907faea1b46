#include <b24gate/tokens/grant.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::tokens {
namespace {

namespace json = core::json;
using core::Secret;

constexpr std::size_t largest_answer = 64 * 1024;
constexpr std::size_t largest_import = 8 * 1024 * 1024;
constexpr std::size_t most_items = 10'000;
constexpr std::size_t longest_token = 4096;
constexpr std::size_t longest_endpoint = 2048;
constexpr std::size_t longest_scope = 8192;
constexpr std::size_t longest_id = 64;
constexpr std::size_t longest_name = 64;
/// No token lives for ten years: a greater number is a moment, or nonsense.
constexpr std::int64_t longest_life_s = 10LL * 365 * 86'400;

constexpr bool is_visible(char c) noexcept { return c > 0x20 && c < 0x7F; }

bool is_visible_text(std::string_view text, std::size_t longest) noexcept {
    return text.size() <= longest && std::all_of(text.begin(), text.end(), is_visible);
}

/// Older answers list scopes with a space behind the comma.
bool is_scope(std::string_view text) noexcept {
    return text.size() <= longest_scope &&
           std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || is_visible(c); });
}

/// Whole seconds, or a number that PHP wrote with a fraction.
std::optional<std::int64_t> to_whole(std::string_view text) {
    if (text.empty() || text.size() > 32) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    if (std::fabs(value) > 9e15) return std::nullopt;  // beyond it a double is no exact number any more
    return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> life_of(std::string_view expires_in) {
    const auto seconds = to_whole(expires_in);
    if (!seconds || *seconds > longest_life_s) return std::nullopt;
    return std::max<std::int64_t>(*seconds, 0) * 1000;
}

std::optional<std::int64_t> life_until(std::string_view expires, std::int64_t now_ms) {
    const auto seconds = to_whole(expires);
    if (!seconds || *seconds < 0) return std::nullopt;
    const std::int64_t left = *seconds - now_ms / 1000;
    if (left > longest_life_s) return std::nullopt;
    return std::max<std::int64_t>(left, 0) * 1000;
}

/// What is wrong with a token; empty: nothing.
std::string fault_of_token(std::string_view name, const Secret& token, bool required) {
    const std::string_view text = token.reveal();
    if (text.empty()) return required ? std::string(name) + " is missing" : "";
    if (text.size() > longest_token)
        return std::string(name) + " is longer than " + std::to_string(longest_token) + " characters";
    if (!is_visible_text(text, longest_token))
        return std::string(name) + " holds a character that no token has (only visible ASCII)";
    return "";
}

std::string fault_of_pair(const GrantFields& fields) {
    std::string fault = fault_of_token("access_token", fields.access_token, true);
    if (fault.empty()) fault = fault_of_token("refresh_token", fields.refresh_token, true);
    return fault;
}

/// The fields of a JSON object, last one first as PHP has it. What is neither a text nor a number counts as absent;
/// `odd` gets its name.
GrantFields fields_of(std::string_view object, std::string_view* odd = nullptr) {
    GrantFields fields;
    const auto text = [&](std::string_view name, std::string& out) {
        const auto raw = json::find_last(object, name);
        if (!raw || json::type_of(*raw) == json::Type::null) return;
        const json::Type type = json::type_of(*raw);
        auto decoded = type == json::Type::string   ? json::decode_string(*raw)
                       : type == json::Type::number ? std::optional<std::string>(*raw)
                                                    : std::nullopt;
        if (decoded)
            out = *std::move(decoded);
        else if (odd)
            *odd = name;
    };
    const auto token = [&](std::string_view name, Secret& out) {
        const auto raw = json::find_last(object, name);
        if (!raw || json::type_of(*raw) == json::Type::null) return;
        auto decoded = json::decode_string(*raw);
        if (decoded)
            out = Secret(*std::move(decoded));
        else if (odd)
            *odd = name;
    };
    token("access_token", fields.access_token);
    token("refresh_token", fields.refresh_token);
    token("application_token", fields.application_token);
    text("expires_in", fields.expires_in);
    text("expires", fields.expires);
    text("member_id", fields.member_id);
    text("client_endpoint", fields.client_endpoint);
    text("server_endpoint", fields.server_endpoint);
    text("scope", fields.scope);
    text("status", fields.status);
    text("user_id", fields.user_id);
    return fields;
}

/// What is wrong with a field that make_grant would pass over; empty: nothing.
std::string fault_beside_the_pair(const GrantFields& fields) {
    if (std::string fault = fault_of_token("application_token", fields.application_token, false); !fault.empty())
        return fault;
    if (!fields.expires_in.empty() && !life_of(fields.expires_in))
        return "expires_in is no number of seconds; the authorization server sends 3600";
    if (!fields.expires.empty() && to_whole(fields.expires).value_or(-1) < 0)
        return "expires is no Unix time in seconds";
    if (!is_visible_text(fields.member_id, longest_id))
        return "member_id is no portal id; it has 32 letters and digits";
    for (const auto& [name, endpoint] :
         {std::pair<std::string_view, const std::string&>{"client_endpoint", fields.client_endpoint},
          {"server_endpoint", fields.server_endpoint}})
        if (!endpoint.empty() && !portal_url_of(endpoint, true))
            return std::string(name) + " is no REST address; it looks like https://acme.bitrix24.com/rest/";
    if (!is_scope(fields.scope)) return "scope is no list of scopes; it looks like crm,task,im";
    if (!is_visible_text(fields.status, longest_id)) return "status is no application status; it is one letter";
    if (!fields.user_id.empty() && to_whole(fields.user_id).value_or(-1) < 0) return "user_id is no number of a user";
    return "";
}

/// As config/load takes it for portals and credentials.
bool is_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

/// What is wrong with it; empty: nothing.
std::string import_item(std::string_view object, std::int64_t now_ms, ImportItem& item) {
    if (json::type_of(object) != json::Type::object)
        return std::string("it is no JSON object; put in the authorization server's answer with a portal beside it");
    if (json::find_last(object, "error") && !json::find_last(object, "access_token"))
        return "it is the authorization server's refusal and holds no tokens";
    const auto name = [&](std::string_view key, std::string& out) {
        const auto raw = json::find_last(object, key);
        if (!raw) return true;
        auto text = json::decode_string(*raw);
        if (!text || !is_name(*text)) return false;
        out = *std::move(text);
        return true;
    };
    constexpr std::string_view rule = " of the configuration (lower-case letters, digits, '_' and '-')";
    if (!name("portal", item.portal)) return "portal is no name of a portal" + std::string(rule);
    if (item.portal.empty())
        return std::string("portal is missing; add \"portal\" with the portal's name in the configuration");
    item.credential = "main";
    if (!name("credential", item.credential)) return "credential is no name of a credential" + std::string(rule);

    std::string_view odd;
    GrantFields fields = fields_of(object, &odd);
    if (!odd.empty()) return std::string(odd) + " is neither a text nor a number, or no valid one";
    if (std::string fault = fault_of_pair(fields); !fault.empty())
        return fault + "; put in the authorization server's answer as it came";
    if (std::string fault = fault_beside_the_pair(fields); !fault.empty()) return fault;
    const auto until = life_until(fields.expires, now_ms);
    const bool told = !fields.expires_in.empty() || until;
    auto grant = make_grant(std::move(fields), now_ms);
    if (!grant) return grant.error();
    item.grant = *std::move(grant);
    if (!told) item.grant.expires_in_ms = 0;
    if (until) item.grant.expires_in_ms = std::min(item.grant.expires_in_ms, *until);
    return "";
}

}  // namespace

Secret encode_pair(const Pair& pair) {
    std::string out;
    // No growth: it would leave copies behind. An escaped character takes at most six.
    out.reserve(
        64 + 6 * (pair.access.reveal().size() + pair.refresh.reveal().size() + pair.application_token.reveal().size()));
    out += "{\"access_token\":";
    json::append_quoted(out, pair.access.reveal());
    out += ",\"refresh_token\":";
    json::append_quoted(out, pair.refresh.reveal());
    if (!pair.application_token.empty()) {
        out += ",\"application_token\":";
        json::append_quoted(out, pair.application_token.reveal());
    }
    out += '}';
    return Secret(std::move(out));
}

std::optional<Pair> decode_pair(std::string_view text) {
    if (text.size() > largest_answer || json::validate(text, 4)) return std::nullopt;
    std::string_view odd;
    GrantFields fields = fields_of(text, &odd);
    if (!odd.empty() || !fault_of_pair(fields).empty() ||
        !fault_of_token("application_token", fields.application_token, false).empty())
        return std::nullopt;
    return Pair{std::move(fields.access_token), std::move(fields.refresh_token), std::move(fields.application_token)};
}

std::string sealing_context(std::string_view portal, std::string_view credential) {
    std::string out = "b24gate pair:";
    for (const std::string_view name : {portal, credential}) {
        out += std::to_string(name.size());
        out += ':';
        out += name;
        out += ',';
    }
    return out;
}

boost::system::result<Grant, std::string> make_grant(GrantFields fields, std::int64_t now_ms) {
    if (std::string fault = fault_of_pair(fields); !fault.empty()) return fault;
    Grant grant;
    grant.pair.access = std::move(fields.access_token);
    grant.pair.refresh = std::move(fields.refresh_token);
    if (fault_of_token("application_token", fields.application_token, false).empty())
        grant.pair.application_token = std::move(fields.application_token);
    if (is_visible_text(fields.member_id, longest_id)) grant.member_id = std::move(fields.member_id);
    if (is_visible_text(fields.client_endpoint, longest_endpoint))
        grant.client_endpoint = std::move(fields.client_endpoint);
    if (is_visible_text(fields.server_endpoint, longest_endpoint))
        grant.server_endpoint = std::move(fields.server_endpoint);
    if (is_scope(fields.scope)) grant.scope = std::move(fields.scope);
    if (is_visible_text(fields.status, longest_id)) grant.status = std::move(fields.status);
    grant.user_id = std::max<std::int64_t>(to_whole(fields.user_id).value_or(0), 0);
    auto life = life_of(fields.expires_in);
    if (!life) life = life_until(fields.expires, now_ms);
    grant.expires_in_ms = life.value_or(documented_life_ms);
    return grant;
}

boost::system::result<Grant, std::string> parse_grant(std::string_view text, std::int64_t now_ms) {
    text = bitrix::without_bom(text);
    if (text.size() > largest_answer) return std::string("the answer is longer than 64 KiB");
    if (json::type_of(text) != json::Type::object || json::validate(text, 32))
        return std::string("the answer is no JSON object");
    return make_grant(fields_of(text), now_ms);
}

boost::system::result<std::vector<ImportItem>, std::string> parse_import(std::string_view text, std::int64_t now_ms) {
    text = bitrix::without_bom(text);
    if (text.size() > largest_import) return std::string("the input is longer than 8 MiB; import it in parts");
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return std::string("the input is empty; put in the authorization server's answer with \"portal\" beside it");
    if (const auto wrong = json::validate(text, 32))
        return "the input is no JSON: at byte " + std::to_string(wrong->offset + 1) + ": " + wrong->message +
               "; put in the authorization server's answer as it came, or an array of such";
    std::vector<std::string_view> objects;
    if (json::type_of(text) == json::Type::array) {
        json::Reader element(text);
        while (element.next()) {
            if (objects.size() == most_items)
                return "the input has more than " + std::to_string(most_items) + " items; import it in parts";
            objects.push_back(element.value());
        }
        if (objects.empty()) return std::string("the input is an empty array; there is nothing to import");
    } else {
        objects.push_back(text);
    }

    std::vector<ImportItem> items;
    items.reserve(objects.size());
    std::map<std::pair<std::string, std::string>, std::size_t> seen;  // to the number of the item
    for (const std::string_view object : objects) {
        const std::size_t number = items.size() + 1;
        const std::string place = "item " + std::to_string(number) + " of " + std::to_string(objects.size()) + ": ";
        ImportItem item;
        if (const std::string fault = import_item(object, now_ms, item); !fault.empty()) return place + fault;
        const auto [first, fresh] = seen.emplace(std::pair(item.portal, item.credential), number);
        if (!fresh)
            return place + "it is for the same portal and credential as item " + std::to_string(first->second) +
                   "; leave one of them, the younger";
        items.push_back(std::move(item));
    }
    return items;
}

}  // namespace b24gate::tokens
