#include <b24gate/tokens/token_keeper.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/core/random.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/tokens/lease_owner.hpp>
#include <b24gate/tokens/refresh_policy.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::tokens {
namespace {

namespace asio = boost::asio;
using bitrix::GatewayCode;
using core::Clock;
using observe::Level;
using std::chrono::milliseconds;
using storage::RefreshLease;
using storage::UnixMs;
using namespace std::chrono_literals;

constexpr core::Duration poll_interval = 2s;
constexpr unsigned write_check_every = 3;  ///< of these
constexpr core::Duration store_patience = 5s;
/// Somebody else refreshes: how often we look whether the new pair is there.
constexpr core::Duration busy_poll = 100ms;
/// After this long a refresh that others keep under way counts as failed for those who wait here.
constexpr core::Duration longest_refresh = 60s;
constexpr core::Duration store_retry_least = 100ms, store_retry_most = 5s;

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

bitrix::Outcome store_trouble() {
    return bitrix::refusal(GatewayCode::store, "the token store cannot be used, so the access token cannot be renewed");
}

bitrix::Outcome trouble(std::string code, std::string description) {
    bitrix::Outcome outcome;
    outcome.error_class = bitrix::ErrorClass::server;
    outcome.executed = bitrix::Executed::no;
    outcome.origin = bitrix::Origin::oauth;
    outcome.code = std::move(code);
    outcome.description = std::move(description);
    return outcome;
}

/// Ends a wait at its deadline. On the worker of the waiting coroutine.
class WaitDeadline final : net::Swept {
public:
    WaitDeadline(net::Worker& worker, core::Deadline deadline, Credential::Waiter waiter) : waiter_(std::move(waiter)) {
        deadline_ = deadline.at;
        worker.sweeper.add(*this);
    }

private:
    void on_deadline() override { waiter_->fulfil(false); }
    Credential::Waiter waiter_;
};

TokenAnswer view(const ServerAnswer& answer) {
    TokenAnswer view;
    view.transport = answer.transport;
    view.error = answer.error;
    view.status = answer.status;
    view.content_type = answer.content_type;
    view.body = answer.body.reveal();
    return view;
}

/// Texts of a server that has just been told secrets.
void mask(bitrix::Outcome& outcome, std::vector<core::Secret> secrets) {
    observe::MaskRules rules;
    rules.secrets = std::move(secrets);
    const observe::Masker masker(std::move(rules));
    outcome.description = masker.mask_text(outcome.description);
    outcome.code = masker.mask_text(outcome.code);
}

}  // namespace

TokenKeeper::TokenKeeper(net::Worker& worker, storage::Store& store, observe::Log& log, observe::GateMetrics& metrics,
                         Hooks hooks)
    : worker_(worker),
      store_(store),
      log_(log),
      metrics_(metrics),
      hooks_(std::move(hooks)),
      client_(worker),
      owner_(to_text(this_process())) {}

void TokenKeeper::configure(const config::Config& config) {
    std::map<Key, Entry> next;
    const std::lock_guard lock(mutex_);
    for (const auto& [portal_name, portal] : config.portals)
        for (const auto& [name, credential] : portal.credentials) {
            const bool oauth = credential.type == config::Credential::Type::oauth;
            const auto known = entries_.find({portal_name, name});
            Entry entry;
            // Whoever has changed a secret wants it to be tried.
            const bool same = known != entries_.end() && known->second.source.config.type == credential.type &&
                              known->second.source.config.user == credential.user &&
                              known->second.source.config.secret.reveal() == credential.secret.reveal();
            if (same) entry = known->second;
            // A webhook that the portal has refused is tried again: that may be what the reload is for.
            if (same) entry.credential->accepted();
            if (!same) entry.credential = std::make_shared<Credential>(portal_name, name, oauth);
            entry.source = Source{credential, portal.ca};
            next.emplace(Key{portal_name, name}, std::move(entry));
        }
    entries_ = std::move(next);
    keys_ = std::make_shared<core::KeyRing>(config.store.encryption_key, config.store.old_encryption_keys);
}

std::shared_ptr<Credential> TokenKeeper::find(std::string_view portal, std::string_view credential) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find({std::string(portal), std::string(credential)});
    return found == entries_.end() ? nullptr : found->second.credential;
}

