// Every knob of b24gate, with its default: read this to learn what can be set. Plain data; config/load fills it from
// TOML and checks it. A loaded Config is immutable and shared between threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/config/alerts.hpp>
#include <b24gate/core/secret.hpp>

namespace b24gate::config {

/// host:port to listen on; port 0 takes a free one.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
};

struct Server {
    Endpoint listen{"127.0.0.1", 8080};
    std::optional<Endpoint> tls_listen;
    std::string tls_certificate;  ///< PEM file, chain included
    std::string tls_key;          ///< PEM file
    unsigned threads = 0;         ///< 0: one per core
    std::string public_url;       ///< how clients reach this gateway; empty: the request's own scheme and Host
    std::string egress = "default";
    std::uint64_t max_body = 32ull << 20;       ///< bytes of one request body
    std::uint64_t max_header = 16ull << 10;     ///< bytes of request line and header together, at most 64 KiB - 1
    std::uint64_t max_buffered = 512ull << 20;  ///< bytes of request bodies in flight, in all
    unsigned max_connections = 10000;           ///< per listener; further ones wait in the backlog
    Milliseconds header_timeout{10'000};
    Milliseconds body_timeout{60'000};
    Milliseconds write_timeout{60'000};
    Milliseconds idle_timeout{75'000};
    Milliseconds shutdown_grace{30'000};
    Milliseconds drain_delay{0};  ///< between "not ready" and closing the listener: what the load balancer needs
};

struct Admin {
    std::optional<Endpoint> listen = Endpoint{"127.0.0.1", 9080};
    core::Secret key;                ///< empty: only health and metrics are served
    core::Secret read_only_key;      ///< sees everything and changes nothing; empty: there is none
    std::vector<std::string> hosts;  ///< further Host names that are accepted, besides loopback and `listen`
};

struct Store {
    std::string url = "sqlite:var/b24gate.db";  ///< the path counts from the configuration's folder once it is loaded
    core::Secret encryption_key;
    std::vector<core::Secret> old_encryption_keys;  ///< that still open what they have sealed
};

/// The portal's leaky bucket: `burst` requests at once, `rate` a second in the long run. Source: reference 4.1.
struct Plan {
    enum class Kind { standard, enterprise, automatic, none, custom };
    Kind kind = Kind::standard;
    double burst = 50;
    double rate = 2;
};

struct Coalesce {
    bool enabled = true;
    unsigned max_calls = 50;  ///< what one Bitrix24 batch takes
    Milliseconds max_duration{5'000};
    std::vector<std::string> writes;  ///< globs, lower case: writes that may share a batch with each other
};

struct Credential {
    enum class Type { webhook, oauth };
    Type type = Type::webhook;
    // webhook
    std::string user;  ///< numeric id or login of the webhook's owner
    core::Secret secret;
    // oauth
    std::string client_id;
    core::Secret client_secret;
    std::string token_url = "https://oauth.bitrix.info/oauth/token/";
};

struct Portal {
    std::string name;
    std::string url;                          ///< scheme://host[:port][/path], no trailing slash
    std::vector<std::string> hosts;           ///< lower case
    std::string ca;                           ///< PEM file of a private CA; empty: the system's
    std::vector<std::string> redirect_hosts;  ///< hosts (globs) that a renamed portal may move to, besides *.bitrix24.*
    /// observe: calls are delayed and refused by nothing, log and metrics say what enforcing would have done.
    enum class Mode { enforce, observe };
    Plan plan;
    Mode mode = Mode::enforce;
    bool assume_spent = true;  ///< the bucket counts as full at the start: nobody knows what was sent before it
    unsigned max_in_flight = 10;
    unsigned max_queue = 10'000;
    Milliseconds connect_timeout{5'000};
    Milliseconds timeout{65'000};  ///< of one exchange; above the portal's own 60 s, so that its verdict arrives first
    Milliseconds pool_idle{50'000};  ///< idle upstream connections are closed after this
    Coalesce coalesce;
    bool share_reads = true;                        ///< identical reads under way share one call
    std::map<std::string, Credential> credentials;  ///< by name
    std::vector<std::string> read_methods;        ///< adds to the method table: repeating these is safe, they only read
    std::vector<std::string> repeatable_methods;  ///< adds to the method table: a second run changes nothing
};

enum class Priority { interactive, normal, bulk };

struct Client {
    std::string name;
    std::string key_sha256;  ///< 64 hex digits, lower case; of `key` when that is how it was given
    std::vector<std::string> portals;
    std::string default_portal;  ///< empty: the only one of `portals`, if it is one
    std::map<std::string, std::string>
        credentials;                      ///< portal -> credential name; default: "main", or the portal's only one
    std::vector<std::string> allow{"*"};  ///< globs, lower case
    std::vector<std::string> deny;
    std::vector<std::string> addresses;  ///< CIDR blocks or addresses it may come from; empty: any
    Priority priority = Priority::normal;
    unsigned weight = 1;
    Milliseconds timeout{120'000};
    bool passthrough = false;
    bool coalesce = true;  ///< false: its calls always go alone
    std::optional<std::int64_t> responsible_user;
};

/// Reads whose answers are kept for a while.
struct CacheRule {
    std::vector<std::string> methods;  ///< globs, lower case
    Milliseconds ttl{0};
    std::uint64_t max_bytes = 16ull << 20;
    std::vector<std::string> portals;  ///< empty: all of them

    friend bool operator==(const CacheRule&, const CacheRule&) = default;
};

/// attempts: how many retries at the most; base and max: bounds of the exponential backoff with full jitter.
struct RetryRule {
    unsigned attempts = 3;
    Milliseconds base{500};
    Milliseconds max{30'000};
};

struct Retry {
    RetryRule server;
    RetryRule network;
    RetryRule timeout;
};

/// Calls that must not be lost.
struct Operations {
    Milliseconds keep_succeeded{259'200'000};    ///< how long one that succeeded can be asked about: 3 d
    Milliseconds keep_failed{2'592'000'000};     ///< likewise failed, dead and discarded: 30 d
    unsigned max_queued = 1'000'000;             ///< that have not ended, in all
    unsigned max_queued_per_client = 200'000;    ///< and of one client
    std::uint64_t max_body = 8ull << 20;         ///< bytes of one body that is kept
    std::uint64_t min_free_disk = 256ull << 20;  ///< bytes; below it none is taken
    Milliseconds settle{75'000};                 ///< how long a portal may work on a request that was cut off
    Milliseconds key_window{82'800'000};         ///< how long a REST 3 write may be repeated under its key: 23 h
    enum class OnFailure { go_on, block };
    OnFailure order_on_failure = OnFailure::go_on;  ///< what the next one of an order key does
    struct Retry {
        unsigned attempts = 8;                ///< repeats after server, network and timeout together
        Milliseconds base{30'000};            ///< the first pause; each next one is three times as long ...
        Milliseconds max{43'200'000};         ///< ... up to this: 12 h
        unsigned not_found = 1;               ///< repeats of an update that found nothing
        Milliseconds limit_age{259'200'000};  ///< how long limits may hold one up: 3 d
    };
    Retry retry;
    std::vector<std::string> callback_hosts;  ///< globs, lower case; empty: no callbacks
    core::Secret callback_secret;             ///< signs callbacks
    core::Secret old_callback_secret;         ///< signs beside it while receivers change over
    bool allow_private_callbacks = false;     ///< also to addresses inside of the network
    Milliseconds callback_timeout{15'000};
};

struct Log {
    std::string level = "info";  ///< trace debug info warn error off
    std::string file = "-";      ///< "-": standard output
    bool calls = true;           ///< a line for each call
    bool params = false;         ///< with the call's parameters, masked
    std::vector<std::string> mask{"PHONE", "EMAIL", "NAME", "LAST_NAME", "SECOND_NAME", "ADDRESS", "PASSWORD"};
};

struct Metrics {
    bool per_portal = true;  ///< false: histograms without the portal label
};

struct Config {
    std::string path;  ///< the file it came from
    Server server;
    Admin admin;
    Store store;
    std::map<std::string, Portal> portals;
    std::map<std::string, Client> clients;
    std::vector<CacheRule> cache;  ///< the first that names a method counts
    Retry retry;
    Operations operations;
    Alerts alerts;
    Log log;
    Metrics metrics;
};

}  // namespace b24gate::config
