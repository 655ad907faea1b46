#include <b24gate/gateway/read_cache.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <random>
#include <string>

#include <b24gate/gateway/shared_answer.hpp>

using namespace b24gate;
using namespace b24gate::gateway;
using namespace std::chrono_literals;
using core::TimePoint;

namespace {

constexpr TimePoint start{std::chrono::hours(1)};

ReadCache::Entry entry(std::string key, std::string family = "user", std::size_t bytes = 100,
                       core::Duration lives = 10s, TimePoint born = start) {
    ReadCache::Entry entry;
    entry.key = std::move(key);
    entry.portal = "acme";
    entry.family = std::move(family);
    entry.bytes = bytes;
    entry.born = born;
    entry.lives = lives;
    return entry;
}

ReadCache::Value value(std::string body = "x") {
    auto answer = std::make_shared<SharedAnswer>();
    answer->body = std::move(body);
    return answer;
}

bitrix::Touched touched(std::vector<std::string_view> families) { return {false, std::move(families)}; }

/// The same, as plainly as it can be said.
struct Model {
    struct Kept {
        ReadCache::Entry entry;
        std::string body;
    };
    std::vector<std::uint64_t> most;
    std::list<Kept> used;  // the least recently used in front

    std::list<Kept>::iterator at(const std::string& key) {
        return std::find_if(used.begin(), used.end(), [&](const Kept& k) { return k.entry.key == key; });
    }
    [[nodiscard]] std::uint64_t bytes(std::size_t rule) const {
        std::uint64_t sum = 0;
        for (const Kept& k : used) sum += k.entry.rule == rule ? k.entry.bytes : 0;
        return sum;
    }
    std::optional<std::string> find(const std::string& key, TimePoint now) {
        const auto found = at(key);
        if (found == used.end()) return std::nullopt;
        if (now - found->entry.born >= found->entry.lives) {
            used.erase(found);
            return std::nullopt;
        }
        used.splice(used.end(), used, found);
        return found->body;
    }
    void keep(ReadCache::Entry e, std::string body) {
        if (const auto old = at(e.key); old != used.end()) used.erase(old);
        e.bytes += 2 * e.key.size() + ReadCache::overhead;
        if (e.bytes > most[e.rule]) return;
        while (bytes(e.rule) + e.bytes > most[e.rule])
            used.erase(std::find_if(used.begin(), used.end(), [&](const Kept& k) { return k.entry.rule == e.rule; }));
        used.push_back({std::move(e), std::move(body)});
    }
    std::size_t drop(std::string_view portal, const bitrix::Touched& t) {
        const std::size_t before = used.size();
        used.remove_if([&](const Kept& k) {
            if (k.entry.portal != portal) return false;
            return t.everything || std::any_of(t.families.begin(), t.families.end(),
                                               [&](std::string_view f) { return bitrix::concerns(f, k.entry.family); });
        });
        return before - used.size();
    }
};

}  // namespace

TEST_CASE("an answer is kept until its time is over") {
    ReadCache cache;
    cache.use({1 << 20});
    CHECK_FALSE(cache.find("a", start));
    CHECK(cache.keep(entry("a"), value("one")));
    const auto hit = cache.find("a", start + 3s);
    REQUIRE(hit);
    CHECK(hit->value->body == "one");
    CHECK(hit->age == 3s);
    CHECK(cache.find("a", start + 10s - 1ns));
    CHECK_FALSE(cache.find("a", start + 10s));
    CHECK(cache.size() == 0);
    CHECK(cache.bytes() == 0);
}

TEST_CASE("the least recently used goes first, and each rule has its own room") {
    ReadCache cache;
    const std::size_t one = 100 + 2 + ReadCache::overhead;
    cache.use({3 * one, one});
    for (const char* key : {"a", "b", "c"}) cache.keep(entry(key), value());
    CHECK(cache.find("a", start));
    cache.keep(entry("d"), value());
    CHECK(cache.find("a", start));
    CHECK_FALSE(cache.find("b", start));
    ReadCache::Entry other = entry("e");
    other.rule = 1;
    CHECK(cache.keep(other, value()));
    CHECK(cache.size() == 4);
    CHECK(cache.bytes(0) == 3 * one);
    CHECK(cache.bytes(1) == one);
    CHECK_FALSE(cache.keep(entry("f", "user", 3 * one), value()));
    CHECK(cache.size() == 4);
}

