// [alerts]: rules, channels, and when who is told.
#include <algorithm>

#include <b24gate/config/units.hpp>
#include <b24gate/core/base64.hpp>
#include <b24gate/core/text.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;
using Channel = AlertChannel;

constexpr Milliseconds day = 24h;
constexpr std::uint64_t mib = 1ull << 20;
/// What the Standard Webhooks specification asks of a key.
constexpr std::size_t shortest_secret = 24;

constexpr std::string_view rule_names[alert_rule_count] = {
    "error_rate", "no_success", "stuck_operations", "refresh_token", "needs_reauth", "breaker_open",
    "store",      "disk",       "callbacks",        "reload",        "channel"};
constexpr std::string_view severity_names[] = {"info", "warning", "critical", "page"};

constexpr Choice<Severity> severities[] = {{"info", Severity::info},
                                           {"warning", Severity::warning},
                                           {"critical", Severity::critical},
                                           {"page", Severity::page}};
constexpr Choice<Language> languages[] = {{"en", Language::en}, {"ru", Language::ru}};
constexpr Choice<Channel::Type> types[] = {{"log", Channel::Type::log},
                                           {"webhook", Channel::Type::webhook},
                                           {"telegram", Channel::Type::telegram},
                                           {"email", Channel::Type::email},
                                           {"portal", Channel::Type::portal}};

/// A key has a meaning for some rules only.
struct RuleShape {
    bool share = false, count = false, window = false, calls = false, free = false;
};
RuleShape shape_of(AlertRule rule) {
    switch (rule) {
        case AlertRule::error_rate: return {.share = true, .window = true, .calls = true};
        case AlertRule::no_success: return {.window = true, .calls = true};
        case AlertRule::stuck_operations: return {.count = true};
        case AlertRule::refresh_token: return {.window = true};
        case AlertRule::disk: return {.free = true};
        case AlertRule::callbacks: return {.count = true, .window = true};
        default: return {};
    }
}

constexpr Key<AlertRuleSettings> rule_keys[] = {
    {"enabled", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.flag(n, s.enabled); }},
    {"severity", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.choice<Severity>(n, severities, s.severity); }},
    {"threshold", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.real(n, 0, 1e9, s.threshold); }},
    {"window", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.duration(n, 100ms, 30 * day, s.window); }},
    {"for", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.duration(n, 0ms, 7 * day, s.hold); }},
    {"min_calls", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.number(n, 1, 1'000'000, s.min_calls); }},
    {"free", [](Reader& r, const Node& n, AlertRuleSettings& s) { r.size(n, 0, 1024 * 1024 * mib, s.free); }},
};

void read_rule(Reader& reader, const Node& node, AlertRule rule, AlertRuleSettings& out) {
    const std::string section = "[alerts.rules." + std::string(to_string(rule)) + "]";
    reader.table<AlertRuleSettings>(node, out, section, {rule_keys});
    const RuleShape shape = shape_of(rule);
    const auto refuse = [&](const char* key, bool has) {
        if (const Node* named = node.find(key); named && !has)
            reader.error(named->key_at, std::string(key) + " means nothing to the rule " +
                                            std::string(to_string(rule)) + "; leave it out");
    };
    refuse("threshold", shape.share || shape.count);
    refuse("window", shape.window);
    refuse("min_calls", shape.calls);
    refuse("free", shape.free);
    if (const Node* threshold = node.find("threshold"); threshold && shape.share && out.threshold > 1)
        reader.error(threshold->at, "threshold is a share of the calls: write 0.1 for 10 %");
    // What is looked at is kept in memory, in steps of ten seconds.
    if (const Node* window = node.find("window"); window && shape.calls && out.window > 6h)
        reader.error(window->at, "window is longer than 6h; calls are remembered for so long at the most");
}

void read_rules(Reader& reader, const Node& node, Alerts& out) {
    if (!reader.is_table(node)) return;
    for (const Node& child : node.children) {
        const auto* found = std::find(std::begin(rule_names), std::end(rule_names), child.key);
        if (found == std::end(rule_names)) {
            reader.unknown_key(child, "[alerts.rules]", rule_names);
            continue;
        }
        const auto index = static_cast<std::size_t>(found - std::begin(rule_names));
        read_rule(reader, child, static_cast<AlertRule>(index), out.rules[index]);
    }
}

