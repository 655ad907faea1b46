#include <b24gate/gateway/installer.hpp>

#include <fmt/format.h>

#include <sys/random.h>

#include <algorithm>
#include <charconv>

#include <b24gate/bitrix/php_form.hpp>
#include <b24gate/core/sha256.hpp>
#include <b24gate/tokens/listing.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using observe::Level;
using server::Request;
using server::Response;

constexpr std::string_view install_path = "/oauth/install", callback_path = "/oauth/callback",
                           handler_path = "/oauth/handler";
constexpr std::size_t largest_body = 64 * 1024;
constexpr std::int64_t authorization_limit_ms = 10 * 60 * 1000;
constexpr core::Duration store_patience = std::chrono::seconds(5);
constexpr int most_at_once = 16;
/// Not __Host-: that wants the path "/", and no other path needs to see it.
constexpr std::string_view cookie_name = "b24gate_install";

std::string_view path_of(std::string_view target) noexcept {
    std::string_view path = target.substr(0, target.find('?'));
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return path;
}

std::string_view query_of(std::string_view target) noexcept {
    const std::size_t mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

std::string value_of(const bitrix::FormNode& form, std::string_view name) {
    const bitrix::FormNode* item = form.find(name);
    return item == nullptr || item->is_array ? std::string() : item->value;
}

/// 32 random bytes in hex; empty: the system gives none.
std::string random_state() {
    core::Sha256 bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
    return core::to_hex(bytes);
}

std::string set_cookie(std::string_view value, std::int64_t seconds, bool secure) {
    return fmt::format("{}={}; Max-Age={}; Path=/oauth/; HttpOnly; SameSite=Lax{}", cookie_name, value, seconds,
                       secure ? "; Secure" : "");
}

Response method_not_allowed(std::string_view allow) {
    Response response = plain_answer(405, "This method is not for this address.\n");
    response.fields.add("Allow", allow);
    return response;
}

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

bool is_secure(const Request& request, const config::Config& config) {
    return request.tls || config.server.public_url.starts_with("https://");
}

}  // namespace

Installer::Slot::Slot(std::atomic<int>& used) noexcept : used_(&used) {
    if (++used <= most_at_once) return;
    --used;
    used_ = nullptr;
}

Installer::Slot::~Slot() {
    if (used_ != nullptr) --*used_;
}

Installer::Visit::Visit(WorkerState& w, const Request& request, std::string_view what)
    : worker(w),
      snapshot(w.snapshot()),
      language{prefers_russian(request.field("Accept-Language"))},
      request_id(request.id),
      peer(request.peer),
      kind(what) {}

bool Installer::serves(std::string_view target) noexcept {
    const std::string_view path = path_of(target);
    return path == install_path || path == callback_path || path == handler_path;
}

std::optional<Response> Installer::refuse_early(const Request& head) {
    const bool chunked = !head.field("Transfer-Encoding").empty();
    const std::string_view length = head.field("Content-Length");
    std::uint64_t bytes = 0;
    std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (!chunked && bytes <= largest_body) return std::nullopt;
    count("unreadable", "refused");
    return chunked ? plain_answer(411, "Send a Content-Length.\n") : plain_answer(413, "At most 64 KiB are taken.\n");
}

asio::awaitable<Response> Installer::handle(WorkerState& worker, const Request& request) {
    Response response = co_await route(worker, request);
    response.fields.add("X-Request-Id", request.id);
    co_return response;
}

asio::awaitable<Response> Installer::route(WorkerState& worker, const Request& request) {
    const std::string_view path = path_of(request.target);
    const bool post = request.method == "POST";
    if (!post && request.method != "GET")
        co_return method_not_allowed(path == install_path ? "GET, POST" : path == callback_path ? "GET" : "POST");
    if (request.body.size() > largest_body) co_return plain_answer(413, "At most 64 KiB are taken.\n");
    if (path == callback_path) {
        if (post) co_return method_not_allowed("GET");
        co_return co_await finish(worker, request);
    }
    if (post) co_return co_await event(worker, request);
    if (path == handler_path) co_return method_not_allowed("POST");
    co_return co_await begin(worker, request);
}

