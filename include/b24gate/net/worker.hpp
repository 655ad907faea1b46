// What one thread of the gateway owns: an io_context of its own and the sweep of everything with a deadline. A
// connection never leaves its worker.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <b24gate/net/sweeper.hpp>

namespace b24gate::net {

class Worker {
public:
    explicit Worker(unsigned number) : index(number) {}

    const unsigned index;
    boost::asio::io_context io{1};
    Sweeper sweeper;

    /// Sweeps until stop(); called once, on or before the worker's thread.
    void start_sweeping() {
        timer_.expires_after(sweep_interval);
        timer_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            sweeper.sweep(core::Clock::now());
            start_sweeping();
        });
    }

private:
    boost::asio::steady_timer timer_{io};
};

}  // namespace b24gate::net