std::vector<std::shared_ptr<Credential>> TokenKeeper::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Credential>> out;
    for (const auto& [key, entry] : entries_) out.push_back(entry.credential);
    return out;
}

std::vector<core::Secret> TokenKeeper::secrets() const {
    const std::lock_guard lock(mutex_);
    std::vector<core::Secret> out;
    for (const auto& [key, entry] : entries_) {
        if (!entry.before.empty()) out.push_back(entry.before);
        if (const auto token = entry.credential->peek(Clock::now()).token) out.push_back(token->access);
    }
    return out;
}

std::optional<TokenKeeper::Source> TokenKeeper::source_of(const Credential& credential) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find({credential.portal(), credential.name()});
    if (found == entries_.end()) return std::nullopt;
    return found->second.source;
}

std::shared_ptr<const core::KeyRing> TokenKeeper::keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

std::optional<Pair> TokenKeeper::open(const storage::CredentialRecord& record) const {
    const auto plain = keys()->open(record.key_id, record.sealed, sealing_context(record.portal, record.credential));
    if (!plain) return std::nullopt;
    return decode_pair(plain->reveal());
}

std::optional<storage::NewPair> TokenKeeper::sealed(const std::string& portal, const std::string& credential,
                                                    const Grant& grant) const {
    const auto bytes = keys()->seal(encode_pair(grant.pair).reveal(), sealing_context(portal, credential));
    if (!bytes) return std::nullopt;
    storage::NewPair pair;
    pair.key_id = bytes->key_id;
    pair.sealed = bytes->bytes;
    pair.member_id = grant.member_id;
    pair.client_endpoint = grant.client_endpoint;
    pair.server_endpoint = grant.server_endpoint;
    pair.scope = grant.scope;
    pair.status = grant.status;
    pair.user_id = grant.user_id;
    pair.expires_in_ms = grant.expires_in_ms;
    return pair;
}

/// The credential of the same portal whose tokens are those of another one; empty: none is.
std::string TokenKeeper::told_otherwise(const storage::CredentialRecord& record) const {
    if (record.member_id.empty()) return {};
    const std::lock_guard lock(mutex_);
    for (auto it = entries_.lower_bound({record.portal, {}}); it != entries_.end() && it->first.first == record.portal;
         ++it) {
        if (it->first.second == record.credential) continue;
        const std::string member_id = it->second.credential->record().member_id;
        if (!member_id.empty() && member_id != record.member_id) return it->first.second;
    }
    return {};
}

/// The record into the live credential, and the secrets that follow from it into the masks before they are used.
void TokenKeeper::adopt(const std::shared_ptr<Credential>& credential, const storage::CredentialRecord& record,
                        UnixMs store_now) {
    if (const std::string other = told_otherwise(record); !other.empty()) {
        if (credential->adopt_nothing("other_portal"))
            log_.event(Level::error, "token_of_another_portal",
                       {{"portal", record.portal},
                        {"credential", record.credential},
                        {"hint", "its member_id is not the one of credential " + other +
                                     "; remove the tokens of one of them"}});
        return;
    }
    const auto before = credential->peek(Clock::now()).token;
    const bool same_pair = before && before->version == record.version;
    core::Secret access = same_pair ? before->access : core::Secret();
    if (!same_pair) {
        const auto pair = open(record);
        if (!pair) {
            const bool known_key = keys()->knows(record.key_id);
            if (credential->adopt_nothing(known_key ? "unreadable" : "unknown_key"))
                log_.event(Level::error, "token_unreadable",
                           {{"portal", record.portal},
                            {"credential", record.credential},
                            {"key_id", record.key_id},
                            {"hint", known_key ? "the record is damaged; import the tokens again"
                                               : "sealed with another key: add it to store.old_encryption_keys"}});
            return;
        }
        access = pair->access;
        {
            const std::lock_guard lock(mutex_);
            const auto found = entries_.find({record.portal, record.credential});
            if (found != entries_.end() && before) found->second.before = before->access;
        }
    }
    const bool was_marked = credential->peek(Clock::now()).state == Credential::State::needs_reauth && before;
    if (!credential->adopt(record, std::move(access), store_now, Clock::now())) return;
    if (!same_pair) hooks_.secrets_changed();
    hooks_.adopted(record);
    const bool marked = record.state == storage::CredentialRecord::State::needs_reauth;
    if (marked && !was_marked)
        log_.event(Level::error, "needs_reauth",
                   {{"portal", record.portal}, {"credential", record.credential}, {"reason", record.reason}});
}

