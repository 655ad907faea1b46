#include <b24gate/admin/sessions.hpp>

#include <algorithm>
#include <utility>

#include <b24gate/core/nonce.hpp>
#include <b24gate/core/sha256.hpp>

namespace b24gate::admin {
namespace {

constexpr std::size_t id_bytes = 32, csrf_bytes = 24;

std::string hash_of(std::string_view id) { return core::to_hex(core::sha256(id)); }

}  // namespace

bool Sessions::over(const Session& session, core::TimePoint now) const noexcept {
    return now >= session.used + limits_.idle || now >= session.begun + limits_.absolute;
}

std::optional<Sessions::Begun> Sessions::begin(Role role, std::string name, std::string key, core::TimePoint now) {
    auto id = core::random_text(id_bytes);
    auto csrf = core::random_text(csrf_bytes);
    if (!id || !csrf) return std::nullopt;
    const std::lock_guard lock(mutex_);
    sessions_.remove_if([&](const Session& session) { return over(session, now); });
    while (!sessions_.empty() && sessions_.size() >= limits_.most) sessions_.pop_back();
    sessions_.push_front(Session{Known{hash_of(*id), role, std::move(name), std::move(key), *csrf}, now, now});
    return Begun{*std::move(id), *std::move(csrf)};
}

std::optional<Sessions::Known> Sessions::find(std::string_view id, core::TimePoint now, bool touch) {
    // The hash is looked for, so how long the search takes tells nothing of the id.
    const std::string hash = hash_of(id);
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const Session& session) { return session.known.hash == hash; });
    if (found == sessions_.end()) return std::nullopt;
    if (over(*found, now)) {
        sessions_.erase(found);
        return std::nullopt;
    }
    if (touch) {
        found->used = now;
        sessions_.splice(sessions_.begin(), sessions_, found);
    }
    return found->known;
}

bool Sessions::holds(std::string_view hash, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const Session& session) { return session.known.hash == hash && !over(session, now); });
}

void Sessions::end(std::string_view hash) {
    const std::lock_guard lock(mutex_);
    sessions_.remove_if([&](const Session& session) { return session.known.hash == hash; });
}

std::size_t Sessions::size() const {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

}  // namespace b24gate::admin
