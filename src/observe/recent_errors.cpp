#include <b24gate/observe/recent_errors.hpp>

#include <algorithm>
#include <utility>

namespace b24gate::observe {
namespace {

/// Not in the middle of a character.
void cut(std::string& text, std::size_t most) {
    if (text.size() <= most) return;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    text.resize(most);
}

bool fits(const RecentError& error, const RecentErrors::Filter& filter) {
    return (filter.client.empty() || filter.client == error.client) &&
           (filter.portal.empty() || filter.portal == error.portal) &&
           (filter.code.empty() || filter.code == error.code) &&
           (filter.error_class == bitrix::ErrorClass::ok || filter.error_class == error.error_class);
}

}  // namespace

void RecentErrors::add(RecentError error) {
    for (std::string* text : {&error.method, &error.code, &error.description, &error.request_id})
        cut(*text, limits_.text);
    if (told_) told_(error);
    const std::lock_guard lock(mutex_);
    Kind kind{error.error_class, error.code, error.portal, error.method};
    auto group = groups_.find(kind);
    if (group == groups_.end()) {
        if (groups_.size() >= limits_.groups) kind = Kind{error.error_class, "", "", ""};
        group = groups_.try_emplace(kind).first;
        if (group->second.count == 0) {
            group->second.error_class = error.error_class;
            std::tie(std::ignore, group->second.code, group->second.portal, group->second.method) = kind;
            group->second.first = error.at;
        }
    }
    ++group->second.count;
    group->second.last = error.at;
    group->second.request_id = error.request_id;
    group->second.description = error.description;
    if (ring_.size() < limits_.errors) {
        ring_.push_back(std::move(error));
    } else if (!ring_.empty()) {
        ring_[next_] = std::move(error);
        next_ = (next_ + 1) % ring_.size();
    }
}

std::vector<RecentError> RecentErrors::list(const Filter& filter) const {
    const std::lock_guard lock(mutex_);
    std::vector<RecentError> out;
    for (std::size_t i = 0; i < ring_.size() && out.size() < filter.limit; ++i) {
        const RecentError& error = ring_[(next_ + ring_.size() - 1 - i) % ring_.size()];
        if (fits(error, filter)) out.push_back(error);
    }
    return out;
}

std::vector<RecentErrors::Group> RecentErrors::groups() const {
    std::vector<Group> out;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [kind, group] : groups_) out.push_back(group);
    }
    std::stable_sort(out.begin(), out.end(), [](const Group& a, const Group& b) { return a.last > b.last; });
    return out;
}

}  // namespace b24gate::observe
