#include <b24gate/tokens/app_event.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::tokens {
namespace {

using bitrix::FormNode;
using core::Secret;
using Kind = AppEvent::Kind;
using Result = boost::system::result<AppEvent, std::string>;

constexpr std::size_t largest_query = 16 * 1024;
constexpr std::size_t most_parameters = 1000;  // as PHP's max_input_vars
constexpr std::size_t longest_id = 64, longest_event = 128, longest_domain = 260, longest_token = 4096,
                      longest_endpoint = 2048;

std::string text_of(const FormNode* node, std::string_view name) {
    const FormNode* item = node && node->is_array ? node->find(name) : nullptr;
    return item && !item->is_array ? item->value : std::string();
}

bool is_visible_text(std::string_view text, std::size_t longest) noexcept {
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_word(std::string_view text, std::size_t longest, std::string_view extra) noexcept {
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [extra](char c) {
               const char lower = core::to_lower(c);
               return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || extra.find(c) != extra.npos;
           });
}

std::string to_upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return text;
}

std::int64_t moment_of(std::string_view seconds) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
    const bool good = error == std::errc{} && end == seconds.data() + seconds.size() && value > 0;
    return good && value < 100'000'000'000 ? value * 1000 : 0;
}

Kind kind_of(std::string_view event) noexcept {
    if (event == "ONAPPINSTALL") return Kind::install;
    if (event == "ONAPPUPDATE") return Kind::update;
    return event == "ONAPPUNINSTALL" ? Kind::uninstall : Kind::other;
}

/// What is wrong with the type of the body; empty: nothing.
std::string_view fault_of_type(std::string_view content_type) {
    const std::string_view type = core::trim(content_type.substr(0, content_type.find(';')));
    if (core::iequals(type, "application/x-www-form-urlencoded")) return "";
    if (core::iequals(type, "application/json"))
        return "The body is JSON; Bitrix24 posts application/x-www-form-urlencoded, and nothing else is taken here.";
    if (core::iequals(type, "multipart/form-data"))
        return "The body is multipart; Bitrix24 posts application/x-www-form-urlencoded, and nothing else is taken "
               "here.";
    return "The body has no content type that is taken here; Bitrix24 posts application/x-www-form-urlencoded.";
}

/// The error of a field that decides whose event it is; empty: none.
std::string check_identity(AppEvent& event, std::string member_id, Secret token, std::string_view prefix,
                           std::string_view suffix) {
    const auto named = [&](std::string_view name) {
        return std::string(prefix) + std::string(name) + std::string(suffix);
    };
    if (!is_word(member_id, longest_id, "_-")) return named("member_id") + " is no portal id.";
    if (member_id.empty() && event.kind != Kind::other)
        return named("member_id") + " is missing: nobody knows which portal this is about.";
    if (!is_visible_text(token.reveal(), longest_token))
        return (prefix.empty() ? "APPLICATION_TOKEN" : named("application_token")) +
               std::string(" holds a character that no token has, or too many.");
    event.member_id = std::move(member_id);
    event.application_token = std::move(token);
    return "";
}

std::string endpoint_or_nothing(std::string text) {
    return is_visible_text(text, longest_endpoint) ? std::move(text) : std::string();
}

void take_grant(AppEvent& event, GrantFields fields, std::int64_t now_ms) {
    auto grant = make_grant(std::move(fields), now_ms);
    if (grant)
        event.grant = *std::move(grant);
    else
        event.grant_fault = std::move(grant).error();
}

