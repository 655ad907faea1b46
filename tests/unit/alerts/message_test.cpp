// What channels get to read.
#include <boost/json/parse.hpp>

#include <regex>

#include <b24gate/alerts/message.hpp>
#include <b24gate/core/base64.hpp>
#include <b24gate/core/json_scan.hpp>

#include "world.hpp"

using namespace b24gate::alerts;
using namespace b24gate::alerts::test;
namespace json = boost::json;

namespace {

Alert error_rate(const std::string& portal = "acme") {
    Alert out;
    out.id = alert_id(AlertRule::error_rate, portal);
    out.rule = AlertRule::error_rate;
    out.subject = out.portal = portal;
    out.severity = Severity::critical;
    out.state = State::firing;
    out.since = noon - minute;
    out.fired = noon;
    out.value = out.peak = 0.34;
    out.threshold = 0.1;
    out.part = 512;
    out.total = 15060;
    return out;
}

Notice notice_of(std::vector<Item> items) {
    Notice out;
    out.id = "alert_0";
    out.channel = "hook";
    out.rule = items.at(0).alert.rule;
    out.items = std::move(items);
    return out;
}

Item fired(Alert alert) { return Item{Item::Kind::fired, std::move(alert)}; }
Item over(Alert alert) {
    alert.state = State::resolved;
    alert.resolved = alert.fired + 12 * minute;
    return Item{Item::Kind::resolved, std::move(alert)};
}

const b24gate::config::Alerts settings;

Message message(const Notice& notice, Language language = Language::en) {
    return message_of(notice, settings, language, "host1", noon + hour);
}

}  // namespace

TEST_CASE("headlines") {
    CHECK(headline(error_rate(), settings, Language::en) ==
          "Error rate acme: 34 % (threshold 10 %) over 5 min, 512 of 15,060 calls");
    CHECK(headline(error_rate(), settings, Language::ru) ==
          "Доля ошибок acme: 34 % (порог 10 %) за 5 мин, 512 из 15\u00A0060 вызовов");
    struct Case {
        AlertRule rule;
        const char* subject;
        double value, threshold;
        const char* note;
        const char* text;
    };
    const Case cases[] = {
        {AlertRule::no_success, "acme", 1865, 1800, "",
         "No success acme: for 31 min no call has succeeded, 0 have failed"},
        {AlertRule::stuck_operations, "", 120, 100, "", "Stuck operations: 120 are dead or held (threshold 100)"},
        {AlertRule::refresh_token, "acme/main", 82'800, 86'400, "", "Refresh token acme/main: lapses in 23 h"},
        {AlertRule::needs_reauth, "acme/main", 1, 0, "invalid_grant",
         "Access lost acme/main: needs a new authorization (invalid_grant)"},
        {AlertRule::breaker_open, "acme/main", 1, 0, "",
         "Overload block acme/main: the portal refuses this credential"},
        {AlertRule::store, "host1", 1, 0, "connection refused", "Store: host1 cannot use it (connection refused)"},
        {AlertRule::disk, "host1", 500.0 * 1024 * 1024, 1024.0 * 1024 * 1024, "",
         "Disk host1: 500 MiB left (threshold 1.0 GiB)"},
        {AlertRule::callbacks, "", 3, 0, "", "Callbacks: 3 given up in 1 h"},
        {AlertRule::reload, "host1", 1, 0, "", "Reload host1: the configuration was refused"},
        {AlertRule::channel, "mail", 1, 0, "550 no", "Channel mail: messages cannot be sent (550 no)"},
    };
    for (const Case& c : cases) {
        Alert alert;
        alert.rule = c.rule;
        alert.subject = c.subject;
        alert.value = c.value;
        alert.threshold = c.threshold;
        alert.note = c.note;
        CHECK(headline(alert, settings, Language::en) == c.text);
        // Nothing is left to fill in either language.
        CHECK(headline(alert, settings, Language::ru).find('{') == std::string::npos);
    }
}

TEST_CASE("every rule has its words in both languages") {
    for (std::size_t i = 0; i < b24gate::config::alert_rule_count; ++i)
        for (const Language language : {Language::en, Language::ru}) {
            const RuleTexts& texts = texts_of(static_cast<AlertRule>(i), language);
            CAPTURE(texts.name);
            CHECK_FALSE(texts.name.empty());
            CHECK_FALSE(texts.meaning.empty());
            CHECK_FALSE(texts.advice.empty());
            CHECK(texts.headline.find(texts.name) == 0);
        }
    CHECK(std::string(texts_of(AlertRule::store, Language::ru).name) != texts_of(AlertRule::store, Language::en).name);
}

