// What a portal's rules have refused, for the person who is responsible for a client: gathered by kind, told seldom.
// Pure but for its lock; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include <b24gate/alerts/facts.hpp>

namespace b24gate::alerts {

struct BusinessError {
    std::string client, portal, credential;
    std::int64_t user = 0;  ///< at the portal
    std::string method, code, text;
};

/// One message for one person.
struct BusinessNote {
    std::string client, portal, credential;
    std::int64_t user = 0;
    struct Kind {
        std::string method, code, text;
        std::uint64_t count = 0;
    };
    std::vector<Kind> kinds;
    std::uint64_t more = 0;  ///< not told today any more, or kinds beyond the list
    unsigned tries = 0;      ///< to send it
};

class BusinessErrors {
public:
    struct Limits {
        UnixMs wait = 300'000;      ///< errors are gathered so long
        UnixMs pause = 600'000;     ///< between two messages to one person
        unsigned a_day = 20;        ///< messages to one person
        std::size_t people = 1000;  ///< that are remembered
        std::size_t kinds = 10;     ///< that one message lists
        std::size_t text = 300;     ///< bytes of what the portal said
        unsigned tries = 12;        ///< to send one message
    };

    void limit(const Limits& limits);
    void add(BusinessError error, UnixMs now);
    /// The messages that are due. Each is given once.
    [[nodiscard]] std::vector<BusinessNote> take(UnixMs now);
    /// It could not be sent: it goes with the next one, or alone after a pause, unless it was tried often enough.
    void give_back(BusinessNote note, UnixMs now);

private:
    using Who = std::tuple<std::string, std::string, std::int64_t>;  ///< client, portal, user
    struct Person {
        BusinessNote note;
        UnixMs first = 0;  ///< of what is gathered; 0: nothing is
        UnixMs told = 0;
        UnixMs day = 0;  ///< its beginning
        unsigned today = 0;
        std::uint64_t untold = 0;  ///< calls beyond what is told a day
    };

    void count(BusinessNote& note, BusinessNote::Kind kind) const;

    std::mutex mutex_;
    Limits limits_;
    std::map<Who, Person> people_;
};

}  // namespace b24gate::alerts
