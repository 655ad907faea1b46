// A call that the gateway makes of its own accord, or for somebody who has long gone: nobody hangs up on it.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <b24gate/config/config.hpp>
#include <b24gate/server/handler.hpp>

namespace b24gate::gateway {

/// Nobody waits for the answer, so nobody hangs up.
class NoCaller final : public server::Connection {
public:
    void watch_hangup(std::function<void()>) override {}
    void unwatch_hangup() override {}
};

/// A wait for budget that can be called off.
class RecallableCaller final : public server::Connection {
public:
    void watch_hangup(std::function<void()> callback) override {
        callback_ = std::move(callback);
        if (recalled_) callback_();
    }
    void unwatch_hangup() override { callback_ = nullptr; }
    void recall() {
        recalled_ = true;
        if (callback_) callback_();
    }
    [[nodiscard]] bool recalled() const noexcept { return recalled_; }

private:
    std::function<void()> callback_;
    bool recalled_ = false;
};

/// In the queue it stands for the gateway itself; no client of the config can have this name.
inline config::Client own_client(std::string_view name = "(gateway)") {
    config::Client client;
    client.name = name;
    client.priority = config::Priority::bulk;
    return client;
}

}  // namespace b24gate::gateway
