#include <b24gate/gateway/read_run.hpp>

#include <algorithm>
#include <utility>

#include <b24gate/core/text.hpp>
#include <b24gate/gateway/batch.hpp>
#include <b24gate/net/sweeper.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::ErrorClass;
using bitrix::GatewayCode;
using core::Clock;
using core::TimePoint;
using Told = PortalReads::Told;

/// A portal may work so long on a request that it has not answered (reference 3.7: 60 s, and what lies between).
constexpr auto settle = std::chrono::seconds(75);

/// Ends a wait at its deadline. On the worker of the waiting coroutine.
class FollowerDeadline final : public net::Swept {
public:
    FollowerDeadline(net::Worker& worker, core::Deadline deadline, PortalReads& reads, PortalReads::Follower& follower)
        : reads_(reads), follower_(follower) {
        deadline_ = deadline.at;
        worker.sweeper.add(*this);
    }

private:
    void on_deadline() override { reads_.leave(follower_, Told::Kind::expired); }
    PortalReads& reads_;
    PortalReads::Follower& follower_;
};

/// Of a batch: of each command that is no read.
bitrix::Touched touched_by(const bitrix::Call& call, const bitrix::Methods& methods, std::vector<std::string>& names) {
    bitrix::Touched touched;
    if (call.kind != bitrix::CallKind::method) {
        touched.everything = true;
        return touched;
    }
    if (!call.is_batch) {
        names.push_back(call.method_lower);
    } else {
        names = inner_methods(call);
        std::erase_if(names, [&](const std::string& name) { return methods.effect(name) == bitrix::Effect::read; });
    }
    for (const std::string& name : names) merge(touched, bitrix::touched_by(name, methods.known(name)));
    return touched;
}

PortalReads::Failed why_unshared(const CallReport& report, core::Deadline deadline) {
    if (report.outcome.ok()) return PortalReads::Failed::unshared;
    const bool itself =
        report.hung_up || report.outcome.code == to_string(GatewayCode::deadline) || deadline.passed(Clock::now());
    return itself ? PortalReads::Failed::itself : PortalReads::Failed::portal;
}

}  // namespace

/// A write to a portal whose answers are kept. Shared with the batch that it may travel in.
class ReadRun::WriteDeparture final : public Departure {
public:
    explicit WriteDeparture(const CallOrder& order)
        : reads_(order.portal.reads),
          cache_(order.worker.cache),
          metrics_(*order.portal.metrics),
          touched_(touched_by(order.call, order.portal.methods, names_)) {}

    void departs() noexcept override {
        sent_ = true;
        tell(TimePoint::min());
    }
    void ended(bool certain) {
        if (sent_) tell(certain ? TimePoint::min() : Clock::now() + settle);
    }

private:
    void tell(TimePoint settled) { metrics_.cache_dropped(reads_->wrote(touched_, cache_, settled)); }

    const std::shared_ptr<PortalReads> reads_;
    AnswerCache& cache_;
    observe::PortalMetrics& metrics_;
    std::vector<std::string> names_;  ///< what `touched_` may look at
    const bitrix::Touched touched_;
    std::atomic<bool> sent_{false};
};

ReadRun::ReadRun(const CallOrder& order) : order_(order), reads_(order.portal.reads) {
    switch (role_of()) {
        case Role::plain: return;
        case Role::write: watch_write(); return;
        case Role::read: break;
    }
    const bitrix::Call& call = order_.call;
    rule_ = order_.portal.cache_rule(*order_.snapshot.config, call.method_lower, rule_number_);
    const CacheWish wish = cache_wish(order_.request.fields);
    const bool may_share = order_.portal.config->share_reads && !wish.fresh;
    if (!wish.keep) rule_ = nullptr;
    if (rule_ == nullptr && !may_share) return;
    const tokens::Credential* live = order_.portal.live(order_.credential);
    if (live != nullptr && live->oauth()) token_version_ = live->version();
    ReadKeyFacts facts{call,
                       order_.request.fields,
                       order_.portal.config->name,
                       Snapshot::credential_name(*order_.portal.config, order_.credential),
                       token_version_,
                       order_.snapshot.reads_generation};
    key_ = read_key(facts);
    fresh_ = wish.fresh;
    shares_ = may_share;
}

ReadRun::~ReadRun() {
    // Only when the coroutine was given up in the middle.
    if (flight_) reads_->pass_on(flight_, PortalReads::Failed::itself);
}

ReadRun::Role ReadRun::role_of() const {
    const bitrix::Call& call = order_.call;
    if (!order_.portal.config->share_reads && order_.portal.cache.empty()) return Role::plain;
    if (call.kind == bitrix::CallKind::download) return Role::plain;
    if (call.kind == bitrix::CallKind::upload) return Role::write;
    if (writes(call, order_.portal.methods)) return Role::write;
    // An operation's attempt stands in its history: it is its own.
    if (order_.ledger) return Role::plain;
    const bool alike = order_.credential != nullptr && !call.is_batch && call.suffix != bitrix::Suffix::xml &&
                       call.body_kind != bitrix::BodyKind::multipart && call.body().size() <= largest_shared_body &&
                       order_.request.method != "HEAD" && !bitrix::answers_once(call.method_lower) &&
                       !order_.portal.methods.file_answer(call.method_lower);
    return alike ? Role::read : Role::plain;
}

