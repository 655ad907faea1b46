#include <b24gate/gateway/read_cache.hpp>

namespace b24gate::gateway {

void ReadCache::use(std::vector<std::uint64_t> max_bytes) {
    clear();
    rules_ = std::vector<Rule>(max_bytes.size());
    for (std::size_t i = 0; i < max_bytes.size(); ++i) rules_[i].max_bytes = max_bytes[i];
}

std::optional<ReadCache::Hit> ReadCache::find(std::string_view key, core::TimePoint now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    Kept& kept = *found->second;
    if (now - kept.entry.born >= kept.entry.lives) {
        remove(kept);
        return std::nullopt;
    }
    UseList& used = rules_[kept.entry.rule].used;
    used.splice(used.end(), used, used.iterator_to(kept));
    return Hit{kept.value, now - kept.entry.born};
}

bool ReadCache::keep(Entry entry, Value value) {
    if (const auto old = entries_.find(entry.key); old != entries_.end()) remove(*old->second);
    entry.bytes += 2 * entry.key.size() + overhead;
    Rule& rule = rules_[entry.rule];
    if (entry.bytes > rule.max_bytes) return false;
    while (rule.bytes + entry.bytes > rule.max_bytes) remove(rule.used.front());
    auto kept = std::make_unique<Kept>();
    kept->entry = std::move(entry);
    kept->value = std::move(value);
    Kept& it = *kept;
    rule.bytes += it.entry.bytes;
    bytes_ += it.entry.bytes;
    rule.used.push_back(it);
    portals_[it.entry.portal][it.entry.family].push_back(it);
    entries_.emplace(it.entry.key, std::move(kept));
    return true;
}

std::size_t ReadCache::drop(std::string_view portal, const bitrix::Touched& touched) {
    if (touched.everything) return drop_all(portal, {});
    std::size_t dropped = 0;
    for (const std::string_view family : touched.families) {
        dropped += drop_one(portal, family);
        dropped += drop_all(portal, std::string(family) + ".");
    }
    return dropped;
}

std::size_t ReadCache::drop_one(std::string_view portal, std::string_view name) {
    const auto families = portals_.find(portal);
    if (families == portals_.end()) return 0;
    const auto family = families->second.find(name);
    if (family == families->second.end()) return 0;
    const std::size_t count = family->second.size();
    // The list goes away with its last entry.
    for (std::size_t left = count; left > 0; --left) remove(family->second.front());
    return count;
}

std::size_t ReadCache::drop_all(std::string_view portal, std::string_view prefix) {
    std::size_t dropped = 0;
    for (;;) {
        // Anew each time: the last family takes the portal's entry away.
        const auto families = portals_.find(portal);
        if (families == portals_.end()) return dropped;
        const auto family = families->second.lower_bound(prefix);
        if (family == families->second.end() || !family->first.starts_with(prefix)) return dropped;
        const std::string name = family->first;
        dropped += drop_one(portal, name);
    }
}

void ReadCache::clear() {
    while (!entries_.empty()) remove(*entries_.begin()->second);
}

void ReadCache::remove(Kept& kept) {
    Rule& rule = rules_[kept.entry.rule];
    rule.bytes -= kept.entry.bytes;
    bytes_ -= kept.entry.bytes;
    rule.used.erase(rule.used.iterator_to(kept));
    const auto portal = portals_.find(kept.entry.portal);
    const auto family = portal->second.find(kept.entry.family);
    family->second.erase(family->second.iterator_to(kept));
    if (family->second.empty()) portal->second.erase(family);
    if (portal->second.empty()) portals_.erase(portal);
    const auto own = entries_.find(kept.entry.key);
    entries_.erase(own);
}

}  // namespace b24gate::gateway
