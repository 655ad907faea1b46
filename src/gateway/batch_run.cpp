#include <b24gate/gateway/batch_run.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <b24gate/bitrix/batch_answer.hpp>
#include <b24gate/bitrix/classify.hpp>
#include <b24gate/core/text.hpp>
#include <b24gate/gateway/outgoing.hpp>
#include <b24gate/gateway/rename.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/net/field.hpp>
#include <b24gate/server/request_id.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using bitrix::ErrorClass;
using core::Clock;
using core::TimePoint;
using End = CarriedAnswer::End;

/// Far above what 50 answers of a list have.
constexpr std::size_t buffer_limit = 64 * 1024 * 1024;

/// A reload may have put another webhook or application under the same name while calls waited.
bool same_identity(const config::Credential& a, const config::Credential& b) {
    return a.type == b.type && a.user == b.user && a.client_id == b.client_id &&
           core::equal_constant_time(a.secret.reveal(), b.secret.reveal());
}

/// The head of an answer for each call of its own, with the views that belong to it.
void copy_head(const upstream::Exchange& from, upstream::Exchange& to) {
    to.head = from.head;
    to.fields = from.fields;
    net::rebase(to.fields, from.head.data(), to.head.data());
}

class BatchRun {
public:
    BatchRun(std::shared_ptr<Portal> portal, std::uint64_t batch, std::vector<Portal::Boarded> aboard)
        : portal_(std::move(portal)),
          batch_(batch),
          aboard_(std::move(aboard)),
          first_(aboard_.front().passenger),
          head_(*first_),
          credential_(head_.portal->live(head_.credential)) {
        call_.method = call_.method_lower = "batch";
        call_.body_kind = bitrix::BodyKind::json;
        call_.send_as_post = true;
        call_.is_batch = true;
    }

    asio::awaitable<void> run() {
        for (const Portal::Boarded& one : aboard_) {
            if (same_identity(*one.passenger->credential, *head_.credential)) continue;
            record();
            finish_all(End::alone);
            co_return;
        }
        const tokens::Credential::Look look = credential_->look(Clock::now());
        if (look.state == tokens::Credential::State::needs_reauth || look.state == tokens::Credential::State::expired) {
            // Each of them knows how to wait for a token.
            record();
            finish_all(End::again);
            co_return;
        }
        token_ = look.token;
        co_await write_down_attempts();
        if (aboard_.empty()) {
            record();
            co_return;
        }
        for (const Portal::Boarded& one : aboard_) commands_.push_back(&one.passenger->command);
        call_.rewritten_body = bitrix::batch_body(commands_);
        co_await exchange();
        judge();
        if (outcome_.error_class == ErrorClass::auth_expired && token_) {
            // Before the slot is free: what leaves next would only be told the same.
            credential_->expired(token_->version, Clock::now());
            renewed_ = true;
            record();
            const auto live = head_.portal->credentials.find(head_.credential)->second;
            // Whatever comes of it, the calls find out for themselves.
            static_cast<void>(
                co_await head_.worker->keeper.refresh(live, token_->version, head_.worker->worker, latest_deadline()));
            finish_all(End::again);
            co_return;
        }
        record();
        if (outcome_.ok())
            finish_parts();
        else
            finish_failed();
    }

    /// Whatever has gone wrong here: nobody may wait for ever, and what may have been carried out is not sent again.
    void give_up() {
        if (tried_) {
            outcome_ = bitrix::Outcome{};
            outcome_.error_class = ErrorClass::server;
            outcome_.executed = bitrix::Executed::unknown;
            outcome_.origin = bitrix::Origin::gateway;
            outcome_.code = "GATEWAY_BAD_ANSWER";
            outcome_.description = "an internal error behind a batch";
            parts_.clear();
        }
        record();
        tried_ ? finish_failed() : finish_all(End::alone);
    }

private:
    /// Whose attempt cannot be written down stays behind.
    asio::awaitable<void> write_down_attempts() {
        std::vector<std::shared_ptr<AttemptLedger>> departing;
        for (const Portal::Boarded& one : aboard_)
            if (one.passenger->ledger) departing.push_back(one.passenger->ledger);
        if (departing.empty()) co_return;
        const std::vector<bool> may_leave = co_await write_down(std::move(departing), server::request_id({}));
        std::vector<Portal::Boarded> leaving;
        std::size_t ledgers = 0;
        for (std::size_t i = 0; i < aboard_.size(); ++i) {
            if (!aboard_[i].passenger->ledger || may_leave[ledgers++]) {
                leaving.push_back(aboard_[i]);
                continue;
            }
            auto carried = answer(i);
            carried->end = End::alone;
            finish(i, std::move(carried));
        }
        aboard_ = std::move(leaving);
        written_down_ = true;
    }

