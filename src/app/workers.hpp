// The threads of the gateway and what each of them owns.
#pragma once

#include <boost/asio/post.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <b24gate/admin/admin_handler.hpp>
#include <b24gate/gateway/gateway.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/server/session.hpp>

namespace b24gate::app {

/// Figures that a worker gives to other threads now and then.
struct Published {
    std::mutex mutex;
    std::map<std::string, upstream::ClientStats> clients;
};

/// One thread with its io_context, its share of the gateway and its sessions. Built and destroyed on the main thread
/// while the thread does not run.
struct WorkerThread {
    explicit WorkerThread(unsigned index) : worker(index) {}

    net::Worker worker;
    std::optional<gateway::WorkerState> state;
    std::optional<gateway::Gateway> gateway;
    std::optional<admin::AdminHandler> admin;
    std::optional<server::SessionContext> data_sessions;
    std::optional<server::SessionContext> admin_sessions;
    Published published;
    std::thread thread;

    void start();
    /// Runs `work` on the worker's thread.
    template <class Work>
    void post(Work work) {
        boost::asio::post(worker.io, std::move(work));
    }

private:
    void housekeep();
    boost::asio::steady_timer housekeeping_{worker.io};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_ =
        boost::asio::make_work_guard(worker.io);
};

}  // namespace b24gate::app