/// Where a webhook listens may be a secret itself, so it may stand elsewhere.
bool read_address(Reader& reader, const Node& node, core::Secret& out) {
    if (node.type == Node::Type::string &&
        (core::trim(node.text).starts_with("env:") || core::trim(node.text).starts_with("file:"))) {
        if (!reader.secret(node, out)) return false;
    } else {
        std::string text;
        if (!reader.text(node, text)) return false;
        out = core::Secret(std::move(text));
    }
    const std::string& url = out.reveal();
    const std::size_t host = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
    if (host != 0 && url.size() > host && url.size() <= 2048 && url[host] != '/' &&
        url.find_first_of(" \"\\<>#@") == std::string::npos)
        return true;
    out = core::Secret();
    reader.error(node.at, node.key +
                              " is no address; write one like \"https://hooks.internal/alerts\", or env:NAME "
                              "where it holds a secret");
    return false;
}

bool read_signing_secret(Reader& reader, const Node& node, core::Secret& out) {
    constexpr std::string_view prefix = "whsec_";
    if (!reader.secret(node, out)) return false;
    const std::string& text = out.reveal();
    const auto key = text.starts_with(prefix) ? core::from_base64(std::string_view(text).substr(prefix.size()))
                                              : std::optional<std::string>(text);
    if (key && key->size() >= shortest_secret) return true;
    reader.error(node.at, node.key +
                              " is shorter than 24 characters and may be guessed; take a longer one, or whsec_ "
                              "and 24 bytes or more in base64");
    return false;
}

bool is_mail_address(std::string_view text) {
    const std::size_t at = text.find('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= 254 &&
           text.find_first_of(" \t<>,;\"\\()") == std::string_view::npos && text.find('@', at + 1) == text.npos;
}

void read_mail_server(Reader& reader, const Node& node, Channel& out) {
    std::string text;
    if (!reader.text(node, text)) return;
    const std::size_t host = text.starts_with("smtps://") ? 8 : text.starts_with("smtp://") ? 7 : 0;
    if (host == 0 || text.size() == host || text.size() > 300 ||
        text.find_first_of("/ @?#\"\\", host) != std::string::npos)
        reader.error(node.at,
                     "server is no mail server; write \"smtps://mail.internal:465\", or \"smtp://mail.internal:587\" "
                     "for STARTTLS");
    else
        out.server = std::move(text);
}

void read_mail_addresses(Reader& reader, const Node& node, std::vector<std::string>& out) {
    std::vector<std::string> given;
    if (!reader.texts(node, given)) return;
    if (given.size() > 50) reader.error(node.at, "to has more than 50 addresses; take a mailing list");
    for (std::size_t i = 0; i < given.size(); ++i)
        if (!is_mail_address(given[i]))
            reader.error(node.children[i].at,
                         "to has " + shown(given[i]) + "; write an address alone, like \"oncall@example.com\"");
    out = std::move(given);
}

void read_rule_globs(Reader& reader, const Node& node, std::vector<std::string>& out) {
    if (!reader.texts(node, out)) return;
    for (std::size_t i = 0; i < out.size(); ++i)
        if (std::none_of(std::begin(rule_names), std::end(rule_names),
                         [&](std::string_view name) { return core::glob_match(out[i], name); }))
            reader.error(node.children[i].at,
                         "rules has " + shown(out[i]) + suggestion(out[i], rule_names, "the rules are"));
}

constexpr Key<Channel> channel_keys[] = {
    {"type", [](Reader& r, const Node& n, Channel& c) { r.choice<Channel::Type>(n, types, c.type); }},
    {"severity", [](Reader& r, const Node& n, Channel& c) { r.choice<Severity>(n, severities, c.least); }},
    {"rules", [](Reader& r, const Node& n, Channel& c) { read_rule_globs(r, n, c.rules); }},
    {"portals", [](Reader& r, const Node& n, Channel& c) { r.texts(n, c.portals); }},
    {"language", [](Reader& r, const Node& n, Channel& c) { r.choice<Language>(n, languages, c.language); }},
};
constexpr Key<Channel> webhook_keys[] = {
    {"url", [](Reader& r, const Node& n, Channel& c) { read_address(r, n, c.url); }},
    {"secret", [](Reader& r, const Node& n, Channel& c) { read_signing_secret(r, n, c.secret); }},
    {"old_secret", [](Reader& r, const Node& n, Channel& c) { read_signing_secret(r, n, c.old_secret); }},
    {"ca", [](Reader& r, const Node& n, Channel& c) { r.pem_file(n, "CERTIFICATE", c.ca); }},
};
constexpr Key<Channel> telegram_keys[] = {
    {"token", [](Reader& r, const Node& n, Channel& c) { r.secret(n, c.token); }},
    {"chat", [](Reader& r, const Node& n, Channel& c) { r.text(n, c.chat); }},
    {"thread", [](Reader& r, const Node& n, Channel& c) { r.number(n, 1, INT32_MAX, c.thread); }},
    {"url", [](Reader& r, const Node& n, Channel& c) { read_address(r, n, c.url); }},
};
constexpr Key<Channel> email_keys[] = {
    {"server", [](Reader& r, const Node& n, Channel& c) { read_mail_server(r, n, c); }},
    {"user", [](Reader& r, const Node& n, Channel& c) { r.text(n, c.user); }},
    {"password", [](Reader& r, const Node& n, Channel& c) { r.secret(n, c.password); }},
    {"from",
     [](Reader& r, const Node& n, Channel& c) {
         if (r.text(n, c.from) && !is_mail_address(c.from))
             r.error(n.at, "from is no address; write it alone, like \"b24gate@example.com\"");
     }},
    {"to", [](Reader& r, const Node& n, Channel& c) { read_mail_addresses(r, n, c.to); }},
    {"ca", [](Reader& r, const Node& n, Channel& c) { r.pem_file(n, "CERTIFICATE", c.ca); }},
    {"plain", [](Reader& r, const Node& n, Channel& c) { r.flag(n, c.plain); }},
};
constexpr Key<Channel> portal_keys_of_channel[] = {
    {"portal", [](Reader& r, const Node& n, Channel& c) { r.text(n, c.portal); }},
    {"credential", [](Reader& r, const Node& n, Channel& c) { r.text(n, c.credential); }},
    {"user", [](Reader& r, const Node& n, Channel& c) { r.number(n, 1, INT32_MAX, c.portal_user); }},
};

void need(Reader& reader, const Node& node, std::initializer_list<const char*> keys) {
    for (const char* key : keys)
        if (!node.find(key))
            reader.error(node.key_at, "channel " + shown(node.key) + " has no " + std::string(key) + "; set it");
}

void check_portal(Reader& reader, const Node& node, Channel& channel, const Config& config) {
    const Node* named = node.find("portal");
    if (!named || channel.portal.empty()) return;
    const auto found = config.portals.find(channel.portal);
    if (found == config.portals.end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, portal] : config.portals) names.push_back(name);
        reader.error(named->at, "there is no portal " + shown(channel.portal) +
                                    suggestion(channel.portal, names, "the portals are"));
        return;
    }
    const auto& credentials = found->second.credentials;
    if (channel.credential.empty() && !credentials.empty())
        channel.credential = credentials.contains("main") ? "main" : credentials.begin()->first;
    if (!credentials.contains(channel.credential))
        reader.error(named->at, "portal " + shown(channel.portal) + " has no credential " + shown(channel.credential));
}

