#include <doctest/doctest.h>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;
using namespace std::chrono_literals;

namespace {

/// One line in an otherwise good portal; it stands at line 3.
std::string portal_with(const std::string& line) {
    return "[portals.acme]\nurl = \"https://acme.bitrix24.com\"\n" + line + "\n";
}

/// One line in place of the url; it stands at line 2.
Loaded url(const std::string& value) { return World().load("[portals.acme]\nurl = \"" + value + "\"\n"); }

}  // namespace

TEST_CASE("plans") {
    struct {
        const char* lines;
        Plan::Kind kind;
        double burst, rate;
    } const cases[] = {
        {"", Plan::Kind::standard, 50, 2},
        {"plan = \"standard\"", Plan::Kind::standard, 50, 2},
        {"plan = \"enterprise\"", Plan::Kind::enterprise, 250, 5},
        {"plan = \"auto\"", Plan::Kind::automatic, 50, 2},
        {"plan = \"none\"", Plan::Kind::none, 50, 2},
        {"burst = 100\nrate = 2.5", Plan::Kind::custom, 100, 2.5},
        {"rate = 7\nburst = 1", Plan::Kind::custom, 1, 7},
    };
    for (const auto& c : cases) {
        CAPTURE(c.lines);
        const Loaded loaded = World().load(portal_with(c.lines));
        CHECK(lines(loaded.errors) == "");
        REQUIRE(loaded);
        const Plan& plan = loaded.config->portals.at("acme").plan;
        CHECK(plan.kind == c.kind);
        CHECK(plan.burst == c.burst);
        CHECK(plan.rate == c.rate);
    }
}

TEST_CASE("wrong lines in a portal") {
    struct {
        const char* line;
        const char* expected;
    } const cases[] = {
        {"plan = \"standart\"", "3:8: plan is \"standart\"; did you mean \"standard\"?"},
        {"plan = \"gold\"", "3:8: plan is \"gold\"; write one of: standard, enterprise, auto, none"},
        {"plan = { burst = 1, rate = 2 }",
         "3:8: plan is a name (standard, enterprise, auto, none); for figures write burst = 100 and rate = 2.5 in its "
         "place"},
        {"plan = \"auto\"\nburst = 5", "4:1: burst stands beside plan; write plan, or burst and rate"},
        {"burst = 5", "3:1: burst stands alone; write rate beside it (burst: calls at once, rate: calls a second)"},
        {"rate = 5", "3:1: rate stands alone; write burst beside it (burst: calls at once, rate: calls a second)"},
        {"burst = 0\nrate = \"2\"",
         "3:9: burst is out of range; write a number from 1 to 100000\n"
         "4:8: rate must be a number, without quotes, not text"},
        {"burst = nan\nrate = inf",
         "3:9: burst is out of range; write a number from 1 to 100000\n"
         "4:8: rate is out of range; write a number from 0.01 to 10000"},
        {"mode = \"observ\"", "3:8: mode is \"observ\"; did you mean \"observe\"?"},
        {"mode = true", "3:8: mode must be text in double quotes, not true or false"},
        {"assume_spent = \"yes\"", "3:16: assume_spent must be true or false, without quotes, not text"},
        {"assume_spend = true", "3:1: unknown key \"assume_spend\"; did you mean \"assume_spent\"?"},
        {"max_in_flight = 0", "3:17: max_in_flight is 0; write a number from 1 to 1000"},
        {"max_queue = 0", "3:13: max_queue is 0; write a number from 1 to 1000000"},
        {"timeout = \"2h\"", "3:11: timeout is \"2h\"; write a duration from 10ms to 1h"},
        {"coalesce = { max_calls = 51 }", "3:26: max_calls is 51; write a number from 1 to 50"},
        {"coalesce = true", "3:12: coalesce must be a table, written [coalesce], not true or false"},
        {"coalesce = { size = 1 }",
         "3:14: unknown key \"size\"; [coalesce] takes: enabled, max_calls, max_duration, writes"},
        {"hosts = \"a\"", "3:9: hosts must be a list, like [\"a\", \"b\"], not text"},
        {"hosts = [\"a\", \"b:80\", \"*.c\"]",
         "3:15: hosts takes host names alone, like \"acme.b24.internal\": no scheme, no port, no path\n"
         "3:23: hosts takes host names alone, like \"acme.b24.internal\": no scheme, no port, no path"},
        {"hosts = [\"a\", \"A.\"]", "3:15: host \"a\" stands at portal \"acme\" already; a host leads to one portal"},
        {"redirect_hosts = [\"*.example.com\", \"*\"]",
         "3:36: redirect_hosts would send the portal's credential to any host; name the domain, like "
         "\"*.example.com\""},
        {"ca = \"none.pem\"", "3:6: ca: the file \"etc/none.pem\" cannot be read: No such file or directory"},
        {"read_methods = [\"my app\"]",
         "3:17: read_methods has \"my app\"; write a method name, * for any part, like \"crm.*.list\""},
        {"urll = 1", "3:1: unknown key \"urll\"; did you mean \"url\"?"},
        {"credentials = 1", "3:15: credentials must be a table, written [credentials], not a whole number"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.line);
        CHECK(lines(World().load(portal_with(c.line)).errors) == c.expected);
    }
    CHECK(lines(World().load("portals = 3\n").errors) ==
          "1:11: portals must be a table, written [portals], not a whole number");
    CHECK(lines(World().load("[portals]\nacme = \"https://acme.bitrix24.com\"\n").errors) ==
          "2:8: acme must be a table, written [acme], not text");
    CHECK(lines(World().load("[portals.acme]\nmax_queue = 5\n").errors) ==
          "1:10: portal \"acme\" has no url; write url = \"https://acme.bitrix24.com\"");
    CHECK(lines(World().load("[portals.ACME]\nurl = \"https://acme.bitrix24.com\"\n").errors) ==
          "1:10: portal \"ACME\" has no usable name; it stands in URLs: take small letters, digits, _ and -, at most "
          "64");
    CHECK(lines(World().load("[portals.\"a/b\"]\nurl = \"https://acme.bitrix24.com\"\n").errors) ==
          "1:10: portal \"a/b\" has no usable name; it stands in URLs: take small letters, digits, _ and -, at most "
          "64");
}