asio::awaitable<storage::Result<storage::Done>> TokenKeeper::load() {
    auto read = co_await read_all();
    hooks_.store_usable(read.has_value());
    co_return read;
}

asio::awaitable<storage::Result<storage::Done>> TokenKeeper::read_all() {
    auto listed = co_await store_.list_credentials(patience());
    if (!listed) co_return listed.error();
    for (const auto& credential : all()) {
        if (!credential->oauth()) continue;
        const auto record = std::find_if(listed->records.begin(), listed->records.end(), [&](const auto& r) {
            return r.portal == credential->portal() && r.credential == credential->name();
        });
        if (record == listed->records.end()) {
            credential->adopt_nothing("no_tokens");
            continue;
        }
        adopt(credential, *record, listed->now);
        if (idle_refresh_due(*record, listed->now)) begin(credential, record->version, false);
    }
    co_return storage::Done{};
}

void TokenKeeper::start() { asio::co_spawn(worker_.io, poll(), asio::detached); }

asio::awaitable<void> TokenKeeper::poll() {
    bool usable = true;
    for (unsigned turn = 1;; ++turn) {
        net::Sleep sleep(worker_, Clock::now() + poll_interval);
        co_await sleep.wait();
        auto answered = co_await read_all();
        // What can be read can perhaps not be written: then the next refresh would find out.
        if (answered && (!usable || turn % write_check_every == 0)) answered = co_await store_.ping(patience());
        hooks_.store_usable(answered.has_value());
        if (answered.has_value() != usable) {
            usable = answered.has_value();
            if (usable)
                log_.event(Level::info, "store_usable", {});
            else
                log_.event(Level::error, "store_unusable",
                           {{"reason", to_string(answered.error().kind)}, {"error", answered.error().message}});
        }
    }
}

asio::awaitable<Refreshed> TokenKeeper::refresh(std::shared_ptr<Credential> credential, std::int64_t seen_version,
                                                net::Worker& caller, core::Deadline deadline, bool by_hand) {
    Refreshed refreshed;
    const auto newer = [&] {
        const Credential::Look look = credential->peek(Clock::now());
        const bool is =
            look.token && look.token->version > seen_version && look.state != Credential::State::needs_reauth;
        if (is) refreshed.token = look.token;
        return is;
    };
    if (newer()) co_return refreshed;
    Credential::Failure failure = credential->last_failure();
    if (by_hand || failure.outcome.ok() || failure.retry_at <= Clock::now()) {
        const auto waiter = std::make_shared<net::Waiter<bool>>(caller.io.get_executor());
        if (credential->join(waiter)) {
            asio::post(worker_.io, [this, credential, seen_version, by_hand] {
                asio::co_spawn(worker_.io, run_refresh(credential, seen_version, by_hand), asio::detached);
            });
        }
        bool ended = false;
        {
            const WaitDeadline guard(caller, deadline, waiter);
            ended = co_await waiter->wait();
        }
        if (newer()) co_return refreshed;
        if (!ended) {
            refreshed.failure = bitrix::refusal(
                GatewayCode::deadline, "the deadline passed while the call waited for its access token to be renewed");
            co_return refreshed;
        }
        failure = credential->last_failure();
    }
    const Credential::Look look = credential->peek(Clock::now());
    if (look.state == Credential::State::needs_reauth) {
        refreshed.failure = reauth_required(*credential, look.reason);
        co_return refreshed;
    }
    refreshed.failure = failure.outcome.ok() ? store_trouble() : failure.outcome;
    const auto left = std::chrono::duration_cast<milliseconds>(failure.retry_at - Clock::now());
    refreshed.retry_after = std::max<milliseconds>(left, 1s);
    co_return refreshed;
}

/// A refresh for which nobody waits.
void TokenKeeper::begin(const std::shared_ptr<Credential>& credential, std::int64_t seen, bool by_hand) {
    if (credential->join(nullptr)) asio::co_spawn(worker_.io, run_refresh(credential, seen, by_hand), asio::detached);
}

