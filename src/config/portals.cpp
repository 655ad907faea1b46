// [defaults] and [portals.NAME] with their credentials.
#include <algorithm>
#include <map>

#include <b24gate/core/text.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds shortest = 10ms;

constexpr Key<Coalesce> coalesce_keys[] = {
    {"enabled", [](Reader& r, const Node& n, Coalesce& c) { r.flag(n, c.enabled); }},
    {"max_calls", [](Reader& r, const Node& n, Coalesce& c) { r.number(n, 1, 50, c.max_calls); }},
    {"max_duration", [](Reader& r, const Node& n, Coalesce& c) { r.duration(n, 1ms, 60s, c.max_duration); }},
    {"writes", [](Reader& r, const Node& n, Coalesce& c) { r.patterns(n, c.writes); }},
};

void read_coalesce(Reader& reader, const Node& node, Portal& portal) {
    reader.table<Coalesce>(node, portal.coalesce, "[coalesce]", {coalesce_keys});
}

constexpr Choice<Portal::Mode> modes[] = {{"enforce", Portal::Mode::enforce}, {"observe", Portal::Mode::observe}};

/// What may stand in [defaults] and in a portal.
constexpr Key<Portal> common_keys[] = {
    {"plan"},
    {"burst"},
    {"rate"},
    {"mode", [](Reader& r, const Node& n, Portal& p) { r.choice<Portal::Mode>(n, modes, p.mode); }},
    {"assume_spent", [](Reader& r, const Node& n, Portal& p) { r.flag(n, p.assume_spent); }},
    {"max_in_flight", [](Reader& r, const Node& n, Portal& p) { r.number(n, 1, 1000, p.max_in_flight); }},
    {"max_queue", [](Reader& r, const Node& n, Portal& p) { r.number(n, 1, 1'000'000, p.max_queue); }},
    {"connect_timeout", [](Reader& r, const Node& n, Portal& p) { r.duration(n, shortest, 5min, p.connect_timeout); }},
    {"timeout", [](Reader& r, const Node& n, Portal& p) { r.duration(n, shortest, 1h, p.timeout); }},
    {"pool_idle", [](Reader& r, const Node& n, Portal& p) { r.duration(n, shortest, 1h, p.pool_idle); }},
    {"read_methods", [](Reader& r, const Node& n, Portal& p) { r.patterns(n, p.read_methods); }},
    {"repeatable_methods", [](Reader& r, const Node& n, Portal& p) { r.patterns(n, p.repeatable_methods); }},
    {"coalesce", read_coalesce},
    {"share_reads", [](Reader& r, const Node& n, Portal& p) { r.flag(n, p.share_reads); }},
};

constexpr Choice<Credential::Type> credential_types[] = {{"webhook", Credential::Type::webhook},
                                                         {"oauth", Credential::Type::oauth}};

/// What may stand in a URL's path as it is.
bool is_path_segment(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 256 && text != "." && text != ".." &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter(c) || core::is_digits({&c, 1}) || c == '-' || c == '.' || c == '_' || c == '~' ||
                      c == '@';
           });
}

constexpr Key<Credential> credential_keys[] = {
    {"type", [](Reader& r, const Node& n, Credential& c) { r.choice<Credential::Type>(n, credential_types, c.type); }},
    {"user",
     [](Reader& r, const Node& n, Credential& c) {
         std::int64_t id = 0;
         if (n.type == Node::Type::integer) {
             if (r.number(n, 1, 1'000'000'000'000, id)) c.user = std::to_string(id);
         } else if (r.text(n, c.user) && !is_path_segment(c.user)) {
             r.error(n.at,
                     "user is neither a number nor a login; write the first part of the webhook's address behind "
                     "/rest/, like 1");
         }
     }},
    {"secret",
     [](Reader& r, const Node& n, Credential& c) {
         if (r.secret(n, c.secret) && !is_path_segment(c.secret.reveal()))
             r.error(n.at,
                     "secret holds characters that no webhook secret has; write the part of the webhook's "
                     "address behind the user alone, without '/'");
     }},
    {"client_id", [](Reader& r, const Node& n, Credential& c) { r.text(n, c.client_id); }},
    {"client_secret", [](Reader& r, const Node& n, Credential& c) { r.secret(n, c.client_secret); }},
    {"token_url", [](Reader& r, const Node& n, Credential& c) { r.url(n, UrlKind::token, c.token_url); }},
};