TEST_CASE("portal addresses") {
    struct {
        const char *given, *taken;
    } const good[] = {
        {"https://acme.bitrix24.com", "https://acme.bitrix24.com"},
        {"HTTPS://ACME.Bitrix24.com:443", "https://acme.bitrix24.com:443"},
        {"https://intranet.example.com/b24", "https://intranet.example.com/b24"},
        {"https://[::1]:8443", "https://[::1]:8443"},
        {"https://b24_box", "https://b24_box"},
        {"http://127.0.0.1:9000/portal/acme", "http://127.0.0.1:9000/portal/acme"},
    };
    for (const auto& c : good) {
        CAPTURE(c.given);
        const Loaded loaded = url(c.given);
        CHECK(lines(loaded.errors) == "");
        REQUIRE(loaded);
        CHECK(loaded.config->portals.at("acme").url == c.taken);
        const bool warned = lines(loaded.warnings).find("begins with http://") != std::string::npos;
        CHECK(warned == std::string_view(c.taken).starts_with("http://"));
    }
    const std::string example = "\"https://acme.bitrix24.com\"";
    struct {
        const char* given;
        std::string message;
    } const bad[] = {
        {"acme.bitrix24.com", "url has no scheme; write a whole address like " + example},
        {"ftp://acme.bitrix24.com", "url must begin with https://; write an address like " + example},
        {"https://acme.bitrix24.com/", "url ends with '/'; write it without, like " + example},
        {"https://acme.bitrix24.com?a=1",
         "url holds a query or fragment; write it without the part from '?' or '#' on"},
        {"https://acme.bitrix24.com/x#y",
         "url holds a query or fragment; write it without the part from '?' or '#' on"},
        {"https://me:PlantedSecret@acme.bitrix24.com",
         "url holds a user or password; write the address alone, like " + example},
        {"https://acme.bitrix24.com/rest/1/PlantedSecret/",
         "url is a REST address; write the portal's alone, like " + example +
             ", and the webhook's user and secret in its credentials"},
        {"https://acme.bitrix24.com/REST", "url is a REST address; write the portal's alone, like " + example +
                                               ", and the webhook's user and secret in its credentials"},
        {"https://", "url has no valid host name or port; write an address like " + example},
        {"https://a b", "url has no valid host name or port; write an address like " + example},
        {"https://acme:0", "url has no valid host name or port; write an address like " + example},
        {"https://acme:65536", "url has no valid host name or port; write an address like " + example},
        {"https://acme:", "url has no valid host name or port; write an address like " + example},
        {"https://[::1", "url has no valid host name or port; write an address like " + example},
        {"https://acme/a b", "url holds a character that no path may have; write an address like " + example},
    };
    for (const auto& c : bad) {
        CAPTURE(c.given);
        const Loaded loaded = url(c.given);
        CHECK(lines(loaded.errors) == "2:7: " + c.message);
        CHECK(lines(loaded.errors).find("PlantedSecret") == std::string::npos);
    }
}

