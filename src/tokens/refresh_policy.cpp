#include <b24gate/tokens/refresh_policy.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/error_body.hpp>
#include <b24gate/bitrix/error_table.hpp>
#include <b24gate/bitrix/oauth_errors.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::tokens {
namespace {

using bitrix::ErrorClass;
using bitrix::Executed;
using bitrix::Transport;
using bitrix::TransportError;
using storage::CredentialRecord;
using storage::UnixMs;

constexpr std::string_view bad_answer = "GATEWAY_BAD_ANSWER";

/// The codes after which no refresh of this pair will ever work. Lower case.
constexpr std::string_view final_codes[] = {"invalid_grant",     "bad_verification_code", "invalid_client",
                                            "wrong_client",      "not_installed",         "invalid_scope",
                                            "insufficient_scope"};

bool is_final_code(std::string_view code) {
    return std::ranges::find(final_codes, std::string_view(core::to_lower(code))) != std::end(final_codes);
}

/// The refresh token is none any more, which is what a lost answer leads to.
bool is_dead_grant(std::string_view code) {
    return core::iequals(code, "invalid_grant") || core::iequals(code, "bad_verification_code");
}

/// The server was not even asked, because of the store's key or the configuration.
bool is_own_trouble(std::string_view reason) { return reason == "unreadable" || reason == "unconfigured"; }

constexpr TransportError transport_errors[] = {
    TransportError::none,      TransportError::resolve,     TransportError::connect,
    TransportError::tls,       TransportError::reset,       TransportError::timeout,
    TransportError::truncated, TransportError::bad_message, TransportError::too_large};

constexpr bool is_success(unsigned status) noexcept { return status >= 200 && status < 300; }

/// A server may write anything as its code: only what looks like one goes on.
std::string plain_code(std::string_view code) {
    const bool good = !code.empty() && code.size() <= 48 && std::all_of(code.begin(), code.end(), [](char c) {
        const char lower = core::to_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    });
    return good ? std::string(code) : "unknown_code";
}

bitrix::Outcome failed_exchange(const TokenAnswer& answer) {
    bitrix::Outcome outcome;
    outcome.origin = bitrix::Origin::network;
    outcome.error_class = ErrorClass::network;
    outcome.code = "GATEWAY_UPSTREAM_UNREACHABLE";
    if (answer.transport == Transport::not_sent) {
        outcome.executed = Executed::no;
        outcome.description = "The authorization server could not be reached.";
        return outcome;
    }
    outcome.executed = Executed::unknown;
    switch (answer.error) {
        case TransportError::timeout:
            outcome.error_class = ErrorClass::timeout;
            outcome.code = "GATEWAY_UPSTREAM_TIMEOUT";
            outcome.description = "The authorization server did not answer in time.";
            break;
        case TransportError::truncated:
        case TransportError::bad_message:
        case TransportError::too_large:
            outcome.code = bad_answer;
            outcome.description = "The authorization server's answer broke off or is no valid HTTP.";
            break;
        default: outcome.description = "The connection to the authorization server was lost before it answered.";
    }
    return outcome;
}

std::string_view name_of(TransportError error) noexcept {
    switch (error) {
        case TransportError::resolve: return "resolve";
        case TransportError::connect: return "connect";
        case TransportError::tls: return "tls";
        case TransportError::reset: return "reset";
        case TransportError::timeout: return "timeout";
        case TransportError::truncated: return "truncated";
        case TransportError::bad_message: return "bad_message";
        case TransportError::too_large: return "too_large";
        case TransportError::none: break;
    }
    return "network";
}

bool is_json_object(std::string_view body) {
    body = bitrix::without_bom(body);
    return core::json::type_of(body) == core::json::Type::object && !core::json::validate(body);
}

/// Whether an answer without new tokens means that no refresh will work again.
bool is_final(const TokenAnswer& answer, const bitrix::Outcome& outcome) {
    if (answer.status >= 500 || answer.status == 429) return false;
    if (outcome.has_code && is_final_code(outcome.code)) return true;
    // Only the authorization server itself can know that a portal is gone: a page with 404 is of what stands before it.
    return outcome.error_class == ErrorClass::portal_gone && is_json_object(answer.body);
}

Verdict judge_answer(const TokenAnswer& answer, UnixMs now, unsigned failures, double random) {
    Verdict verdict;
    verdict.retry_in_ms = passing_backoff_ms(failures, random);
    if (answer.transport != Transport::replied) {
        verdict.outcome = failed_exchange(answer);
        verdict.lost = answer.transport == Transport::sent_no_reply;
        verdict.reason = name_of(answer.error);
        return verdict;
    }
    verdict.outcome = bitrix::classify_oauth(answer.status, answer.content_type, answer.body);
    bitrix::Outcome& outcome = verdict.outcome;
    if (outcome.ok()) {
        auto grant = parse_grant(answer.body, now);
        if (grant) {
            verdict.kind = Verdict::Kind::new_pair;
            verdict.retry_in_ms = 0;
            verdict.grant = *std::move(grant);
            return verdict;
        }
        outcome.error_class = ErrorClass::server;
        outcome.executed = Executed::unknown;
        outcome.code = bad_answer;
        outcome.description = "The authorization server's answer holds no usable tokens: " + grant.error() + ".";
    }
    verdict.reason = outcome.has_code ? plain_code(outcome.code) : "http_" + std::to_string(answer.status);
    if (is_final(answer, outcome)) {
        verdict.kind = Verdict::Kind::final;
        verdict.retry_in_ms = 0;
        return verdict;
    }
    verdict.lost = answer.status >= 500 || (is_success(answer.status) && !outcome.has_code);
    if (is_success(answer.status) && !outcome.has_code) verdict.reason = "no_tokens";
    if (outcome.error_class == ErrorClass::plan && answer.status < 500) verdict.retry_in_ms = unpaid_probe.count();
    return verdict;
}

}  // namespace