constexpr std::string_view webhook_only[] = {"user", "secret"};
constexpr std::string_view oauth_only[] = {"client_id", "client_secret", "token_url"};

void read_credential(Reader& reader, const Node& node, Credential& out) {
    reader.table<Credential>(node, out, "a credential", {credential_keys});
    if (node.type != Node::Type::table) return;
    const bool webhook = out.type == Credential::Type::webhook;
    const auto missing = [&](std::string_view key, std::string_view example) {
        if (!node.find(key))
            reader.error(node.key_at, "credential " + shown(node.key) + " has no " + std::string(key) + "; write " +
                                          std::string(key) + " = " + std::string(example));
    };
    const auto foreign = [&](std::span<const std::string_view> keys, std::string_view type) {
        for (const std::string_view key : keys)
            if (const Node* found = node.find(key))
                reader.error(found->key_at, std::string(key) + " belongs to a credential of type = \"" +
                                                std::string(type) + "\"; leave it out or change the type");
    };
    if (webhook) {
        foreign(oauth_only, "oauth");
        missing("user", "1, the webhook owner's id");
        missing("secret", "\"env:NAME\"");
    } else {
        foreign(webhook_only, "webhook");
        missing("client_id", "\"app....\", the application's id");
        missing("client_secret", "\"env:NAME\"");
    }
}

constexpr Key<Portal> own_keys[] = {
    {"url", [](Reader& r, const Node& n, Portal& p) { r.url(n, UrlKind::portal, p.url); }},
    {"hosts", [](Reader& r, const Node& n, Portal& p) { r.host_names(n, false, p.hosts); }},
    {"ca", [](Reader& r, const Node& n, Portal& p) { r.pem_file(n, "CERTIFICATE", p.ca); }},
    {"redirect_hosts",
     [](Reader& r, const Node& n, Portal& p) {
         if (!r.host_names(n, true, p.redirect_hosts)) return;
         for (std::size_t i = 0; i < p.redirect_hosts.size(); ++i)
             if (p.redirect_hosts[i].find_first_not_of("*.") == std::string::npos)
                 r.error(n.children[i].at,
                         "redirect_hosts would send the portal's credential to any host; name the "
                         "domain, like \"*.example.com\"");
     }},
    {"credentials",
     [](Reader& r, const Node& n, Portal& p) {
         if (!r.is_table(n)) return;
         for (const Node& child : n.children) {
             if (!is_name(child.key, false, "_-"))
                 r.error(child.key_at,
                         "credential " + shown(child.key) + " has no usable name; take small letters, digits, _ and -");
             read_credential(r, child, p.credentials[child.key]);
         }
     }},
};

struct NamedPlan {
    Plan::Kind kind;
    double burst, rate;
};

// Source of the figures: Bitrix24's documented limits of the ordinary and the Enterprise plans. auto starts from the
// ordinary ones and learns; none has no bucket.
constexpr Choice<NamedPlan> plans[] = {
    {"standard", {Plan::Kind::standard, 50, 2}},
    {"enterprise", {Plan::Kind::enterprise, 250, 5}},
    {"auto", {Plan::Kind::automatic, 50, 2}},
    {"none", {Plan::Kind::none, 50, 2}},
};

