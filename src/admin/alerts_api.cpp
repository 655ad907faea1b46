#include <b24gate/admin/alerts_api.hpp>

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include <b24gate/admin/alerts_json.hpp>
#include <b24gate/admin/answers.hpp>
#include <b24gate/admin/json_text.hpp>
#include <b24gate/alerts/alert_rows.hpp>
#include <b24gate/config/units.hpp>
#include <b24gate/net/waiter.hpp>
#include <b24gate/storage/alert_store.hpp>

#include "request_parts.hpp"

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using server::Response;

constexpr std::int64_t longest_silence = 7ll * 24 * 3600 * 1000;
constexpr std::size_t longest_glob = 200;

using Tested = std::optional<alerts::Delivery>;

}  // namespace

Parsed<std::int64_t> silence_length(const Query& body, std::int64_t now) {
    const std::string_view length = body.value("for"), until = body.value("until");
    if (length.empty() == until.empty())
        return std::string(R"(write "for", a duration like "2h", or "until", a time like "2026-01-31T18:00:00Z")");
    std::int64_t out = 0;
    if (!length.empty()) {
        const auto parsed = config::parse_duration(length);
        if (!parsed) return fmt::format(R"(for is "{}"; write a duration like "2h")", length.substr(0, 40));
        out = parsed->count();
    } else {
        const auto parsed = parse_time(until);
        if (!parsed)
            return fmt::format(R"(until is "{}"; write a time like "2026-01-31T18:00:00Z")", until.substr(0, 40));
        out = *parsed - now;
    }
    if (out <= 0) return std::string("a silence has to end in the future");
    if (out > longest_silence) return std::string("a silence holds for 7 days at the most; begin it again then");
    return out;
}

void AlertsApi::add_routes(Router& router) {
    router.add("GET", "/api/v1/alerts", Role::read, [this](Visit& visit) { return list(visit); });
    router.add("POST", "/api/v1/alerts/{id}/silence", Role::full,
               [this](Visit& visit) { return silence_alert(visit); });
    router.add("POST", "/api/v1/silences", Role::full, [this](Visit& visit) { return silence(visit); });
    router.add("POST", "/api/v1/silences/{id}/end", Role::full, [this](Visit& visit) { return end_silence(visit); });
    router.add("POST", "/api/v1/channels/{name}/test", Role::full, [this](Visit& visit) { return test(visit); });
}

asio::awaitable<Response> AlertsApi::list(Visit& visit) const {
    if (const auto wrong = visit.query.check({})) co_return bad_request(*wrong);
    const auto snapshot = worker_.snapshot();
    // Without the store there is still what this gateway knows of: that the store is away.
    const auto board = co_await shared_.store.alerts().list_alerts(store_deadline());
    co_return json_answer(200, alerts_json(snapshot->config->alerts, board ? &*board : nullptr, shared_.own_alerts(),
                                           board ? board->now : core::unix_ms()));
}

asio::awaitable<Response> AlertsApi::silence_alert(Visit& visit) {
    constexpr std::string_view known[] = {"for", "until", "reason"};
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    if (const auto wrong = body->check(known)) co_return bad_request(*wrong);
    const auto board = co_await shared_.store.alerts().list_alerts(store_deadline());
    if (!board) co_return store_failed(board.error());
    for (const storage::AlertRow& row : board->alerts) {
        if (row.id != visit.parts.at(0)) continue;
        storage::Silence silence;
        silence.rule = row.rule;
        silence.subject = row.subject;
        co_return co_await put_silence(visit, std::move(silence));
    }
    co_return not_found("there is no alert of this id");
}

asio::awaitable<Response> AlertsApi::silence(Visit& visit) {
    constexpr std::string_view known[] = {"rule", "subject", "for", "until", "reason"};
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    if (const auto wrong = body->check(known)) co_return bad_request(*wrong);
    storage::Silence silence;
    silence.rule = body->find("rule") == nullptr ? "*" : std::string(body->value("rule"));
    silence.subject = body->find("subject") == nullptr ? "*" : std::string(body->value("subject"));
    if (silence.rule.size() > longest_glob || silence.subject.size() > longest_glob)
        co_return bad_request("rule and subject have 200 bytes at most");
    bool any = false;
    for (std::size_t i = 0; i < config::alert_rule_count; ++i)
        any = any || core::glob_match(silence.rule, config::to_string(static_cast<config::AlertRule>(i)));
    if (!any)
        co_return bad_request(
            "rule fits none of the rules that GET /api/v1/alerts lists; * stands for any part of one");
    co_return co_await put_silence(visit, std::move(silence));
}

asio::awaitable<Response> AlertsApi::put_silence(Visit& visit, storage::Silence silence) {
    const auto body = Query::from(visit.body);
    if (!body) co_return bad_request(body.error());
    const auto length = silence_length(*body, core::unix_ms());
    if (!length) co_return bad_request(length.error());
    const auto reason = reason_of(*body);
    if (!reason) co_return bad_request(reason_too_long);
    silence.actor = visit.actor.name;
    silence.reason = *reason;
    const std::string target = fmt::format("alert {} {}", silence.rule, silence.subject);
    const auto audited =
        co_await shared_.store.operations().put_audit(visit.actor.name, "silence", target, *reason, store_deadline());
    if (!audited) co_return store_failed(audited.error());
    json::object out;
    out["rule"] = silence.rule;
    out["subject"] = silence.subject;
    out["for_s"] = *length / 1000;
    const auto id = co_await shared_.store.alerts().put_silence(std::move(silence), *length, store_deadline());
    if (!id) co_return store_failed(id.error());
    out["silence"] = *id;
    co_return json_answer(200, out);
}

asio::awaitable<Response> AlertsApi::end_silence(Visit& visit) {
    const std::string& given = visit.parts.at(0);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), id);
    if (error != std::errc{} || end != given.data() + given.size())
        co_return bad_request("the id of a silence is a whole number");
    const auto audited = co_await shared_.store.operations().put_audit(visit.actor.name, "end silence",
                                                                       "silence " + given, "", store_deadline());
    if (!audited) co_return store_failed(audited.error());
    const auto ended = co_await shared_.store.alerts().end_silence(id, store_deadline());
    if (!ended) co_return store_failed(ended.error());
    if (!*ended) co_return not_found("there is no silence of this id, or it is over");
    json::object out;
    out["silence"] = id;
    out["ended"] = true;
    co_return json_answer(200, out);
}

asio::awaitable<Response> AlertsApi::test(Visit& visit) {
    auto waiter = std::make_shared<net::Waiter<Tested>>(worker_.worker.io.get_executor());
    shared_.test_channel(visit.parts.at(0), [waiter](Tested tested) { waiter->fulfil(std::move(tested)); });
    const Tested tested = co_await waiter->wait();
    if (!tested) co_return not_found("there is no channel of this name; GET /api/v1/alerts lists them");
    json::object out;
    out["channel"] = visit.parts.at(0);
    out["result"] = to_string(tested->kind);
    out["answer"] = tested->answer;
    co_return json_answer(tested->kind == alerts::Delivery::Kind::sent ? 200 : 502, out);
}

}  // namespace b24gate::admin
