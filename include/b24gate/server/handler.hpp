// What answers requests, and what it may ask of the connection it serves.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/server/message.hpp>

namespace b24gate::server {

/// The connection of the request that is being handled. Only on its worker.
class Connection {
public:
    virtual ~Connection() = default;
    /// Calls `callback` once if the client hangs up. For waits in a queue; costs two system calls.
    virtual void watch_hangup(std::function<void()> callback) = 0;
    /// After this the callback is not called any more.
    virtual void unwatch_hangup() = 0;
};

class Handler {
public:
    virtual ~Handler() = default;

    /// A look at the head before a large body is read or "100 Continue" is said: an answer here saves the body.
    virtual std::optional<Response> refuse_early(const Request& head) = 0;

    virtual boost::asio::awaitable<Response> handle(Request& request, Connection& connection) = 0;

    /// The answer to a message that the session itself refuses. `reason` is a short name such as "bare_lf".
    virtual Response refusal(unsigned status, std::string_view reason, const std::string& request_id) = 0;
};

}  // namespace b24gate::server