/// plan, or burst and rate in its place.
void read_plan(Reader& reader, const Node& table, Plan& out) {
    const Node* plan = table.find("plan");
    const Node* burst = table.find("burst");
    const Node* rate = table.find("rate");
    const Node* numbers = burst ? burst : rate;
    if (plan && numbers) {
        reader.error(numbers->key_at, numbers->key + " stands beside plan; write plan, or burst and rate");
    } else if (plan) {
        NamedPlan named{};
        if (plan->type == Node::Type::table || plan->type == Node::Type::integer || plan->type == Node::Type::real)
            reader.error(plan->at,
                         "plan is a name (standard, enterprise, auto, none); for figures write burst = 100 and "
                         "rate = 2.5 in its place");
        else if (reader.choice<NamedPlan>(*plan, plans, named))
            out = {named.kind, named.burst, named.rate};
    } else if (numbers && !(burst && rate)) {
        reader.error(numbers->key_at, numbers->key + " stands alone; write " + (burst ? "rate" : "burst") +
                                          " beside it (burst: calls at once, rate: calls a second)");
    } else if (numbers) {
        const bool good = reader.real(*burst, 1, 100'000, out.burst);
        if (reader.real(*rate, 0.01, 10'000, out.rate) && good) out.kind = Plan::Kind::custom;
    }
}

void read_portal(Reader& reader, const Node& node, Portal& portal) {
    reader.table<Portal>(node, portal, "[portals.NAME]", {own_keys, common_keys});
    if (node.type != Node::Type::table) return;
    read_plan(reader, node, portal.plan);
    if (!node.find("url"))
        reader.error(node.key_at,
                     "portal " + shown(node.key) + " has no url; write url = \"https://acme.bitrix24.com\"");
}

/// A Host must lead to one portal; two entries for one portal would each spend its whole budget.
void check_unique(Reader& reader, const Node& portals, const Config& config) {
    std::map<std::string, std::string> by_host, by_url;
    for (const Node& node : portals.children) {
        const auto found = config.portals.find(node.key);
        if (found == config.portals.end()) continue;
        const Portal& portal = found->second;
        for (std::size_t i = 0; i < portal.hosts.size(); ++i) {
            const auto [earlier, fresh] = by_host.emplace(portal.hosts[i], portal.name);
            if (!fresh)
                reader.error(node.find("hosts")->children[i].at, "host " + shown(portal.hosts[i]) +
                                                                     " stands at portal " + shown(earlier->second) +
                                                                     " already; a host leads to one portal");
        }
        if (portal.url.empty()) continue;
        const auto [earlier, fresh] = by_url.emplace(portal.url, portal.name);
        if (!fresh)
            reader.warning(node.find("url")->at, "portal " + shown(earlier->second) +
                                                     " has the same url; both will spend the portal's budget as if it "
                                                     "were theirs alone. One portal with two credentials is better");
    }
}

}  // namespace

void read_portals(Reader& reader, const Node* defaults, const Node* portals, Config& config) {
    Portal prototype;
    if (defaults) {
        reader.table<Portal>(*defaults, prototype, "[defaults]", {common_keys});
        read_plan(reader, *defaults, prototype.plan);
    }
    if (!portals || !reader.is_table(*portals)) return;
    for (const Node& node : portals->children) {
        if (!is_name(node.key, false, "_-"))
            reader.error(node.key_at, "portal " + shown(node.key) +
                                          " has no usable name; it stands in URLs: take small letters, digits, _ and "
                                          "-, at most 64");
        if (!reader.is_table(node)) continue;
        Portal portal = prototype;
        portal.name = node.key;
        read_portal(reader, node, portal);
        config.portals.emplace(node.key, std::move(portal));
    }
    check_unique(reader, *portals, config);
}

std::vector<SectionKeys> portal_keys() {
    SectionKeys defaults{"defaults", {}}, coalesce{"defaults.coalesce", {}}, portal{"portals.NAME", {}},
        credential{"portals.NAME.credentials.NAME", {}};
    append_names<Portal>(defaults.keys, common_keys);
    append_names<Coalesce>(coalesce.keys, coalesce_keys);
    append_names<Portal>(portal.keys, own_keys);
    append_names<Portal>(portal.keys, common_keys);
    append_names<Credential>(credential.keys, credential_keys);
    return {defaults, coalesce, portal, credential};
}

}  // namespace b24gate::config
