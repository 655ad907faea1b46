// A call that the gateway makes of its own accord, or for somebody who has long gone: nobody hangs up on it.
#pragma once

#include <functional>
#include <string_view>

#include <b24gate/config/config.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::gateway {

/// Nobody waits for the answer, so nobody hangs up.
class NoCaller final : public server::Connection {
public:
    void watch_hangup(std::function<void()>) override {}
    void unwatch_hangup() override {}
};

/// In the queue it stands for the gateway itself; no client of the config can have this name.
inline config::Client own_client(std::string_view name = "(gateway)") {
    config::Client client;
    client.name = name;
    client.priority = config::Priority::bulk;
    return client;
}

}  // namespace b24gate::gateway
