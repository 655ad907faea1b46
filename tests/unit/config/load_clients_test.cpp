#include <doctest/doctest.h>

#include <b24gate/core/sha256.hpp>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;
using namespace std::chrono_literals;

namespace {

const std::string two_portals = acme +
                                "[portals.beta]\nurl = \"https://beta.bitrix24.com\"\n"
                                "credentials.one = { user = 1, secret = \"env:ACME_WEBHOOK\" }\n"
                                "credentials.two = { user = 2, secret = \"env:ACME_WEBHOOK\" }\n"
                                "[portals.bare]\nurl = \"https://bare.bitrix24.com\"\n";

/// A client whose table begins at line 1, in front of the portals.
Loaded client(const std::string& body) { return World().load("[clients.app]\n" + body + two_portals); }

const std::string key = "key_sha256 = \"" + digest + "\"\n";

}  // namespace

TEST_CASE("wrong lines in a client") {
    const std::string good = key + "portals = [\"acme\"]\n";  // lines 2 and 3
    const std::string no_key =
        "1:10: client \"app\" has no key; write key_sha256 = \"...\" (`b24gate keygen` makes one) or key = "
        "\"env:NAME\"";
    const std::string bad_digest =
        "key_sha256 must be 64 hex digits, the SHA-256 of the key; `b24gate keygen` prints both";
    struct {
        std::string body;
        std::string expected;
    } const cases[] = {
        {"portals = [\"acme\"]\n", no_key},
        {key + "key = \"env:KEY\"\nportals = [\"acme\"]\n",
         "2:1: key_sha256 and key stand side by side; leave one of them out"},
        {"key_sha256 = \"abc\"\nportals = [\"acme\"]\n", "2:14: " + bad_digest},
        {"key_sha256 = \"PlantedSecret\"\nportals = [\"acme\"]\n", "2:14: " + bad_digest},
        {"key_sha256 = \"" + std::string(64, 'g') + "\"\nportals = [\"acme\"]\n", "2:14: " + bad_digest},
        {"key_sha256 = 5\nportals = [\"acme\"]\n", "2:14: " + bad_digest},
        {"key = \"PlantedSecret\"\nportals = [\"acme\"]\n",
         "2:7: key is a secret, which never stands in this file; write \"env:NAME\" (an environment variable) or "
         "\"file:PATH\""},
        {key, "1:10: client \"app\" has no portals; write portals = [\"NAME\"]"},
        {key + "portals = []\n", "3:11: portals is empty; name the portals that the client may call"},
        {key + "portals = \"acme\"\n", "3:11: portals must be a list, like [\"a\", \"b\"], not text"},
        {key + "portals = [\"acmee\"]\n", "3:12: portal \"acmee\" is not in this file; did you mean \"acme\"?"},
        {key + "portals = [\"acme\", \"xyz\"]\n",
         "3:20: portal \"xyz\" is not in this file; the portals are: acme, bare, beta"},
        {key + "portals = [\"acme\", \"acme\"]\n", "3:20: portal \"acme\" stands twice; name it once"},
        {key + "portals = [\"bare\"]\n",
         "3:12: portal \"bare\" has no credential to call it with; add [portals.bare.credentials.main]"},
        {key + "portals = [\"beta\"]\n",
         "3:12: portal \"beta\" has several credentials (one, two) and none is called main; say which with "
         "credentials = { beta = \"one\" }"},
        {good + "credentials = { acme = \"mian\" }\n",
         "4:24: portal \"acme\" has no credential \"mian\"; did you mean \"main\"?"},
        {good + "credentials = { beta = \"one\" }\n",
         "4:17: portal \"beta\" is not among the client's portals; add it there"},
        {good + "credentials = \"main\"\n", "4:15: credentials must be a table, written [credentials], not text"},
        {good + "default_portal = \"beta\"\n",
         "4:18: default_portal \"beta\" is not among the client's portals; they are: acme"},
        {good + "default_portal = \"acm\"\n",
         "4:18: default_portal \"acm\" is not among the client's portals; did you mean \"acme\"?"},
        {good + "allow = []\n",
         "4:9: allow is empty, so the client could call nothing; leave it out to allow every method"},
        {good + "allow = [\"crm.*\", \"crm deal\"]\n",
         "4:19: allow has \"crm deal\"; write a method name, * for any part, like \"crm.*.list\""},
        {good + "deny = [\"/rest\"]\n",
         "4:9: deny has \"/rest\"; write a method name, * for any part, like \"crm.*.list\""},
        {good + "addresses = []\n",
         "4:13: addresses is empty, so no one could call; leave it out to allow any address"},
        {good + "addresses = [\"10.0.0.0/8\", \"lan\"]\n",
         "4:28: addresses has \"lan\"; write an address or a block, like \"10.0.0.0/8\" or \"fd00::/8\""},
        {good + "addresses = [\"10.0.0.1/8\"]\n",
         "4:14: addresses has \"10.0.0.1/8\", whose bits behind the prefix are not zero; write \"10.0.0.0/8\""},
        {good + "priority = \"high\"\n", "4:12: priority is \"high\"; write one of: interactive, normal, bulk"},
        {good + "weight = 0\n", "4:10: weight is 0; write a number from 1 to 1000"},
        {good + "timeout = \"500ms\"\n", "4:11: timeout is \"500ms\"; write a duration from 1s to 1h"},
        {good + "timeout = \"61m\"\n", "4:11: timeout is \"61m\"; write a duration from 1s to 1h"},
        {good + "passthrough = \"yes\"\n", "4:15: passthrough must be true or false, without quotes, not text"},
        {good + "passthrough = true\n",
         "2:1: key_sha256 makes no sense with passthrough = true: such a client sends the portal's own credential; "
         "leave one of the two out"},
        {"passthrough = true\nportals = [\"acme\"]\ncredentials = { acme = \"main\" }\n",
         "4:1: credentials makes no sense with passthrough = true: such a client sends the portal's own; leave one of "
         "the two out"},
        {good + "responsible_user = 0\n", "4:20: responsible_user is 0; write a number from 1 to 1000000000000"},
        {good + "portal = \"acme\"\n", "4:1: unknown key \"portal\"; did you mean \"portals\"?"},
        {good + "denny = []\n", "4:1: unknown key \"denny\"; did you mean \"deny\"?"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.body);
        const Loaded loaded = client(c.body);
        CHECK(lines(loaded.errors) == c.expected);
        CHECK(lines(loaded.errors).find("PlantedSecret") == std::string::npos);
    }
    CHECK(lines(World().load("clients = []\n").errors) ==
          "1:11: clients must be a table, written [clients], not a list");
    CHECK(lines(World().load("[clients.\"a b\"]\n" + good + two_portals).errors) ==
          "1:10: client \"a b\" has no usable name; take letters, digits, _ . and -, at most 64");
    CHECK(lines(World().load("[clients]\napp = 1\n" + two_portals).errors) ==
          "2:7: app must be a table, written [app], not a whole number");
}

