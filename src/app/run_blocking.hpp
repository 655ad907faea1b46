// Runs a coroutine to its end on the calling thread: for the start, the stop and the commands.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace b24gate::app {

template <class T>
T run_blocking(boost::asio::awaitable<T> work) {
    boost::asio::io_context io(1);
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&result](std::exception_ptr error, T value) {
        if (error) std::rethrow_exception(error);
        result.emplace(std::move(value));
    });
    io.run();
    return *std::move(result);
}

}  // namespace b24gate::app
