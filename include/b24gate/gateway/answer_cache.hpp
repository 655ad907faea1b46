// The answers that are kept, for all workers together. A monitor: any thread; the lock is never held over anything
// slow but the freeing of what a write drops.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include <b24gate/config/config.hpp>
#include <b24gate/gateway/read_cache.hpp>
#include <b24gate/observe/metrics.hpp>

namespace b24gate::gateway {

class AnswerCache {
public:
    /// `bytes` shows how much is kept.
    explicit AnswerCache(observe::Gauge& bytes) : gauge_(bytes) {}

    /// Before a configuration is used. With another generation than the last everything is forgotten.
    void use(std::uint64_t generation, const std::vector<config::CacheRule>& rules);

    [[nodiscard]] std::optional<ReadCache::Hit> find(std::string_view key, core::TimePoint now);
    /// Nothing happens when the generation is no longer the one in use.
    void keep(std::uint64_t generation, ReadCache::Entry entry, ReadCache::Value value);
    std::size_t drop(std::string_view portal, const bitrix::Touched& touched);

private:
    observe::Gauge& gauge_;
    std::mutex mutex_;
    std::uint64_t generation_ = 0;
    ReadCache cache_;
};

}  // namespace b24gate::gateway