TEST_CASE("one alert") {
    const std::string text = plain_text(message(notice_of({fired(error_rate())})), Language::en);
    CHECK(text.starts_with("[FIRING] Error rate acme: 34 % (threshold 10 %) over 5 min, 512 of 15,060 calls\n"));
    CHECK(text.find("What to do: ") != std::string::npos);
    CHECK(text.find("since 2023-11-14T22:12:20.000Z") != std::string::npos);
    CHECK(text.find("critical, host1") != std::string::npos);
}

TEST_CASE("an alert that is over says how long it took and why it ended") {
    Alert alert = error_rate();
    CHECK(message(notice_of({over(alert)})).title ==
          "[RESOLVED] Error rate acme: over after 12 min, at the worst 34 %");
    alert.end = End::no_data;
    CHECK(
        message(notice_of({over(alert)})).title ==
        "[RESOLVED] Error rate acme: over after 12 min, at the worst 34 % (nothing was seen any more that could tell)");
    alert.rule = AlertRule::needs_reauth;
    alert.end = End::fixed;
    CHECK(message(notice_of({over(alert)})).title == "[RESOLVED] Access lost acme: over after 12 min");
    CHECK(message(notice_of({over(alert)}), Language::ru).title == "[ПРОШЛО] Доступ потерян acme: прошло через 12 мин");
}

TEST_CASE("several alerts are lines, and too many are counted") {
    std::vector<Item> items{over(error_rate("beta"))};
    for (int i = 0; i < 30; ++i) items.push_back(fired(error_rate("p" + std::to_string(i))));
    const Message out = message(notice_of(items));
    CHECK(out.title == "[FIRING:30] Error rate");
    REQUIRE(out.lines.size() == most_lines + 1);
    CHECK(out.lines[0].starts_with("[RESOLVED] Error rate beta"));
    CHECK(out.lines.back() == "and 11 more");
}

TEST_CASE("links lead to the alert") {
    b24gate::config::Alerts with_link;
    with_link.link = "https://gate.internal";
    const Notice one = notice_of({fired(error_rate())});
    CHECK(message_of(one, with_link, Language::en, "host1", noon).link ==
          "https://gate.internal/alerts/" + one.items[0].alert.id);
    const Notice two = notice_of({fired(error_rate()), fired(error_rate("beta"))});
    CHECK(message_of(two, with_link, Language::en, "host1", noon).link == "https://gate.internal/alerts");
}

TEST_CASE("markup in names and notes stays text") {
    Alert alert = error_rate("<b>&[URL=x]");
    alert.rule = AlertRule::needs_reauth;
    alert.note = "a\nb</b>";
    const Message out = message(notice_of({fired(alert)}));
    const std::string telegram = telegram_html(out, Language::en);
    CHECK(telegram.find("&lt;b&gt;&amp;[URL=x]") != std::string::npos);
    CHECK(telegram.find("a b&lt;/b&gt;") != std::string::npos);
    const std::string portal = portal_text(out, Language::en);
    CHECK(portal.find("(URL=x)") != std::string::npos);
    CHECK(portal.find("[URL") == std::string::npos);
}

TEST_CASE("the fullest message fits into one of Telegram's") {
    std::vector<Item> items;
    for (int i = 0; i < 200; ++i) {
        Alert alert = error_rate(std::string(300, 'p') + std::to_string(i));
        alert.note = std::string(5000, 'n');
        alert.rule = AlertRule::needs_reauth;
        items.push_back(fired(alert));
    }
    const Notice notice = notice_of(items);
    std::size_t lines = most_lines;
    std::string text;
    do {
        text = telegram_html(message_of(notice, settings, Language::ru, "host1", noon, lines), Language::ru);
    } while (utf16_length(text) > telegram_limit && --lines > 0);
    CHECK(utf16_length(text) <= telegram_limit);
    CHECK(lines > 3);
    CHECK(text.find("и ещё") != std::string::npos);
}

TEST_CASE("UTF-16 units") {
    CHECK(utf16_length("") == 0);
    CHECK(utf16_length("abc") == 3);
    CHECK(utf16_length("Доля") == 4);
    CHECK(utf16_length("\U0001F600") == 2);
}

