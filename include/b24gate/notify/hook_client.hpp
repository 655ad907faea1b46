// One HTTP request to a place that the configuration names. Redirects are not followed. Belongs to its worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/core/secret.hpp>
#include <b24gate/net/tls.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/upstream/resolver.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::notify {

struct HookPlace {
    upstream::Target target;
    std::string path;  ///< with its query; holds secrets
};
/// Pure. The error is a sentence that says nothing of the path.
[[nodiscard]] boost::system::result<HookPlace, std::string> parse_hook(std::string_view url);

struct HookAnswer {
    unsigned status = 0;  ///< 0: none came
    std::string retry_after, body;
    std::string trouble;  ///< why there is none; no secret
};

class HookClient {
public:
    explicit HookClient(net::Worker& worker);

    /// `ca`: PEM file; empty: the system's authorities. An empty body: GET.
    struct Request {
        core::Secret url;
        std::string body, ca;
        std::vector<std::pair<std::string, std::string>> fields;
        std::chrono::milliseconds timeout{0};

        Request() = default;
    };
    boost::asio::awaitable<HookAnswer> send(Request request);

    /// The system's authorities, or the files, may be others by now.
    void forget_authorities() { contexts_.clear(); }
    /// After the worker's thread has ended and before the worker goes.
    void close();

private:
    [[nodiscard]] boost::system::result<std::shared_ptr<net::TlsClientContext>, std::string> context(
        const std::string& ca);

    net::Worker& worker_;
    boost::asio::thread_pool askers_{2};  ///< for names: one that is answered slowly holds up no other one
    upstream::Resolver resolver_;
    std::map<std::string, std::shared_ptr<net::TlsClientContext>> contexts_;  ///< by file
};

}  // namespace b24gate::notify