asio::awaitable<void> TokenKeeper::run_refresh(std::shared_ptr<Credential> credential, std::int64_t seen,
                                               bool by_hand) {
    // Once more when another one has been quicker and we only have to read what it wrote.
    for (int turn = 0; turn < 3; ++turn)
        if (co_await lead_refresh(credential, seen, by_hand)) co_return;
    credential->settle(trouble("GATEWAY_STORE", "the access token changes faster than it can be read"),
                       Clock::now() + 1s);
}

/// True: it has been settled. False: the record has changed meanwhile, look again.
asio::awaitable<bool> TokenKeeper::lead_refresh(std::shared_ptr<Credential> credential, std::int64_t seen,
                                                bool by_hand) {
    const core::TimePoint end = Clock::now() + longest_refresh;
    std::string dead_owner;
    while (Clock::now() < end) {
        storage::Store::LeaseRequest request;
        request.portal = credential->portal();
        request.credential = credential->name();
        request.seen_version = seen;
        request.owner = owner_;
        request.lease_ms = refresh_lease.count();
        request.dead_owner = dead_owner;
        request.ignore_backoff = by_hand;
        auto lease = co_await store_.begin_refresh(std::move(request), patience());
        if (!lease) {
            log_.event(Level::error, "token_refresh_failed",
                       {{"portal", credential->portal()},
                        {"credential", credential->name()},
                        {"reason", "store"},
                        {"error", lease.error().message}});
            count(*credential, "store");
            credential->settle(store_trouble(), Clock::now() + 1s);
            co_return true;
        }
        const storage::CredentialRecord& record = lease->record;
        switch (lease->verdict) {
            case RefreshLease::Verdict::missing:
                credential->adopt_nothing("no_tokens");
                credential->settle();
                co_return true;
            case RefreshLease::Verdict::changed:
                adopt(credential, record, lease->now);
                credential->settle();
                co_return true;
            case RefreshLease::Verdict::backing_off: {
                adopt(credential, record, lease->now);
                const milliseconds left(std::max<UnixMs>(record.retry_at - lease->now, 0));
                credential->settle(remembered_failure(record.reason), Clock::now() + left);
                co_return true;
            }
            case RefreshLease::Verdict::busy: {
                const auto owner = parse_lease_owner(record.lease_owner);
                if (owner && is_dead(*owner)) {
                    dead_owner = record.lease_owner;
                    break;
                }
                net::Sleep sleep(worker_, Clock::now() + busy_poll);
                co_await sleep.wait();
                break;
            }
            case RefreshLease::Verdict::granted: co_return co_await renew(credential, *std::move(lease));
        }
    }
    credential->settle(trouble("GATEWAY_UPSTREAM_TIMEOUT",
                               "another gateway has been renewing the access token for too "
                               "long"),
                       Clock::now() + 1s);
    co_return true;
}

/// One question to the token endpoint, by GET where POST is not understood, again where no answer came.
asio::awaitable<TokenKeeper::Asked> TokenKeeper::ask(TokenClient& client, std::string ca, std::string url,
                                                     core::Secret parameters) {
    Asked asked;
    Verb verb = Verb::post;
    for (int attempt = 0; attempt < 3; ++attempt) {
        auto request = make_token_request(url, parameters, verb);
        if (!request) break;
        const core::TimePoint deadline = Clock::now() + token_request_timeout;
        asked.answer = co_await client.ask(std::move(request->target), ca, std::move(request->head),
                                           std::move(request->body), deadline);
        if (verb == Verb::post && fall_back_to_get(view(asked.answer)))
            verb = Verb::get;
        else if (!asked.repeated && repeat_at_once(view(asked.answer)))
            asked.repeated = true;
        else
            break;
    }
    co_return std::move(asked);
}

asio::awaitable<TokenKeeper::Exchanged> TokenKeeper::exchange_code(std::shared_ptr<Credential> credential,
                                                                   core::Secret code, std::string server_endpoint,
                                                                   net::Worker& caller) {
    Exchanged exchanged;
    const auto source = source_of(*credential);
    if (!source) {
        exchanged.reason = "unconfigured";
        co_return std::move(exchanged);
    }
    const config::Credential& config = source->config;
    const TokenTarget target = token_target(config.token_url, server_endpoint);
    const core::Secret parameters = code_parameters(config.client_id, config.client_secret, code);
    TokenClient client(caller);
    const Asked asked = co_await ask(client, source->ca, target.url, parameters);
    Verdict verdict = judge(view(asked.answer), core::unix_ms(), 0, core::random_fraction());
    mask(verdict.outcome, {code, config.client_secret});
    exchanged.grant = std::move(verdict.grant);
    exchanged.reason = std::move(verdict.reason);
    exchanged.failure = std::move(verdict.outcome);
    if (exchanged.failure.description.empty()) exchanged.failure.description = asked.answer.detail;
    exchanged.passing = verdict.kind == Verdict::Kind::passing;
    co_return std::move(exchanged);
}

