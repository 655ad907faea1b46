#include <b24gate/gateway/install_rules.hpp>

#include <algorithm>
#include <charconv>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::gateway {
namespace {

namespace json = core::json;
using tokens::AppEvent;
using upstream::Target;

bool has_default_port(const Target& target) { return target.port == (target.tls ? "443" : "80"); }

/// Where an event says that it comes from; empty: it does not.
std::string address_of(const AppEvent& event) {
    if (!event.client_endpoint.empty()) return event.client_endpoint;
    return event.domain.empty() ? std::string() : "https://" + event.domain;
}

bool is_its_member(const PortalFacts& portal, std::string_view member_id) {
    if (member_id.empty()) return false;
    return portal.member_id.empty() ? member_id == portal.remembered_member_id : member_id == portal.member_id;
}

bool contradicts(const PortalFacts& portal, std::string_view member_id) {
    return !member_id.empty() && !portal.member_id.empty() && member_id != portal.member_id;
}

/// q=0.8 and the like; 0 for what is none.
double weight_of(std::string_view parameters) noexcept {
    const std::size_t at = parameters.find("q=");
    if (at == std::string_view::npos) return 1;
    double weight = 0;
    std::from_chars(parameters.data() + at + 2, parameters.data() + parameters.size(), weight);
    return weight >= 0 && weight <= 1 ? weight : 0;
}

}  // namespace

bool is_at(const Target& place, std::string_view address) {
    std::optional<Target> target;
    if (const auto url = tokens::portal_url_of(address, true)) {
        if (auto parsed = upstream::parse_target(*url)) target = *std::move(parsed);
    } else if (auto parsed = upstream::parse_target(address); parsed && parsed->base_path.empty()) {
        target = *std::move(parsed);
    }
    if (!target || target->host != place.host || target->base_path != place.base_path) return false;
    return target->port == place.port || (has_default_port(*target) && has_default_port(place));
}

std::string_view identify(const PortalFacts& portal, std::string_view member_id, std::string_view client_endpoint) {
    if (contradicts(portal, member_id)) return "other_portal";
    if (is_its_member(portal, member_id)) return "";
    if (client_endpoint.empty()) return "untold";
    if (is_at(portal.configured, client_endpoint) || is_at(portal.current, client_endpoint)) return "";
    return "other_portal";
}

Choice choose_portal(const std::vector<PortalFacts>& portals, const AppEvent& event, std::string_view wanted) {
    const std::string address = address_of(event);
    Choice choice{std::nullopt, "unknown_portal"};
    const auto look_for = [&](auto fits) {
        for (std::size_t i = 0; i < portals.size(); ++i) {
            if (portals[i].credentials.empty() || (!wanted.empty() && portals[i].name != wanted)) continue;
            if (!fits(portals[i])) continue;
            if (choice.index) {
                choice = {std::nullopt, "ambiguous_portal"};
                return true;
            }
            choice = {i, ""};
        }
        return choice.index.has_value();
    };
    if (look_for([&](const PortalFacts& portal) { return is_its_member(portal, event.member_id); })) return choice;
    if (address.empty()) return choice;
    look_for(
        [&](const PortalFacts& portal) { return is_at(portal.configured, address) || is_at(portal.current, address); });
    if (choice.index && contradicts(portals[*choice.index], event.member_id)) return {std::nullopt, "other_portal"};
    return choice;
}

std::optional<std::string> choose_credential(const PortalFacts& portal, std::string_view wanted) {
    if (wanted.empty() && portal.credentials.size() == 1) return portal.credentials.front();
    const auto found = std::find(portal.credentials.begin(), portal.credentials.end(), wanted);
    return found == portal.credentials.end() ? std::nullopt : std::optional(*found);
}

EventVerdict decide(const AppEvent& event, const CredentialFacts& known) {
    using Kind = EventVerdict::Kind;
    if (event.kind == AppEvent::Kind::other) return {Kind::ignore, ""};
    const bool proven = tokens::application_token_matches(known.application_token, event.application_token);
    if (event.kind == AppEvent::Kind::uninstall) {
        if (proven) return {Kind::mark, ""};
        return {Kind::refuse, known.application_token.empty() ? "no_application_token" : "wrong_application_token"};
    }
    if (known.active && !known.application_token.empty()) {
        if (!proven) return {Kind::refuse, "wrong_application_token"};
        // It is opened by anybody who works in the portal, and each brings tokens of his own.
        if (event.kind == AppEvent::Kind::frame) return {Kind::keep, ""};
    }
    if (!event.grant) return {Kind::refuse, "no_tokens"};
    return {Kind::verify, ""};
}

std::optional<Profile> read_profile(std::string_view answer) {
    const auto result = json::find_last(answer, "result");
    if (!result || json::type_of(*result) != json::Type::object) return std::nullopt;
    const auto id = json::find_last(*result, "ID");
    if (!id) return std::nullopt;
    const std::string text = json::decode_string(*id).value_or(std::string(*id));
    Profile profile;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), profile.user_id);
    if (error != std::errc{} || end != text.data() + text.size() || profile.user_id <= 0) return std::nullopt;
    if (const auto admin = json::find_last(*result, "ADMIN")) profile.admin = *admin == "true";
    return profile;
}

std::string_view may_take(const CredentialFacts& known, const Profile& profile, bool by_hand) {
    if (profile.admin || (known.user_id != 0 && known.user_id == profile.user_id)) return "";
    return by_hand && !known.active ? "" : "other_user";
}

bool is_state(std::string_view text) noexcept {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view cookie(std::string_view header, std::string_view name) noexcept {
    std::string_view found;
    while (!header.empty()) {
        const std::size_t end = header.find(';');
        const std::string_view pair = core::trim(header.substr(0, end));
        header = end == std::string_view::npos ? std::string_view{} : header.substr(end + 1);
        if (pair.size() <= name.size() || !pair.starts_with(name) || pair[name.size()] != '=') continue;
        const std::string_view value = pair.substr(name.size() + 1);
        if (!found.empty() && found != value) return {};
        found = value;
    }
    return found;
}

bool prefers_russian(std::string_view accept_language) noexcept {
    double russian = 0, english = 0;
    while (!accept_language.empty()) {
        const std::size_t end = accept_language.find(',');
        const std::string_view item = core::trim(accept_language.substr(0, end));
        accept_language = end == std::string_view::npos ? std::string_view{} : accept_language.substr(end + 1);
        const std::size_t semicolon = item.find(';');
        const std::string_view tag = core::trim(item.substr(0, semicolon));
        const std::string_view language = tag.substr(0, tag.find('-'));
        const double weight = semicolon == std::string_view::npos ? 1 : weight_of(item.substr(semicolon + 1));
        // The first of equals counts, so a later one has to weigh more.
        if (core::iequals(language, "ru") && weight > english) russian = std::max(russian, weight);
        if (core::iequals(language, "en") && weight > russian) english = std::max(english, weight);
    }
    return russian > english;
}

bool TryLimit::take(const std::string& name, core::TimePoint now) {
    Minute& minute = minutes_[name];
    if (minute.used == 0 || now - minute.began >= std::chrono::minutes(1)) minute = Minute{now, 0};
    if (minute.used >= most_) return false;
    ++minute.used;
    return true;
}

}  // namespace b24gate::gateway
