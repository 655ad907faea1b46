#include <b24gate/alerts/business_errors.hpp>

#include <algorithm>
#include <utility>

namespace b24gate::alerts {
namespace {

constexpr UnixMs day = 86'400'000;

void cut(std::string& text, std::size_t most) {
    if (text.size() <= most) return;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    text.resize(most);
}

}  // namespace

void BusinessErrors::limit(const Limits& limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

void BusinessErrors::add(BusinessError error, UnixMs now) {
    const std::lock_guard lock(mutex_);
    const Who who{error.client, error.portal, error.user};
    auto found = people_.find(who);
    if (found == people_.end()) {
        if (people_.size() >= limits_.people) return;
        found = people_.try_emplace(who).first;
    }
    Person& person = found->second;
    if (now - person.day >= day) {
        person.note.more += std::exchange(person.untold, 0);
        person.day = now - now % day;
        person.today = 0;
    }
    if (person.today >= limits_.a_day) {
        ++person.untold;
        return;
    }
    if (person.first == 0) person.first = now;
    BusinessNote& note = person.note;
    note.client = std::move(error.client);
    note.portal = std::move(error.portal);
    note.credential = std::move(error.credential);
    note.user = error.user;
    for (std::string* text : {&error.method, &error.code, &error.text}) cut(*text, limits_.text);
    count(note, {std::move(error.method), std::move(error.code), std::move(error.text), 1});
}

void BusinessErrors::count(BusinessNote& note, BusinessNote::Kind kind) const {
    const auto known = std::find_if(note.kinds.begin(), note.kinds.end(), [&](const BusinessNote::Kind& k) {
        return k.method == kind.method && k.code == kind.code;
    });
    if (known != note.kinds.end())
        known->count += kind.count;
    else if (note.kinds.size() >= limits_.kinds)
        note.more += kind.count;
    else
        note.kinds.push_back(std::move(kind));
}

void BusinessErrors::give_back(BusinessNote note, UnixMs now) {
    const std::lock_guard lock(mutex_);
    if (++note.tries >= limits_.tries) return;
    const auto found = people_.find(Who{note.client, note.portal, note.user});
    if (found == people_.end()) return;
    Person& person = found->second;
    // What has come in meanwhile stands behind it.
    std::swap(person.note, note);
    for (BusinessNote::Kind& kind : note.kinds) count(person.note, std::move(kind));
    person.note.more += note.more;
    if (person.first == 0) person.first = now;
}

std::vector<BusinessNote> BusinessErrors::take(UnixMs now) {
    const std::lock_guard lock(mutex_);
    std::vector<BusinessNote> out;
    for (auto at = people_.begin(); at != people_.end();) {
        Person& person = at->second;
        const bool due = person.first != 0 && now - person.first >= limits_.wait && now - person.told >= limits_.pause;
        // What was too much for yesterday is told in a sum.
        const bool digest = person.first == 0 && person.untold != 0 && now - person.day >= day;
        if (digest) {
            person.note.more += std::exchange(person.untold, 0);
            person.day = now - now % day;
            person.today = 0;
        }
        if (due || digest) {
            BusinessNote next;
            next.client = person.note.client;
            next.portal = person.note.portal;
            next.credential = person.note.credential;
            next.user = person.note.user;
            out.push_back(std::exchange(person.note, std::move(next)));
            person.first = 0;
            person.told = now;
            ++person.today;
        }
        const bool idle = person.first == 0 && person.untold == 0 && now - person.told >= std::max(day, limits_.pause);
        at = idle ? people_.erase(at) : std::next(at);
    }
    return out;
}

}  // namespace b24gate::alerts
