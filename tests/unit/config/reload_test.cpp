#include <doctest/doctest.h>

#include <b24gate/config/reload.hpp>

using namespace b24gate::config;

TEST_CASE("a reload names what it cannot change") {
    Config running;
    CHECK(reload_diff(running, running).empty());

    Config next = running;
    next.server.listen.port = 8081;
    next.server.tls_listen = Endpoint{"::", 8443};
    next.server.threads = 4;
    next.admin.listen.reset();
    next.store.url = "postgresql://gate:s3cret@db/gate";
    const auto messages = reload_diff(running, next);
    REQUIRE(messages.size() == 5);
    CHECK(messages[0] ==
          "server.listen changed from 127.0.0.1:8080 to 127.0.0.1:8081: that needs a restart, 127.0.0.1:8080 stays in "
          "use");
    CHECK(messages[1] == "server.tls_listen changed from off to [::]:8443: that needs a restart, off stays in use");
    CHECK(messages[2] == "server.threads changed from 0 to 4: that needs a restart, 0 stays in use");
    CHECK(messages[3] ==
          "admin.listen changed from 127.0.0.1:9080 to off: that needs a restart, 127.0.0.1:9080 stays in use");
    CHECK(messages[4] == "store.url changed: that needs a restart, the store that was opened stays in use");
}

TEST_CASE("what a reload can change is not named") {
    Config running, next;
    next.server.max_body = 1;
    next.server.idle_timeout = Milliseconds(1);
    next.portals["acme"].url = "https://acme.bitrix24.com";
    next.clients["warehouse"].weight = 2;
    next.log.level = "debug";
    next.retry.server.attempts = 9;
    CHECK(reload_diff(running, next).empty());
}
