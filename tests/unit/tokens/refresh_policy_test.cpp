#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>

#include <b24gate/tokens/refresh_policy.hpp>

#include "golden.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::tokens;
using bitrix::ErrorClass;
using bitrix::Executed;
using bitrix::Transport;
using bitrix::TransportError;
using storage::CredentialRecord;
using storage::UnixMs;

constexpr UnixMs now = 1'790'000'000'000;
constexpr UnixMs day = 86'400'000;

CredentialRecord record(UnixMs expires_in, UnixMs retry_in = 0) {
    CredentialRecord out;
    out.expires_at = now + expires_in;
    out.obtained_at = now + expires_in - 3'600'000;
    out.retry_at = retry_in == 0 ? 0 : now + retry_in;
    return out;
}

TEST_CASE("what a call that begins now needs") {
    CHECK(need(record(3'600'000), now) == Need::none);
    CHECK(need(record(60'001), now) == Need::none);
    CHECK(need(record(60'000), now) == Need::wanted);
    CHECK(need(record(1), now) == Need::wanted);
    CHECK(need(record(0), now) == Need::required);
    CHECK(need(record(-day), now) == Need::required);
    CHECK(need(CredentialRecord{}, now) == Need::required);
    // A refresh has just failed: the token that is still good is used without asking the store at every call.
    CHECK(need(record(30'000, 5'000), now) == Need::none);
    CHECK(need(record(30'000, -1), now) == Need::wanted);
    CHECK(need(record(-1, 5'000), now) == Need::required);
    CredentialRecord marked = record(3'600'000);
    marked.state = CredentialRecord::State::needs_reauth;
    CHECK(need(marked, now) == Need::reauth);
    CHECK(to_string(Need::none) == "none");
    CHECK(to_string(Need::wanted) == "wanted");
    CHECK(to_string(Need::required) == "required");
    CHECK(to_string(Need::reauth) == "reauth");
}

TEST_CASE("an idle pair is refreshed after 25 days, and its age is told") {
    struct Row {
        UnixMs age;
        bool due;
        std::int64_t age_days, days_left;
    };
    for (const Row& row :
         {Row{-5, false, 0, 180}, Row{0, false, 0, 180}, Row{day - 1, false, 0, 179}, Row{day, false, 1, 179},
          Row{25 * day - 1, false, 24, 155}, Row{25 * day, true, 25, 155}, Row{179 * day, true, 179, 1},
          Row{179 * day + 1, true, 179, 0}, Row{180 * day, true, 180, 0}, Row{400 * day, true, 400, 0}}) {
        CAPTURE(row.age);
        CredentialRecord idle;
        idle.obtained_at = now - row.age;
        CHECK(idle_refresh_due(idle, now) == row.due);
        const RefreshTokenAge age = refresh_token_age(idle, now);
        CHECK(age.age_days == row.age_days);
        CHECK(age.days_left == row.days_left);
        CHECK(age.ends_at == now - row.age + 180 * day);
        idle.retry_at = now + 1;
        CHECK_FALSE(idle_refresh_due(idle, now));
        idle.retry_at = now;
        CHECK(idle_refresh_due(idle, now) == row.due);
        idle.state = CredentialRecord::State::needs_reauth;
        CHECK_FALSE(idle_refresh_due(idle, now));
    }
}

TEST_CASE("the lease outlives two requests") {
    CHECK(2 * token_request_timeout < refresh_lease);
    CHECK(idle_refresh_after < std::chrono::hours(28 * 24));
}

TEST_CASE("the pauses after passing failures") {
    std::int64_t whole = 1'000;
    for (unsigned failures = 0; failures < 10; ++failures, whole = std::min<std::int64_t>(whole * 2, 60'000)) {
        CAPTURE(failures);
        CHECK(passing_backoff_ms(failures, 0) == whole / 2);
        CHECK(passing_backoff_ms(failures, 0.5) == whole * 3 / 4);
        CHECK(passing_backoff_ms(failures, 0.999999) == whole - 1);
    }
    CHECK(passing_backoff_ms(std::numeric_limits<unsigned>::max(), 0) == 30'000);
    for (const double odd : {-1.0, 1.0, 1e300, std::numeric_limits<double>::quiet_NaN()})
        CHECK(passing_backoff_ms(0, odd) == 750);
}

TokenAnswer answer(unsigned status, std::string_view body, std::string_view type = "application/json") {
    TokenAnswer out;
    out.status = status;
    out.body = body;
    out.content_type = type;
    return out;
}

TEST_CASE("new tokens (G40)") {
    const GoldenFile file = golden("G40");
    const Verdict verdict = judge(answer(file.status, file.body), now, 3, 0.5);
    CHECK(verdict.kind == Verdict::Kind::new_pair);
    REQUIRE(verdict.grant.has_value());
    CHECK(verdict.grant->pair.refresh.reveal() == "f0e1d2c3b4a5968778695a4b3c2d1e0f");
    CHECK(verdict.outcome.ok());
    CHECK(verdict.reason.empty());
    CHECK(verdict.retry_in_ms == 0);
    CHECK_FALSE(verdict.lost);
}

TEST_CASE("what each answer of the authorization server means for the pair") {
    using enum Verdict::Kind;
    constexpr std::int64_t pause = 3'000;  // of the third failure, in the middle
    struct Row {
        unsigned status;
        std::string body;
        Verdict::Kind kind;
        std::string_view reason;
        ErrorClass error_class;
        bool lost = false;
        std::int64_t retry_in_ms = kind == passing ? pause : 0;
    };
    const auto error = [](std::string_view code) { return "{\"error\":\"" + std::string(code) + "\"}"; };
    for (const Row& row : {
             // The golden answers.
             Row{golden("G41").status, golden("G41").body, final, "invalid_grant", ErrorClass::auth_invalid},
             Row{golden("G42").status, golden("G42").body, final, "wrong_client", ErrorClass::auth_invalid},
             Row{golden("G43a").status, golden("G43a").body, passing, "PAYMENT_REQUIRED", ErrorClass::plan, false, day},
             Row{golden("G43b").status, golden("G43b").body, final, "NOT_INSTALLED", ErrorClass::auth_invalid},
             // The table of token errors, row by row.
             Row{400, error("invalid_grant"), final, "invalid_grant", ErrorClass::auth_invalid},
             Row{400, error("INVALID_GRANT"), final, "INVALID_GRANT", ErrorClass::auth_invalid},
             Row{400, error("bad_verification_code"), final, "bad_verification_code", ErrorClass::auth_invalid},
             Row{400, error("invalid_client"), final, "invalid_client", ErrorClass::auth_invalid},
             Row{401, error("invalid_client"), final, "invalid_client", ErrorClass::auth_invalid},
             Row{200, error("wrong_client"), final, "wrong_client", ErrorClass::auth_invalid},
             Row{400, R"({"error":"invalid_request","error_description":"No \"refresh_token\" parameter found"})",
                 passing, "invalid_request", ErrorClass::validation},
             Row{403, error("invalid_scope"), final, "invalid_scope", ErrorClass::permission},
             Row{403, error("insufficient_scope"), final, "insufficient_scope", ErrorClass::permission},
             Row{401, error("NOT_INSTALLED"), final, "NOT_INSTALLED", ErrorClass::auth_invalid},
             Row{401, error("PAYMENT_REQUIRED"), passing, "PAYMENT_REQUIRED", ErrorClass::plan, false, day},
             Row{401, error("NO_AUTH_FOUND"), passing, "NO_AUTH_FOUND", ErrorClass::auth_invalid},
             Row{404, error("anything"), final, "anything", ErrorClass::portal_gone},
             Row{404, "{}", final, "http_404", ErrorClass::portal_gone},
             Row{400, R"({"error":"x","error_description":"Portal was not found"})", final, "x",
                 ErrorClass::portal_gone},
             Row{400, R"({"error":"x","error_description":"Domain is closed"})", final, "x", ErrorClass::portal_gone},
             Row{500, "", passing, "http_500", ErrorClass::server, true},
             Row{502, "<html>bad gateway</html>", passing, "http_502", ErrorClass::server, true},
             Row{503, error("invalid_grant"), passing, "invalid_grant", ErrorClass::auth_invalid, true},
             Row{500, error("INTERNAL_SERVER_ERROR"), passing, "INTERNAL_SERVER_ERROR", ErrorClass::server, true},
             Row{503, error("PAYMENT_REQUIRED"), passing, "PAYMENT_REQUIRED", ErrorClass::plan, true},
             // Beside the table.
             Row{404, "<html>not found</html>", passing, "http_404", ErrorClass::portal_gone},
             Row{403, "<html>who are you</html>", passing, "http_403", ErrorClass::server},
             Row{302, "", passing, "http_302", ErrorClass::server},
             Row{429, "slow down", passing, "http_429", ErrorClass::server},
             Row{429, error("invalid_grant"), passing, "invalid_grant", ErrorClass::auth_invalid},
             Row{400, error("news_from_tomorrow"), passing, "news_from_tomorrow", ErrorClass::business},
             Row{401, error("news_from_tomorrow"), passing, "news_from_tomorrow", ErrorClass::auth_invalid},
             Row{400, error("expired_token"), passing, "expired_token", ErrorClass::auth_expired},
             Row{200, error("news_from_tomorrow"), passing, "news_from_tomorrow", ErrorClass::business},
             // A 200 without an error and without a usable pair: it may have rotated them.
             Row{200, "", passing, "no_tokens", ErrorClass::server, true},
             Row{200, "{}", passing, "no_tokens", ErrorClass::server, true},
             Row{200, "<html>login</html>", passing, "no_tokens", ErrorClass::server, true},
             Row{200, R"({"access_token":"aaaa","refresh_token":"bbb)", passing, "no_tokens", ErrorClass::server, true},
             Row{200, R"({"access_token":"aaaa"})", passing, "no_tokens", ErrorClass::server, true},
             Row{200, R"({"access_token":"a a","refresh_token":"bbbb"})", passing, "no_tokens", ErrorClass::server,
                 true},
             Row{204, "", passing, "no_tokens", ErrorClass::server, true},
             // What is no code does not go on as one.
             Row{400, error("a code: with spaces"), passing, "unknown_code", ErrorClass::business},
             Row{400, error(std::string(60, 'x')), passing, "unknown_code", ErrorClass::business},
             Row{400, R"({"error":""})", passing, "unknown_code", ErrorClass::business},
         }) {
        CAPTURE(row.status);
        CAPTURE(row.body);
        const Verdict verdict = judge(answer(row.status, row.body), now, 2, 0.5);
        CHECK(to_string(verdict.kind) == to_string(row.kind));
        CHECK(verdict.reason == row.reason);
        CHECK(bitrix::to_string(verdict.outcome.error_class) == bitrix::to_string(row.error_class));
        CHECK(verdict.lost == row.lost);
        CHECK(verdict.retry_in_ms == row.retry_in_ms);
        CHECK_FALSE(verdict.grant.has_value());
        CHECK_FALSE(verdict.outcome.ok());
        CHECK(verdict.outcome.upstream_status == row.status);
        CHECK(verdict.outcome.origin == bitrix::Origin::oauth);
        // The calls that wait were not sent: a write among them must not be told that its outcome is unknown.
        CHECK(verdict.outcome.executed == Executed::no);
    }
}

// A 502 had come behind the rotation; the invalid_grant of the next try said nothing of it.
TEST_CASE("a lost answer is remembered until a new pair comes") {
    const auto error = [](const std::string& code) { return R"({"error":")" + code + "\"}"; };
    const auto reason = [](unsigned status, const std::string& body, bool lost_before) {
        return reason_to_record(judge(answer(status, body), now, 0, 0), lost_before);
    };
    CHECK(reason(502, "<html>", false) == "http_502_answer_lost");
    CHECK(reason(429, "slow down", false) == "http_429");
    CHECK(reason(429, "slow down", true) == "http_429_answer_lost");
    CHECK(reason(400, error("invalid_grant"), false) == "invalid_grant");
    CHECK(reason(400, error("invalid_grant"), true) == "invalid_grant_after_lost_answer");
    CHECK(reason(401, error("NOT_INSTALLED"), true) == "NOT_INSTALLED");
    CHECK(std::string_view(reason(502, "", true)).ends_with(answer_lost));
}

// A gateway that was started while another one backed off answered 502 with the code PAYMENT_REQUIRED.
TEST_CASE("what calls are told of a failure of which only the reason is known") {
    struct Row {
        std::string_view reason, code;
        ErrorClass error_class;
        bitrix::Origin origin = bitrix::Origin::oauth;
    };
    using bitrix::Origin;
    for (const Row& row : {
             Row{"PAYMENT_REQUIRED", "PAYMENT_REQUIRED", ErrorClass::plan},
             Row{"QUERY_LIMIT_EXCEEDED", "QUERY_LIMIT_EXCEEDED", ErrorClass::rate_limit},
             Row{"news_from_tomorrow", "news_from_tomorrow", ErrorClass::server},
             Row{"http_502_answer_lost", "GATEWAY_BAD_ANSWER", ErrorClass::server},
             Row{"http_429", "GATEWAY_BAD_ANSWER", ErrorClass::server},
             Row{"no_tokens_answer_lost", "GATEWAY_BAD_ANSWER", ErrorClass::server},
             Row{"unknown_code", "GATEWAY_BAD_ANSWER", ErrorClass::server},
             Row{"unreadable", "GATEWAY_STORE", ErrorClass::gateway, Origin::gateway},
             Row{"unconfigured", "GATEWAY_STORE", ErrorClass::gateway, Origin::gateway},
             Row{"connect", "GATEWAY_UPSTREAM_UNREACHABLE", ErrorClass::network, Origin::network},
             Row{"network", "GATEWAY_UPSTREAM_UNREACHABLE", ErrorClass::network, Origin::network},
             Row{"timeout_answer_lost", "GATEWAY_UPSTREAM_TIMEOUT", ErrorClass::timeout, Origin::network},
             Row{"truncated", "GATEWAY_BAD_ANSWER", ErrorClass::network, Origin::network},
         }) {
        CAPTURE(row.reason);
        const bitrix::Outcome outcome = remembered_failure(row.reason);
        CHECK(outcome.code == row.code);
        CHECK(bitrix::to_string(outcome.error_class) == bitrix::to_string(row.error_class));
        CHECK(outcome.origin == row.origin);
        CHECK(outcome.executed == Executed::no);
        CHECK_FALSE(outcome.description.empty());
    }
}

TEST_CASE("an exchange without an answer is passing, and may have been a refresh") {
    struct Row {
        Transport transport;
        TransportError error;
        std::string_view reason;
        ErrorClass error_class;
        bool lost, repeat;
    };
    using enum TransportError;
    for (const Row& row : {
             Row{Transport::not_sent, resolve, "resolve", ErrorClass::network, false, false},
             Row{Transport::not_sent, connect, "connect", ErrorClass::network, false, false},
             Row{Transport::not_sent, tls, "tls", ErrorClass::network, false, false},
             Row{Transport::not_sent, timeout, "timeout", ErrorClass::network, false, false},
             Row{Transport::not_sent, none, "network", ErrorClass::network, false, false},
             Row{Transport::sent_no_reply, timeout, "timeout", ErrorClass::timeout, true, true},
             Row{Transport::sent_no_reply, reset, "reset", ErrorClass::network, true, true},
             Row{Transport::sent_no_reply, truncated, "truncated", ErrorClass::network, true, true},
             Row{Transport::sent_no_reply, bad_message, "bad_message", ErrorClass::network, true, false},
             Row{Transport::sent_no_reply, too_large, "too_large", ErrorClass::network, true, false},
         }) {
        TokenAnswer none_came;
        none_came.transport = row.transport;
        none_came.error = row.error;
        CAPTURE(row.reason);
        CHECK(repeat_at_once(none_came) == row.repeat);
        CHECK_FALSE(fall_back_to_get(none_came));
        const Verdict verdict = judge(none_came, now, 0, 0);
        CHECK(verdict.kind == Verdict::Kind::passing);
        CHECK(verdict.reason == row.reason);
        CHECK(verdict.lost == row.lost);
        CHECK(verdict.retry_in_ms == 500);
        CHECK(verdict.outcome.error_class == row.error_class);
        CHECK(verdict.outcome.origin == bitrix::Origin::network);
        CHECK(verdict.outcome.executed == Executed::no);
        CHECK_FALSE(verdict.outcome.description.empty());
    }
    CHECK_FALSE(repeat_at_once(answer(502, "")));
    TokenAnswer stale = answer(405, "");
    stale.transport = Transport::sent_no_reply;
    CHECK_FALSE(fall_back_to_get(stale));
}

TEST_CASE("GET is tried where the POST was certainly not understood") {
    struct Row {
        unsigned status;
        std::string_view body;
        bool get;
    };
    for (
        const Row& row : {
            Row{405, "", true},
            Row{405, "<html>", true},
            Row{501, "{}", true},
            Row{400, R"({"error":"invalid_request","error_description":"No \"refresh_token\" parameter found"})", true},
            Row{400,
                R"({"error":"invalid_request","error_description":"Invalid grant_type parameter or parameter missing"})",
                true},
            Row{400, R"({"error":"INVALID_REQUEST","error_description":"Required parameter is missing: client_id"})",
                true},
            Row{400, R"({"error":"invalid_request"})", false},
            Row{400, R"({"error":"invalid_request","error_description":"Too many requests"})", false},
            Row{400, R"({"error":"invalid_grant","error_description":"parameter missing"})", false},
            Row{400, "parameter missing", false},
            Row{500, R"({"error":"invalid_request","error_description":"parameter missing"})", false},
            Row{404, "", false},
            Row{403, "", false},
            Row{200, R"({"access_token":"a","refresh_token":"b"})", false},
            Row{502, "", false},
        }) {
        CAPTURE(row.body);
        CHECK(fall_back_to_get(answer(row.status, row.body)) == row.get);
    }
}

}  // namespace
