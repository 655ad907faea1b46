// [[cache]]: which answers are kept, and how long.
#include <algorithm>

#include <b24gate/config/units.hpp>

#include "reader.hpp"

namespace b24gate::config {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024, gib = 1024 * 1024 * kib;

constexpr Key<CacheRule> cache_keys[] = {
    {"methods",
     [](Reader& r, const Node& n, CacheRule& c) {
         if (r.patterns(n, c.methods) && c.methods.empty())
             r.error(n.at, "methods is empty, so the rule keeps nothing; name methods, like \"crm.*.fields\"");
     }},
    {"ttl", [](Reader& r, const Node& n, CacheRule& c) { r.duration(n, 1s, 24h, c.ttl); }},
    {"max_bytes", [](Reader& r, const Node& n, CacheRule& c) { r.size(n, 4 * kib, 64 * gib, c.max_bytes); }},
    {"portals", [](Reader& r, const Node& n, CacheRule& c) { r.texts(n, c.portals); }},
};

void read_rule(Reader& reader, const Node& node, Config& config) {
    CacheRule rule;
    reader.table<CacheRule>(node, rule, "[[cache]]", {cache_keys});
    if (!node.find("methods"))
        reader.error(node.at, "a cache rule has no methods; write methods = [\"crm.*.fields\", \"user.current\"]");
    if (!node.find("ttl"))
        reader.error(node.at, "a cache rule has no ttl; write how long an answer is good, like ttl = \"10m\"");
    if (const Node* portals = node.find("portals")) {
        if (portals->type == Node::Type::array && portals->children.empty())
            reader.error(portals->at, "portals is empty, so the rule keeps nothing; leave it out to mean all of them");
        for (std::size_t i = 0; i < rule.portals.size(); ++i)
            if (!config.portals.contains(rule.portals[i])) {
                std::vector<std::string_view> names;
                for (const auto& [name, portal] : config.portals) names.push_back(name);
                reader.error(portals->children[i].at, "portals has " + shown(rule.portals[i]) +
                                                          ", which is no portal of this file" +
                                                          suggestion(rule.portals[i], names, "there are"));
            }
    }
    config.cache.push_back(std::move(rule));
}

}  // namespace

void read_cache(Reader& reader, const Node& node, Config& config) {
    if (node.type != Node::Type::array) {
        reader.error(node.at, "cache must be a list of rules, each written [[cache]]");
        return;
    }
    for (const Node& child : node.children)
        if (reader.is_table(child)) read_rule(reader, child, config);
}

std::vector<SectionKeys> cache_rule_keys() {
    SectionKeys rule{"cache", {}};
    append_names<CacheRule>(rule.keys, cache_keys);
    return {rule};
}

}  // namespace b24gate::config