    asio::awaitable<void> exchange() {
        for (const Portal::Boarded& one : aboard_)
            if (one.passenger->departure) one.passenger->departure->departs();
        const TimePoint before = Clock::now();
        const std::vector<net::Field> fields{{"Accept", "application/json"}, {"User-Agent", "b24gate"}};
        for (int renames = 0; renames <= max_renames; ++renames) {
            Portal::Location location;
            upstream::HttpsClient& client = head_.worker->client(*head_.portal, location);
            target_ = location.target;
            const OutgoingFacts facts{call_, head_.credential, target_, fields, {}, token_ ? &token_->access : nullptr};
            const std::string path = outgoing_target(facts);
            Outgoing message = outgoing_message(facts, path);
            upstream::OutgoingRequest request;
            request.head = std::move(message.head);
            request.body = message.body;
            request.read_timeout = head_.portal->config->timeout;
            request.deadline = latest_deadline().within(Clock::now(), head_.portal->config->timeout).at;
            request.buffer_limit = buffer_limit;
            tried_ = true;
            exchange_ = co_await client.send(std::move(request));
            count_hit();
            if (!is_redirect(exchange_)) break;
            if (!follow_rename(*portal_, *head_.portal->config, *head_.log, target_, exchange_, path)) break;
        }
        took_ = Clock::now() - before;
    }

    /// Of all aboard the head's client pays, also when its caller has left.
    void count_hit() {
        if (!sent()) return;
        const auto found = head_.snapshot->requests.find({head_.client, head_.portal->config->name});
        if (found != head_.snapshot->requests.end())
            found->second->spent("batch", 1, 0);  // each call aboard tells its own seconds
    }

    [[nodiscard]] bool sent() const { return tried_ && exchange_.transport != bitrix::Transport::not_sent; }

    void judge() {
        bitrix::WireAnswer answer;
        answer.transport = exchange_.transport;
        answer.transport_error = exchange_.error;
        answer.status = exchange_.status;
        answer.content_type = exchange_.field("content-type");
        answer.location = exchange_.field("location");
        answer.retry_after = exchange_.field("retry-after");
        answer.body = exchange_.body;
        answer.body_complete = exchange_.rest == nullptr;
        bitrix::CallFacts facts;
        facts.method = "batch";
        facts.writes = head_.command.writes;
        outcome_ = bitrix::classify(answer, facts);
        head_.portal->metrics->attempt(outcome_.error_class, took_);
        if (!outcome_.ok()) return;
        auto parts = exchange_.status == 200 && answer.body_complete
                         ? bitrix::split_batch(exchange_.body, commands_)
                         : boost::system::result<std::vector<bitrix::PartAnswer>, std::string>(
                               std::string("the answer to the batch is not whole"));
        const auto is_missing = [](const bitrix::PartAnswer& part) {
            return part.kind == bitrix::PartAnswer::Kind::missing;
        };
        if (parts && !std::ranges::all_of(*parts, is_missing)) {
            parts_ = std::move(*parts);
            return;
        }
        outcome_.error_class = ErrorClass::server;
        outcome_.executed = bitrix::Executed::unknown;
        outcome_.code = "GATEWAY_BAD_ANSWER";
        outcome_.description = parts ? "the portal's answer to a batch says nothing of any call in it" : parts.error();
    }