TEST_CASE("credentials") {
    struct {
        const char* body;
        const char* expected;
    } const cases[] = {
        {"type = \"webhok\"\nuser = 1\nsecret = \"env:ACME_WEBHOOK\"\n",
         "4:8: type is \"webhok\"; did you mean \"webhook\"?"},
        {"user = 1\n", "3:27: credential \"main\" has no secret; write secret = \"env:NAME\""},
        {"secret = \"env:ACME_WEBHOOK\"\n",
         "3:27: credential \"main\" has no user; write user = 1, the webhook owner's id"},
        {"user = 0\nsecret = \"env:ACME_WEBHOOK\"\n", "4:8: user is 0; write a number from 1 to 1000000000000"},
        {"user = \"a/b\"\nsecret = \"env:ACME_WEBHOOK\"\n",
         "4:8: user is neither a number nor a login; write the first part of the webhook's address behind /rest/, "
         "like 1"},
        {"user = 1\nsecret = \"env:SLASHED\"\n",
         "5:10: secret holds characters that no webhook secret has; write the part of the webhook's address behind "
         "the user alone, without '/'"},
        {"user = 1\nsecret = \"env:ACME_WEBHOOK\"\nclient_id = \"x\"\n",
         "6:1: client_id belongs to a credential of type = \"oauth\"; leave it out or change the type"},
        {"type = \"oauth\"\nuser = 1\n",
         "3:27: credential \"main\" has no client_id; write client_id = \"app....\", the application's id\n"
         "3:27: credential \"main\" has no client_secret; write client_secret = \"env:NAME\"\n"
         "5:1: user belongs to a credential of type = \"webhook\"; leave it out or change the type"},
        {"type = \"oauth\"\nclient_id = \"a\"\nclient_secret = \"env:ACME_WEBHOOK\"\ntoken_url = \"oauth\"\n",
         "7:13: token_url has no scheme; write a whole address like \"https://oauth.bitrix.info/oauth/token/\""},
        {"usr = 1\nuser = 1\nsecret = \"env:ACME_WEBHOOK\"\n", "4:1: unknown key \"usr\"; did you mean \"user\"?"},
    };
    World world;
    world.env["SLASHED"] = "1/PlantedSecret/";
    for (const auto& c : cases) {
        CAPTURE(c.body);
        const Loaded loaded = world.load(portal_with("[portals.acme.credentials.main]") + c.body);
        CHECK(lines(loaded.errors) == c.expected);
        CHECK(lines(loaded.errors).find("PlantedSecret") == std::string::npos);
    }
    CHECK(lines(world.load(portal_with("credentials = { \"Main!\" = { user = 1, secret = \"env:KEY\" } }")).errors) ==
          "3:17: credential \"Main!\" has no usable name; take small letters, digits, _ and -");
    CHECK(lines(world.load(portal_with("credentials.main = \"env:KEY\"")).errors) ==
          "3:20: main must be a table, written [main], not text");

    world.env["STORE"] = "Lo0LCcPp3R8D1Uj4JXrBuv1Ahu9xRsWC9J4hYHK2TaQ=";
    const Loaded good = world.load(portal_with("[portals.acme.credentials.hook]\nuser = \"robot@acme\"\n"
                                               "secret = \"env:ACME_WEBHOOK\"\n[portals.acme.credentials.app]\n"
                                               "type = \"oauth\"\nclient_id = \"app.1\"\nclient_secret = \"env:KEY\"") +
                                   "\n[store]\nencryption_key = \"env:STORE\"\n");
    CHECK(lines(good.errors) == "");
    REQUIRE(good);
    const auto& credentials = good.config->portals.at("acme").credentials;
    CHECK(credentials.at("hook").type == Credential::Type::webhook);
    CHECK(credentials.at("hook").user == "robot@acme");
    CHECK(credentials.at("hook").secret.reveal() == "s3cret0webhook");
    CHECK(credentials.at("app").type == Credential::Type::oauth);
    CHECK(credentials.at("app").client_id == "app.1");
    CHECK(credentials.at("app").client_secret.reveal() == "b24g_0123456789abcdef");
    CHECK(credentials.at("app").token_url == "https://oauth.bitrix.info/oauth/token/");
}

