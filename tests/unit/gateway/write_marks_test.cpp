#include <b24gate/gateway/write_marks.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace b24gate;
using namespace b24gate::gateway;
using namespace std::chrono_literals;
using core::TimePoint;

namespace {

constexpr TimePoint now{std::chrono::hours(1)};

bitrix::Touched touched(std::vector<std::string_view> families) { return {false, std::move(families)}; }

}  // namespace

TEST_CASE("a write counts for its families behind the reads that left before it") {
    WriteMarks marks;
    CHECK(marks.untouched_since("crm.deal", 0, now));
    marks.mark(touched({"crm.deal"}), 5);
    CHECK_FALSE(marks.untouched_since("crm.deal", 4, now));
    CHECK(marks.untouched_since("crm.deal", 5, now));
    CHECK(marks.untouched_since("crm.lead", 4, now));
    CHECK(marks.untouched_since("crm", 4, now));
    marks.mark(touched({"crm"}), 6);
    CHECK_FALSE(marks.untouched_since("crm.lead", 5, now));
    CHECK_FALSE(marks.untouched_since("crm.deal", 5, now));
    CHECK(marks.untouched_since("user", 5, now));
    marks.mark({true, {}}, 7);
    CHECK_FALSE(marks.untouched_since("user", 6, now));
    CHECK(marks.untouched_since("user", 7, now));
}

TEST_CASE("a write whose outcome nobody knows may still be at work") {
    WriteMarks marks;
    marks.mark(touched({"crm.deal"}), 1, now + 75s);
    CHECK_FALSE(marks.untouched_since("crm.deal", 1, now));
    CHECK_FALSE(marks.untouched_since("crm.deal", 1, now + 75s - 1ns));
    CHECK(marks.untouched_since("crm.deal", 1, now + 75s));
    // What is known of another write does not shorten that.
    marks.mark(touched({"crm.deal"}), 2);
    CHECK_FALSE(marks.untouched_since("crm.deal", 2, now));
}

TEST_CASE("families without number are taken for all") {
    WriteMarks marks;
    for (std::uint64_t i = 1; i <= WriteMarks::most_families; ++i)
        marks.mark(touched({std::string_view("f" + std::to_string(i))}), i);
    CHECK(marks.untouched_since("crm.deal", 0, now));
    CHECK_FALSE(marks.untouched_since("f7", 6, now));
    marks.mark(touched({"one.more"}), 1000);
    CHECK_FALSE(marks.untouched_since("crm.deal", 0, now));
    CHECK(marks.untouched_since("crm.deal", WriteMarks::most_families, now));
    CHECK_FALSE(marks.untouched_since("one.more", 999, now));
}

TEST_CASE("never is an answer good that a write came behind") {
    std::mt19937 random(11);
    const std::string_view families[] = {"crm", "crm.deal", "crm.item", "user", "disk"};
    unsigned good = 0, bad = 0;
    for (int round = 0; round < 300; ++round) {
        WriteMarks marks;
        std::vector<std::pair<std::uint64_t, bitrix::Touched>> written;
        for (std::uint64_t event = 1; event < 60; ++event) {
            bitrix::Touched t;
            t.everything = random() % 20 == 0;
            t.families.push_back(families[random() % 5]);
            marks.mark(t, event);
            written.emplace_back(event, t);
            const std::string_view read = families[1 + random() % 4];
            const std::uint64_t seen = random() % (event + 1);
            bool untouched = true;
            for (const auto& [at, what] : written)
                if (at > seen && (what.everything || bitrix::concerns(what.families[0], read))) untouched = false;
            CHECK(marks.untouched_since(read, seen, now) == untouched);
            (untouched ? good : bad) += 1;
        }
    }
    CHECK(good > 1000);
    CHECK(bad > 1000);
}