TEST_CASE("the webhook's body is that of Alertmanager") {
    const std::string text =
        webhook_json(notice_of({fired(error_rate()), over(error_rate("beta"))}), settings, Language::en, "host1", noon);
    CHECK_FALSE(b24gate::core::json::validate(text));
    const json::object body = json::parse(text).as_object();
    CHECK(body.at("version") == "4");
    CHECK(body.at("status") == "firing");
    CHECK(body.at("receiver") == "hook");
    CHECK(body.at("truncatedAlerts") == 0);
    const json::object& first = body.at("alerts").as_array().at(0).as_object();
    CHECK(first.at("status") == "firing");
    CHECK(first.at("labels").as_object().at("alertname") == "error_rate");
    CHECK(first.at("labels").as_object().at("portal") == "acme");
    CHECK(first.at("fingerprint") == json::value(alert_id(AlertRule::error_rate, "acme")));
    // Alertmanager's receivers take texts alone.
    for (const auto& value : first.at("annotations").as_object()) CHECK(value.value().is_string());
    CHECK(body.at("alerts").as_array().at(1).as_object().at("status") == "resolved");
    std::vector<Item> many;
    for (int i = 0; i < 250; ++i) many.push_back(fired(error_rate("p" + std::to_string(i))));
    const json::object long_one =
        json::parse(webhook_json(notice_of(many), settings, Language::en, "h", noon)).as_object();
    CHECK(long_one.at("alerts").as_array().size() == 100);
    CHECK(long_one.at("truncatedAlerts") == 150);
}

TEST_CASE("a mail") {
    b24gate::config::AlertChannel channel;
    channel.from = "b24gate@example.com";
    channel.to = {"a@example.com", "b@example.com"};
    const Message content = message(notice_of({fired(error_rate())}), Language::ru);
    const std::string mail = mail_text(content, Language::ru, channel, "alert_2", "alert_1", noon);
    CHECK(mail.find("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n") != std::string::npos);
    CHECK(mail.find("Message-ID: <alert_2@example.com>\r\n") != std::string::npos);
    CHECK(mail.find("References: <alert_1@example.com>\r\n") != std::string::npos);
    CHECK(mail.find("To: <a@example.com>,\r\n <b@example.com>\r\n") != std::string::npos);
    CHECK(mail.find("Auto-Submitted: auto-generated\r\n") != std::string::npos);
    const std::size_t end = mail.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    const std::string head = mail.substr(0, end);
    for (const char c : head) CHECK(static_cast<unsigned char>(c) < 0x80);
    // The words of the subject, put together, are the title.
    std::string subject;
    const std::regex word("=\\?UTF-8\\?B\\?([^?]*)\\?=");
    for (std::sregex_iterator at(head.begin(), head.end(), word), none; at != none; ++at) {
        CHECK((*at)[0].length() <= 75);
        const auto part = b24gate::core::from_base64((*at)[1].str());
        REQUIRE(part.has_value());
        CHECK((static_cast<unsigned char>(part->front()) & 0xC0) != 0x80);
        subject += *part;
    }
    CHECK(subject == content.title);
    std::string body = mail.substr(end + 4);
    std::erase_if(body, [](char c) { return c == '\r' || c == '\n'; });
    CHECK(b24gate::core::from_base64(body) == plain_text(content, Language::ru));
}

TEST_CASE("no line of a subject can be smuggled into a mail") {
    b24gate::config::AlertChannel channel;
    channel.from = "b24gate@example.com";
    channel.to = {"a@example.com"};
    Alert alert = error_rate("x\r\nBcc: evil@example.com\r\n");
    const std::string mail = mail_text(message(notice_of({fired(alert)})), Language::en, channel, "1", "", noon);
    CHECK(mail.find("evil@example.com") == std::string::npos);
}

TEST_CASE("lengths of time, shares, sizes, numbers") {
    CHECK(length_of_time(0, Language::en) == "0 s");
    CHECK(length_of_time(59, Language::en) == "59 s");
    CHECK(length_of_time(3599, Language::en) == "59 min");
    CHECK(length_of_time(3600, Language::ru) == "1 ч");
    CHECK(length_of_time(11'100, Language::en) == "3 h 5 min");
    CHECK(length_of_time(200'000, Language::en) == "2 d 7 h");
    CHECK(percent(0.004) == "0.4 %");
    CHECK(percent(0.1) == "10 %");
    CHECK(percent(1) == "100 %");
    CHECK(count(1234, Language::en) == "1234");
    CHECK(count(12345, Language::en) == "12,345");
    CHECK(count(1234567, Language::en) == "1,234,567");
    CHECK(bytes(1.5 * 1024 * 1024 * 1024, Language::ru) == "1.5 ГиБ");
}
