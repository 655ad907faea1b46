#include <b24gate/upstream/retry_policy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace b24gate;
using namespace std::chrono_literals;
using bitrix::ErrorClass;
using bitrix::Executed;
using bitrix::Outcome;
using upstream::decide;
using upstream::Decision;
using upstream::RetryFacts;
using Kind = Decision::Kind;
using Why = Decision::Why;

namespace {

const core::TimePoint now{1000h};
const config::Retry rules;  // 3 retries, 500 ms to 30 s

Outcome outcome(ErrorClass error_class, Executed executed) {
    Outcome o;
    o.error_class = error_class;
    o.executed = executed;
    return o;
}

RetryFacts facts(bool safe, core::Duration left = 60s, double random = 0.5) {
    return {.repeat_is_safe = safe,
            .rules = rules,
            .deadline = {now + left},
            .now = now,
            .random = random,
            .has_tokens = true};
}

}  // namespace

TEST_CASE("every class, executed or not, safe or not, at every attempt") {
    enum class Rule { final_verdict, budget, refresh, retry };
    struct Row {
        ErrorClass error_class;
        Rule rule;
    };
    const Row rows[] = {
        {ErrorClass::rate_limit, Rule::budget},
        {ErrorClass::operating_limit, Rule::budget},
        {ErrorClass::auth_expired, Rule::refresh},
        {ErrorClass::server, Rule::retry},
        {ErrorClass::network, Rule::retry},
        {ErrorClass::timeout, Rule::retry},
        {ErrorClass::overload, Rule::final_verdict},
        {ErrorClass::auth_invalid, Rule::final_verdict},
        {ErrorClass::permission, Rule::final_verdict},
        {ErrorClass::plan, Rule::final_verdict},
        {ErrorClass::validation, Rule::final_verdict},
        {ErrorClass::not_found, Rule::final_verdict},
        {ErrorClass::method_unknown, Rule::final_verdict},
        {ErrorClass::business, Rule::final_verdict},
        {ErrorClass::portal_gone, Rule::final_verdict},
        {ErrorClass::gateway, Rule::final_verdict},
    };
    static_assert(std::size(rows) == bitrix::error_class_count - 1);
    for (const Row& row : rows)
        for (const Executed executed : {Executed::no, Executed::yes, Executed::unknown})
            for (const bool safe : {false, true})
                for (unsigned attempt = 1; attempt <= 5; ++attempt) {
                    CAPTURE(static_cast<int>(row.error_class));
                    CAPTURE(static_cast<int>(executed));
                    CAPTURE(safe);
                    CAPTURE(attempt);
                    const Decision d = decide(outcome(row.error_class, executed), attempt, facts(safe));
                    const bool may_repeat = executed == Executed::no || safe;
                    if (row.rule == Rule::final_verdict) {
                        CHECK(d.kind == Kind::stop);
                        CHECK(d.why == Why::final_verdict);
                    } else if (!may_repeat) {
                        CHECK(d.kind == Kind::stop);
                        CHECK(d.why == Why::not_safe);
                    } else if (row.rule == Rule::budget) {
                        CHECK(d.kind == Kind::requeue);
                        CHECK(d.at == now);
                    } else if (row.rule == Rule::refresh) {
                        CHECK(d.kind == Kind::refresh);
                    } else if (attempt > 3) {
                        CHECK(d.kind == Kind::stop);
                        CHECK(d.why == Why::exhausted);
                    } else {
                        CHECK(d.kind == Kind::retry);
                        CHECK(d.at == now + 250ms * (1 << (attempt - 1)));
                    }
                }
}

TEST_CASE("a success is never repeated") {
    for (const Executed executed : {Executed::no, Executed::yes, Executed::unknown}) {
        const Decision d = decide(outcome(ErrorClass::ok, executed), 1, facts(true));
        CHECK(d.kind == Kind::stop);
        CHECK(d.why == Why::none);
    }
}

TEST_CASE("a token that the portal does not know is refreshed once, but only where there is a refresh token") {
    RetryFacts f = facts(false);
    f.has_tokens = true;
    bitrix::Outcome unknown = outcome(ErrorClass::auth_invalid, Executed::no);
    unknown.code = "Invalid_Token";
    CHECK(decide(unknown, 1, f).kind == Kind::refresh);
    f.refreshed = true;
    CHECK(decide(unknown, 1, f).kind == Kind::stop);
    f.refreshed = false;
    f.has_tokens = false;
    CHECK(decide(unknown, 1, f).kind == Kind::stop);
    CHECK(decide(outcome(ErrorClass::auth_expired, Executed::no), 1, f).why == Why::final_verdict);
    f.has_tokens = true;
    unknown.code = "NO_AUTH_FOUND";
    CHECK(decide(unknown, 1, f).kind == Kind::stop);
}

TEST_CASE("a token is refreshed once for a call") {
    RetryFacts f = facts(false);
    CHECK(decide(outcome(ErrorClass::auth_expired, Executed::no), 1, f).kind == Kind::refresh);
    f.refreshed = true;
    const Decision d = decide(outcome(ErrorClass::auth_expired, Executed::no), 1, f);
    CHECK(d.kind == Kind::stop);
    CHECK(d.why == Why::exhausted);
}

