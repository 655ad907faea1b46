// One simulated portal: who may call, what it costs, what comes back. Pure; `now` is an argument; one thread.
#pragma once

#include <b24gate/simulator/crm.hpp>
#include <b24gate/simulator/executions.hpp>
#include <b24gate/simulator/http.hpp>
#include <b24gate/simulator/meter.hpp>
#include <b24gate/simulator/moment.hpp>
#include <b24gate/simulator/oauth.hpp>
#include <b24gate/simulator/php.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace b24gate::simulator {

struct Webhook {
    long long user = 1;
    std::string secret;
    std::vector<std::string> scope;  ///< empty: every scope
    bool revoked = false;
    std::string refuse;  ///< every call of this webhook gets this error code, e.g. OVERLOAD_LIMIT
};

struct MethodSettings {
    std::optional<Micros> latency;      ///< how long a call runs
    std::optional<Micros> operating;    ///< what it is charged; default: its latency
    std::string refuse;                 ///< error code, e.g. METHOD_CONFIRM_WAITING
    std::optional<json::value> result;  ///< makes the method exist and answer this
};

struct PortalSettings {
    std::vector<std::string> hosts;
    std::string public_url;  ///< base of links and client_endpoint; empty: as the request came
    std::string member_id;
    LeakyBucket::Plan plan;
    bool operating = true;
    Micros operating_limit = std::chrono::seconds(480);
    Micros latency{0};
    /// A call takes effect when its running time is over (a portal works on after its caller has hung up), or at once.
    bool commit_at_end = true;
    bool self_hosted = false;  ///< no X-Bitrix headers, no operating counters
    bool https_only = false;
    bool gzip = false;     ///< compress for clients that accept it
    bool chunked = false;  ///< answers without Content-Length
    bool escape_unicode = false, escape_slashes = true;
    std::size_t max_input_vars = 10000;
    std::string license = "ru_basic", license_type = "basic", license_family = "basic";
    int utc_offset_minutes = 180;
    std::string refuse;                             ///< every call gets this error code, e.g. PORTAL_DELETED
    std::string renamed_to;                         ///< every request gets a 302 to this base URL
    std::map<std::string, int> statuses;            ///< error code -> HTTP status, where the sources differ
    std::map<std::string, MethodSettings> methods;  ///< by lower-case name
    std::vector<Webhook> webhooks;
    std::map<std::string, long long> seed;  ///< entity -> rows at start
};

struct Error {
    int status = 400;
    std::string code, text;
    json::object extra;  ///< further keys beside the code
};
/// The portal's own errors by code: usual status and words. An unknown code is a 400 without words.
[[nodiscard]] Error known_error(std::string_view code);

struct MethodResult {
    json::value value;
    std::optional<long long> next, total;
    std::optional<Error> error;
    bool bare = false;  ///< the value is the whole answer, without envelope
};

struct Credential {
    enum class Kind { none, webhook, app };
    Kind kind = Kind::none;
    long long user = 0;
    std::string entity;  ///< whom operating time is charged to
    std::string client_id;
    std::vector<std::string> scope;
    std::string path;   ///< `/rest/1/secret/` or `/rest/`, for links
    std::string token;  ///< the access token, empty for webhooks

    [[nodiscard]] bool allows(std::string_view wanted) const;
};

/// A request to a portal after routing and decoding.
struct Call {
    int version = 2;
    bool secure = false, xml = false, post = true, json_body = false, body_valid = true;
    std::string user, secret;  ///< of the path; empty: application form
    std::string bearer;
    std::string method, lower;
    std::string base_url;  ///< how the caller reached this portal, without a slash at the end
    json::value params = json::array{};
    std::string body;  ///< raw; v3 reads nothing else
    std::string idempotency_key;
    std::vector<FormPart> files;

    Credential credential;  ///< set by admit()
};

/// What a method handler gets.
struct Invocation {
    const Call& call;
    std::string_view method;  ///< lower case
    const json::value& params;
    long long start = 0;
    Moment now;
};

struct File {
    std::string name;
    std::uint64_t size = 0;
    std::string content;  ///< empty while size is not: made up on the way out
};

