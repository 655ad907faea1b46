#include "workers.hpp"

#include <pthread.h>

namespace b24gate::app {
namespace {

constexpr auto housekeeping_interval = std::chrono::seconds(1);

}  // namespace

void WorkerThread::start() {
    worker.start_sweeping();
    housekeep();
    thread = std::thread([this] {
        pthread_setname_np(pthread_self(), ("worker-" + std::to_string(worker.index)).c_str());
        for (;;) {
            try {
                worker.io.run();
                break;
            } catch (const std::exception&) {
                // A handler threw where no coroutine could catch it: that one operation is lost, the worker goes on.
                data_sessions->stats.reject("exception");
            }
        }
    });
}

void WorkerThread::housekeep() {
    housekeeping_.expires_after(housekeeping_interval);
    housekeeping_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        state->expire(core::Clock::now());
        auto stats = state->stats();
        {
            const std::lock_guard lock(published.mutex);
            published.clients = std::move(stats);
        }
        housekeep();
    });
}

}  // namespace b24gate::app