TEST_CASE("each class has its own rule") {
    config::Retry own;
    own.server = {.attempts = 1, .base = 100ms, .max = 1s};
    own.network = {.attempts = 2, .base = 200ms, .max = 1s};
    own.timeout = {.attempts = 0, .base = 400ms, .max = 1s};
    const auto at = [&](ErrorClass c, unsigned attempt) {
        return decide(outcome(c, Executed::no), attempt,
                      {.rules = own, .deadline = {now + 60s}, .now = now, .random = 0.5});
    };
    CHECK(at(ErrorClass::server, 1).at == now + 50ms);
    CHECK(at(ErrorClass::server, 2).why == Why::exhausted);
    CHECK(at(ErrorClass::network, 2).at == now + 200ms);
    CHECK(at(ErrorClass::network, 3).why == Why::exhausted);
    CHECK(at(ErrorClass::timeout, 1).why == Why::exhausted);
}

TEST_CASE("full jitter under a ceiling that doubles up to the maximum") {
    const config::RetryRule rule{.attempts = 9, .base = 500ms, .max = 3s};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    struct {
        unsigned attempt;
        double random;
        core::Duration expected;
    } const rows[] = {
        {1, 0.0, 0ms},
        {1, 0.5, 250ms},
        {2, 0.5, 500ms},
        {3, 0.5, 1000ms},
        {4, 0.5, 1500ms},
        {9, 0.5, 1500ms},
        {1, -1, 0ms},
        {1, 7, 500ms},
        {1, nan, 0ms},
        {0, 0.5, 125ms},
        {64, 1, 3s},
        {65, 1, 3s},
        {std::numeric_limits<unsigned>::max(), 1, 3s},
    };
    for (const auto& row : rows) {
        CAPTURE(row.attempt);
        CAPTURE(row.random);
        CHECK(std::abs(core::to_seconds(upstream::backoff(rule, row.attempt, row.random) - row.expected)) < 1e-6);
    }
    CHECK(upstream::backoff({.attempts = 3, .base = 0ms, .max = 3s}, 3, 0.9) == 0ms);
    CHECK(upstream::backoff({.attempts = 3, .base = -5ms, .max = -3s}, 3, 0.9) == 0ms);
    CHECK(upstream::backoff(
              {.attempts = 3, .base = std::chrono::milliseconds::max(), .max = std::chrono::milliseconds::max()}, 64,
              1) == 24h);
}

TEST_CASE("nothing starts too late to be useful before the deadline") {
    const Outcome server = outcome(ErrorClass::server, Executed::unknown);
    // The delay is 250 ms; 100 ms must be left behind it.
    CHECK(decide(server, 1, facts(true, 350ms)).kind == Kind::retry);
    CHECK(decide(server, 1, facts(true, 350ms - 1ns)).why == Why::deadline);
    CHECK(decide(server, 1, facts(true, 0ms)).why == Why::deadline);
    CHECK(decide(server, 1, facts(true, -5s)).why == Why::deadline);
    for (const ErrorClass c : {ErrorClass::rate_limit, ErrorClass::operating_limit, ErrorClass::auth_expired}) {
        CHECK(decide(outcome(c, Executed::no), 1, facts(false, 100ms)).kind != Kind::stop);
        CHECK(decide(outcome(c, Executed::no), 1, facts(false, 99ms)).why == Why::deadline);
    }
    RetryFacts endless = facts(true);
    endless.deadline = {};
    CHECK(decide(server, 3, endless).kind == Kind::retry);
}

TEST_CASE("an intermediary's Retry-After is waited for, if there is time") {
    Outcome o = outcome(ErrorClass::server, Executed::no);
    o.retry_after = 2s;
    CHECK(decide(o, 1, facts(false)).at == now + 2s);
    CHECK(decide(o, 1, facts(false, 2099ms)).why == Why::deadline);
    o.retry_after = 0s;
    CHECK(decide(o, 1, facts(false)).at == now + 250ms);
    o.retry_after = -9s;
    CHECK(decide(o, 1, facts(false)).at == now + 250ms);
    o.retry_after = std::chrono::seconds::max();
    CHECK(decide(o, 1, facts(false)).why == Why::deadline);
    RetryFacts endless = facts(false);
    endless.deadline = {};
    CHECK(decide(o, 1, endless).why == Why::deadline);

    Outcome limit = outcome(ErrorClass::rate_limit, Executed::no);
    limit.retry_after = 3s;
    const Decision d = decide(limit, 1, facts(false));
    CHECK(d.kind == Kind::requeue);
    CHECK(d.at == now + 3s);
}

TEST_CASE("a kept-alive connection that was dead is replaced at once, the first time") {
    RetryFacts f = facts(false);
    f.reused_connection = true;
    const Outcome not_sent = outcome(ErrorClass::network, Executed::no);
    CHECK(decide(not_sent, 1, f).at == now);
    CHECK(decide(not_sent, 2, f).at == now + 500ms);
    const Outcome cut_off = outcome(ErrorClass::network, Executed::unknown);
    CHECK(decide(cut_off, 1, f).why == Why::not_safe);
    f.repeat_is_safe = true;
    CHECK(decide(cut_off, 1, f).at == now);
    // A timeout or a 502 on it is the portal's doing.
    CHECK(decide(outcome(ErrorClass::timeout, Executed::unknown), 1, f).at == now + 250ms);
    CHECK(decide(outcome(ErrorClass::server, Executed::unknown), 1, f).at == now + 250ms);
}

TEST_CASE("words for the log") {
    CHECK(to_string(Kind::stop) == "stop");
    CHECK(to_string(Kind::requeue) == "requeue");
    CHECK(to_string(Kind::refresh) == "refresh");
    CHECK(to_string(Kind::retry) == "retry");
    CHECK(to_string(Why::not_safe) == "not_safe");
    CHECK(to_string(Why::exhausted) == "exhausted");
    CHECK(to_string(Why::deadline) == "deadline");
    CHECK(to_string(Why::final_verdict) == "final");
    CHECK(to_string(Why::none).empty());
}