/// With the lease: asks the server, writes down what it said. False: the record has changed meanwhile.
asio::awaitable<bool> TokenKeeper::renew(std::shared_ptr<Credential> credential, RefreshLease lease) {
    const core::TimePoint began = Clock::now();
    const storage::CredentialRecord record = std::move(lease.record);
    const auto store_now = [&] { return lease.now + core::to_ms(Clock::now() - began); };
    const auto source = source_of(*credential);
    const auto pair = open(record);
    Verdict verdict;
    if (!source || !pair) {
        verdict.reason = source ? "unreadable" : "unconfigured";
        verdict.retry_in_ms = longest_passing_backoff.count();
        verdict.outcome = trouble("GATEWAY_STORE", "the stored tokens cannot be read with the configured keys");
    } else {
        const config::Credential& config = source->config;
        const TokenTarget target = token_target(config.token_url, record.server_endpoint);
        if (target.fell_back)
            log_.event(Level::warn, "token_server_not_allowed",
                       {{"portal", record.portal}, {"credential", record.credential}, {"asked", target.url}});
        const core::Secret parameters = refresh_parameters(config.client_id, config.client_secret, pair->refresh);
        const Asked asked = co_await ask(client_, source->ca, target.url, parameters);
        verdict = judge(view(asked.answer), store_now(), record.failures, core::random_fraction());
        mask(verdict.outcome, {pair->access, pair->refresh, config.client_secret});
        if (verdict.outcome.description.empty()) verdict.outcome.description = asked.answer.detail;
        // The server may have rotated the tokens once before, and the answer was lost with the process that asked or
        // on its way: then nothing but a new authorization helps, and it should be said why.
        verdict.reason =
            reason_to_record(verdict, lease.abandoned || asked.repeated || record.reason.ends_with(answer_lost));
    }
    if (verdict.kind == Verdict::Kind::new_pair) {
        Grant grant = std::move(*verdict.grant);
        grant.pair.application_token = pair->application_token;
        co_return co_await keep(credential, record.version, std::move(grant));
    }
    const bool final = verdict.kind == Verdict::Kind::final;
    log_.event(final ? Level::error : Level::warn, "token_refresh_failed",
               {{"portal", record.portal},
                {"credential", record.credential},
                {"reason", verdict.reason},
                {"error", verdict.outcome.code},
                {"message", verdict.outcome.description},
                {"status", verdict.outcome.upstream_status},
                {"retry_in_ms", final ? 0 : verdict.retry_in_ms},
                {"took_ms", core::to_ms(Clock::now() - began)}});
    count(*credential, final ? "refused" : "failed");
    storage::Store::RefreshFailure failure;
    failure.portal = record.portal;
    failure.credential = record.credential;
    failure.seen_version = record.version;
    failure.fence = record.fence;
    failure.final = final;
    failure.reason = verdict.reason;
    failure.retry_in_ms = verdict.retry_in_ms;
    const auto written = co_await store_.fail_refresh(std::move(failure), patience());
    if (written && !*written) co_return false;  // another one has a new pair: theirs is good
    if (final) credential->refused(record.version, verdict.reason, Clock::now());
    if (final && written)
        log_.event(Level::error, "needs_reauth",
                   {{"portal", record.portal}, {"credential", record.credential}, {"reason", verdict.reason}});
    credential->settle(std::move(verdict.outcome), Clock::now() + milliseconds(verdict.retry_in_ms));
    co_return true;
}