asio::awaitable<Response> Installer::begin(WorkerState& worker, const Request& request) {
    Visit visit(worker, request, "start");
    const bitrix::FormNode query = bitrix::parse_form(query_of(request.target));
    const auto found = visit.snapshot->portals.find(value_of(query, "portal"));
    std::optional<std::string> credential;
    if (found != visit.snapshot->portals.end())
        credential = choose_credential(facts_of(found->second), value_of(query, "credential"));
    if (!credential) {
        // The same for a portal that is not there: who may not know which there are learns nothing.
        note(visit, End{"unknown_portal"});
        co_return not_found_page(visit.language);
    }
    visit.portal = found->first;
    visit.credential = *credential;
    const std::string state = random_state();
    if (state.empty()) co_return refuse(visit, 503, End{"random", true});
    storage::PendingInstall pending;
    pending.state_hash = core::to_hex(core::sha256(state));
    pending.portal = visit.portal;
    pending.credential = visit.credential;
    const auto kept = co_await store_.put_install(std::move(pending), authorization_limit_ms, patience());
    if (!kept) co_return refuse(visit, 503, End{"store", true}, kept.error().message);
    const config::Credential& config = found->second.config->credentials.at(visit.credential);
    const std::string portal_url = url_of(found->second.portal->location().target);
    done(visit, "started");
    Response response = plain_answer(302, "");
    response.fields.add("Location", tokens::authorize_url(portal_url, config.client_id, state));
    response.fields.add("Set-Cookie",
                        set_cookie(state, authorization_limit_ms / 1000, is_secure(request, *visit.snapshot->config)));
    response.fields.add("Referrer-Policy", "no-referrer");
    co_return response;
}

asio::awaitable<Response> Installer::finish(WorkerState& worker, const Request& request) {
    Visit visit(worker, request, "callback");
    const bitrix::FormNode query = bitrix::parse_form(query_of(request.target));
    const std::string state = value_of(query, "state");
    core::Secret code(value_of(query, "code"));
    std::string server_domain = value_of(query, "server_domain");
    // Whoever has begun it has the cookie: nobody can be made to end what somebody else began.
    const std::string_view bound = cookie(request.field("Cookie"), cookie_name);
    if (!is_state(state) || !core::equal_constant_time(bound, state)) co_return refuse(visit, 403, End{"state"});
    const Slot slot(slots_used_);
    if (!slot) co_return refuse(visit, 503, End{"busy", true});
    const auto pending = co_await store_.take_install(core::to_hex(core::sha256(state)), patience());
    if (!pending) co_return refuse(visit, 503, End{"store", true}, pending.error().message);
    if (!*pending) co_return refuse(visit, 403, End{"state"});
    const auto found = visit.snapshot->portals.find((*pending)->portal);
    if (found == visit.snapshot->portals.end() ||
        choose_credential(facts_of(found->second), (*pending)->credential) != (*pending)->credential)
        co_return not_found_page(visit.language);
    visit.portal = (*pending)->portal;
    visit.credential = (*pending)->credential;
    if (code.empty()) co_return refuse(visit, 403, End{"no_code"});
    if (!may_try("code " + visit.portal)) co_return refuse(visit, 503, End{"busy", true});
    Response page;
    const End end = co_await finish_with(visit, std::move(code), std::move(server_domain), page);
    if (!end.reason.empty()) co_return page;
    page.fields.add("Set-Cookie", set_cookie("", 0, is_secure(request, *visit.snapshot->config)));
    co_return page;
}

/// `page` is the answer either way.
asio::awaitable<Installer::End> Installer::finish_with(Visit& visit, core::Secret code, std::string server_domain,
                                                       Response& page) {
    const auto fail = [&](End end, std::string_view detail = {}) {
        page = refuse(visit, end.passing ? 502 : 403, end, detail);
        return end;
    };
    const auto live = keeper_.find(visit.portal, visit.credential);
    if (!live) co_return fail(End{"unknown_portal"});
    const std::string server = server_domain.empty() ? std::string() : "https://" + server_domain + "/rest/";
    auto exchanged = co_await keeper_.exchange_code(live, std::move(code), server, visit.worker.worker);
    if (!exchanged.grant)
        co_return fail(End{exchanged.passing ? "server_unavailable" : "code", exchanged.passing}, exchanged.reason);
    tokens::Grant grant = *std::move(exchanged.grant);
    // A person with a portal of his own ends here: his tokens must not come under another portal's name.
    const PortalFacts facts = facts_of(visit.runtime());
    if (const std::string_view reason = identify(facts, grant.member_id, grant.client_endpoint); !reason.empty())
        co_return fail(End{std::string(reason)});
    const Known before = co_await known(visit);
    if (!before.fault.empty()) co_return fail(End{"store", true}, before.fault);
    const bool same_user = grant.user_id != 0 && grant.user_id == before.facts.user_id;
    if (grant.user_id == 0 || (before.facts.active && !same_user)) {
        const Verified verified = co_await verify(visit, grant.pair.access);
        if (!verified.profile) co_return fail(verified.end);
        grant.user_id = verified.profile->user_id;
        if (const std::string_view reason = may_take(before.facts, *verified.profile, true); !reason.empty())
            co_return fail(End{std::string(reason)});
    }
    // The installation is the same one as long as its tokens were good.
    if (before.facts.active) grant.pair.application_token = before.facts.application_token;
    const std::int64_t user_id = grant.user_id;
    const std::string until = tokens::date(core::unix_ms() + grant.expires_in_ms);
    const End end = co_await store(visit, std::move(grant));
    if (!end.reason.empty()) co_return fail(end);
    done(visit, "stored", user_id);
    page = done_page(visit.language, visit.portal, user_id, until);
    co_return End{};
}