TEST_CASE("tokens are kept encrypted or not at all") {
    const Loaded loaded = World().load(portal_with(
        "[portals.acme.credentials.app]\ntype = \"oauth\"\nclient_id = \"app.1\"\nclient_secret = \"env:KEY\""));
    CHECK(lines(loaded.errors)
              .find("type \"oauth\" needs an encryption key, because its tokens are kept: set [store] "
                    "encryption_key; `b24gate keygen --store` makes one") != std::string::npos);
}

TEST_CASE("defaults hold for every portal and give way to its own") {
    const Loaded loaded = World().load(
        "[defaults]\nplan = \"enterprise\"\nmode = \"observe\"\nassume_spent = false\n"
        "max_in_flight = 4\nmax_queue = 5\nconnect_timeout = \"1s\"\n"
        "timeout = \"2s\"\npool_idle = \"3s\"\nread_methods = [\"My.*.List\"]\nrepeatable_methods = [\"my.set\"]\n"
        "[defaults.coalesce]\nenabled = false\nmax_calls = 10\nmax_duration = \"1s\"\n"
        "[portals.a]\nurl = \"https://a.bitrix24.com\"\n"
        "[portals.b]\nurl = \"https://b.bitrix24.com\"\nburst = 10\nrate = 1\nmode = \"enforce\"\n"
        "max_in_flight = 9\nread_methods = []\n"
        "hosts = [\"B.internal\"]\nredirect_hosts = [\"*.Example.com\"]\n[portals.b.coalesce]\nmax_calls = 20\n");
    CHECK(lines(loaded.errors) == "");
    REQUIRE(loaded);
    const Portal& a = loaded.config->portals.at("a");
    CHECK(a.name == "a");
    CHECK(a.plan.kind == Plan::Kind::enterprise);
    CHECK(a.plan.burst == 250);
    CHECK(a.mode == Portal::Mode::observe);
    CHECK_FALSE(a.assume_spent);
    CHECK(a.max_in_flight == 4);
    CHECK(a.max_queue == 5);
    CHECK(a.connect_timeout == 1s);
    CHECK(a.timeout == 2s);
    CHECK(a.pool_idle == 3s);
    CHECK(a.read_methods == std::vector<std::string>{"my.*.list"});
    CHECK(a.repeatable_methods == std::vector<std::string>{"my.set"});
    CHECK_FALSE(a.coalesce.enabled);
    CHECK(a.coalesce.max_calls == 10);
    const Portal& b = loaded.config->portals.at("b");
    CHECK(b.plan.kind == Plan::Kind::custom);
    CHECK(b.plan.burst == 10);
    CHECK(b.plan.rate == 1);
    CHECK(b.mode == Portal::Mode::enforce);
    CHECK_FALSE(b.assume_spent);
    CHECK(b.max_in_flight == 9);
    CHECK(b.max_queue == 5);
    CHECK(b.read_methods.empty());
    CHECK(b.hosts == std::vector<std::string>{"b.internal"});
    CHECK(b.redirect_hosts == std::vector<std::string>{"*.example.com"});
    CHECK_FALSE(b.coalesce.enabled);
    CHECK(b.coalesce.max_calls == 20);
    CHECK(b.coalesce.max_duration == 1s);

    CHECK(lines(World().load("[defaults]\nurl = \"https://x\"\n").errors) ==
          "2:1: unknown key \"url\"; it belongs in [store]");
    CHECK(lines(World().load("[defaults]\nrate = 3\n").errors) ==
          "2:1: rate stands alone; write burst beside it (burst: calls at once, rate: calls a second)");
}

TEST_CASE("portals must be told apart") {
    const Loaded shared = World().load(
        "[portals.z]\nurl = \"https://z.bitrix24.com\"\nhosts = [\"x\", \"Y.\"]\n"
        "[portals.a]\nurl = \"https://z.bitrix24.com\"\nhosts = [\"y\"]\n");
    CHECK(lines(shared.errors) == "6:10: host \"y\" stands at portal \"z\" already; a host leads to one portal");
    CHECK(lines(shared.warnings).find("5:7: portal \"z\" has the same url; both will spend the portal's budget") !=
          std::string::npos);
    CHECK(lines(World().load("[log]\n").warnings) ==
          "1:1: no portal is configured, so no call can go anywhere; add [portals.NAME] with its url");
    CHECK(lines(World().load(acme).warnings) ==
          "1:1: no client is configured, so every call will be refused; `b24gate keygen NAME` makes one");
}
