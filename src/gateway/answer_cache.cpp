#include <b24gate/gateway/answer_cache.hpp>

namespace b24gate::gateway {

void AnswerCache::use(std::uint64_t generation, const std::vector<config::CacheRule>& rules) {
    const std::lock_guard lock(mutex_);
    if (generation == generation_) return;
    generation_ = generation;
    std::vector<std::uint64_t> max_bytes;
    for (const config::CacheRule& rule : rules) max_bytes.push_back(rule.max_bytes);
    cache_.use(std::move(max_bytes));
    gauge_.set(0);
}

std::optional<ReadCache::Hit> AnswerCache::find(std::string_view key, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    auto hit = cache_.find(key, now);
    if (!hit) gauge_.set(static_cast<double>(cache_.bytes()));
    return hit;
}

void AnswerCache::keep(std::uint64_t generation, ReadCache::Entry entry, ReadCache::Value value) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;
    cache_.keep(std::move(entry), std::move(value));
    gauge_.set(static_cast<double>(cache_.bytes()));
}

std::size_t AnswerCache::drop(std::string_view portal, const bitrix::Touched& touched) {
    const std::lock_guard lock(mutex_);
    const std::size_t dropped = cache_.drop(portal, touched);
    if (dropped != 0) gauge_.set(static_cast<double>(cache_.bytes()));
    return dropped;
}

}  // namespace b24gate::gateway
