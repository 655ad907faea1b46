#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;
using namespace std::chrono_literals;

namespace {

struct Wrong {
    const char* text;
    const char* expected;  // every error: LINE:COL: message, one a line
};

void check_errors(const World& world, const Wrong& wrong) {
    CAPTURE(wrong.text);
    const Loaded loaded = world.load(wrong.text);
    CHECK(lines(loaded.errors) == wrong.expected);
    CHECK_FALSE(loaded);
}

}  // namespace

TEST_CASE("text that is no TOML") {
    const Wrong cases[] = {
        {"", "1:1: the file is empty; a configuration has at least one [portals.NAME] and one [clients.NAME]"},
        {"# nothing\n\n",
         "1:1: the file is empty; a configuration has at least one [portals.NAME] and one [clients.NAME]"},
        {"[server]\nlisten = 127\nlisten = 1\n",
         "3:10: no valid TOML: key-value pair: cannot redefine existing integer 'listen'"},
        {"[server]\nlisten = abc\n", "2:10: this is no value; text stands in double quotes, like name = \"text\""},
        {"[server]\nlisten = \"abc\nthreads = 1\n", "2:14: a text must end on its line; close it with a double quote"},
        {"max = 1; min = 2\n", "1:8: TOML has one key a line; ';' separates nothing"},
        {"[server\nlisten = 1\n", "1:8: no valid TOML: table header: expected ']', saw '\\n'"},
        {"[server]\nlisten\n", "2:7: no valid TOML: key-value pair: expected '=', saw '\\n'"},
        {"[a]\n[a]\n", "2:1: no valid TOML: table header: cannot redefine existing table 'a'"},
        {"a = \"\\q\"",
         "1:7: a backslash in a text begins an escape; write \\\\ for one, or single quotes around the text"},
        {"a = 99999999999999999999", "1:25: a number that is too large; text stands in double quotes"},
        {"a = \"\xff\"", "1:6: this is not UTF-8 text; save the file as UTF-8"},
        {"a = 1\n\"\xc3\xa9\" = \"\xed\xa0\x80\"", "2:8: this is not UTF-8 text; save the file as UTF-8"},
        // Letters beyond ASCII outside of a string once led toml++ into undefined behaviour.
        {"\xd0\xba\xd0\xbb = 1",
         "1:1: no valid TOML: root table: expected keys, tables, whitespace or comments, saw '\xd0\xba'"},
        {"[log]\nfile = \xcf\x8f", "2:8: this is no value; text stands in double quotes, like name = \"text\""},
        {"[log]\n\"\xd0\xb9\" \xd0\xb9 = 1", "2:5: no valid TOML: key-value pair: expected '=', saw '\xd0\xb9'"},
        {"log.file = \"\"\"\nx\\\n\xd0\xb9\"\"\"\nx=1",
         "4:1: unknown key \"x\"; the file takes: server, admin, store, defaults, portals, clients, retry, log, "
         "metrics, "
         "operations, alerts, cache"},
        {"[=\n", "1:2: no valid TOML: key: expected bare key starting character or string delimiter, saw '='"},
        {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
         "1:32: a key of more than 16 parts; nothing here is nested that deep"},
        {"a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
         "1:37: values nested more than 32 deep; nothing here is nested that deep"},
    };
    for (const Wrong& wrong : cases) check_errors({}, wrong);

    using namespace std::string_literals;
    CHECK(lines(World().load("[server]\nli\0sten = 1"s).errors) ==
          "2:3: a NUL byte: this is a binary file, not a TOML text");
    CHECK(lines(World().load("\x7f"s + "ELF\x02\x01\x01\0\0"s).errors) ==
          "1:8: a NUL byte: this is a binary file, not a TOML text");
    CHECK(lines(World().load("\xff\xfe["s).errors) == "1:1: this is not UTF-8 text; save the file as UTF-8");
}

