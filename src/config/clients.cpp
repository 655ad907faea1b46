// [clients.NAME], and what they name among the portals.
#include <algorithm>
#include <map>

#include <b24gate/config/units.hpp>
#include <b24gate/core/sha256.hpp>
#include <b24gate/core/text.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;

constexpr Choice<Priority> priorities[] = {
    {"interactive", Priority::interactive}, {"normal", Priority::normal}, {"bulk", Priority::bulk}};

/// What a client key may be made of: it stands in paths, queries, forms and headers as it is.
bool is_key_text(std::string_view key) noexcept {
    return !key.empty() && key.size() <= 256 && std::all_of(key.begin(), key.end(), [](char c) {
        return is_letter(c) || core::is_digits({&c, 1}) || c == '-' || c == '.' || c == '_' || c == '~';
    });
}

void read_key(Reader& reader, const Node& node, Client& client) {
    core::Secret key;
    if (!reader.secret(node, key)) return;
    if (!is_key_text(key.reveal())) {
        reader.error(node.at,
                     "key holds characters that do not survive in a URL; `b24gate keygen` makes one that does");
        return;
    }
    if (key.reveal().size() < 16)
        reader.warning(node.at,
                       "key is shorter than 16 characters and may be guessed; `b24gate keygen` makes a good one");
    client.key_sha256 = core::to_hex(core::sha256(key.reveal()));
}

// The message does not repeat the value: a key itself gets written here by mistake.
void read_key_sha256(Reader& reader, const Node& node, Client& client) {
    const bool fits = node.type == Node::Type::string && node.text.size() == 64 &&
                      std::all_of(node.text.begin(), node.text.end(), [](char c) { return core::hex_digit(c) >= 0; });
    if (fits)
        client.key_sha256 = core::to_lower(node.text);
    else
        reader.error(node.at, "key_sha256 must be 64 hex digits, the SHA-256 of the key; `b24gate keygen` prints both");
}

void read_addresses(Reader& reader, const Node& node, Client& client) {
    if (!reader.texts(node, client.addresses)) return;
    if (client.addresses.empty())
        reader.error(node.at, "addresses is empty, so no one could call; leave it out to allow any address");
    for (std::size_t i = 0; i < client.addresses.size(); ++i) {
        const auto block = parse_cidr(client.addresses[i]);
        if (!block)
            reader.error(node.children[i].at, "addresses has " + shown(client.addresses[i]) +
                                                  "; write an address or a block, like \"10.0.0.0/8\" or \"fd00::/8\"");
        else if (block->masked() != *block)
            reader.error(node.children[i].at, "addresses has " + shown(client.addresses[i]) +
                                                  ", whose bits behind the prefix are not zero; write \"" +
                                                  to_string(block->masked()) + "\"");
    }
}

constexpr Key<Client> client_table_keys[] = {
    {"key_sha256", read_key_sha256},
    {"key", read_key},
    {"portals", [](Reader& r, const Node& n, Client& c) { r.texts(n, c.portals); }},
    {"default_portal", [](Reader& r, const Node& n, Client& c) { r.text(n, c.default_portal); }},
    {"credentials",
     [](Reader& r, const Node& n, Client& c) {
         if (!r.is_table(n)) return;
         for (const Node& child : n.children) {
             std::string name;
             if (r.text(child, name)) c.credentials[child.key] = name;
         }
     }},
    {"allow",
     [](Reader& r, const Node& n, Client& c) {
         if (r.patterns(n, c.allow) && c.allow.empty())
             r.error(n.at, "allow is empty, so the client could call nothing; leave it out to allow every method");
     }},
    {"deny", [](Reader& r, const Node& n, Client& c) { r.patterns(n, c.deny); }},
    {"addresses", read_addresses},
    {"priority", [](Reader& r, const Node& n, Client& c) { r.choice<Priority>(n, priorities, c.priority); }},
    {"weight", [](Reader& r, const Node& n, Client& c) { r.number(n, 1, 1000, c.weight); }},
    {"timeout", [](Reader& r, const Node& n, Client& c) { r.duration(n, 1s, 1h, c.timeout); }},
    {"passthrough", [](Reader& r, const Node& n, Client& c) { r.flag(n, c.passthrough); }},
    {"coalesce", [](Reader& r, const Node& n, Client& c) { r.flag(n, c.coalesce); }},
    {"responsible_user",
     [](Reader& r, const Node& n, Client& c) {
         std::int64_t user = 0;
         if (r.number(n, 1, 1'000'000'000'000, user)) c.responsible_user = user;
     }},
};

void check_key(Reader& reader, const Node& node, const Client& client) {
    const Node* digest = node.find("key_sha256");
    const Node* key = node.find("key");
    if (client.passthrough) {
        if (const Node* given = digest ? digest : key)
            reader.error(given->key_at, given->key +
                                            " makes no sense with passthrough = true: such a client sends the "
                                            "portal's own credential; leave one of the two out");
    } else if (digest && key) {
        reader.error(digest->key_at, "key_sha256 and key stand side by side; leave one of them out");
    } else if (!digest && !key) {
        reader.error(node.key_at, "client " + shown(node.key) +
                                      " has no key; write key_sha256 = \"...\" (`b24gate keygen` makes one) or key = "
                                      "\"env:NAME\"");
    }
}

std::vector<std::string_view> names_of(const auto& map) {
    std::vector<std::string_view> out;
    for (const auto& entry : map) out.push_back(entry.first);
    return out;
}

