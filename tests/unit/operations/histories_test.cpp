#include <doctest/doctest.h>

#include <map>
#include <string>

#include <support/operation_history.hpp>

using namespace b24gate;
using namespace b24gate::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t histories = 10'000;
#else
constexpr std::uint64_t histories = 100'000;
#endif

/// Within so many histories each broken promise has to show; the search ends at the first complaint. The rarest, an
/// intent that is forgotten, shows once in a few thousand.
constexpr std::uint64_t histories_to_notice = 50'000;

constexpr std::size_t most_retries = 2;

/// What is wrong with one operation when all is over, by what it was promised and what the portal has done.
std::string judge(const HistoryOperation& o) {
    const Facts& facts = o.facts;
    const std::vector<Execution>& executions = o.portal.executions;
    std::vector<unsigned> times(most_retries + 1);
    for (const Execution& e : executions) ++times.at(e.generation);

    if (o.lost) return "it was promised and is gone";
    if (!storage::is_final(facts.state)) return "it has not ended";
    if (facts.state == State::succeeded && executions.empty()) return "it succeeded without having been carried out";
    // A read that was cut off is simply done again.
    if (facts.state != State::discarded && facts.kind != Kind::read && o.generation == 0 &&
        o.executed == Executed::no && !executions.empty())
        return "it was carried out, and is said not to have been";
    if (facts.state != State::discarded && o.executed == Executed::yes && executions.empty())
        return "it was not carried out, and is said to have been";
    const bool once = facts.kind == Kind::unsafe || facts.kind == Kind::checkable || facts.kind == Kind::keyed;
    for (const unsigned n : times)
        if (once && n > 1) return "it was carried out more often than once without a person's wish";
    if (o.callbacks == 0) return "nobody was told of its end";
    if (o.decided_by != 0 && o.decided_by != o.tried_then) return "an attempt ended it that was not the last one";
    return "";
}

/// What one that is held may be.
std::string judge_held(const HistoryOperation& o) {
    if (o.cut_off == 0) return "it is held, and every attempt was answered";
    if (o.facts.kind == Kind::read || o.facts.kind == Kind::repeatable) return "it is held, and could be repeated";
    if (o.facts.kind == Kind::checkable && o.why != Why::lookup_failed && o.generation == 0)
        return "it is held, and could be looked for";
    return "";
}

/// Nothing of a later one may begin before all of an earlier one is over, what was cut off included.
std::string judge_order(const std::vector<HistoryOperation>& all) {
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t j = i + 1; j < all.size(); ++j) {
            if (all[i].order < 0 || all[i].order != all[j].order) continue;
            // Begun anew when others had their turn; and a read that comes late changes nothing.
            if (all[i].retried_after_release || all[i].facts.kind == Kind::read) continue;
            for (const Execution& first : all[i].portal.executions)
                for (const Execution& then : all[j].portal.executions)
                    if (then.sent < first.done) return "it overtook an earlier one of its order key";
        }
    return "";
}

std::string described(const History& history) {
    std::string out;
    for (const HistoryOperation& o : history.operations) {
        out += "\n  " + std::string(to_string(o.facts.kind)) + " " + std::string(to_string(o.facts.state)) + " " +
               std::string(to_string(o.why)) + ", order " + std::to_string(o.order) + ", attempts " +
               std::to_string(o.tried) + ", cut off " + std::to_string(o.cut_off) + ", retries " +
               std::to_string(o.generation) + ", executed " + std::string(bitrix::to_string(o.executed)) + ":";
        for (const Execution& e : o.portal.executions)
            out += " " + std::to_string(e.sent - history_begin) + "-" + std::to_string(e.done - history_begin);
    }
    return out;
}

struct Tally {
    std::map<State, std::uint64_t> ends;  ///< after a person has looked at what was left over
    std::uint64_t operations = 0, commits = 0, crashes = 0, held = 0, executions = 0;
};

/// The first complaint about the histories of these seeds; empty: none.
std::string first_complaint(Break broken, std::uint64_t seeds, Tally& tally) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        History history(seed, broken);
        std::string wrong;
        history.on_held = [&](const HistoryOperation& o) {
            ++tally.held;
            if (wrong.empty()) wrong = judge_held(o);
        };
        history.run();
        tally.commits += history.commits;
        tally.crashes += history.crashes;
        if (history.stuck) wrong = "it goes on for ever";
        if (!history.refused.empty()) wrong = "it was refused: " + history.refused;
        if (wrong.empty()) wrong = judge_order(history.operations);
        for (const HistoryOperation& o : history.operations) {
            ++tally.operations;
            ++tally.ends[o.facts.state];
            tally.executions += o.portal.executions.size();
            if (wrong.empty()) wrong = judge(o);
        }
        if (!wrong.empty()) return "seed " + std::to_string(seed) + ": " + wrong + described(history);
    }
    return "";
}

}  // namespace

TEST_CASE("whatever dies and whatever answers: none is lost, none is doubled, none is overtaken") {
    Tally tally;
    CHECK(first_complaint(Break::nothing, histories, tally) == "");
    // It was not all quiet, and holding everything is no way out.
    CHECK(tally.operations > 3 * histories);
    CHECK(tally.crashes > histories);
    CHECK(tally.held * 8 < tally.operations);
    CHECK(tally.ends[State::succeeded] * 10 > tally.operations * 6);
    CHECK(tally.ends[State::failed] > tally.operations / 100);
    CHECK(tally.ends[State::dead] > tally.operations / 100);
    CHECK(tally.ends[State::discarded] > tally.operations / 100);
    CHECK(tally.executions > tally.ends[State::succeeded]);
}

TEST_CASE("a broken promise is noticed") {
    const std::map<Break, std::string> expected = {
        {Break::acknowledge_early, "it was promised and is gone"},
        {Break::repeat_unsafe, "it was carried out more often than once without a person's wish"},
        {Break::no_settling, ""},
        {Break::no_fence, ""},
        {Break::unblock_on_held, "it overtook an earlier one of its order key"},
        {Break::forget_intent, ""},
    };
    for (const auto& [broken, words] : expected) {
        Tally tally;
        const std::string complaint = first_complaint(broken, histories_to_notice, tally);
        CAPTURE(complaint);
        CHECK_FALSE(complaint.empty());
        CHECK(complaint.find(words) != std::string::npos);
    }
}