void read_channel(Reader& reader, const Node& node, Config& config) {
    if (!is_name(node.key, true, "-_")) {
        reader.error(node.key_at, "a channel's name has letters, digits, - and _, 64 at most");
        return;
    }
    if (!reader.is_table(node)) return;
    const Node* type = node.find("type");
    if (!type) {
        reader.error(node.key_at, "channel " + shown(node.key) +
                                      " has no type; write type = \"telegram\", or log, webhook, email, portal");
        return;
    }
    Channel out;
    out.name = node.key;
    out.language = config.alerts.language;
    if (!reader.choice<Channel::Type>(*type, types, out.type)) return;
    const std::string section = "[alerts.channels." + node.key + "]";
    switch (out.type) {
        case Channel::Type::log: reader.table<Channel>(node, out, section, {channel_keys}); break;
        case Channel::Type::webhook:
            reader.table<Channel>(node, out, section, {channel_keys, webhook_keys});
            need(reader, node, {"url"});
            break;
        case Channel::Type::telegram:
            out.url = core::Secret("https://api.telegram.org");
            reader.table<Channel>(node, out, section, {channel_keys, telegram_keys});
            need(reader, node, {"token", "chat"});
            break;
        case Channel::Type::email:
            reader.table<Channel>(node, out, section, {channel_keys, email_keys});
            need(reader, node, {"server", "from", "to"});
            if (node.find("user") && !node.find("password")) need(reader, node, {"password"});
            if (out.plain && out.server.starts_with("smtps://"))
                reader.error(node.find("plain")->at, "plain = true and smtps:// exclude each other");
            if (out.plain && !out.password.empty())
                reader.error(node.find("plain")->at,
                             "plain = true would send the password in the clear; leave one of the two out");
            break;
        case Channel::Type::portal:
            reader.table<Channel>(node, out, section, {channel_keys, portal_keys_of_channel});
            need(reader, node, {"portal", "user"});
            check_portal(reader, node, out, config);
            break;
    }
    config.alerts.channels[node.key] = std::move(out);
}