/// The only good pair there is: it is written down however long that takes, and not used before.
asio::awaitable<bool> TokenKeeper::keep(std::shared_ptr<Credential> credential, std::int64_t seen, Grant grant) {
    core::Duration pause = store_retry_least;
    const auto pair = sealed(credential->portal(), credential->name(), grant);
    if (!pair) {
        credential->settle(store_trouble(), Clock::now() + 1s);
        co_return true;
    }
    for (;;) {
        auto record = co_await store_.finish_refresh(credential->portal(), credential->name(), seen, *pair, patience());
        if (record) {
            const std::int64_t lives_for = grant.expires_in_ms;
            adopt(credential, *record, record->expires_at - lives_for);
            log_.event(Level::info, "token_refreshed",
                       {{"portal", credential->portal()},
                        {"credential", credential->name()},
                        {"expires_in_s", lives_for / 1000}});
            count(*credential, "ok");
            credential->settle();
            co_return true;
        }
        log_.event(
            Level::error, "token_not_stored",
            {{"portal", credential->portal()}, {"credential", credential->name()}, {"error", record.error().message}});
        count(*credential, "store");
        // Those who wait are told; whoever comes meanwhile is held off until the next try.
        credential->hold_off(store_trouble(), Clock::now() + pause);
        net::Sleep sleep(worker_, Clock::now() + pause);
        co_await sleep.wait();
        pause = std::min<core::Duration>(pause * 2, store_retry_most);
    }
}

void TokenKeeper::refused(const std::shared_ptr<Credential>& credential, std::int64_t version, std::string code) {
    if (!credential->refused(version, code, Clock::now())) return;
    log_.event(Level::error, "needs_reauth",
               {{"portal", credential->portal()}, {"credential", credential->name()}, {"reason", code}});
    if (!credential->oauth()) return;
    asio::post(worker_.io, [this, credential, version, code = std::move(code)] {
        asio::co_spawn(worker_.io, mark(credential, version, code), asio::detached);
    });
}

asio::awaitable<void> TokenKeeper::mark(std::shared_ptr<Credential> credential, std::int64_t version,
                                        std::string code) {
    // It is marked here already; should the store be away, the next process finds out by itself.
    const auto marked = co_await store_.mark_needs_reauth(credential->portal(), credential->name(), version,
                                                          std::move(code), patience());
    if (!marked)
        log_.event(Level::warn, "store_failed", {{"what", "mark_needs_reauth"}, {"error", marked.error().message}});
}

asio::awaitable<storage::Result<storage::CredentialRecord>> TokenKeeper::put(std::string portal, std::string credential,
                                                                             Grant grant, core::Deadline deadline) {
    auto pair = sealed(portal, credential, grant);
    if (!pair) {
        storage::Failure failure;
        failure.message = "no encryption key is configured";
        co_return failure;
    }
    auto record = co_await store_.put_credential(portal, credential, *std::move(pair), deadline);
    if (!record) co_return record.error();
    if (const auto live = find(portal, credential)) adopt(live, *record, record->expires_at - grant.expires_in_ms);
    log_.event(Level::info, "tokens_stored",
               {{"portal", portal}, {"credential", credential}, {"expires_in_s", grant.expires_in_ms / 1000}});
    co_return *std::move(record);
}

asio::awaitable<storage::Result<TokenKeeper::Rekeyed>> TokenKeeper::rekey(core::Deadline deadline) {
    Rekeyed counts;
    const auto listed = co_await store_.list_credentials(deadline);
    if (!listed) co_return listed.error();
    const auto ring = keys();
    for (const storage::CredentialRecord& record : listed->records) {
        if (record.key_id == ring->current_id()) {
            ++counts.current;
            continue;
        }
        const std::string context = sealing_context(record.portal, record.credential);
        const auto plain = ring->open(record.key_id, record.sealed, context);
        auto anew = plain ? ring->seal(plain->reveal(), context) : std::nullopt;
        if (!anew) {
            ++counts.unreadable;
            continue;
        }
        const auto written = co_await store_.reseal_credential(
            record.portal, record.credential, record.sealed, std::move(anew->key_id), std::move(anew->bytes), deadline);
        if (!written) co_return written.error();
        // Not written: a refresh came between, and that has sealed with the key that its process has.
        if (*written) ++counts.resealed;
    }
    co_return counts;
}

void TokenKeeper::count(const Credential& credential, std::string_view result) {
    metrics_.token_refreshes.with({credential.portal(), credential.name(), std::string(result)}).add();
}

}  // namespace b24gate::tokens
