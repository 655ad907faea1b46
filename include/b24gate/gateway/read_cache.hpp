// Answers that are kept for a while: by rule, within the rule's bytes, the least recently used goes first. Knows which
// of them a write touches. Pure; one thread at a time.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <b24gate/bitrix/families.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::gateway {

struct SharedAnswer;

class ReadCache {
public:
    using Value = std::shared_ptr<const SharedAnswer>;
    struct Hit {
        Value value;
        core::Duration age;
    };

    ReadCache() = default;
    ~ReadCache() { clear(); }
    ReadCache(const ReadCache&) = delete;
    ReadCache& operator=(const ReadCache&) = delete;

    /// Forgets everything; from now on there is one rule for each of these bounds, in bytes.
    void use(std::vector<std::uint64_t> max_bytes);

    [[nodiscard]] std::optional<Hit> find(std::string_view key, core::TimePoint now);

    struct Entry {
        std::string key;     ///< of everything that the answer depends on
        std::string portal;  ///< of these two, what a write drops
        std::string family;
        std::size_t rule = 0;
        std::size_t bytes = 0;  ///< of the value; what the entry itself costs is added here
        core::TimePoint born;
        core::Duration lives{0};
    };
    /// In place of what was there under its key. False: it is larger than its rule allows by itself.
    bool keep(Entry entry, Value value);

    /// A write to the portal has passed. Returns how many answers that has cost.
    std::size_t drop(std::string_view portal, const bitrix::Touched& touched);

    void clear();

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t bytes(std::size_t rule) const noexcept { return rules_[rule].bytes; }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// What an entry costs beside its key, twice, and its value.
    static constexpr std::size_t overhead = 512;

private:
    struct ByUse : boost::intrusive::list_base_hook<boost::intrusive::tag<ByUse>> {};
    struct InFamily : boost::intrusive::list_base_hook<boost::intrusive::tag<InFamily>> {};
    struct Kept : ByUse, InFamily {
        Entry entry;
        Value value;
    };
    using UseList = boost::intrusive::list<
        Kept, boost::intrusive::base_hook<boost::intrusive::list_base_hook<boost::intrusive::tag<ByUse>>>>;
    using FamilyList = boost::intrusive::list<
        Kept, boost::intrusive::base_hook<boost::intrusive::list_base_hook<boost::intrusive::tag<InFamily>>>>;
    struct Rule {
        std::uint64_t max_bytes = 0;
        std::uint64_t bytes = 0;
        UseList used;  ///< the least recently used in front
    };
    using Families = std::map<std::string, FamilyList, std::less<>>;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    void remove(Kept& kept);
    std::size_t drop_one(std::string_view portal, std::string_view name);
    std::size_t drop_all(std::string_view portal, std::string_view prefix);

    std::vector<Rule> rules_;
    std::uint64_t bytes_ = 0;
    std::map<std::string, Families, std::less<>> portals_;
    std::unordered_map<std::string_view, std::unique_ptr<Kept>, Hash, std::equal_to<>> entries_;  ///< by their own key
};

}  // namespace b24gate::gateway
