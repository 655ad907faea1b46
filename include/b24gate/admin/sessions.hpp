// Who has logged in with a browser: sessions with a bounded number and life, known by the hash of their id. In this
// process: another gateway asks for the key again. Any thread; time is an argument.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/router.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admin {

class Sessions {
public:
    struct Limits {
        std::size_t most = 200;  ///< the one that was quiet the longest goes first
        core::Duration idle = std::chrono::minutes(30);
        core::Duration absolute = std::chrono::hours(8);
    };
    Sessions() : limits_{} {}
    explicit Sessions(const Limits& limits) : limits_(limits) {}

    struct Begun {
        std::string id;    ///< for the cookie, and for nobody else
        std::string csrf;  ///< what its POSTs have to carry
    };
    /// `key`: hash of the key that was shown; the session ends when that key does. nullopt: no random bytes.
    [[nodiscard]] std::optional<Begun> begin(Role role, std::string name, std::string key, core::TimePoint now);

    struct Known {
        std::string hash;  ///< of the id
        Role role = Role::none;
        std::string name, key, csrf;
    };
    /// Prolongs it, unless `touch` is false. nullopt: it is none, or its time is over.
    [[nodiscard]] std::optional<Known> find(std::string_view id, core::TimePoint now, bool touch = true);
    /// By the hash of its id: still there?
    [[nodiscard]] bool holds(std::string_view hash, core::TimePoint now);
    void end(std::string_view hash);
    [[nodiscard]] std::size_t size() const;

private:
    struct Session {
        Known known;
        core::TimePoint begun, used;
    };
    [[nodiscard]] bool over(const Session& session, core::TimePoint now) const noexcept;

    const Limits limits_;
    mutable std::mutex mutex_;
    std::list<Session> sessions_;  ///< the one used last first
};

}  // namespace b24gate::admin
