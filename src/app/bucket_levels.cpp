#include "bucket_levels.hpp"

#include <vector>

namespace b24gate::app {
namespace {

constexpr auto patience = std::chrono::seconds(5);
/// A gateway sends from this bucket now, or has died doing it.
constexpr double unknown = -1;

core::Deadline deadline() { return core::Deadline{core::Clock::now() + patience}; }

}  // namespace

boost::asio::awaitable<storage::Result<storage::Done>> take_levels(storage::Store& store,
                                                                   const gateway::Snapshot& snapshot,
                                                                   std::string egress) {
    const auto listed = co_await store.list_levels(deadline());
    if (!listed) co_return listed.error();
    for (const storage::BucketLevel& known : listed->levels) {
        const auto portal = snapshot.portals.find(known.portal);
        if (known.egress != egress || known.level < 0 || portal == snapshot.portals.end()) continue;
        portal->second.portal->restore(known.level, std::chrono::milliseconds(listed->now - known.at));
    }
    std::vector<storage::BucketLevel> levels;
    for (const auto& [name, runtime] : snapshot.portals)
        levels.push_back(storage::BucketLevel{name, egress, unknown, 0});
    co_return co_await store.put_levels(std::move(levels), deadline());
}

boost::asio::awaitable<storage::Result<storage::Done>> save_levels(storage::Store& store,
                                                                   const gateway::Snapshot& snapshot,
                                                                   std::string egress) {
    std::vector<storage::BucketLevel> levels;
    for (const auto& [name, runtime] : snapshot.portals)
        levels.push_back(storage::BucketLevel{name, egress, runtime.portal->snapshot().level, 0});
    co_return co_await store.put_levels(std::move(levels), deadline());
}

}  // namespace b24gate::app