PortalFacts Installer::facts_of(const PortalRuntime& runtime) const {
    PortalFacts facts;
    facts.name = runtime.config->name;
    if (const auto configured = upstream::parse_target(runtime.config->url)) facts.configured = *configured;
    facts.current = runtime.portal->location().target;
    for (const auto& [name, credential] : runtime.config->credentials) {
        if (credential.type != config::Credential::Type::oauth) continue;
        facts.credentials.push_back(name);
        const tokens::Credential* live = runtime.live(&credential);
        if (live != nullptr && facts.member_id.empty()) facts.member_id = live->record().member_id;
    }
    facts.remembered_member_id = places_.member_id(facts.name);
    return facts;
}

asio::awaitable<Installer::Known> Installer::known(const Visit& visit) {
    Known out;
    const auto listed = co_await store_.list_credentials(patience());
    if (!listed) {
        out.fault = listed.error().message;
        co_return std::move(out);
    }
    const auto record = std::find_if(listed->records.begin(), listed->records.end(), [&](const auto& one) {
        return one.portal == visit.portal && one.credential == visit.credential;
    });
    if (record == listed->records.end()) co_return std::move(out);
    CredentialFacts& facts = out.facts;
    facts.version = record->version;
    facts.user_id = record->user_id;
    const auto pair = keeper_.open(*record);
    if (pair) facts.application_token = pair->application_token;
    facts.active = pair && record->state == storage::CredentialRecord::State::active;
    // A mark may not have reached the store yet.
    const auto live = keeper_.find(visit.portal, visit.credential);
    if (live && live->version() == record->version &&
        live->peek(Clock::now()).state == tokens::Credential::State::needs_reauth)
        facts.active = false;
    co_return std::move(out);
}

asio::awaitable<Installer::End> Installer::store(Visit& visit, tokens::Grant grant) {
    const auto record = co_await keeper_.put(visit.portal, visit.credential, std::move(grant), patience());
    if (record) co_return End{};
    log_.event(Level::error, "tokens_not_stored",
               {{"portal", visit.portal}, {"credential", visit.credential}, {"error", record.error().message}});
    co_return End{"store", true};
}

bool Installer::may_try(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return tries_.take(name, Clock::now());
}

Response Installer::refuse(const Visit& visit, unsigned status, const End& end, std::string_view detail) {
    note(visit, end, detail);
    return refused_page(visit.language, status, end.reason);
}

void Installer::note(const Visit& visit, const End& end, std::string_view detail) {
    const bool busy = end.reason == "busy";
    count(visit.kind, busy ? "busy" : end.passing ? "failed" : "refused");
    log_.event(Level::warn, end.passing ? "install_failed" : "install_refused",
               {{"kind", visit.kind},
                {"portal", visit.portal},
                {"credential", visit.credential},
                {"reason", end.reason},
                {"detail", detail},
                {"peer", visit.peer},
                {"request_id", visit.request_id}});
}

void Installer::done(const Visit& visit, std::string_view result, std::int64_t user_id) {
    count(visit.kind, result);
    log_.event(Level::info, "install",
               {{"kind", visit.kind},
                {"result", result},
                {"portal", visit.portal},
                {"credential", visit.credential},
                {"user_id", user_id},
                {"peer", visit.peer},
                {"request_id", visit.request_id}});
}

void Installer::count(std::string_view kind, std::string_view result) {
    metrics_.install_events.with({kind, result}).add();
}

}  // namespace b24gate::gateway
