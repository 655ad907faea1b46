// The tables that stand once: server, admin, store, retry, log, metrics.
#include <algorithm>
#include <filesystem>
#include <iterator>

#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;

/// Below this a timeout only breaks things; tests go down to it.
constexpr Milliseconds shortest = 10ms;
constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;

/// Two listeners on one port fail at the start; said here with its place. Port 0 takes any free one.
bool collide(const Endpoint& a, const Endpoint& b) noexcept {
    const auto any = [](const Endpoint& e) { return e.host == "0.0.0.0" || e.host == "::"; };
    return a.port != 0 && a.port == b.port && (a.host == b.host || any(a) || any(b));
}

constexpr Key<Server> server_keys[] = {
    {"listen", [](Reader& r, const Node& n, Server& s) { r.endpoint(n, s.listen); }},
    {"tls_listen",
     [](Reader& r, const Node& n, Server& s) {
         Endpoint endpoint;
         if (r.endpoint(n, endpoint)) s.tls_listen = endpoint;
     }},
    {"tls_certificate", [](Reader& r, const Node& n, Server& s) { r.pem_file(n, "CERTIFICATE", s.tls_certificate); }},
    {"tls_key", [](Reader& r, const Node& n, Server& s) { r.pem_file(n, "PRIVATE KEY", s.tls_key); }},
    {"threads", [](Reader& r, const Node& n, Server& s) { r.number(n, 0, 1024, s.threads); }},
    {"public_url", [](Reader& r, const Node& n, Server& s) { r.url(n, UrlKind::gateway, s.public_url); }},
    {"egress",
     [](Reader& r, const Node& n, Server& s) {
         if (r.text(n, s.egress) && !is_name(s.egress, true, "_.-"))
             r.error(n.at, "egress is " + shown(s.egress) + "; write a name of letters, digits, _ . and -");
     }},
    {"max_body", [](Reader& r, const Node& n, Server& s) { r.size(n, kib, 2 * gib, s.max_body); }},
    {"max_header", [](Reader& r, const Node& n, Server& s) { r.size(n, kib, 64 * kib - 1, s.max_header); }},
    {"max_buffered", [](Reader& r, const Node& n, Server& s) { r.size(n, mib, 1024 * gib, s.max_buffered); }},
    {"max_connections", [](Reader& r, const Node& n, Server& s) { r.number(n, 1, 1'000'000, s.max_connections); }},
    {"header_timeout", [](Reader& r, const Node& n, Server& s) { r.duration(n, shortest, 1h, s.header_timeout); }},
    {"body_timeout", [](Reader& r, const Node& n, Server& s) { r.duration(n, shortest, 1h, s.body_timeout); }},
    {"write_timeout", [](Reader& r, const Node& n, Server& s) { r.duration(n, shortest, 1h, s.write_timeout); }},
    {"idle_timeout", [](Reader& r, const Node& n, Server& s) { r.duration(n, shortest, 24h, s.idle_timeout); }},
    {"shutdown_grace", [](Reader& r, const Node& n, Server& s) { r.duration(n, 0ms, 1h, s.shutdown_grace); }},
    {"drain_delay", [](Reader& r, const Node& n, Server& s) { r.duration(n, 0ms, 1h, s.drain_delay); }},
};

constexpr Key<Admin> admin_keys[] = {
    {"listen",
     [](Reader& r, const Node& n, Admin& a) {
         Endpoint endpoint;
         if (n.type == Node::Type::string && n.text == "off")
             a.listen.reset();
         else if (r.endpoint(n, endpoint))
             a.listen = endpoint;
     }},
    {"key",
     [](Reader& r, const Node& n, Admin& a) {
         if (r.secret(n, a.key) && a.key.reveal().size() < 16)
             r.warning(n.at, "key is shorter than 16 characters and may be guessed; `b24gate keygen` makes a good one");
     }},
    {"read_only_key",
     [](Reader& r, const Node& n, Admin& a) {
         if (r.secret(n, a.read_only_key) && a.read_only_key.reveal().size() < 16)
             r.warning(
                 n.at,
                 "read_only_key is shorter than 16 characters and may be guessed; `b24gate keygen` makes a good one");
     }},
    {"hosts", [](Reader& r, const Node& n, Admin& a) { r.host_names(n, false, a.hosts); }},
};

/// The length of what base64 text stands for; nullopt when it is none. Both alphabets, padding or not.
std::optional<std::size_t> base64_size(std::string_view text) noexcept {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    const bool fits = std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || core::is_digits({&c, 1}) || c == '+' || c == '/' || c == '-' || c == '_';
    });
    if (!fits || text.size() % 4 == 1) return std::nullopt;
    return text.size() * 3 / 4;
}