class Portal {
public:
    struct Stats {
        std::uint64_t hits = 0, refused_rate = 0, refused_operating = 0, refused_auth = 0, faults = 0, batches = 0;
        std::uint64_t duplicates = 0, connections = 0;
        long long open_connections = 0, in_flight = 0, max_in_flight = 0;
        std::map<std::string, std::uint64_t> executions;  ///< by lower-case method, also inside batches
        std::map<std::string, std::uint64_t> errors;      ///< by error code, batch entries included
    };

    Portal(std::string name, OAuthServer& oauth);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    PortalSettings settings;
    Stats stats;
    ExecutionLog executions;

    /// Empties everything that calls have changed and seeds anew.
    void reset(Moment now);
    /// Makes up the rows of `settings.seed` that are not there yet.
    void seed(Moment now);

    /// True: the request fits the rate of its source address.
    bool hit(std::string_view source, Moment now);
    [[nodiscard]] double level(std::string_view source, Moment now);

    /// Credential, method, scope and operating budget; fills call.credential. The answer is an error, if any.
    [[nodiscard]] std::optional<Response> admit(Call& call, Moment now);
    /// How long an admitted call runs.
    [[nodiscard]] Micros running_time(const Call& call) const;
    /// Carries an admitted call out. `started` is when it arrived.
    [[nodiscard]] Response execute(const Call& call, Moment started, Moment now);
    /// An error in the shape of the call's generation.
    [[nodiscard]] Response error_response(const Call& call, Error error);

    // For the method handlers.
    Table& table(std::string_view entity) { return tables_[std::string(entity)]; }
    std::map<std::string, Table, std::less<>>& tables() noexcept { return tables_; }
    std::map<long long, File>& files() noexcept { return files_; }
    long long add_file(File file);
    [[nodiscard]] const OAuthServer& oauth() const noexcept { return oauth_; }
    /// Notes that `fields` were added; a marker that came before is a duplicate.
    void count_marker(std::string_view method, const json::value& fields);
    [[nodiscard]] const std::unordered_map<std::string, std::uint64_t>& markers() const noexcept { return markers_; }
    /// Of a link: what makes it this portal's.
    [[nodiscard]] std::string sign(std::string_view text) const;
    [[nodiscard]] std::string link(const Call& call, std::string_view method, std::string_view payload) const;
    /// The payload of a signed link's token; nullopt when the signature is wrong.
    [[nodiscard]] std::optional<std::string> open_link(const Call& call, std::string_view method) const;
    [[nodiscard]] bool knows(std::string_view lower) const;
    [[nodiscard]] std::vector<std::string> method_names(const Credential& credential, bool all) const;

    /// One method, with everything a batch does for each of its commands too: scope, operating budget, counters.
    struct Ran {
        MethodResult result;
        json::object time;
    };
    Ran run(const Call& call, std::string_view method, json::value params, bool in_batch, Moment started, Moment now);

private:
    [[nodiscard]] std::optional<Error> authenticate(Call& call, Moment now);
    [[nodiscard]] OperatingBaskets& baskets(const Call& call, std::string_view method, bool in_batch);
    [[nodiscard]] Micros latency_of(std::string_view lower) const;
    [[nodiscard]] json::object time_of(Moment started, Moment finished, Micros processing,
                                       OperatingBaskets* spent) const;
    MethodResult batch(const Call& call, Moment started, Moment now);
    Response execute_v3(const Call& call, Moment started, Moment now);
    [[nodiscard]] Response envelope(const Call& call, const MethodResult& result, json::object time);

    struct Replay {
        std::size_t body_hash;
        std::string answer;
        Moment stored, expires;
    };

    std::string name_;
    OAuthServer& oauth_;
    std::unordered_map<std::string, LeakyBucket> buckets_;
    std::unordered_map<std::string, OperatingBaskets> baskets_;
    std::map<std::string, Table, std::less<>> tables_;
    std::map<long long, File> files_;
    std::unordered_map<std::string, std::uint64_t> markers_;
    std::unordered_map<std::string, Replay> replays_;
};

}  // namespace b24gate::simulator