constexpr Key<Alerts> keys[] = {
    {"enabled", [](Reader& r, const Node& n, Alerts& a) { r.flag(n, a.enabled); }},
    {"interval", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 50ms, 5min, a.interval); }},
    {"keep", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 0ms, day, a.keep); }},
    {"group_wait", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 0ms, 1h, a.group_wait); }},
    {"group_interval", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 0ms, day, a.group_interval); }},
    {"repeat_interval", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 1s, 30 * day, a.repeat_interval); }},
    {"timeout", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 100ms, 1min, a.timeout); }},
    {"language", [](Reader& r, const Node& n, Alerts& a) { r.choice<Language>(n, languages, a.language); }},
    {"link", [](Reader& r, const Node& n, Alerts& a) { r.url(n, UrlKind::gateway, a.link); }},
    {"heartbeat_url", [](Reader& r, const Node& n, Alerts& a) { read_address(r, n, a.heartbeat_url); }},
    {"heartbeat_interval", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 1s, 1h, a.heartbeat_interval); }},
    {"tell_responsible", [](Reader& r, const Node& n, Alerts& a) { r.flag(n, a.tell_responsible); }},
    {"responsible_wait", [](Reader& r, const Node& n, Alerts& a) { r.duration(n, 0ms, day, a.responsible_wait); }},
    {"rules", [](Reader& r, const Node& n, Alerts& a) { read_rules(r, n, a); }},
    {"channels", nullptr},
};

}  // namespace

std::string_view to_string(AlertRule rule) noexcept { return rule_names[static_cast<std::size_t>(rule)]; }
std::string_view to_string(Severity severity) noexcept { return severity_names[static_cast<std::size_t>(severity)]; }

AlertRuleSettings default_rule(AlertRule rule) noexcept {
    using S = AlertRuleSettings;
    switch (rule) {
        case AlertRule::error_rate:
            return S{.severity = Severity::critical, .threshold = 0.1, .window = 5min, .hold = 1min, .min_calls = 20};
        case AlertRule::no_success: return S{.severity = Severity::page, .window = 30min, .min_calls = 5};
        case AlertRule::stuck_operations: return S{.severity = Severity::warning, .threshold = 100, .hold = 1min};
        case AlertRule::refresh_token: return S{.severity = Severity::warning, .window = day};
        case AlertRule::needs_reauth: return S{.severity = Severity::critical};
        case AlertRule::breaker_open: return S{.severity = Severity::critical, .hold = 5min};
        case AlertRule::store: return S{.severity = Severity::page, .hold = 30s};
        case AlertRule::disk: return S{.severity = Severity::critical, .hold = 1min, .free = 1024 * mib};
        case AlertRule::callbacks: return S{.severity = Severity::warning, .threshold = 0, .window = 1h};
        case AlertRule::reload: return S{.severity = Severity::warning};
        case AlertRule::channel: return S{.severity = Severity::warning, .hold = 5min};
    }
    return {};
}

std::array<AlertRuleSettings, alert_rule_count> default_rules() noexcept {
    std::array<AlertRuleSettings, alert_rule_count> out;
    for (std::size_t i = 0; i < alert_rule_count; ++i) out[i] = default_rule(static_cast<AlertRule>(i));
    return out;
}

void read_alerts(Reader& reader, const Node& node, Config& config) {
    Alerts& out = config.alerts;
    reader.table<Alerts>(node, out, "[alerts]", {keys});
    if (const Node* channels = node.find("channels"); channels && reader.is_table(*channels))
        for (const Node& child : channels->children) read_channel(reader, child, config);
    // Whatever happens with the others, the log has it all.
    if (std::none_of(out.channels.begin(), out.channels.end(),
                     [](const auto& entry) { return entry.second.type == Channel::Type::log; })) {
        Channel log;
        log.name = out.channels.contains("log") ? "(log)" : "log";
        out.channels.emplace(log.name, log);
    }
}

std::vector<SectionKeys> alerts_keys() {
    SectionKeys all{"alerts", {}}, rules{"alerts.rules.NAME", {}}, channels{"alerts.channels.NAME", {}};
    append_names<Alerts>(all.keys, keys);
    append_names<AlertRuleSettings>(rules.keys, rule_keys);
    for (const std::span<const Key<Channel>> group :
         {std::span<const Key<Channel>>(channel_keys), std::span<const Key<Channel>>(webhook_keys),
          std::span<const Key<Channel>>(telegram_keys), std::span<const Key<Channel>>(email_keys),
          std::span<const Key<Channel>>(portal_keys_of_channel)})
        for (const Key<Channel>& key : group)
            if (std::find(channels.keys.begin(), channels.keys.end(), key.name) == channels.keys.end())
                channels.keys.push_back(key.name);
    return {all, rules, channels};
}

}  // namespace b24gate::config
