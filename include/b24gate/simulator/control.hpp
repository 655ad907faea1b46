// The control API: JSON over HTTP on a port of its own. Pure; `now` is an argument.
#pragma once

#include <b24gate/simulator/cloud.hpp>

#include <cstdint>

namespace b24gate::simulator {

/// What the sockets count.
struct SocketStats {
    std::uint64_t accepted = 0, tls_handshakes = 0, tls_resumed = 0, tls_failed = 0, requests = 0;
    long long open = 0, max_open = 0;
};

class Control {
public:
    Control(Cloud& cloud, SocketStats& sockets) : cloud_(cloud), sockets_(sockets) {}

    [[nodiscard]] Response handle(const Request& request, Moment now);
    /// By how much POST /clock has moved the simulated time.
    [[nodiscard]] Micros clock_offset() const noexcept { return clock_offset_; }

private:
    [[nodiscard]] json::object stats(const Request& request, Moment now);
    [[nodiscard]] Response portal_action(std::string_view name, std::string_view action, const json::value& body,
                                         Moment now);

    Cloud& cloud_;
    SocketStats& sockets_;
    Micros clock_offset_{0};
};

}  // namespace b24gate::simulator
