// What gateways tell each other, counts over windows, and errors for those who are responsible.
#include <doctest/doctest.h>

#include <b24gate/alerts/business_errors.hpp>
#include <b24gate/alerts/call_window.hpp>
#include <b24gate/alerts/facts.hpp>

using namespace b24gate::alerts;
using namespace std::chrono_literals;

TEST_CASE("facts go through JSON and come back") {
    Facts facts;
    facts.name = "host \"1\"";
    facts.at = 1'700'000'000'000;
    facts.since = 5;
    facts.counted_ms = 300'000;
    facts.portals["acme"] = PortalFacts{1, 2, 3, 4};
    facts.credentials.push_back(CredentialFacts{"acme", "main", true, "invalid_grant", 77, true});
    facts.channels.push_back(ChannelFacts{"mail", true, "550", 8, 9});
    facts.reload_failed = true;
    facts.free_disk = 1ull << 40;
    facts.callbacks_given_up = 6;
    const auto again = parse_facts(to_json(facts));
    REQUIRE(again.has_value());
    CHECK(to_json(*again) == to_json(facts));
    CHECK(again->portals.at("acme").failed == 3);
    CHECK(again->free_disk == 1ull << 40);
    CHECK(again->channels.at(0).error == "550");
}

TEST_CASE("facts of another version, and what is none") {
    const auto less =
        parse_facts(R"({"name":"a","portals":{"x":{},"y":3},"credentials":[1,{}],"free_disk":"z","new":1})");
    REQUIRE(less.has_value());
    CHECK(less->portals.size() == 1);
    CHECK(less->credentials.size() == 1);
    for (const char* text : {"", "[]", "{", "null", "{\"a\":1} x"}) CHECK_FALSE(parse_facts(text).has_value());
}

TEST_CASE("a window counts what was added in it") {
    using Window = CallWindow<2>;
    Window window(30min);
    const b24gate::core::TimePoint start{1000h};
    for (int s = 0; s <= 3600; s += 10)
        window.sample({static_cast<std::uint64_t>(s), static_cast<std::uint64_t>(s / 10)},
                      start + std::chrono::seconds(s));
    const auto now = start + 1h;
    const auto five = window.within(5min, now);
    CHECK(five[0] >= 300);
    CHECK(five[0] <= 320);
    CHECK(five[1] >= 30);
    const auto all = window.within(30min, now);
    CHECK(all[0] >= 1800);
    CHECK(all[0] <= 1820);
    CHECK(window.within(24h, now)[0] <= 1820);
    // A counter that begins anew takes nothing away.
    window.sample({5, 1}, now + 10s);
    CHECK(window.within(5min, now + 10s)[0] == 0);
    window.sample({9, 1}, now + 20s);
    CHECK(window.within(5min, now + 20s)[0] == 4);
}

TEST_CASE("errors are gathered by kind and told seldom") {
    constexpr UnixMs minute = 60'000, day = 86'400'000, noon = 20'000 * day + day / 2;
    BusinessErrors errors;
    const auto add = [&](const char* code, UnixMs now, std::int64_t user = 1) {
        BusinessError error;
        error.client = "shop";
        error.portal = "acme";
        error.credential = "main";
        error.user = user;
        error.method = "crm.deal.add";
        error.code = code;
        error.text = "Поле не заполнено";
        errors.add(std::move(error), now);
    };
    add("A", noon);
    add("A", noon + 1000);
    add("B", noon + 2000);
    add("A", noon, 2);
    CHECK(errors.take(noon + 4 * minute).empty());
    auto notes = errors.take(noon + 5 * minute);
    REQUIRE(notes.size() == 2);
    REQUIRE(notes[0].kinds.size() == 2);
    CHECK(notes[0].kinds[0].count == 2);
    CHECK(notes[0].kinds[1].code == "B");
    CHECK(notes[0].user == 1);
    CHECK(errors.take(noon + 6 * minute).empty());
    // The next one not before ten minutes have passed.
    add("A", noon + 6 * minute);
    CHECK(errors.take(noon + 14 * minute).empty());
    CHECK(errors.take(noon + 15 * minute).size() == 1);
    // No more than twenty a day; the rest is one sum the day after.
    UnixMs now = noon + 20 * minute;
    std::size_t told = 2;
    for (int i = 0; i < 30; ++i, now += 15 * minute) {
        add("A", now);
        told += errors.take(now + 10 * minute).size();
    }
    CHECK(told == 20);
    notes = errors.take(noon + day);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].kinds.empty());
    CHECK(notes[0].more == 12);
    CHECK(errors.take(noon + 2 * day).empty());
}

TEST_CASE("a message about errors that could not be sent goes again, with what has come in since") {
    constexpr UnixMs minute = 60'000, noon = 1'700'000'000'000;
    BusinessErrors errors;
    const auto add = [&](const char* code, UnixMs now) {
        BusinessError error;
        error.client = "shop";
        error.portal = "acme";
        error.user = 1;
        error.method = "crm.deal.add";
        error.code = code;
        errors.add(std::move(error), now);
    };
    add("A", noon);
    auto notes = errors.take(noon + 5 * minute);
    REQUIRE(notes.size() == 1);
    add("B", noon + 6 * minute);
    add("A", noon + 6 * minute);
    errors.give_back(notes[0], noon + 7 * minute);
    CHECK(errors.take(noon + 14 * minute).empty());
    notes = errors.take(noon + 15 * minute);
    REQUIRE(notes.size() == 1);
    REQUIRE(notes[0].kinds.size() == 2);
    CHECK(notes[0].kinds[0].code == "A");
    CHECK(notes[0].kinds[0].count == 2);
    CHECK(notes[0].kinds[1].code == "B");
    // Not for ever.
    unsigned tries = 1;
    for (UnixMs now = noon + 16 * minute; !notes.empty(); now += 15 * minute) {
        errors.give_back(notes[0], now);
        notes = errors.take(now + 15 * minute);
        ++tries;
    }
    CHECK(tries == 12);
}

TEST_CASE("errors are bounded") {
    BusinessErrors errors;
    BusinessErrors::Limits limits;
    limits.people = 3;
    limits.kinds = 2;
    limits.text = 10;
    limits.wait = limits.pause = 0;
    errors.limit(limits);
    for (int i = 0; i < 100; ++i) {
        BusinessError error;
        error.client = "c" + std::to_string(i % 5);
        error.code = std::to_string(i);
        error.text = std::string(100, 'x');
        errors.add(std::move(error), 1'700'000'000'000);
    }
    const auto notes = errors.take(1'700'000'000'001);
    REQUIRE(notes.size() == 3);
    for (const auto& note : notes) {
        CHECK(note.kinds.size() == 2);
        CHECK(note.more == 18);
        CHECK(note.kinds[0].text.size() == 10);
    }
}
