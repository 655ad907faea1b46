// Runs a coroutine to its end on the calling thread: for the start, the stop and the commands.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace b24gate::app {

/// Lives as long as the process: whoever hands in the last answer may still be leaving it when the answer is there.
inline boost::asio::io_context& blocking_loop() {
    static boost::asio::io_context io(1);
    return io;
}

/// One at a time, from the main thread.
template <class T>
T run_blocking(boost::asio::awaitable<T> work) {
    boost::asio::io_context& io = blocking_loop();
    io.restart();
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&result](std::exception_ptr error, T value) {
        if (error) std::rethrow_exception(error);
        result.emplace(std::move(value));
    });
    io.run();
    return *std::move(result);
}

}  // namespace b24gate::app
