#include <doctest/doctest.h>

#include <b24gate/bitrix/timing.hpp>

using b24gate::bitrix::Timing;
using b24gate::bitrix::timing_of;

TEST_CASE("the portal's accounting of a call") {
    const Timing timing = timing_of(
        R"({"start":1760000000.1,"duration":0.25,"processing":0.2,"operating_reset_at":1760000600,"operating":1.5})");
    CHECK(timing.duration == 0.25);
    CHECK(timing.operating == 1.5);
    CHECK(timing.operating_reset_at == 1760000600.0);
}

TEST_CASE("what is missing or no number stays empty") {
    for (const char* text : {"", "[]", "null", "7", "{", R"({"duration":"soon","operating":null})", R"({"other":1})"}) {
        CAPTURE(text);
        const Timing timing = timing_of(text);
        CHECK_FALSE(timing.duration);
        CHECK_FALSE(timing.operating);
        CHECK_FALSE(timing.operating_reset_at);
    }
    // What stands before the place where it breaks off was read.
    CHECK(timing_of(R"({"duration":0.5,"operating")").duration == 0.5);
}