Result event_of(const FormNode& form, std::string name, std::int64_t now_ms) {
    AppEvent event;
    if (!is_word(name, longest_event, "_.:-")) return std::string("event is no name of an event.");
    event.event = to_upper(std::move(name));
    event.kind = kind_of(event.event);
    const FormNode* auth = form.find("auth");
    const Secret token(text_of(auth, "application_token"));
    if (std::string fault = check_identity(event, text_of(auth, "member_id"), token, "auth[", "]"); !fault.empty())
        return fault;
    event.ts_ms = moment_of(text_of(&form, "ts"));
    event.clean = text_of(form.find("data"), "CLEAN") == "1";
    event.domain = core::to_lower(text_of(auth, "domain"));
    if (!is_word(event.domain, longest_domain, ".-_:[]")) event.domain.clear();
    event.client_endpoint = endpoint_or_nothing(text_of(auth, "client_endpoint"));
    event.server_endpoint = endpoint_or_nothing(text_of(auth, "server_endpoint"));
    if (event.kind != Kind::install && event.kind != Kind::update) return event;
    GrantFields fields;
    fields.access_token = Secret(text_of(auth, "access_token"));
    fields.refresh_token = Secret(text_of(auth, "refresh_token"));
    fields.application_token = token;
    fields.expires_in = text_of(auth, "expires_in");
    fields.expires = text_of(auth, "expires");
    fields.member_id = event.member_id;
    fields.client_endpoint = event.client_endpoint;
    fields.server_endpoint = event.server_endpoint;
    fields.scope = text_of(auth, "scope");
    fields.status = text_of(auth, "status");
    fields.user_id = text_of(auth, "user_id");
    take_grant(event, std::move(fields), now_ms);
    return event;
}

Result frame_of(const FormNode& form, const FormNode& query, std::int64_t now_ms) {
    AppEvent event;
    event.kind = Kind::frame;
    event.event = to_upper(text_of(&form, "PLACEMENT"));
    if (!is_word(event.event, longest_event, "_.:-")) event.event.clear();
    const Secret token(text_of(&form, "APPLICATION_TOKEN"));
    if (std::string fault = check_identity(event, text_of(&form, "member_id"), token, "", ""); !fault.empty())
        return fault;
    event.domain = core::to_lower(text_of(&query, "DOMAIN"));
    if (event.domain.empty())
        return std::string("DOMAIN is missing in the query: Bitrix24 puts the portal's host there.");
    const std::string protocol = text_of(&query, "PROTOCOL");
    if (protocol != "1" && protocol != "0" && !protocol.empty())
        return std::string("PROTOCOL in the query is neither 1 (https) nor 0 (http).");
    const auto portal = portal_url_of((protocol == "0" ? "http://" : "https://") + event.domain + "/rest/", true);
    if (!portal || event.domain.find('/') != std::string::npos)
        return std::string("DOMAIN in the query is no host name; it looks like acme.bitrix24.com.");
    event.client_endpoint = *portal + "/rest/";
    event.server_endpoint = endpoint_or_nothing(text_of(&form, "SERVER_ENDPOINT"));
    GrantFields fields;
    fields.access_token = Secret(text_of(&form, "AUTH_ID"));
    fields.refresh_token = Secret(text_of(&form, "REFRESH_ID"));
    fields.application_token = token;
    fields.expires_in = text_of(&form, "AUTH_EXPIRES");
    fields.member_id = event.member_id;
    fields.client_endpoint = event.client_endpoint;
    fields.server_endpoint = event.server_endpoint;
    fields.scope = text_of(&form, "APPLICATION_SCOPE");
    fields.status = text_of(&form, "status");
    take_grant(event, std::move(fields), now_ms);
    return event;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::install: return "install";
        case Kind::update: return "update";
        case Kind::uninstall: return "uninstall";
        case Kind::frame: return "frame";
        case Kind::other: break;
    }
    return "other";
}

Result parse_app_event(std::string_view content_type, std::string_view query, std::string_view body,
                       std::int64_t now_ms) {
    if (const std::string_view fault = fault_of_type(content_type); !fault.empty()) return std::string(fault);
    if (body.size() > largest_app_event) return std::string("The body is longer than 256 KiB.");
    if (query.size() > largest_query) return std::string("The query is longer than 16 KiB.");
    const bitrix::FormLimits limits{.max_variables = most_parameters};
    const FormNode form = bitrix::parse_form(body, limits);
    if (std::string name = text_of(&form, "event"); !name.empty()) return event_of(form, std::move(name), now_ms);
    if (form.find("AUTH_ID")) return frame_of(form, bitrix::parse_form(query, limits), now_ms);
    return std::string(
        "The body is neither an event (event=ONAPPINSTALL&auth[member_id]=...) nor the page of an application "
        "(AUTH_ID=...&member_id=...).");
}

bool application_token_matches(const Secret& stored, const Secret& given) noexcept {
    return !stored.empty() && !given.empty() && core::equal_constant_time(stored.reveal(), given.reveal());
}

}  // namespace b24gate::tokens