TEST_CASE("a write drops the families that it touches, of that portal alone") {
    ReadCache cache;
    cache.use({1 << 20});
    const auto fill = [&] {
        for (const char* family : {"crm", "crm.deal", "crm.deal-x", "crm.item", "user", "userconsent"})
            cache.keep(entry(family, family), value());
        ReadCache::Entry elsewhere = entry("elsewhere", "crm.deal");
        elsewhere.portal = "beta";
        cache.keep(elsewhere, value());
    };
    fill();
    CHECK(cache.drop("acme", touched({"crm.deal"})) == 1);
    CHECK(cache.find("crm.deal-x", start));
    CHECK(cache.find("elsewhere", start));
    fill();
    CHECK(cache.drop("acme", touched({"crm"})) == 4);
    CHECK(cache.find("user", start));
    fill();
    CHECK(cache.drop("acme", touched({"user", "crm.item"})) == 2);
    CHECK(cache.find("userconsent", start));
    fill();
    bitrix::Touched everything;
    everything.everything = true;
    CHECK(cache.drop("acme", everything) == 6);
    CHECK(cache.drop("acme", everything) == 0);
    CHECK(cache.drop("gamma", everything) == 0);
    CHECK(cache.size() == 1);
    cache.use({1});
    CHECK(cache.size() == 0);
}

TEST_CASE("the cache is what the plain model says") {
    std::mt19937 random(7);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    const std::string families[] = {"crm", "crm.deal", "crm.item", "crm.deal-x", "user", "disk"};
    const std::string portals[] = {"acme", "beta"};
    unsigned hits = 0, drops = 0;
    for (int round = 0; round < 60; ++round) {
        ReadCache cache;
        Model model;
        model.most = {4000 + below(8000), 1200 + below(4000)};
        cache.use(model.most);
        TimePoint now = start;
        for (int step = 0; step < 400; ++step) {
            now += std::chrono::milliseconds(below(200));
            const std::string key = "key" + std::to_string(below(25));
            switch (below(8)) {
                case 0: {
                    bitrix::Touched t;
                    t.everything = below(6) == 0;
                    for (unsigned i = below(3); i > 0; --i) t.families.push_back(families[below(6)]);
                    const std::string& portal = portals[below(2)];
                    const std::size_t dropped = model.drop(portal, t);
                    CHECK(cache.drop(portal, t) == dropped);
                    drops += dropped != 0;
                    break;
                }
                case 1:
                case 2:
                case 3: {
                    // A key is of one portal, family and rule for ever.
                    const std::size_t n = std::hash<std::string>{}(key);
                    ReadCache::Entry e =
                        entry(key, families[n % 6], below(900), std::chrono::milliseconds(below(5000)), now);
                    e.portal = portals[n / 6 % 2];
                    e.rule = n / 12 % 2;
                    const std::string body = std::to_string(random());
                    model.keep(e, body);
                    cache.keep(e, value(body));
                    break;
                }
                default: {
                    const auto expected = model.find(key, now);
                    const auto hit = cache.find(key, now);
                    REQUIRE(hit.has_value() == expected.has_value());
                    if (hit) CHECK(hit->value->body == *expected);
                    hits += hit.has_value();
                }
            }
            REQUIRE(cache.size() == model.used.size());
            CHECK(cache.bytes(0) == model.bytes(0));
            CHECK(cache.bytes(1) == model.bytes(1));
            CHECK(cache.bytes(0) <= model.most[0]);
            CHECK(cache.bytes() == model.bytes(0) + model.bytes(1));
        }
    }
    CHECK(hits > 1000);
    CHECK(drops > 500);
}