void ReadRun::watch_write() {
    if (order_.portal.cache.empty()) {
        order_.departure = reads_;
        return;
    }
    write_ = std::make_shared<WriteDeparture>(order_);
    order_.departure = write_;
}

asio::awaitable<CallReport> ReadRun::run() {
    CallReport report = empty_report();
    if (!key_.empty()) {
        if (kept(report)) co_return std::move(report);
        if (shares_ && co_await follow(report)) co_return std::move(report);
        if (!flight_) flight_ = reads_->solo();
        order_.departure = flight_;
    }
    CallRun run(order_);
    report = co_await run.run();
    if (flight_)
        read_ended(report);
    else if (order_.departure)
        write_ended(report);
    co_return std::move(report);
}

/// True: the report is that of a kept answer.
bool ReadRun::kept(CallReport& report) {
    if (rule_ == nullptr || fresh_) return false;
    auto hit = order_.worker.cache.find(key_, began_);
    order_.portal.metrics->cache_asked(hit.has_value());
    if (!hit) return false;
    source_ = Source::cache;
    age_ = hit->age;
    take(report, std::move(hit->value));
    return true;
}

/// True: the report is that of another one's call, or why there is none. False: the call has to be made.
asio::awaitable<bool> ReadRun::follow(CallReport& report) {
    PortalReads::Question question{
        rule_ != nullptr ? key_ : std::move(key_), order_.client.name,  order_.priority, order_.deadline,
        order_.portal.config->max_queue,           order_.worker.worker};
    PortalReads::Place place = reads_->join(std::move(question));
    flight_ = std::move(place.flight);
    follower_ = std::move(place.follower);
    if (!follower_) co_return false;
    const std::shared_ptr<PortalReads::Flight> followed = std::move(flight_);
    Told told = co_await wait();
    const core::Duration took = Clock::now() - began_;
    switch (told.kind) {
        case Told::Kind::answer:
            source_ = Source::shared;
            report.waited = std::min(took, told.answer->waited);
            report.upstream = took - report.waited;
            report.attempts = report.facts.attempts = told.answer->attempts;
            take(report, std::move(told.answer));
            order_.portal.metrics->shared_read();
            co_return true;
        case Told::Kind::lead: flight_ = followed; co_return false;
        case Told::Kind::alone: co_return false;
        case Told::Kind::expired:
            report.outcome = bitrix::refusal(GatewayCode::deadline,
                                             "the deadline passed while the call shared the way of the same read");
            break;
        case Told::Kind::hung_up:
            report.hung_up = true;
            report.outcome = bitrix::refusal(GatewayCode::deadline, "the caller has hung up");
            break;
        case Told::Kind::draining:
            report.outcome =
                bitrix::refusal(GatewayCode::draining, "this gateway is shutting down; send it to another one");
            break;
    }
    report.waited = took;
    co_return true;
}

asio::awaitable<Told> ReadRun::wait() {
    const FollowerDeadline guard(order_.worker.worker, order_.deadline, *reads_, *follower_);
    order_.connection.watch_hangup([this] { reads_->leave(*follower_, Told::Kind::hung_up); });
    Told told = co_await follower_->waiter.wait();
    order_.connection.unwatch_hangup();
    co_return std::move(told);
}

CallReport ReadRun::empty_report() const {
    CallReport report;
    report.facts.api = order_.call.api;
    report.facts.portal = order_.portal.config->name;
    report.facts.method = order_.call.method;
    report.facts.request_id = order_.request.id;
    report.facts.repeat_is_safe = true;
    return report;
}

void ReadRun::take(CallReport& report, std::shared_ptr<const SharedAnswer> answer) {
    answer->put_into(report);
    answer_ = std::move(answer);
}

void ReadRun::read_ended(const CallReport& report) {
    const std::shared_ptr<PortalReads::Flight> flight = std::move(flight_);
    if (!can_be_shared(report)) {
        reads_->pass_on(flight, why_unshared(report, order_.deadline));
        return;
    }
    const auto followers = reads_->land(*flight);
    const std::int64_t version = report.token ? report.token->version : 0;
    const bool keep = rule_ != nullptr && version == token_version_ && can_be_kept(report);
    if (followers.empty() && !keep) return;
    const auto answer = SharedAnswer::of(report);
    for (const auto& follower : followers) follower->waiter.fulfil({Told::Kind::answer, answer});
    if (!keep) return;
    ReadCache::Entry entry;
    entry.key = std::move(key_);
    entry.portal = order_.portal.config->name;
    entry.family = bitrix::family_of(order_.call.method_lower);
    entry.rule = rule_number_;
    entry.bytes = answer->bytes();
    entry.born = Clock::now();
    entry.lives = rule_->ttl;
    reads_->keep(*flight, order_.worker.cache, order_.snapshot.reads_generation, std::move(entry), answer);
}

void ReadRun::write_ended(const CallReport& report) {
    if (write_)
        write_->ended(report.outcome.executed != bitrix::Executed::unknown && !report.hung_up);
    else
        reads_->departs();
}

}  // namespace b24gate::gateway