TEST_CASE("what stands in a client arrives") {
    const Loaded loaded = client(
        "key_sha256 = \"" + std::string(64, 'A') +
        "\"\nportals = [\"acme\", \"beta\"]\ndefault_portal = \"beta\"\ncredentials = { beta = \"two\" }\n"
        "allow = [\"CRM.*\", \"user.current\"]\ndeny = [\"crm.*.Delete\"]\naddresses = [\"10.0.0.0/8\", \"::1\"]\n"
        "priority = \"bulk\"\nweight = 7\ntimeout = \"30s\"\nresponsible_user = 12\n"
        "[clients.other]\nkey = \"env:KEY\"\nportals = [\"acme\"]\n"
        "[clients.pass]\npassthrough = true\nportals = [\"bare\"]\n");
    CHECK(lines(loaded.errors) == "");
    REQUIRE(loaded);
    const Client& app = loaded.config->clients.at("app");
    CHECK(app.name == "app");
    CHECK(app.key_sha256 == std::string(64, 'a'));
    CHECK(app.portals == std::vector<std::string>{"acme", "beta"});
    CHECK(app.default_portal == "beta");
    CHECK(app.credentials == std::map<std::string, std::string>{{"acme", "main"}, {"beta", "two"}});
    CHECK(app.allow == std::vector<std::string>{"crm.*", "user.current"});
    CHECK(app.deny == std::vector<std::string>{"crm.*.delete"});
    CHECK(app.addresses == std::vector<std::string>{"10.0.0.0/8", "::1"});
    CHECK(app.priority == Priority::bulk);
    CHECK(app.weight == 7);
    CHECK(app.timeout == 30s);
    CHECK(app.responsible_user == 12);
    CHECK_FALSE(app.passthrough);
    const Client& other = loaded.config->clients.at("other");
    CHECK(other.key_sha256 == b24gate::core::to_hex(b24gate::core::sha256("b24g_0123456789abcdef")));
    CHECK(other.allow == std::vector<std::string>{"*"});
    CHECK(other.credentials == std::map<std::string, std::string>{{"acme", "main"}});
    CHECK(other.timeout == 120s);
    CHECK(loaded.config->clients.at("pass").passthrough);
    CHECK(loaded.config->clients.at("pass").credentials.empty());
}

TEST_CASE("a portal's only credential needs no name") {
    const Loaded loaded = World().load(
        "[portals.a]\nurl = \"https://a.bitrix24.com\"\ncredentials.hook = { user = 1, secret = \"env:KEY\" }\n"
        "[clients.app]\n" +
        key + "portals = [\"a\"]\n");
    REQUIRE(loaded);
    CHECK(loaded.config->clients.at("app").credentials.at("a") == "hook");
}

TEST_CASE("clients must be told apart") {
    const std::string portals = "portals = [\"acme\"]\n";
    CHECK(lines(client(key + portals + "[clients.b]\n" + key + portals).errors) ==
          "5:14: client \"app\" has the same key; give each a key of its own");
    // The same key in its two forms is still the same key.
    const std::string hashed = b24gate::core::to_hex(b24gate::core::sha256("b24g_0123456789abcdef"));
    CHECK(lines(client("key = \"env:KEY\"\n" + portals + "[clients.b]\nkey_sha256 = \"" + hashed + "\"\n" + portals)
                    .errors) == "5:14: client \"app\" has the same key; give each a key of its own");

    const std::string open = "passthrough = true\n" + portals;
    CHECK(
        lines(client(open + "[clients.b]\n" + open).errors) ==
        "4:10: passthrough client \"app\" takes portal \"acme\" from any address too; tell them apart with addresses");
    CHECK(client(open + "[clients.b]\naddresses = [\"10.0.0.1\"]\n" + open));
}

TEST_CASE("a broken portal does not make its clients' errors") {
    const Loaded loaded = World().load("[clients.app]\n" + key +
                                       "portals = [\"a\"]\n[portals.a]\nurl = 5\n"
                                       "credentials.main = { user = 1, secret = \"env:KEY\" }\n");
    CHECK(lines(loaded.errors) == "5:7: url must be text in double quotes, not a whole number");
}