std::string_view to_string(Need need) noexcept {
    switch (need) {
        case Need::none: return "none";
        case Need::wanted: return "wanted";
        case Need::required: return "required";
        case Need::reauth: break;
    }
    return "reauth";
}

std::string_view to_string(Verdict::Kind kind) noexcept {
    switch (kind) {
        case Verdict::Kind::new_pair: return "new_pair";
        case Verdict::Kind::passing: return "passing";
        case Verdict::Kind::final: break;
    }
    return "final";
}

Need need(const CredentialRecord& record, UnixMs now) noexcept {
    if (record.state != CredentialRecord::State::active) return Need::reauth;
    if (record.expires_at <= now) return Need::required;
    if (record.expires_at - access_margin.count() > now || record.retry_at > now) return Need::none;
    return Need::wanted;
}

bool idle_refresh_due(const CredentialRecord& record, UnixMs now) noexcept {
    return record.state == CredentialRecord::State::active && record.retry_at <= now &&
           now - record.obtained_at >= idle_refresh_after.count();
}

std::int64_t passing_backoff_ms(unsigned failures, double random) noexcept {
    const auto whole =
        std::min<std::int64_t>(passing_backoff.count() << std::min(failures, 16u), longest_passing_backoff.count());
    const double part = random >= 0 && random < 1 ? random : 0.5;  // also for what is no number
    return whole / 2 + static_cast<std::int64_t>(static_cast<double>(whole - whole / 2) * part);
}

Verdict judge(const TokenAnswer& answer, UnixMs now, unsigned failures, double random) {
    Verdict verdict = judge_answer(answer, now, failures, random);
    // Whatever became of the refresh: the calls that waited for it were not sent.
    if (!verdict.outcome.ok()) verdict.outcome.executed = Executed::no;
    return verdict;
}

std::string reason_to_record(const Verdict& verdict, bool lost_before) {
    if (verdict.kind == Verdict::Kind::passing && (verdict.lost || lost_before))
        return verdict.reason + std::string(answer_lost);
    if (verdict.kind == Verdict::Kind::final && lost_before && is_dead_grant(verdict.reason))
        return verdict.reason + std::string(lost_answer);
    return verdict.reason;
}

bitrix::Outcome remembered_failure(std::string_view reason) {
    if (reason.ends_with(answer_lost)) reason.remove_suffix(answer_lost.size());
    bitrix::Outcome outcome;
    for (const TransportError error : transport_errors)
        if (reason == name_of(error)) {
            const bool sent =
                error != TransportError::resolve && error != TransportError::connect && error != TransportError::tls;
            outcome = failed_exchange({sent ? Transport::sent_no_reply : Transport::not_sent, error, 0, {}, {}});
        }
    if (is_own_trouble(reason))
        return bitrix::refusal(bitrix::GatewayCode::store,
                               "The stored tokens cannot be read with the configured keys.");
    if (outcome.ok()) {
        outcome.origin = bitrix::Origin::oauth;
        const bool page = reason.starts_with("http_") || reason == "no_tokens" || reason == "unknown_code";
        outcome.error_class = page ? ErrorClass::server : bitrix::by_code({reason, "", 0, false}).error_class;
        if (outcome.error_class == ErrorClass::business) outcome.error_class = ErrorClass::server;
        outcome.code = page ? bad_answer : reason;
        outcome.description = "The authorization server has just refused to renew the access token.";
    }
    outcome.executed = Executed::no;
    outcome.description += " It is asked again later.";
    return outcome;
}

bool fall_back_to_get(const TokenAnswer& answer) {
    if (answer.transport != Transport::replied) return false;
    if (answer.status == 405 || answer.status == 501) return true;
    if (answer.status != 400) return false;
    const bitrix::Outcome outcome = bitrix::classify_oauth(answer.status, answer.content_type, answer.body);
    if (!outcome.has_code || !core::iequals(outcome.code, "invalid_request")) return false;
    const std::string text = core::to_lower(outcome.description);
    return text.find("parameter") != text.npos &&
           (text.find("missing") != text.npos || text.find("found") != text.npos || text.find("required") != text.npos);
}

bool repeat_at_once(const TokenAnswer& answer) noexcept {
    return answer.transport == Transport::sent_no_reply &&
           (answer.error == TransportError::timeout || answer.error == TransportError::reset ||
            answer.error == TransportError::truncated);
}

RefreshTokenAge refresh_token_age(const CredentialRecord& record, UnixMs now) noexcept {
    constexpr std::int64_t day = 86'400'000;
    RefreshTokenAge age;
    age.ends_at = record.obtained_at + refresh_token_life.count();
    age.age_days = std::max<std::int64_t>(now - record.obtained_at, 0) / day;
    age.days_left = std::max<std::int64_t>(age.ends_at - now, 0) / day;
    return age;
}

}  // namespace b24gate::tokens