bool read_store_key(Reader& reader, const Node& node, core::Secret& out) {
    if (!reader.secret(node, out)) return false;
    if (base64_size(out.reveal()) == 32u) return true;
    reader.error(node.at, "an encryption key is not 32 bytes in base64; `b24gate keygen --store` makes one");
    return false;
}

constexpr Key<Store> store_keys[] = {
    {"url",
     [](Reader& r, const Node& n, Store& s) {
         std::string url;
         if (n.type == Node::Type::string && (n.text.starts_with("env:") || n.text.starts_with("file:"))) {
             core::Secret secret;
             if (!r.secret(n, secret)) return;
             url = secret.reveal();
         } else if (!r.text(n, url)) {
             return;
         }
         const bool sqlite = url.starts_with("sqlite:") && url.size() > 7;
         if (!sqlite && !url.starts_with("postgresql://")) {
             r.error(n.at, "url names no store; write \"sqlite:FILE\" or \"postgresql://...\"");
             return;
         }
         const std::size_t at = url.find('@');
         if (!sqlite && n.text.starts_with("postgresql://") && at != std::string::npos && url.find(':', 13) < at) {
             r.error(n.at,
                     "url holds a password, which never stands in this file; write \"env:NAME\" and put the "
                     "whole address there");
             return;
         }
         s.url = url;
     }},
    {"encryption_key", [](Reader& r, const Node& n, Store& s) { read_store_key(r, n, s.encryption_key); }},
    {"old_encryption_keys",
     [](Reader& r, const Node& n, Store& s) {
         if (n.type != Node::Type::array) {
             r.error(n.at, "old_encryption_keys must be a list, like [\"env:NAME\"]");
             return;
         }
         for (const Node& child : n.children) {
             core::Secret key;
             if (read_store_key(r, child, key)) s.old_encryption_keys.push_back(std::move(key));
         }
     }},
};

constexpr Key<RetryRule> rule_keys[] = {
    {"attempts", [](Reader& r, const Node& n, RetryRule& rule) { r.number(n, 0, 100, rule.attempts); }},
    {"base", [](Reader& r, const Node& n, RetryRule& rule) { r.duration(n, 1ms, 1h, rule.base); }},
    {"max", [](Reader& r, const Node& n, RetryRule& rule) { r.duration(n, 1ms, 24h, rule.max); }},
};

void check_rule(Reader& reader, const Node& node, const RetryRule& rule) {
    if (rule.base <= rule.max) return;
    const Node* named = node.find("base") ? node.find("base") : node.find("max");
    reader.error(named ? named->at : node.at, "base is " + format_duration(rule.base) + " and max " +
                                                  format_duration(rule.max) + "; base must not be above max");
}

template <RetryRule Retry::*member>
void read_rule(Reader& reader, const Node& node, Retry& retry) {
    reader.table<RetryRule>(node, retry.*member, "[retry." + node.key + "]", {rule_keys});
    if (node.find("base") || node.find("max")) check_rule(reader, node, retry.*member);
}

constexpr Key<Retry> retry_keys[] = {
    {"attempts"},
    {"base"},
    {"max"},
    {"server", read_rule<&Retry::server>},
    {"network", read_rule<&Retry::network>},
    {"timeout", read_rule<&Retry::timeout>},
};

constexpr std::string_view levels[] = {"trace", "debug", "info", "warn", "error", "off"};

constexpr Key<Log> log_keys[] = {
    {"level",
     [](Reader& r, const Node& n, Log& log) {
         Choice<std::string_view> choices[std::size(levels)];
         std::transform(std::begin(levels), std::end(levels), choices, [](auto name) {
             return Choice<std::string_view>{name, name};
         });
         std::string_view level;
         if (r.choice<std::string_view>(n, choices, level)) log.level = level;
     }},
    {"file", [](Reader& r, const Node& n, Log& log) { r.text(n, log.file); }},
    {"calls", [](Reader& r, const Node& n, Log& log) { r.flag(n, log.calls); }},
    {"params", [](Reader& r, const Node& n, Log& log) { r.flag(n, log.params); }},
    {"mask", [](Reader& r, const Node& n, Log& log) { r.texts(n, log.mask); }},
};

constexpr Key<Metrics> metrics_keys[] = {
    {"per_portal", [](Reader& r, const Node& n, Metrics& m) { r.flag(n, m.per_portal); }},
};

template <class T, std::size_t N>
SectionKeys names(std::string_view section, const Key<T> (&keys)[N]) {
    SectionKeys out{section, {}};
    append_names<T>(out.keys, keys);
    return out;
}

}  // namespace