    /// Teaches admission what the whole was like.
    void record() {
        admission::Feedback whole;
        whole.error_class = tried_ ? outcome_.error_class : ErrorClass::gateway;
        whole.hit_sent = sent();
        whole.coded = outcome_.has_code;
        whole.timing = outcome_.timing;
        whole.latency = took_;
        whole.unix_now = core::unix_seconds();
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            admission::Feedback::Inner inner;
            inner.method = aboard_[i].passenger->method_lower;
            inner.timing = parts_[i].outcome.timing;
            inner.operating_limit = parts_[i].outcome.error_class == ErrorClass::operating_limit;
            inner.rate_limit = parts_[i].outcome.error_class == ErrorClass::rate_limit;
            whole.inner.push_back(std::move(inner));
        }
        const admission::BatchNews news = portal_->record_batch(batch_, whole);
        observe::Log& log = *head_.log;
        if (tried_ && !outcome_.ok())
            log.event(observe::Level::warn, "batch_failed",
                      {{"portal", portal_->name()},
                       {"calls", aboard_.size()},
                       {"status", exchange_.status},
                       {"class", to_string(outcome_.error_class)},
                       {"error", outcome_.code},
                       {"message", exchange_.detail.empty() ? outcome_.description : exchange_.detail}});
        if (news.change == admission::BatchHealth::Change::off)
            log.event(observe::Level::warn, "batches_off",
                      {{"portal", portal_->name()},
                       {"credential", credential_->name()},
                       {"reason", news.why},
                       {"retry_in_ms", core::to_ms(news.retry_after)}});
        if (news.change == admission::BatchHealth::Change::on)
            log.event(observe::Level::info, "batches_on",
                      {{"portal", portal_->name()}, {"credential", credential_->name()}});
    }

    void finish_parts() {
        credential_->accepted();
        for (std::size_t i = 0; i < aboard_.size(); ++i) {
            auto carried = answer(i);
            bitrix::PartAnswer& part = parts_[i];
            carried->outcome = std::move(part.outcome);
            carried->exchange.body = std::move(part.body);
            carried->end = end_of(part.kind, carried->outcome, aboard_[i].passenger->command.writes);
            finish(i, std::move(carried));
        }
    }

    /// A portal lets the text of one command's failure leak into another's, and tells no status: the true failure is
    /// the one that the call gets alone. Only what may have been carried out is not sent again.
    static End end_of(bitrix::PartAnswer::Kind kind, const bitrix::Outcome& outcome, bool writes) {
        if (kind == bitrix::PartAnswer::Kind::success) return End::answered;
        if (outcome.error_class == ErrorClass::rate_limit || outcome.error_class == ErrorClass::operating_limit)
            return End::again;
        return !writes || outcome.executed == bitrix::Executed::no ? End::alone : End::answered;
    }

    void finish_failed() {
        const bool no_budget = outcome_.error_class == ErrorClass::rate_limit ||
                               outcome_.error_class == ErrorClass::overload ||
                               outcome_.error_class == ErrorClass::operating_limit;
        if (no_budget) return finish_all(End::again);
        for (std::size_t i = 0; i < aboard_.size(); ++i) {
            auto carried = answer(i);
            carried->outcome = outcome_;
            carried->outcome.json_error = false;  // the text of the whole is not this call's
            carried->exchange.transport = exchange_.transport;
            carried->exchange.error = exchange_.error;
            const bool again = !aboard_[i].passenger->command.writes || outcome_.executed == bitrix::Executed::no;
            carried->end = again && !carried->written_down ? End::alone : End::answered;
            finish(i, std::move(carried));
        }
    }

    void finish_all(End end) {
        for (std::size_t i = 0; i < aboard_.size(); ++i) {
            auto carried = answer(i);
            carried->outcome = outcome_;
            carried->end = end;
            finish(i, std::move(carried));
        }
    }

    std::shared_ptr<CarriedAnswer> answer(std::size_t i) const {
        auto carried = std::make_shared<CarriedAnswer>();
        carried->aboard = static_cast<unsigned>(aboard_.size());
        carried->sent = sent();
        carried->written_down = written_down_ && aboard_[i].passenger->ledger;
        carried->renewed = renewed_;
        carried->token = token_;
        carried->target = target_;
        carried->took = took_;
        carried->exchange.transport = bitrix::Transport::replied;
        carried->exchange.status = exchange_.status;
        copy_head(exchange_, carried->exchange);
        return carried;
    }

    void finish(std::size_t i, std::shared_ptr<CarriedAnswer> carried) {
        aboard_[i].wait->fulfil(Turn(std::move(carried)));
    }

    /// Callers whose time is up leave by themselves; the others get what comes.
    [[nodiscard]] core::Deadline latest_deadline() const {
        core::Deadline latest{TimePoint::min()};
        for (const Portal::Boarded& one : aboard_) latest.at = std::max(latest.at, one.passenger->deadline.at);
        return latest;
    }

    const std::shared_ptr<Portal> portal_;
    const std::uint64_t batch_;
    std::vector<Portal::Boarded> aboard_;
    const std::shared_ptr<const Passenger> first_;  ///< also when it stays behind
    const Passenger& head_;
    tokens::Credential* const credential_;
    std::vector<const bitrix::Command*> commands_;
    bitrix::Call call_;
    std::shared_ptr<const tokens::Token> token_;
    upstream::Target target_;
    upstream::Exchange exchange_;
    bitrix::Outcome outcome_;
    std::vector<bitrix::PartAnswer> parts_;
    core::Duration took_{0};
    bool written_down_ = false;
    bool tried_ = false;  ///< from here on the portal may have seen it
    bool renewed_ = false;
};

asio::awaitable<void> run_batch(std::shared_ptr<BatchRun> run) {
    try {
        co_await run->run();
    } catch (const std::exception&) {
        run->give_up();
    }
}

}  // namespace

void begin_batch(std::shared_ptr<Portal> portal, std::uint64_t batch, std::vector<Portal::Boarded> aboard) {
    asio::io_context& io = aboard.front().passenger->worker->worker.io;
    auto run = std::make_shared<BatchRun>(std::move(portal), batch, std::move(aboard));
    // co_spawn alone would begin inside of this call when the thread is the right one, and the caller holds a lock.
    asio::post(
        io, [&io, run = std::move(run)]() mutable { asio::co_spawn(io, run_batch(std::move(run)), asio::detached); });
}

}  // namespace b24gate::gateway
