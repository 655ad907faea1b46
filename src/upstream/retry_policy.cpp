#include <b24gate/upstream/retry_policy.hpp>

#include <algorithm>
#include <cmath>

#include <b24gate/core/text.hpp>

namespace b24gate::upstream {
namespace {

using bitrix::ErrorClass;
using bitrix::Executed;
using Kind = Decision::Kind;
using Why = Decision::Why;

enum class Treatment { done, final_verdict, wait_for_budget, refresh_once, by_rule };

/// One row a class; -Wswitch keeps it complete.
Treatment treatment_of(ErrorClass error_class) noexcept {
    switch (error_class) {
        case ErrorClass::ok: return Treatment::done;
        case ErrorClass::rate_limit:
        case ErrorClass::operating_limit: return Treatment::wait_for_budget;
        case ErrorClass::auth_expired: return Treatment::refresh_once;
        case ErrorClass::server:
        case ErrorClass::network:
        case ErrorClass::timeout: return Treatment::by_rule;
        // The breaker takes over: who asks again at once makes it worse.
        case ErrorClass::overload:
        case ErrorClass::auth_invalid:
        case ErrorClass::permission:
        case ErrorClass::plan:
        case ErrorClass::validation:
        case ErrorClass::not_found:
        case ErrorClass::method_unknown:
        case ErrorClass::business:
        case ErrorClass::portal_gone:
        case ErrorClass::gateway: break;
    }
    return Treatment::final_verdict;
}

const config::RetryRule& rule_of(ErrorClass error_class, const config::Retry& rules) noexcept {
    if (error_class == ErrorClass::network) return rules.network;
    return error_class == ErrorClass::timeout ? rules.timeout : rules.server;
}

/// The portal does not know the token. It may have been replaced by another process: a refresh tells (reference 3.3).
bool is_unknown_token(const bitrix::Outcome& outcome) noexcept {
    return outcome.error_class == ErrorClass::auth_invalid && core::iequals(outcome.code, "invalid_token");
}

Decision stop(Why why) noexcept { return {Kind::stop, {}, why}; }

/// Also true for times so far away that adding to them would overflow.
bool too_late(core::Duration delay, const RetryFacts& facts) noexcept {
    const core::Duration left = facts.deadline.left(facts.now);
    return left < least_useful_time || delay > left - least_useful_time;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::stop: return "stop";
        case Kind::requeue: return "requeue";
        case Kind::refresh: return "refresh";
        case Kind::retry: return "retry";
    }
    return "stop";
}

std::string_view to_string(Why why) noexcept {
    switch (why) {
        case Why::none: return "";
        case Why::final_verdict: return "final";
        case Why::not_safe: return "not_safe";
        case Why::exhausted: return "exhausted";
        case Why::deadline: return "deadline";
    }
    return "";
}

core::Duration backoff(const config::RetryRule& rule, unsigned attempt, double random) noexcept {
    const double base = std::max(0.0, static_cast<double>(rule.base.count()));
    const double max = std::clamp(static_cast<double>(rule.max.count()), 0.0, 86'400'000.0);  // a day, for safety
    const double ceiling = std::min(max, std::ldexp(base, static_cast<int>(std::min(attempt, 64u)) - 1));
    const double part = random > 0 ? std::min(random, 1.0) : 0;  // also for NaN
    return core::from_seconds(ceiling * part / 1000);
}

Decision decide(const bitrix::Outcome& outcome, unsigned attempt, const RetryFacts& facts) noexcept {
    Treatment treatment = treatment_of(outcome.error_class);
    if (facts.has_tokens && is_unknown_token(outcome)) treatment = Treatment::refresh_once;
    if (treatment == Treatment::refresh_once && !facts.has_tokens) treatment = Treatment::final_verdict;
    if (treatment == Treatment::done) return stop(Why::none);
    if (treatment == Treatment::final_verdict) return stop(Why::final_verdict);
    // What was not carried out may always be sent again, also a write.
    if (outcome.executed != Executed::no && !facts.repeat_is_safe) return stop(Why::not_safe);

    core::Duration delay{};
    Kind kind = Kind::requeue;
    if (treatment == Treatment::refresh_once) {
        if (facts.refreshed) return stop(Why::exhausted);
        kind = Kind::refresh;
    } else if (treatment == Treatment::by_rule) {
        const config::RetryRule& rule = rule_of(outcome.error_class, facts.rules);
        if (attempt > rule.attempts) return stop(Why::exhausted);
        kind = Kind::retry;
        // A kept-alive connection that the portal had closed says nothing about the portal: a fresh one, at once.
        const bool stale = outcome.error_class == ErrorClass::network && facts.reused_connection && attempt <= 1;
        if (!stale) delay = backoff(rule, attempt, facts.random);
    }
    if (outcome.retry_after && kind != Kind::refresh) {
        // Compared in whole seconds first: an intermediary may name any number of them.
        const auto limit = std::chrono::duration_cast<std::chrono::seconds>(facts.deadline.left(facts.now));
        if (*outcome.retry_after > limit) return stop(Why::deadline);
        delay = std::max<core::Duration>(delay, std::max(*outcome.retry_after, std::chrono::seconds(0)));
    }
    if (too_late(delay, facts)) return stop(Why::deadline);
    return {kind, facts.now + delay, Why::none};
}

}  // namespace b24gate::upstream