void read_server(Reader& reader, const Node& node, Config& config) {
    Server& server = config.server;
    reader.table<Server>(node, server, "[server]", {server_keys});
    const Node* tls = node.find("tls_listen");
    const Node* certificate = node.find("tls_certificate");
    const Node* key = node.find("tls_key");
    if (tls && (!certificate || !key))
        reader.error(tls->key_at, std::string("tls_listen needs ") +
                                      (certificate ? "tls_key"
                                       : key       ? "tls_certificate"
                                                   : "tls_certificate and tls_key") +
                                      " beside it, each the path of a PEM file");
    for (const Node* file : {certificate, key})
        if (!tls && file)
            reader.warning(file->key_at, file->key + " is not used; it takes effect with tls_listen beside it");
    if (tls && server.tls_listen && collide(server.listen, *server.tls_listen))
        reader.error(tls->at, "tls_listen takes the port of listen; give each a port of its own");
    if (server.max_buffered < server.max_body) {
        const Node* named = node.find("max_buffered") ? node.find("max_buffered") : node.find("max_body");
        reader.error(named ? named->at : node.at, "max_buffered (" + format_size(server.max_buffered) +
                                                      ") is below max_body (" + format_size(server.max_body) +
                                                      "); it must hold at least one body");
    }
}

void read_admin(Reader& reader, const Node& node, Config& config) {
    reader.table<Admin>(node, config.admin, "[admin]", {admin_keys});
}

void check_listeners(Reader& reader, const Node& root, const Config& config) {
    if (!config.admin.listen) return;
    const auto place = [&](const char* section, const char* key) {
        const Node* table = root.find(section);
        return table ? table->find(key) : nullptr;
    };
    const auto refuse = [&](const char* name) {
        const Node* at = place("admin", "listen");
        if (!at) at = place("server", name);
        if (at)
            reader.error(at->at, "[admin] listen (" + to_string(*config.admin.listen) +
                                     ") takes the port of [server] " + name + "; give each a port of its own");
    };
    if (collide(config.server.listen, *config.admin.listen)) refuse("listen");
    if (config.server.tls_listen && collide(*config.server.tls_listen, *config.admin.listen)) refuse("tls_listen");
}

void read_store(Reader& reader, const Node& node, Config& config) {
    reader.table<Store>(node, config.store, "[store]", {store_keys});
}

void check_store(Reader& reader, const Node& root, Config& config) {
    // Wherever b24gate is started from, the same configuration means the same file.
    constexpr std::string_view sqlite = "sqlite:";
    if (config.store.url.starts_with(sqlite))
        config.store.url =
            std::string(sqlite) + std::filesystem::absolute(reader.resolved(config.store.url.substr(sqlite.size())))
                                      .lexically_normal()
                                      .string();
    // What is wrong with a credential or the key itself comes first.
    if (!config.store.encryption_key.empty() || !reader.good()) return;
    const Node* portals = root.find("portals");
    for (const auto& [name, portal] : config.portals)
        for (const auto& [credential_name, credential] : portal.credentials) {
            if (credential.type != Credential::Type::oauth) continue;
            const Node* node = portals ? portals->find(name) : nullptr;
            const Node* list = node ? node->find("credentials") : nullptr;
            const Node* own = list ? list->find(credential_name) : nullptr;
            const Node* type = own ? own->find("type") : nullptr;
            reader.error(type ? type->at : Position{},
                         "type \"oauth\" needs an encryption key, because its tokens are kept: set [store] "
                         "encryption_key; `b24gate keygen --store` makes one");
        }
}

void read_retry(Reader& reader, const Node& node, Config& config) {
    // What stands in [retry] itself holds for every class: it is read before the classes' own tables.
    Retry& retry = config.retry;
    if (!reader.is_table(node)) return;
    RetryRule common;
    for (const Node& child : node.children)
        for (const Key<RetryRule>& key : rule_keys)
            if (key.name == child.key) key.read(reader, child, common);
    retry = {common, common, common};
    if (node.find("base") || node.find("max")) check_rule(reader, node, common);
    reader.table<Retry>(node, retry, "[retry]", {retry_keys});
}

void read_log(Reader& reader, const Node& node, Config& config) {
    reader.table<Log>(node, config.log, "[log]", {log_keys});
}

void read_metrics(Reader& reader, const Node& node, Config& config) {
    reader.table<Metrics>(node, config.metrics, "[metrics]", {metrics_keys});
}

std::vector<SectionKeys> section_keys() {
    return {names("server", server_keys),  names("admin", admin_keys),      names("store", store_keys),
            names("retry", retry_keys),    names("retry.CLASS", rule_keys), names("log", log_keys),
            names("metrics", metrics_keys)};
}

}  // namespace b24gate::config
