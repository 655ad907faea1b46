#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include <b24gate/tokens/lease_owner.hpp>

namespace {

using namespace b24gate::tokens;

TEST_CASE("the text of an owner") {
    const LeaseOwner owner{"7c1c-ab", 4026531836, 123, 456789, "00ff"};
    CHECK(to_text(owner) == "7c1c-ab:4026531836:123:456789:00ff");
    CHECK(parse_lease_owner(to_text(owner)) == owner);
    const LeaseOwner unknown{"", 0, 1, 0, ""};
    CHECK(to_text(unknown) == ":0:1:0:");
    CHECK(parse_lease_owner(":0:1:0:") == unknown);
    for (const std::string_view text :
         {"", "x", "::::", "h:1:2:3", "h:1:2:3:r:x", "h:1:0:3:r", "h:1:-2:3:r", "h:1:2:-3:r", "h:+1:2:3:r",
          "h: 1:2:3:r", "h:1x:2:3:r", "h:18446744073709551616:2:3:r", "h:1:9223372036854775808:3:r", "h h:1:2:3:r",
          "h:1:2:3:r\n", "h:1:2:3:r r", "h:::3:r"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_lease_owner(text).has_value());
    }
    CHECK_FALSE(parse_lease_owner(std::string(65, 'h') + ":1:2:3:r").has_value());
}

TEST_CASE("who is said to be dead") {
    const LeaseOwner self{"host", 7, 100, 5000, "aa"};
    const LeaseOwner holder{"host", 7, 200, 6000, "bb"};
    const ProcessLook runs{false, 6000}, gone{true, 0}, another{false, 6001}, unseen{false, 0};
    CHECK_FALSE(is_dead(holder, self, runs));
    CHECK(is_dead(holder, self, gone));
    CHECK(is_dead(holder, self, another));
    CHECK_FALSE(is_dead(holder, self, unseen));
    // Elsewhere, or nobody knows where: only the lease's end tells.
    for (const LeaseOwner& away : {LeaseOwner{"other", 7, 200, 6000, "bb"}, LeaseOwner{"host", 8, 200, 6000, "bb"},
                                   LeaseOwner{"", 7, 200, 6000, "bb"}, LeaseOwner{"host", 0, 200, 6000, "bb"}})
        CHECK_FALSE(is_dead(away, self, gone));
    CHECK_FALSE(is_dead({"", 7, 200, 6000, "bb"}, {"", 7, 100, 5000, "aa"}, gone));
    CHECK_FALSE(is_dead({"host", 0, 200, 6000, "bb"}, {"host", 0, 100, 5000, "aa"}, gone));
    // Without a start time another process of that number cannot be told apart.
    CHECK_FALSE(is_dead({"host", 7, 200, 0, "bb"}, self, another));
    CHECK(is_dead({"host", 7, 200, 0, "bb"}, self, gone));
}

TEST_CASE("this process and one that ends") {
    const LeaseOwner self = this_process();
    CHECK(self.pid == ::getpid());
    REQUIRE_FALSE(self.host.empty());
    CHECK(self.pid_namespace != 0);
    CHECK(self.start_time != 0);
    CHECK(self.random.size() == 16);
    CHECK(parse_lease_owner(to_text(self)) == self);
    const LeaseOwner again = this_process();
    CHECK(again.random != self.random);
    CHECK(again.start_time == self.start_time);
    CHECK_FALSE(is_dead(self));
    LeaseOwner before = self;
    --before.start_time;
    CHECK(is_dead(before));

    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    LeaseOwner other = self;
    other.pid = child;
    other.start_time = look_at_process(child).start_time;
    CHECK(other.start_time >= self.start_time);
    CHECK_FALSE(is_dead(other));
    REQUIRE(::kill(child, SIGKILL) == 0);
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    CHECK(is_dead(other));  // killed, and nobody has asked for its exit status yet
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(is_dead(other));
}

TEST_CASE("odd numbers of processes are not looked at") {
    CHECK_FALSE(look_at_process(0).gone);
    CHECK_FALSE(look_at_process(-1).gone);
    CHECK_FALSE(look_at_process(std::numeric_limits<std::int64_t>::max()).gone);
}

}  // namespace