TEST_CASE("deep nesting ends in a message, not on the stack") {
    std::string dots = "[a";
    for (int i = 0; i < 200'000; ++i) dots += ".a";
    CHECK(lines(World().load(dots + "]\n").errors) ==
          "1:33: a key of more than 16 parts; nothing here is nested that deep");
    std::string tables = "a = ";
    for (int i = 0; i < 100'000; ++i) tables += "{a=";
    CHECK(World().load(tables).errors.size() == 1);
    // Dots inside of strings and comments are none of a key.
    const std::string many(1000, '.');
    const Loaded loaded = World().load("# " + many + "\n[log]\nfile = \"" + many + "\"\nmask = ['" + many +
                                       "', \"\"\"\n" + many + "\"\"\"\"]\n");
    CHECK(lines(loaded.errors) == "");
}

TEST_CASE("unknown keys, with the nearest one that is known") {
    const Wrong cases[] = {
        {"[server]\ntls_lisen = \":1\"\n", "2:1: unknown key \"tls_lisen\"; did you mean \"tls_listen\"?"},
        {"[sever]\n", "1:2: unknown key \"sever\"; did you mean \"server\"?"},
        {"[server]\nthreads = 1\n  max_boddy = \"1MiB\"\n",
         "3:3: unknown key \"max_boddy\"; did you mean \"max_body\"?"},
        {"[server]\nmax_in_flight = 3\n", "2:1: unknown key \"max_in_flight\"; it belongs in [defaults]"},
        {"[metrics]\nfoo = 1\n", "2:1: unknown key \"foo\"; [metrics] takes: per_portal"},
        {"[defaults.coalesce]\nmax_cals = 3\n", "2:1: unknown key \"max_cals\"; did you mean \"max_calls\"?"},
        {"[retry.sever]\nattempts = 3\n", "1:8: unknown key \"sever\"; did you mean \"server\"?"},
        {"[retry.server]\nattemps = 3\n", "2:1: unknown key \"attemps\"; did you mean \"attempts\"?"},
        {"[admin]\nhost = []\n", "2:1: unknown key \"host\"; did you mean \"hosts\"?"},
        {"[store]\nuri = 1\n", "2:1: unknown key \"uri\"; did you mean \"url\"?"},
        {"[log]\n\"le\\nvel\\u0007\" = 1\n", "2:1: unknown key \"le?vel?\"; did you mean \"level\"?"},
        {"listen = \":80\"\n", "1:1: unknown key \"listen\"; it belongs in [server]"},
        {"[server]\n\"colour\" = 1\nzzzzzzzzz = 2\n",
         "2:1: unknown key \"colour\"; [server] takes: listen, tls_listen, tls_certificate, tls_key, threads, "
         "public_url, egress, max_body, max_header, max_buffered, max_connections, header_timeout, body_timeout, "
         "write_timeout, idle_timeout, shutdown_grace, drain_delay\n"
         "3:1: unknown key \"zzzzzzzzz\"; [server] takes: listen, tls_listen, tls_certificate, tls_key, threads, "
         "public_url, egress, max_body, max_header, max_buffered, max_connections, header_timeout, body_timeout, "
         "write_timeout, idle_timeout, shutdown_grace, drain_delay"},
    };
    for (const Wrong& wrong : cases) check_errors({}, wrong);
}

TEST_CASE("values of the wrong kind or out of range") {
    const Wrong cases[] = {
        {"server = 1\n", "1:10: server must be a table, written [server], not a whole number"},
        {"[[server]]\nthreads = 1\n", "1:1: server must be a table, written [server], not a list"},
        {"[server]\nthreads = \"4\"\n", "2:11: threads must be a whole number, without quotes, not text"},
        {"[server]\nthreads = 1.5\n",
         "2:11: threads must be a whole number, without quotes, not a number with a fraction"},
        {"[server]\nthreads = -1\n", "2:11: threads is -1; write a number from 0 to 1024"},
        {"[server]\nthreads = 5000000000\n", "2:11: threads is 5000000000; write a number from 0 to 1024"},
        {"[server]\nthreads = 2026-01-01\n", "2:11: threads must be a whole number, without quotes, not a date"},
        {"[server]\nmax_connections = 0\n", "2:19: max_connections is 0; write a number from 1 to 1000000"},
        {"[log]\ncalls = \"yes\"\n", "2:9: calls must be true or false, without quotes, not text"},
        {"[log]\nmask = \"EMAIL\"\n", "2:8: mask must be a list, like [\"a\", \"b\"], not text"},
        {"[log]\nmask = [\"EMAIL\", 3]\n", "2:18: mask must be text in double quotes, not a whole number"},
        {"[log]\nfile = \"\"\n", "2:8: file is empty; write a value or leave the key out"},
        {"[log]\nfile = \"a\\u001bb\"\n", "2:8: file holds a control character; write plain text"},
        {"[log]\nlevel = \"inof\"\n", "2:9: level is \"inof\"; did you mean \"info\"?"},
        {"[log]\nlevel = \"loud\"\n", "2:9: level is \"loud\"; write one of: trace, debug, info, warn, error, off"},
        {"[server]\nmax_body = 1000\n",
         "2:12: max_body must be a size with its unit, like \"32MiB\", not a whole number"},
        {"[server]\nmax_body = \"32 potatoes\"\n",
         "2:12: max_body is \"32 potatoes\"; write a size like \"32MiB\" (B, kB, MB, GB, KiB, MiB, GiB)"},
        {"[server]\nmax_body = \"5GiB\"\n", "2:12: max_body is \"5GiB\"; write a size from 1KiB to 2GiB"},
        {"[server]\nmax_header = \"64KiB\"\n", "2:14: max_header is \"64KiB\"; write a size from 1KiB to 65535B"},
        {"[server]\nmax_buffered = \"1MiB\"\n",
         "2:16: max_buffered (1MiB) is below max_body (32MiB); it must hold at least one body"},
        {"[server]\nmax_body = \"1GiB\"\n",
         "2:12: max_buffered (512MiB) is below max_body (1GiB); it must hold at least one body"},
        {"[server]\nidle_timeout = 75\n",
         "2:16: idle_timeout must be a duration with its unit, like \"10s\", not a whole number"},
        {"[server]\nidle_timeout = \"75\"\n",
         "2:16: idle_timeout is \"75\"; write a duration like \"10s\" (ms, s, m, h, d)"},
        {"[server]\nbody_timeout = \"1ms\"\n", "2:16: body_timeout is \"1ms\"; write a duration from 10ms to 1h"},
        {"[server]\nlisten = \"8080\"\n",
         "2:10: listen is \"8080\"; write an IP address and a port, like \"127.0.0.1:8080\", \"[::1]:8080\" or "
         "\":8080\""},
        {"[server]\nlisten = 8080\n",
         "2:10: listen must be an address and a port, like \"127.0.0.1:8080\", not a whole number"},
        {"[server]\negress = \"a b\"\n", "2:10: egress is \"a b\"; write a name of letters, digits, _ . and -"},
        {"[server]\npublic_url = \"b24.internal\"\n",
         "2:14: public_url has no scheme; write a whole address like \"https://b24.internal\""},
        {"[admin]\nhosts = [\"https://gate\"]\n",
         "2:10: hosts takes host names alone, like \"acme.b24.internal\": no scheme, no port, no path"},
        {"[retry.server]\nattempts = 101\n", "2:12: attempts is 101; write a number from 0 to 100"},
        {"[retry]\nbase = \"1m\"\n", "2:8: base is 1m and max 30s; base must not be above max"},
        {"[retry]\nmax = \"10s\"\n[retry.network]\nbase = \"11s\"\n",
         "4:8: base is 11s and max 10s; base must not be above max"},
        {"[metrics]\nper_portal = 1\n", "2:14: per_portal must be true or false, without quotes, not a whole number"},
        {"[store]\nurl = \"mysql://x\"\n", "2:7: url names no store; write \"sqlite:FILE\" or \"postgresql://...\""},
        {"[store]\nurl = \"postgresql://gate:pass@db/gate\"\n",
         "2:7: url holds a password, which never stands in this file; write \"env:NAME\" and put the whole address "
         "there"},
    };
    for (const Wrong& wrong : cases) check_errors({}, wrong);
}

TEST_CASE("two listeners on one port") {
    const Wrong cases[] = {
        {"[server]\nlisten = \"127.0.0.1:9080\"\n",
         "2:10: [admin] listen (127.0.0.1:9080) takes the port of [server] listen; give each a port of its own"},
        {"[admin]\nlisten = \":8080\"\n",
         "2:10: [admin] listen (0.0.0.0:8080) takes the port of [server] listen; give each a port of its own"},
        {"[server]\nlisten = \":80\"\n[admin]\nlisten = \":80\"\n",
         "4:10: [admin] listen (0.0.0.0:80) takes the port of [server] listen; give each a port of its own"},
    };
    for (const Wrong& wrong : cases) check_errors({}, wrong);
    CHECK(World().load("[server]\nlisten = \"10.0.0.1:9080\"\n"));
    CHECK(World().load("[server]\nlisten = \":0\"\n[admin]\nlisten = \":0\"\n"));
    CHECK(World().load("[server]\nlisten = \":9080\"\n[admin]\nlisten = \"off\"\n"));
}

TEST_CASE("TLS needs both of its files") {
    World world;
    world.files["etc/server.crt"] = {"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", true};
    world.files["etc/server.key"] = {"-----BEGIN EC PRIVATE KEY-----\nMII\n-----END EC PRIVATE KEY-----\n", false};
    world.files["/abs/server.key"] = {"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n", true};
    const std::string certificate = "tls_certificate = \"server.crt\"\n", key = "tls_key = \"server.key\"\n";
    const std::string tls = "[server]\ntls_listen = \":8443\"\n";

    const Loaded good = world.load(tls + certificate + key);
    CHECK(lines(good.errors) == "");
    REQUIRE(good);
    CHECK(good.config->server.tls_certificate == "etc/server.crt");
    CHECK(good.config->server.tls_key == "etc/server.key");
    CHECK(good.config->server.tls_listen->port == 8443);

    const Loaded absolute = world.load(tls + certificate + "tls_key = \"/abs/server.key\"\n");
    CHECK(absolute.config->server.tls_key == "/abs/server.key");
    CHECK(lines(absolute.warnings)
              .find("4:11: tls_key: every user can read the file \"/abs/server.key\"; take the "
                    "right away (chmod 600)") != std::string::npos);

    CHECK(lines(world.load(tls).errors) ==
          "2:1: tls_listen needs tls_certificate and tls_key beside it, each the path of a PEM file");
    CHECK(lines(world.load(tls + certificate).errors) ==
          "2:1: tls_listen needs tls_key beside it, each the path of a PEM file");
    CHECK(lines(world.load(tls + key).errors) ==
          "2:1: tls_listen needs tls_certificate beside it, each the path of a PEM file");
    CHECK(lines(world.load(tls + certificate + "tls_key = \"none.key\"\n").errors) ==
          "4:11: tls_key: the file \"etc/none.key\" cannot be read: No such file or directory");
    CHECK(lines(world.load(tls + certificate + "tls_key = \"server.crt\"\n").errors) ==
          "4:11: tls_key: the file \"etc/server.crt\" holds no PEM block with a private key; it must have a line "
          "\"-----BEGIN ... PRIVATE KEY-----\"");
    CHECK(lines(world.load("[server]\ntls_listen = \":8080\"\n" + certificate + key).errors) ==
          "2:14: tls_listen takes the port of listen; give each a port of its own");
    CHECK(lines(world.load("[server]\ntls_listen = \":9080\"\n" + certificate + key).errors) ==
          "2:14: [admin] listen (127.0.0.1:9080) takes the port of [server] tls_listen; give each a port of its own");
    CHECK(lines(world.load("[server]\n" + certificate).warnings)
              .find("2:1: tls_certificate is not used; it takes effect with tls_listen beside it") !=
          std::string::npos);
}

TEST_CASE("operations") {
    World world;
    world.env["SECRET"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    world.env["PLAIN"] = "a plain secret of some length";
    world.env["SHORT"] = "short";
    world.env["BROKEN"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS%";
    const Loaded loaded = world.load(
        acme +
        "[operations]\nkeep_succeeded = \"1h\"\nkeep_failed = \"2h\"\nmax_queued = 10\nmax_body = \"1MiB\"\n"
        "min_free_disk = \"0B\"\nsettle = \"1s\"\nkey_window = \"1h\"\norder_on_failure = \"block\"\n"
        "callback_hosts = [\"*.Example.com\"]\ncallback_secret = \"env:SECRET\"\n"
        "old_callback_secret = \"env:PLAIN\"\ncallback_timeout = \"3s\"\nallow_private_callbacks = true\n"
        "[operations.retry]\nattempts = 2\nbase = \"10ms\"\nmax = \"1s\"\nnot_found = 0\nlimit_age = \"1m\"\n");
    REQUIRE(lines(loaded.errors) == "");
    const Operations& o = loaded.config->operations;
    CHECK(o.keep_succeeded == std::chrono::hours(1));
    CHECK(o.keep_failed == std::chrono::hours(2));
    CHECK(o.max_queued == 10);
    CHECK(o.max_queued_per_client == 10);
    CHECK(o.max_body == 1u << 20);
    CHECK(o.min_free_disk == 0);
    CHECK(o.settle == std::chrono::seconds(1));
    CHECK(o.key_window == std::chrono::hours(1));
    CHECK(o.order_on_failure == Operations::OnFailure::block);
    CHECK(o.callback_hosts == std::vector<std::string>{"*.example.com"});
    CHECK(o.callback_secret.reveal() == world.env["SECRET"]);
    CHECK(o.old_callback_secret.reveal() == world.env["PLAIN"]);
    CHECK(o.callback_timeout == std::chrono::seconds(3));
    CHECK(o.allow_private_callbacks);
    CHECK(o.retry.attempts == 2);
    CHECK(o.retry.base == std::chrono::milliseconds(10));
    CHECK(o.retry.max == std::chrono::seconds(1));
    CHECK(o.retry.not_found == 0);
    CHECK(o.retry.limit_age == std::chrono::minutes(1));

    const Wrong cases[] = {
        {"[operations]\nsetle = \"1s\"\n", "2:1: unknown key \"setle\"; did you mean \"settle\"?"},
        {"[operations]\nkey_window = \"25h\"\n", "2:14: key_window is \"25h\"; write a duration from 0s to 1d"},
        {"[operations]\norder_on_failure = \"stop\"\n",
         "2:20: order_on_failure is \"stop\"; write one of: continue, block"},
        {"[operations]\nmax_queued = 5\nmax_queued_per_client = 6\n",
         "3:25: max_queued_per_client is above max_queued; lower it"},
        {"[operations]\ncallback_hosts = [\"a.example\"]\n",
         "2:1: callback_hosts needs callback_secret beside it, so that receivers can tell that a callback is yours"},
        {"[operations]\ncallback_secret = \"env:SHORT\"\n",
         "2:19: callback_secret is shorter than 24 characters and may be guessed; take a longer one"},
        {"[operations]\ncallback_secret = \"env:BROKEN\"\n",
         "2:19: callback_secret begins with whsec_ but not 24 bytes or more in base64 follow"},
        {"[operations.retry]\nbase = \"13h\"\n", "2:8: base is 13h and max 12h; base must not be above max"},
    };
    for (const Wrong& wrong : cases) check_errors(world, wrong);
}

TEST_CASE("cache rules") {
    const Loaded loaded = World().load(acme +
                                       "[[cache]]\nmethods = [\"CRM.*.fields\"]\nttl = \"10m\"\n"
                                       "[[cache]]\nmethods = [\"user.current\", \"profile\"]\nttl = \"1s\"\n"
                                       "max_bytes = \"4KiB\"\nportals = [\"acme\"]\n");
    REQUIRE(loaded);
    REQUIRE(loaded.config->cache.size() == 2);
    const CacheRule &first = loaded.config->cache[0], &second = loaded.config->cache[1];
    CHECK(first.methods == std::vector<std::string>{"crm.*.fields"});
    CHECK(first.ttl == std::chrono::minutes(10));
    CHECK(first.max_bytes == 16u << 20);
    CHECK(first.portals.empty());
    CHECK(second.methods == std::vector<std::string>{"user.current", "profile"});
    CHECK(second.max_bytes == 4096);
    CHECK(second.portals == std::vector<std::string>{"acme"});

    const Wrong cases[] = {
        {"cache = 1\n", "1:9: cache must be a list of rules, each written [[cache]]"},
        {"[cache]\nttl = \"1s\"\n", "1:1: cache must be a list of rules, each written [[cache]]"},
        {"[[cache]]\nttl = \"1s\"\n",
         "1:1: a cache rule has no methods; write methods = [\"crm.*.fields\", \"user.current\"]"},
        {"[[cache]]\nmethods = [\"profile\"]\n",
         "1:1: a cache rule has no ttl; write how long an answer is good, like ttl = \"10m\""},
        {"[[cache]]\nttl = \"1s\"\nmethods = []\n",
         "3:11: methods is empty, so the rule keeps nothing; name methods, like \"crm.*.fields\""},
        {"[[cache]]\nmethods = [\"profile\"]\nttl = \"1s\"\nmethod = \"x\"\n",
         "4:1: unknown key \"method\"; did you mean \"methods\"?"},
        {"[[cache]]\nmethods = [\"profile\"]\nttl = \"25h\"\n", "3:7: ttl is \"25h\"; write a duration from 1s to 1d"},
        {"[[cache]]\nmethods = [\"profile\"]\nttl = \"1s\"\nmax_bytes = \"1KiB\"\n",
         "4:13: max_bytes is \"1KiB\"; write a size from 4KiB to 64GiB"},
        {"[[cache]]\nmethods = [\"profile\"]\nttl = \"1s\"\nportals = [\"acma\"]\n",
         "4:12: portals has \"acma\", which is no portal of this file"},
        {"[[cache]]\nmethods = [\"profile\"]\nttl = \"1s\"\nportals = []\n",
         "4:11: portals is empty, so the rule keeps nothing; leave it out to mean all of them"},
    };
    for (const Wrong& wrong : cases) check_errors({}, wrong);
}

TEST_CASE("every error is reported, in the order of the file") {
    const Loaded loaded = World().load(
        "[log]\nlevel = 3\n[server]\nthreads = -1\nlisten = \"x\"\nbogus = 1\n[admin]\nlisten = 5\n[server.x]\n");
    CHECK(loaded.errors.size() == 6);
    unsigned last = 0;
    for (const Problem& p : loaded.errors) {
        CHECK(p.line > last);
        last = p.line;
        CHECK(p.file == "etc/gate.toml");
        CHECK(to_string(p) ==
              "etc/gate.toml:" + std::to_string(p.line) + ":" + std::to_string(p.column) + ": " + p.message);
    }
}

TEST_CASE("columns count characters, and a byte order mark is none") {
    check_errors({}, {"[log]\nmask = [\"\xc3\xa9\xd0\xbf\", 3]\n",
                      "2:15: mask must be text in double quotes, not a whole number"});
    CHECK(lines(World().load("\xef\xbb\xbf[log]\r\nfile = 3\r\n").errors) ==
          "2:8: file must be text in double quotes, not a whole number");
}

TEST_CASE("what stands in the file arrives") {
    World world;
    world.env["ADMIN"] = "a-long-enough-admin-key";
    world.env["READER"] = "a-long-enough-reading-key";
    world.env["STORE"] = "Lo0LCcPp3R8D1Uj4JXrBuv1Ahu9xRsWC9J4hYHK2TaQ=";
    const Loaded loaded = world.load(
        "[server]\nlisten = \"[::1]:81\"\nthreads = 3\npublic_url = \"https://B24.internal:8443\"\negress = \"dc-1\"\n"
        "max_body = \"64MiB\"\nmax_header = \"32KiB\"\nmax_buffered = \"1GiB\"\nmax_connections = 7\n"
        "header_timeout = \"1s\"\nbody_timeout = \"2s\"\nwrite_timeout = \"3s\"\nidle_timeout = \"4s\"\n"
        "shutdown_grace = \"5s\"\ndrain_delay = \"6s\"\n"
        "[admin]\nlisten = \":82\"\nkey = \"env:ADMIN\"\nread_only_key = \"env:READER\"\nhosts = [\"Gate.Internal.\"]\n"
        "[store]\nurl = \"sqlite:/x.db\"\nencryption_key = \"env:STORE\"\n"
        "[retry]\nattempts = 9\nbase = \"1s\"\n[retry.network]\nattempts = 1\nmax = \"7s\"\n"
        "[log]\nlevel = \"warn\"\nfile = \"/var/log/x\"\ncalls = false\nparams = true\nmask = [\"A\"]\n"
        "[metrics]\nper_portal = false\n");
    CHECK(lines(loaded.errors) == "");
    REQUIRE(loaded);
    const Config& c = *loaded.config;
    CHECK(c.path == "etc/gate.toml");
    CHECK(c.server.listen.host == "::1");
    CHECK(c.server.listen.port == 81);
    CHECK(c.server.threads == 3);
    CHECK(c.server.public_url == "https://b24.internal:8443");
    CHECK(c.server.egress == "dc-1");
    CHECK(c.server.max_body == 64u << 20);
    CHECK(c.server.max_header == 32u << 10);
    CHECK(c.server.max_buffered == 1u << 30);
    CHECK(c.server.max_connections == 7);
    CHECK(c.server.header_timeout == 1s);
    CHECK(c.server.body_timeout == 2s);
    CHECK(c.server.write_timeout == 3s);
    CHECK(c.server.idle_timeout == 4s);
    CHECK(c.server.shutdown_grace == 5s);
    CHECK(c.server.drain_delay == 6s);
    CHECK(c.admin.listen->port == 82);
    CHECK(c.admin.key.reveal() == "a-long-enough-admin-key");
    CHECK(c.admin.read_only_key.reveal() == "a-long-enough-reading-key");
    CHECK(c.admin.hosts == std::vector<std::string>{"gate.internal"});
    CHECK(c.store.url == "sqlite:/x.db");
    CHECK(c.store.encryption_key.reveal() == world.env["STORE"]);
    CHECK(c.retry.server.attempts == 9);
    CHECK(c.retry.server.base == 1s);
    CHECK(c.retry.server.max == 30s);
    CHECK(c.retry.network.attempts == 1);
    CHECK(c.retry.network.base == 1s);
    CHECK(c.retry.network.max == 7s);
    CHECK(c.retry.timeout.attempts == 9);
    CHECK(c.log.level == "warn");
    CHECK(c.log.file == "/var/log/x");
    CHECK_FALSE(c.log.calls);
    CHECK(c.log.params);
    CHECK(c.log.mask == std::vector<std::string>{"A"});
    CHECK_FALSE(c.metrics.per_portal);
}

TEST_CASE("files that cannot be read") {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("b24gate_load_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const auto message = [&](const std::string& path) {
        const Loaded loaded = load(path);
        REQUIRE(loaded.errors.size() == 1);
        return to_string(loaded.errors[0]);
    };
    const std::string missing = (folder / "none.toml").string();
    CHECK(message(missing) == missing + ": there is no such file; name the configuration with --config FILE");
    CHECK(message(folder.string()) == folder.string() + ": this is a directory; name the file in it");

    const std::string large = (folder / "large.toml").string();
    std::ofstream(large) << std::string((1 << 20) + 1, '#');
    CHECK(message(large) == large + ": the file is larger than 1 MiB; that is no configuration");

    const std::string empty = (folder / "empty.toml").string();
    std::ofstream(empty).flush();
    CHECK(message(empty) == empty +
                                ":1:1: the file is empty; a configuration has at least one [portals.NAME] and one "
                                "[clients.NAME]");

    // The real reader sees who may read a secret, and secrets count from the folder of the file.
    const std::string real = (folder / "gate.toml").string();
    std::ofstream(folder / "webhook.secret") << "s3cret\n";
    std::string text = acme;
    text.replace(text.find("env:ACME_WEBHOOK"), 16, "file:webhook.secret");
    std::ofstream(real) << text;
    ::chmod((folder / "webhook.secret").c_str(), 0644);
    const Loaded open = load(real);
    REQUIRE(open);
    CHECK(open.config->portals.at("acme").credentials.at("main").secret.reveal() == "s3cret");
    CHECK(lines(open.warnings).find("every user can read the secret file") != std::string::npos);
    ::chmod((folder / "webhook.secret").c_str(), 0600);
    const Loaded closed = load(real);
    REQUIRE(closed);
    CHECK(lines(closed.warnings).find("every user can read") == std::string::npos);
    std::filesystem::remove_all(folder);
}
