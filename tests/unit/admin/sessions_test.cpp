#include <doctest/doctest.h>

#include <b24gate/admin/browser.hpp>
#include <b24gate/admin/sessions.hpp>

using namespace b24gate;
using namespace b24gate::admin;
using namespace std::chrono_literals;

namespace {

const core::TimePoint noon{1000h};

bool from_here(std::vector<net::Field> fields, bool must_say = true, std::string_view host = "gate:9080") {
    server::Request request;
    request.host = host;
    request.fields = std::move(fields);
    return same_origin(request, must_say);
}

}  // namespace

TEST_CASE("a session is known by its id alone, and ends of itself") {
    Sessions sessions(Sessions::Limits{.most = 10, .idle = 30min, .absolute = 8h});
    const auto begun = sessions.begin(Role::read, "anna", "hash of a key", noon);
    REQUIRE(begun.has_value());
    CHECK(begun->id.size() >= 43);
    CHECK(begun->csrf != begun->id);
    const auto known = sessions.find(begun->id, noon + 29min);
    REQUIRE(known.has_value());
    CHECK(known->role == Role::read);
    CHECK(known->name == "anna");
    CHECK(known->key == "hash of a key");
    CHECK(known->csrf == begun->csrf);
    CHECK(known->hash.find(begun->id) == std::string::npos);
    CHECK_FALSE(sessions.find(begun->id + "x", noon).has_value());
    CHECK_FALSE(sessions.find("", noon).has_value());
    CHECK_FALSE(sessions.find(known->hash, noon).has_value());
    // Used at 12:29, so it is good until 12:59; a look that touches nothing prolongs nothing.
    CHECK(sessions.find(begun->id, noon + 58min, false).has_value());
    CHECK(sessions.holds(known->hash, noon + 58min));
    CHECK_FALSE(sessions.holds(known->hash, noon + 59min));
    CHECK_FALSE(sessions.find(begun->id, noon + 59min).has_value());
    CHECK(sessions.size() == 0);
}

TEST_CASE("no session lasts for ever, however much it is used") {
    Sessions sessions;
    const auto begun = sessions.begin(Role::full, "admin", "k", noon);
    for (auto at = noon; at < noon + 8h; at += 10min) CHECK(sessions.find(begun->id, at).has_value());
    CHECK_FALSE(sessions.find(begun->id, noon + 8h).has_value());
}

TEST_CASE("the session that was quiet the longest makes room; whoever logs out is gone") {
    Sessions sessions(Sessions::Limits{.most = 2});
    const auto a = sessions.begin(Role::full, "a", "k", noon);
    const auto b = sessions.begin(Role::full, "b", "k", noon);
    CHECK(sessions.find(a->id, noon + 1min).has_value());
    const auto c = sessions.begin(Role::full, "c", "k", noon + 2min);
    CHECK(sessions.size() == 2);
    CHECK_FALSE(sessions.find(b->id, noon + 2min).has_value());
    CHECK(sessions.find(c->id, noon + 2min).has_value());
    sessions.end(sessions.find(a->id, noon + 2min)->hash);
    CHECK_FALSE(sessions.find(a->id, noon + 2min).has_value());
}

TEST_CASE("cookies are found among others") {
    CHECK(cookie("b24gate=abc", "b24gate") == "abc");
    CHECK(cookie("a=1; b24gate=abc; z=2", "b24gate") == "abc");
    CHECK(cookie("xb24gate=abc", "b24gate").empty());
    CHECK(cookie("__Host-b24gate=abc", "b24gate").empty());
    CHECK(cookie("b24gate", "b24gate").empty());
    CHECK(cookie(";;=;b24gate=x", "b24gate") == "x");
    CHECK(cookie("", "b24gate").empty());
}

TEST_CASE("what a browser says of where it comes from") {
    CHECK(from_here({{"Sec-Fetch-Site", "same-origin"}}));
    CHECK_FALSE(from_here({{"Sec-Fetch-Site", "same-site"}}));
    CHECK_FALSE(from_here({{"Sec-Fetch-Site", "none"}}));
    CHECK_FALSE(from_here({{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://gate:9080"}}));
    CHECK(from_here({{"Origin", "http://gate:9080"}}));
    CHECK(from_here({{"Origin", "HTTP://GATE:9080"}}));
    CHECK_FALSE(from_here({{"Origin", "https://gate:9080"}}));
    CHECK(from_here({{"Origin", "https://gate:9080"}, {"X-Forwarded-Proto", "https"}}));
    CHECK_FALSE(from_here({{"Origin", "http://gate"}}));
    CHECK_FALSE(from_here({{"Origin", "null"}}));
    CHECK_FALSE(from_here({}));
    CHECK(from_here({}, false));
    CHECK_FALSE(from_here({{"Origin", "http://evil"}}, false));
}
