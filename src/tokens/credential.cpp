#include <b24gate/tokens/credential.hpp>

#include <utility>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/tokens/refresh_policy.hpp>

namespace b24gate::tokens {

Credential::Look Credential::look_locked(core::TimePoint now) const {
    Look look;
    look.token = token_;
    look.reason = reason_;
    if (needs_reauth_ || (oauth_ && !token_))
        look.state = State::needs_reauth;
    else if (!oauth_)
        look.state = State::usable;
    else if (now >= token_->expires_at)
        look.state = State::expired;
    else
        look.state = now + access_margin >= token_->expires_at ? State::expiring : State::usable;
    return look;
}

Credential::Look Credential::look(core::TimePoint now) {
    if (!oauth_ && !marked_.load(std::memory_order_relaxed)) return {State::usable, nullptr, {}};
    const std::lock_guard lock(mutex_);
    Look look = look_locked(now);
    if (!oauth_ && needs_reauth_ && now >= next_probe_) {
        next_probe_ = now + webhook_probe_interval;
        look.state = State::usable;
    }
    return look;
}

Credential::Look Credential::peek(core::TimePoint now) const {
    const std::lock_guard lock(mutex_);
    return look_locked(now);
}

bool Credential::refused(std::int64_t version, std::string reason, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (oauth_ && (!token_ || token_->version != version)) return false;
    const bool news = !needs_reauth_;
    needs_reauth_ = true;
    reason_ = std::move(reason);
    if (!oauth_) {
        marked_.store(true, std::memory_order_relaxed);
        next_probe_ = now + webhook_probe_interval;
    }
    return news;
}

void Credential::expired(std::int64_t version, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (!token_ || token_->version != version || token_->expires_at <= now) return;
    auto token = std::make_shared<Token>(*token_);
    token->expires_at = now;
    token_ = std::move(token);
}

void Credential::accept_webhook() noexcept {
    const std::lock_guard lock(mutex_);
    needs_reauth_ = false;
    reason_.clear();
    marked_.store(false, std::memory_order_relaxed);
}

bool Credential::adopt(const storage::CredentialRecord& record, core::Secret access, storage::UnixMs store_now,
                       core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (record.version < record_.version) return false;
    const bool marked = record.state == storage::CredentialRecord::State::needs_reauth;
    const bool newer = !token_ || token_->version != record.version;
    const bool news = newer || (marked && !needs_reauth_);
    record_ = record;
    record_.sealed.clear();
    if (newer) {
        auto token = std::make_shared<Token>();
        token->access = std::move(access);
        token->version = record.version;
        token->expires_at = now + std::chrono::milliseconds(record.expires_at - store_now);
        token_ = std::move(token);
        needs_reauth_ = false;
        reason_.clear();
    }
    // The other way round, a mark that has not reached the store yet stays: the pair is the same one.
    if (marked) {
        needs_reauth_ = true;
        reason_ = record.reason;
    }
    return news;
}

bool Credential::adopt_nothing(std::string reason) {
    const std::lock_guard lock(mutex_);
    const bool news = token_ != nullptr || reason_ != reason;
    token_.reset();
    needs_reauth_ = true;
    reason_ = std::move(reason);
    record_ = {};
    return news;
}

std::int64_t Credential::version() const {
    const std::lock_guard lock(mutex_);
    return token_ ? token_->version : 0;
}

storage::CredentialRecord Credential::record() const {
    const std::lock_guard lock(mutex_);
    return record_;
}

bool Credential::join(Waiter waiter) {
    const std::lock_guard lock(mutex_);
    if (waiter) waiters_.push_back(std::move(waiter));
    return !std::exchange(refreshing_, true);
}

void Credential::tell(bitrix::Outcome failure, core::TimePoint retry_at, bool goes_on) {
    std::vector<Waiter> waiters;
    {
        const std::lock_guard lock(mutex_);
        failure_.outcome = std::move(failure);
        failure_.retry_at = retry_at;
        refreshing_ = goes_on;
        waiters.swap(waiters_);
    }
    for (const Waiter& waiter : waiters) waiter->fulfil(true);
}

void Credential::settle(bitrix::Outcome failure, core::TimePoint retry_at) {
    tell(std::move(failure), retry_at, false);
}

void Credential::settle() { tell(bitrix::Outcome{}, core::TimePoint{}, false); }

void Credential::hold_off(bitrix::Outcome failure, core::TimePoint retry_at) {
    tell(std::move(failure), retry_at, true);
}

Credential::Failure Credential::last_failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

bitrix::Outcome reauth_required(const Credential& credential, std::string_view reason) {
    const std::string help = credential.oauth()
                                 ? "authorize it again at /oauth/install?portal=" + credential.portal() +
                                       "&credential=" + credential.name() + ", or with `b24gate tokens import`"
                                 : "make a new webhook in the portal and put its secret into the configuration";
    return bitrix::refusal(bitrix::GatewayCode::reauth_required, "the portal does not accept credential " +
                                                                     credential.name() + " any more (" +
                                                                     std::string(reason) + "); " + help);
}

}  // namespace b24gate::tokens
