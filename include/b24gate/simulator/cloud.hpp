// The whole simulated cloud without its sockets: which portal a request is for, what happens to it, how the answer
// leaves. Pure; `now` is an argument; one thread.
#pragma once

#include <b24gate/simulator/faults.hpp>
#include <b24gate/simulator/http.hpp>
#include <b24gate/simulator/portal.hpp>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::simulator {

/// One connection, as far as answers and counters depend on it.
struct Connection {
    std::uint64_t id = 0;
    std::string address;  ///< of the peer, without port: the source that the bucket counts by
    bool secure = false;
    std::string bound_portal;   ///< of the listener; empty: by Host
    std::vector<Portal*> seen;  ///< portals that got a request on it
};

/// A request as it came over the wire.
struct Seen {
    Moment at;
    std::uint64_t connection;
    std::string address, head, body;
    bool secure, chunked, cut;  ///< cut: the body was longer than what is kept
};

/// A request between its arrival and its answer.
struct Exchange {
    Portal* portal = nullptr;
    Call call;
    std::optional<Fault> fault;
    std::optional<Response> ready;  ///< decided without carrying anything out
    bool execute = true;
    bool accepts_gzip = false, head_only = false, keep_alive = true;
    std::string path;
    Moment started;
    Micros wait{0};                 ///< before finish()
    std::optional<Response> early;  ///< carried out at arrival, waiting for its time
};

/// How an answer leaves.
struct Delivery {
    enum class Kind { answer, raw, reset, close, hang };
    Kind kind = Kind::answer;
    Response response;
    std::string raw, prefix, suffix;
    Micros wait{0};  ///< before the first byte
    bool keep_alive = true, chunked = false, head_only = false;
    std::optional<std::size_t> cut;            ///< whole message, in bytes
    std::optional<std::size_t> truncate_body;  ///< the body alone
    bool rst = false;
    std::optional<std::size_t> drip;
    Micros interval{0};
};

class Cloud {
public:
    explicit Cloud(std::uint64_t seed);

    /// Applies what a config file or POST /portals says; see docs/b24sim.md. The answer is an error in words.
    std::string configure_portal(std::string_view name, const json::value& changes, Moment now);
    std::string configure_oauth(const json::value& changes);
    /// Portal "acme" with webhook 1 and application local.b24sim.
    void add_default_portal(Moment now);

    [[nodiscard]] Portal* find(std::string_view name);
    [[nodiscard]] std::map<std::string, std::unique_ptr<Portal>, std::less<>>& portals() noexcept { return portals_; }
    [[nodiscard]] OAuthServer& oauth() noexcept { return oauth_; }
    [[nodiscard]] Faults& faults() noexcept { return faults_; }
    std::string default_portal;
    std::size_t keep_requests = 50, keep_body = 1 << 20;
    [[nodiscard]] const std::deque<Seen>& seen(std::string_view portal) const;
    void forget_seen() { seen_.clear(); }
    struct Malformed {
        std::string why, head;
    };
    [[nodiscard]] std::deque<Malformed>& malformed() noexcept { return malformed_; }
    std::uint64_t malformed_count = 0;

    [[nodiscard]] Exchange begin(Connection& connection, const Request& request, Moment now);
    [[nodiscard]] Delivery finish(Exchange& exchange, Moment now);
    void closed(Connection& connection);
    /// Counters and rows as at the start; configuration, tokens and faults stay.
    void reset(Moment now);

private:
    struct Route {
        Portal* portal = nullptr;
        std::string base_url, path;
    };
    [[nodiscard]] Route route(const Connection& connection, const Request& request);
    void record(std::string_view portal, const Connection& connection, const Request& request, Moment now);
    [[nodiscard]] bool read_call(Exchange& exchange, const Connection& connection, const Request& request,
                                 std::string_view rest);
    [[nodiscard]] Response serve_oauth(const Connection& connection, const Request& request, Moment now);
    [[nodiscard]] Response authorize(const Route& route, const Request& request, Moment now);
    [[nodiscard]] OAuthServer::Endpoints endpoints(std::string_view scheme, std::string_view host);
    void plan(Exchange& exchange, Moment now);

    OAuthServer oauth_;
    Faults faults_;
    std::map<std::string, std::unique_ptr<Portal>, std::less<>> portals_;
    std::map<std::string, std::deque<Seen>, std::less<>> seen_;
    std::deque<Malformed> malformed_;
    std::string oauth_host_ = "oauth.bitrix.test", oauth_url_;
    std::map<std::string, std::string> redirect_uris_;
};

/// The parameters of a request as a portal of the classic generation reads them.
[[nodiscard]] json::value read_params(const Request& request, std::size_t max_vars, std::vector<FormPart>& files);

}  // namespace b24gate::simulator