void check_portals(Reader& reader, const Node& node, const Client& client, const Config& config) {
    const Node* portals = node.find("portals");
    if (!portals) {
        reader.error(node.key_at, "client " + shown(node.key) + " has no portals; write portals = [\"NAME\"]");
        return;
    }
    if (portals->type == Node::Type::array && portals->children.empty())
        reader.error(portals->at, "portals is empty; name the portals that the client may call");
    for (std::size_t i = 0; i < client.portals.size(); ++i) {
        const std::string& name = client.portals[i];
        if (!config.portals.contains(name))
            reader.error(portals->children[i].at, "portal " + shown(name) + " is not in this file" +
                                                      suggestion(name, names_of(config.portals), "the portals are"));
        else if (std::find(client.portals.begin(), client.portals.begin() + static_cast<std::ptrdiff_t>(i), name) !=
                 client.portals.begin() + static_cast<std::ptrdiff_t>(i))
            reader.error(portals->children[i].at, "portal " + shown(name) + " stands twice; name it once");
    }
    const Node* chosen = node.find("default_portal");
    if (chosen && !client.default_portal.empty() && !client.portals.empty() &&
        std::find(client.portals.begin(), client.portals.end(), client.default_portal) == client.portals.end())
        reader.error(
            chosen->at,
            "default_portal " + shown(client.default_portal) + " is not among the client's portals" +
                suggestion(client.default_portal,
                           std::vector<std::string_view>(client.portals.begin(), client.portals.end()), "they are"));
}

/// Settles which credential each granted portal is called with, so that nothing is left to guess later.
void choose_credentials(Reader& reader, const Node& node, Client& client, const Config& config) {
    const Node* table = node.find("credentials");
    if (table && client.passthrough) {
        reader.error(table->key_at,
                     "credentials makes no sense with passthrough = true: such a client sends the "
                     "portal's own; leave one of the two out");
        return;
    }
    for (const auto& [portal, name] : client.credentials) {
        const Node& entry = *table->find(portal);
        const auto found = config.portals.find(portal);
        if (std::find(client.portals.begin(), client.portals.end(), portal) == client.portals.end())
            reader.error(entry.key_at, "portal " + shown(portal) + " is not among the client's portals; add it there");
        else if (found != config.portals.end() && !found->second.credentials.contains(name))
            reader.error(entry.at, "portal " + shown(portal) + " has no credential " + shown(name) +
                                       suggestion(name, names_of(found->second.credentials), "it has"));
    }
    if (client.passthrough) return;
    for (std::size_t i = 0; i < client.portals.size(); ++i) {
        const std::string& name = client.portals[i];
        const auto found = config.portals.find(name);
        if (found == config.portals.end() || client.credentials.contains(name)) continue;
        const auto& credentials = found->second.credentials;
        if (credentials.contains("main"))
            client.credentials[name] = "main";
        else if (credentials.size() == 1)
            client.credentials[name] = credentials.begin()->first;
        else if (credentials.empty())
            reader.error(node.find("portals")->children[i].at, "portal " + shown(name) +
                                                                   " has no credential to call it with; add [portals." +
                                                                   name + ".credentials.main]");
        else
            reader.error(node.find("portals")->children[i].at,
                         "portal " + shown(name) + " has several credentials (" + joined(names_of(credentials)) +
                             ") and none is called main; say which with credentials = { " + name + " = \"" +
                             credentials.begin()->first + "\" }");
    }
}

void check_unique(Reader& reader, const Node& clients, const Config& config) {
    std::map<std::string, std::string> by_key, open_passthrough;
    for (const Node& node : clients.children) {
        const auto found = config.clients.find(node.key);
        if (found == config.clients.end()) continue;
        const Client& client = found->second;
        if (!client.key_sha256.empty()) {
            const auto [earlier, fresh] = by_key.emplace(client.key_sha256, client.name);
            const Node* given = node.find("key_sha256") ? node.find("key_sha256") : node.find("key");
            if (!fresh)
                reader.error(given->at,
                             "client " + shown(earlier->second) + " has the same key; give each a key of its own");
        }
        if (!client.passthrough || !client.addresses.empty()) continue;
        for (const std::string& portal : client.portals) {
            const auto [earlier, fresh] = open_passthrough.emplace(portal, client.name);
            if (!fresh && earlier->second != client.name)
                reader.error(node.key_at, "passthrough client " + shown(earlier->second) + " takes portal " +
                                              shown(portal) + " from any address too; tell them apart with addresses");
        }
    }
}

}  // namespace

void read_clients(Reader& reader, const Node& clients, Config& config) {
    if (!reader.is_table(clients)) return;
    for (const Node& node : clients.children) {
        if (!is_name(node.key, true, "_.-"))
            reader.error(node.key_at, "client " + shown(node.key) +
                                          " has no usable name; take letters, digits, _ . and -, at most 64");
        if (!reader.is_table(node)) continue;
        Client client;
        client.name = node.key;
        reader.table<Client>(node, client, "[clients.NAME]", {client_table_keys});
        check_key(reader, node, client);
        check_portals(reader, node, client, config);
        choose_credentials(reader, node, client, config);
        config.clients.emplace(node.key, std::move(client));
    }
    check_unique(reader, clients, config);
}

std::vector<SectionKeys> client_keys() {
    SectionKeys client{"clients.NAME", {}};
    append_names<Client>(client.keys, client_table_keys);
    return {client};
}

}  // namespace b24gate::config
