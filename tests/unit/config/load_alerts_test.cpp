// [alerts]: rules and channels.
#include <doctest/doctest.h>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;
using namespace std::chrono_literals;
using Type = AlertChannel::Type;

namespace {

World world() {
    World out;
    out.env["TOKEN"] = "123:abc";
    out.env["HOOK"] = "https://hooks.example/services/secret";
    out.env["SECRET"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    out.env["SHORT"] = "short";
    out.env["PASSWORD"] = "ma1lpassword";
    return out;
}

/// The text of a channel in a file that is good otherwise.
std::string channel(const std::string& keys) { return acme + "[alerts.channels.x]\n" + keys; }

}  // namespace

TEST_CASE("without [alerts] everything is watched, and the log is told") {
    const Loaded loaded = world().load(acme);
    REQUIRE(loaded);
    const Alerts& alerts = loaded.config->alerts;
    CHECK(alerts.enabled);
    CHECK(alerts.rules == default_rules());
    REQUIRE(alerts.channels.size() == 1);
    CHECK(alerts.channels.at("log").type == Type::log);
    CHECK(alerts.channels.at("log").least == Severity::info);
    CHECK(alerts.rule(AlertRule::error_rate).threshold == 0.1);
    CHECK(alerts.rule(AlertRule::error_rate).window == 5min);
    CHECK(alerts.rule(AlertRule::no_success).window == 30min);
    CHECK(alerts.rule(AlertRule::stuck_operations).threshold == 100);
    CHECK(alerts.rule(AlertRule::refresh_token).window == 24h);
    CHECK(alerts.rule(AlertRule::breaker_open).hold == 5min);
}

TEST_CASE("rules are set one by one") {
    const Loaded loaded = world().load(acme +
                                       "[alerts.rules.error_rate]\nthreshold = 0.25\nfor = \"2m\"\n"
                                       "[alerts.rules.disk]\nfree = \"5GiB\"\nseverity = \"page\"\n"
                                       "[alerts.rules.reload]\nenabled = false\n");
    REQUIRE(loaded);
    const Alerts& alerts = loaded.config->alerts;
    CHECK(alerts.rule(AlertRule::error_rate).threshold == 0.25);
    CHECK(alerts.rule(AlertRule::error_rate).hold == 2min);
    CHECK(alerts.rule(AlertRule::error_rate).window == 5min);
    CHECK(alerts.rule(AlertRule::disk).free == 5ull << 30);
    CHECK(alerts.rule(AlertRule::disk).severity == Severity::page);
    CHECK_FALSE(alerts.rule(AlertRule::reload).enabled);
}

TEST_CASE("channels of every type") {
    const Loaded loaded = world().load(acme + R"(
[alerts]
language = "ru"
[alerts.channels.a]
type = "telegram"
token = "env:TOKEN"
chat = "-100"
thread = 7
severity = "critical"
[alerts.channels.b]
type = "webhook"
url = "env:HOOK"
secret = "env:SECRET"
language = "en"
[alerts.channels.c]
type = "email"
server = "smtps://mail.example:465"
user = "u"
password = "env:PASSWORD"
from = "gate@example.com"
to = ["a@example.com", "b@example.com"]
rules = ["store", "*_rate"]
[alerts.channels.d]
type = "portal"
portal = "acme"
user = 5
[alerts.channels.log]
type = "log"
severity = "warning"
)");
    CHECK(lines(loaded.errors) == "");
    REQUIRE(loaded);
    const auto& channels = loaded.config->alerts.channels;
    REQUIRE(channels.size() == 5);
    CHECK(channels.at("a").token.reveal() == "123:abc");
    CHECK(channels.at("a").url.reveal() == "https://api.telegram.org");
    CHECK(channels.at("a").thread == 7);
    CHECK(channels.at("a").least == Severity::critical);
    CHECK(channels.at("a").language == Language::ru);
    CHECK(channels.at("b").url.reveal() == "https://hooks.example/services/secret");
    CHECK(channels.at("b").language == Language::en);
    CHECK(channels.at("c").to.size() == 2);
    CHECK(channels.at("c").rules.size() == 2);
    CHECK(channels.at("d").credential == "main");
    CHECK(channels.at("d").portal_user == 5);
    CHECK(channels.at("log").least == Severity::warning);
}

TEST_CASE("the log is there also beside a channel of another type called log") {
    const Loaded loaded =
        world().load(acme + "[alerts.channels.log]\ntype = \"webhook\"\nurl = \"https://a.example/\"\n");
    REQUIRE(loaded);
    CHECK(loaded.config->alerts.channels.at("(log)").type == Type::log);
}

TEST_CASE("mistakes in rules") {
    struct Case {
        const char* text;
        const char* error;
    };
    const Case cases[] = {
        {"[alerts.rules.eror_rate]\n", "7:15: unknown key \"eror_rate\"; did you mean \"error_rate\"?"},
        {"[alerts.rules.store]\nthreshold = 1\n", "8:1: threshold means nothing to the rule store; leave it out"},
        {"[alerts.rules.reload]\nwindow = \"1m\"\n", "8:1: window means nothing to the rule reload; leave it out"},
        {"[alerts.rules.disk]\nmin_calls = 3\n", "8:1: min_calls means nothing to the rule disk; leave it out"},
        {"[alerts.rules.callbacks]\nfree = \"1GiB\"\n", "8:1: free means nothing to the rule callbacks; leave it out"},
        {"[alerts.rules.error_rate]\nthreshold = 10\n", "8:13: threshold is a share of the calls: write 0.1 for 10 %"},
        {"[alerts.rules.no_success]\nwindow = \"7h\"\n",
         "8:10: window is longer than 6h; calls are remembered for so long at the most"},
        {"[alerts.rules.store]\nseverity = \"pages\"\n", "8:12: severity is \"pages\"; did you mean \"page\"?"},
        {"[alerts]\nrules = 1\n", "8:9: rules must be a table, written [rules], not a whole number"},
        {"alerts = 1\n", "7:10: alerts must be a table, written [alerts], not a whole number"},
        {"[alerts]\ninterval = \"1ms\"\n", "8:12: interval is \"1ms\"; write a duration from 50ms to 5m"},
        {"[alerts]\nheartbeat_url = \"beats\"\n",
         "8:17: heartbeat_url is no address; write one like \"https://hooks.internal/alerts\", or env:NAME where it "
         "holds a secret"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        const std::string text =
            std::string(c.text).starts_with("alerts =") ? "\n\n\n\n\n\n" + std::string(c.text) + acme : acme + c.text;
        CHECK(lines(world().load(text).errors) == c.error);
    }
}

TEST_CASE("mistakes in channels") {
    struct Case {
        const char* keys;
        const char* error;
    };
    const Case cases[] = {
        {"", "7:18: channel \"x\" has no type; write type = \"telegram\", or log, webhook, email, portal"},
        {"type = \"mail\"\n", "8:8: type is \"mail\"; did you mean \"email\"?"},
        {"type = \"log\"\nurl = \"https://a.example/\"\n", "9:1: unknown key \"url\"; it belongs in [store]"},
        {"type = \"telegram\"\nchat = \"1\"\n", "7:18: channel \"x\" has no token; set it"},
        {"type = \"telegram\"\nchat = \"1\"\ntoken = \"123:abc\"\n",
         "10:9: token is a secret, which never stands in this file; write \"env:NAME\" (an environment variable) or "
         "\"file:PATH\""},
        {"type = \"webhook\"\nurl = \"https://u:p@a.example/\"\n",
         "9:7: url is no address; write one like \"https://hooks.internal/alerts\", or env:NAME where it holds a "
         "secret"},
        {"type = \"webhook\"\nurl = \"https://a.example/\"\nsecret = \"env:SHORT\"\n",
         "10:10: secret is shorter than 24 characters and may be guessed; take a longer one, or whsec_ and 24 bytes or "
         "more in base64"},
        {"type = \"email\"\nserver = \"mail.example\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\n",
         "9:10: server is no mail server; write \"smtps://mail.internal:465\", or \"smtp://mail.internal:587\" for "
         "STARTTLS"},
        {"type = \"email\"\nserver = \"smtp://m.example\"\nfrom = \"a@b.example\"\nto = [\"b\"]\n",
         "11:7: to has \"b\"; write an address alone, like \"oncall@example.com\""},
        {"type = \"email\"\nserver = \"smtp://m.example\"\nfrom = \"a <a@b.example>\"\nto = [\"a@b.example\"]\n",
         "10:8: from is no address; write it alone, like \"b24gate@example.com\""},
        {"type = \"email\"\nserver = \"smtp://m.example\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nuser = "
         "\"u\"\n",
         "7:18: channel \"x\" has no password; set it"},
        {"type = \"email\"\nserver = \"smtp://m.example\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nuser = "
         "\"u\"\n"
         "password = \"env:PASSWORD\"\nplain = true\n",
         "14:9: plain = true would send the password in the clear; leave one of the two out"},
        {"type = \"portal\"\nportal = \"acne\"\nuser = 1\n",
         "9:10: there is no portal \"acne\"; did you mean \"acme\"?"},
        {"type = \"portal\"\nportal = \"acme\"\ncredential = \"app\"\nuser = 1\n",
         "9:10: portal \"acme\" has no credential \"app\""},
        {"type = \"log\"\nrules = [\"stor\"]\n", "9:10: rules has \"stor\"; did you mean \"store\"?"},
        {"type = \"log\"\nseverity = 1\n", "9:12: severity must be text in double quotes, not a whole number"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.keys);
        CHECK(lines(world().load(channel(c.keys)).errors) == c.error);
    }
    CHECK(lines(world().load(acme + "[alerts.channels.\"a b\"]\ntype = \"log\"\n").errors) ==
          "7:18: a channel's name has letters, digits, - and _, 64 at most");
}
