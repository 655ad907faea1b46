// Receivers' answers, and when a channel is tried again.
#include <doctest/doctest.h>

#include <b24gate/alerts/delivery.hpp>

using namespace b24gate::alerts;
using namespace std::chrono_literals;
using Kind = Delivery::Kind;

TEST_CASE("webhooks") {
    struct Case {
        unsigned status;
        Kind kind;
    };
    const Case cases[] = {{200, Kind::sent},      {204, Kind::sent},      {301, Kind::permanent},
                          {400, Kind::permanent}, {404, Kind::permanent}, {410, Kind::permanent},
                          {408, Kind::again},     {429, Kind::again},     {500, Kind::again},
                          {503, Kind::again},     {0, Kind::again}};
    for (const Case& c : cases) {
        CAPTURE(c.status);
        const Delivery out = judge_webhook(c.status, "17", "<html>\n", "connection refused");
        CHECK(out.kind == c.kind);
        CHECK(out.error.empty() == (c.kind == Kind::sent));
        if (c.kind == Kind::again) CHECK(out.retry_after == 17s);
    }
    CHECK(judge_webhook(0, "", "", "connection refused").error == "connection refused");
    CHECK(judge_webhook(500, "999999999", "", "").retry_after == 1h);
    CHECK_FALSE(judge_webhook(500, "Fri, 31 Dec", "", "").retry_after.has_value());
    CHECK(judge_webhook(500, "", std::string(5000, 'x') + "\xd0", "").answer.size() < 400);
}

TEST_CASE("Telegram") {
    Delivery out = judge_telegram(200, R"({"ok":true,"result":{"message_id":42,"x":[]}})", "");
    CHECK(out.kind == Kind::sent);
    CHECK(out.reference == "42");
    out = judge_telegram(429, R"({"ok":false,"description":"Too Many Requests","parameters":{"retry_after":35}})", "");
    CHECK(out.kind == Kind::again);
    CHECK(out.retry_after == 35s);
    CHECK(out.error == "HTTP 429: Too Many Requests");
    out = judge_telegram(
        400, R"({"ok":false,"description":"group was upgraded","parameters":{"migrate_to_chat_id":-1001}})", "");
    CHECK(out.kind == Kind::again);
    CHECK(out.moved_to == "-1001");
    CHECK(judge_telegram(400, R"({"parameters":{"migrate_to_chat_id":"x"}})", "").moved_to.empty());
    CHECK(judge_telegram(403, R"({"ok":false,"description":"bot was kicked"})", "").kind == Kind::permanent);
    CHECK(judge_telegram(401, "", "").kind == Kind::permanent);
    CHECK(judge_telegram(200, "<html>", "").kind == Kind::again);
    CHECK(judge_telegram(502, "<html>", "").kind == Kind::again);
    CHECK(judge_telegram(0, "", "timed out").error == "timed out");
}

TEST_CASE("mail") {
    CHECK(judge_mail(true, 250, "").kind == Kind::sent);
    CHECK(judge_mail(false, 550, "no such user").kind == Kind::permanent);
    CHECK(judge_mail(false, 550, "no such user").error == "550 no such user");
    CHECK(judge_mail(false, 451, "try later").kind == Kind::again);
    CHECK(judge_mail(false, 0, "could not connect").kind == Kind::again);
}

TEST_CASE("a channel that fails is tried again at longer and longer intervals") {
    ChannelHealth health;
    b24gate::core::TimePoint now{1000h};
    CHECK(health.may_send(now));
    CHECK_FALSE(health.facts("x").failing);
    Delivery failed;
    failed.error = "refused";
    const std::chrono::seconds pauses[] = {5s, 10s, 20s, 40s, 80s, 160s, 300s, 300s, 300s};
    for (const auto pause : pauses) {
        health.note(failed, now, 1);
        CHECK_FALSE(health.may_send(now + pause - 1ms));
        CHECK(health.may_send(now + pause));
        now += pause;
    }
    CHECK(health.facts("x").failing);
    CHECK(health.facts("x").error == "refused");
    Delivery sent;
    sent.kind = Kind::sent;
    health.note(sent, now, 2);
    CHECK_FALSE(health.facts("x").failing);
    CHECK(health.facts("x").last_sent == 2);
    CHECK(health.facts("x").last_error == 1);
    failed.retry_after = 120s;
    health.note(failed, now, 3);
    CHECK_FALSE(health.may_send(now + 119s));
    failed.kind = Kind::permanent;
    health.note(failed, now, 4);
    CHECK_FALSE(health.may_send(now + 59min));
    health.forgive();
    CHECK(health.may_send(now));
}

TEST_CASE("a chat that has moved is written to at once, but not for ever") {
    ChannelHealth health;
    const b24gate::core::TimePoint now{1000h};
    Delivery moved;
    moved.moved_to = "-1001";
    health.note(moved, now, 1);
    CHECK(health.may_send(now));
    health.note(moved, now, 1);
    CHECK_FALSE(health.may_send(now + 1s));
}
