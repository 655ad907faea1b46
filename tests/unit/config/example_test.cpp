// conf/b24gate.toml, the documented example: it loads, says the truth about defaults and leaves out no key.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;

namespace {

std::string example() {
    const auto content = read_file(B24GATE_SOURCE_DIR "/conf/b24gate.toml");
    REQUIRE(content.has_value());
    return content->bytes;
}

/// With every setting that is commented out put in.
std::string uncommented(const std::string& text) {
    std::istringstream in(text);
    std::string out, line;
    while (std::getline(in, line)) {
        const bool setting = line.starts_with("# [") || (line.starts_with("# ") && line.find(" = ") < line.find('"') &&
                                                         line.find(' ', 2) == line.find(" = "));
        out += (setting ? line.substr(2) : line) + "\n";
    }
    return out;
}

}  // namespace

TEST_CASE("the example loads and its values are the defaults") {
    const Loaded loaded = World().load(example());
    CHECK(lines(loaded.errors) == "");
    CHECK(lines(loaded.warnings) == "");
    REQUIRE(loaded);
    const Config& c = *loaded.config;
    const Config d;
    CHECK(c.server.listen.host == d.server.listen.host);
    CHECK(c.server.listen.port == d.server.listen.port);
    CHECK(c.server.threads == d.server.threads);
    CHECK(c.server.egress == d.server.egress);
    CHECK(c.server.max_body == d.server.max_body);
    CHECK(c.server.max_header == d.server.max_header);
    CHECK(c.server.max_buffered == d.server.max_buffered);
    CHECK(c.server.max_connections == d.server.max_connections);
    CHECK(c.server.header_timeout == d.server.header_timeout);
    CHECK(c.server.body_timeout == d.server.body_timeout);
    CHECK(c.server.write_timeout == d.server.write_timeout);
    CHECK(c.server.idle_timeout == d.server.idle_timeout);
    CHECK(c.server.shutdown_grace == d.server.shutdown_grace);
    CHECK(c.server.drain_delay == d.server.drain_delay);
    CHECK(c.admin.listen->host == d.admin.listen->host);
    CHECK(c.admin.listen->port == d.admin.listen->port);
    CHECK(c.admin.hosts == d.admin.hosts);
    CHECK(c.store.url.ends_with("/etc/var/b24gate.db"));
    const auto same_rule = [](const RetryRule& a, const RetryRule& b) {
        return a.attempts == b.attempts && a.base == b.base && a.max == b.max;
    };
    CHECK(same_rule(c.retry.server, d.retry.server));
    CHECK(same_rule(c.retry.network, d.retry.network));
    CHECK(same_rule(c.retry.timeout, d.retry.timeout));
    CHECK(c.operations.keep_succeeded == d.operations.keep_succeeded);
    CHECK(c.operations.keep_failed == d.operations.keep_failed);
    CHECK(c.operations.max_queued == d.operations.max_queued);
    CHECK(c.operations.max_queued_per_client == d.operations.max_queued_per_client);
    CHECK(c.operations.max_body == d.operations.max_body);
    CHECK(c.operations.min_free_disk == d.operations.min_free_disk);
    CHECK(c.operations.settle == d.operations.settle);
    CHECK(c.operations.key_window == d.operations.key_window);
    CHECK(c.operations.order_on_failure == d.operations.order_on_failure);
    CHECK(c.operations.callback_hosts == d.operations.callback_hosts);
    CHECK(c.operations.callback_timeout == d.operations.callback_timeout);
    CHECK(c.operations.allow_private_callbacks == d.operations.allow_private_callbacks);
    CHECK(c.operations.retry.attempts == d.operations.retry.attempts);
    CHECK(c.operations.retry.base == d.operations.retry.base);
    CHECK(c.operations.retry.max == d.operations.retry.max);
    CHECK(c.operations.retry.not_found == d.operations.retry.not_found);
    CHECK(c.operations.retry.limit_age == d.operations.retry.limit_age);
    CHECK(c.alerts.enabled == d.alerts.enabled);
    CHECK(c.alerts.interval == d.alerts.interval);
    CHECK(c.alerts.keep == d.alerts.keep);
    CHECK(c.alerts.group_wait == d.alerts.group_wait);
    CHECK(c.alerts.group_interval == d.alerts.group_interval);
    CHECK(c.alerts.repeat_interval == d.alerts.repeat_interval);
    CHECK(c.alerts.timeout == d.alerts.timeout);
    CHECK(c.alerts.language == d.alerts.language);
    CHECK(c.alerts.heartbeat_interval == d.alerts.heartbeat_interval);
    CHECK(c.alerts.tell_responsible == d.alerts.tell_responsible);
    CHECK(c.alerts.responsible_wait == d.alerts.responsible_wait);
    CHECK(c.alerts.rules == d.alerts.rules);
    CHECK(c.alerts.channels.size() == 1);
    CHECK(c.log.level == d.log.level);
    CHECK(c.log.file == d.log.file);
    CHECK(c.log.calls == d.log.calls);
    CHECK(c.log.params == d.log.params);
    CHECK(c.log.mask == d.log.mask);
    CHECK(c.metrics.per_portal == d.metrics.per_portal);
    const Portal p;
    const Portal& acme_portal = c.portals.at("acme");
    CHECK(acme_portal.plan.kind == p.plan.kind);
    CHECK(acme_portal.plan.burst == p.plan.burst);
    CHECK(acme_portal.plan.rate == p.plan.rate);
    CHECK(acme_portal.mode == p.mode);
    CHECK(acme_portal.assume_spent == p.assume_spent);
    CHECK(acme_portal.max_in_flight == p.max_in_flight);
    CHECK(acme_portal.max_queue == p.max_queue);
    CHECK(acme_portal.connect_timeout == p.connect_timeout);
    CHECK(acme_portal.timeout == p.timeout);
    CHECK(acme_portal.pool_idle == p.pool_idle);
    CHECK(acme_portal.coalesce.enabled == p.coalesce.enabled);
    CHECK(acme_portal.coalesce.max_calls == p.coalesce.max_calls);
    CHECK(acme_portal.coalesce.max_duration == p.coalesce.max_duration);
    CHECK(acme_portal.share_reads == p.share_reads);
    CHECK(c.cache.empty());
    CHECK(acme_portal.redirect_hosts == p.redirect_hosts);
    CHECK(acme_portal.credentials.at("main").secret.reveal() == "s3cret0webhook");
    const Client k;
    const Client& warehouse = c.clients.at("warehouse");
    CHECK(warehouse.priority == k.priority);
    CHECK(warehouse.weight == k.weight);
    CHECK(warehouse.timeout == k.timeout);
    CHECK(warehouse.passthrough == k.passthrough);
    CHECK(warehouse.credentials.at("acme") == "main");
}

TEST_CASE("the settings that the example has commented out are right too") {
    World world;
    world.env["B24GATE_ADMIN_KEY"] = "an-admin-key-of-some-length";
    world.env["B24GATE_READ_ONLY_KEY"] = "another-key-of-some-length";
    world.env["B24GATE_STORE_KEY"] = "Lo0LCcPp3R8D1Uj4JXrBuv1Ahu9xRsWC9J4hYHK2TaQ=";
    world.env["OLD_KEY"] = world.env["B24GATE_STORE_KEY"];
    world.env["B24GATE_CALLBACK_SECRET"] = "a-callback-secret-of-some-length";
    world.env["OLD_CALLBACK_SECRET"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    world.env["HEARTBEAT_URL"] = "https://beats.example/0123";
    world.env["TELEGRAM_TOKEN"] = "123:abc";
    world.env["ALERT_SECRET"] = world.env["OLD_ALERT_SECRET"] = "an-alert-secret-of-some-length";
    world.env["MAIL_PASSWORD"] = "ma1lpassword";
    world.env["ACME_APP_SECRET"] = "app0s3cret";
    world.env["WAREHOUSE_KEY"] = "b24g_warehouse_key_0123";
    world.files["etc/server.crt"] = {"-----BEGIN CERTIFICATE-----\n", true};
    world.files["etc/company-ca.pem"] = {"-----BEGIN CERTIFICATE-----\n", true};
    world.files["etc/server.key"] = {"-----BEGIN PRIVATE KEY-----\n", false};
    const std::string text = uncommented(example());
    // What excludes each other is all that may be wrong: burst and rate beside plan, key beside key_sha256.
    const Loaded loaded = world.load(text);
    REQUIRE(loaded.errors.size() == 2);
    CHECK(loaded.errors[0].message == "burst stands beside plan; write plan, or burst and rate");
    CHECK(loaded.errors[1].message == "key_sha256 and key stand side by side; leave one of them out");
}

TEST_CASE("the example explains every key there is") {
    // A key counts as explained where it stands as a setting of its section, commented out or not.
    std::istringstream in(example());
    std::string section, line;
    std::vector<std::string> explained;
    while (std::getline(in, line)) {
        if (line.starts_with("# ")) line.erase(0, 2);
        if (line.starts_with("[[")) line.erase(0, 1);
        if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1);
        if (const auto eq = line.find(" = "); eq != std::string::npos)
            explained.push_back(section + "/" + line.substr(0, eq));
        explained.push_back("section " + section);
    }
    const auto has = [&](const std::string& entry) {
        return std::find(explained.begin(), explained.end(), entry) != explained.end();
    };
    for (const SectionKeys& known : known_keys()) {
        std::string written(known.section);
        if (written == "portals.NAME") written = "portals.acme";
        if (written == "portals.NAME.credentials.NAME") written = "portals.acme.credentials.main";
        if (written == "clients.NAME") written = "clients.warehouse";
        if (written == "retry.CLASS") written = "retry.server";
        // One rule has what another one has not, one type of channel what is nothing to another one.
        std::vector<std::string> others;
        if (written == "alerts.rules.NAME") {
            written = "alerts.rules.error_rate";
            others = {"alerts.rules.disk"};
        }
        if (written == "alerts.channels.NAME") {
            written = "alerts.channels.oncall";
            others = {"alerts.channels.desk", "alerts.channels.mail", "alerts.channels.office"};
        }
        if (written == "alerts") others = {"section alerts.rules.store", "section alerts.channels.oncall"};
        CAPTURE(written);
        CHECK(has("section " + written));
        for (const std::string_view key : known.keys) {
            CAPTURE(key);
            const std::string name(key);
            const bool table =
                has("section " + written + "." + name) || has("section " + written + "." + name + ".main");
            const bool shared =
                written == "portals.acme" && (has("defaults/" + name) || has("section defaults." + name));
            const bool other_type =
                written == "portals.acme.credentials.main" && has("portals.acme.credentials.app/" + name);
            const bool other = std::any_of(others.begin(), others.end(), [&](const std::string& place) {
                return has(place + "/" + name) || (has(place) && place.starts_with("section alerts." + name + "."));
            });
            const bool found = has(written + "/" + name) || table || shared || other_type || other;
            CHECK(found);
        }
    }
}

TEST_CASE("a broken example gives messages, never a crash") {
    const std::string whole = uncommented(example());
    std::mt19937 random(20240607);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const std::string_view pieces[] = {"\"",   "'",   "[",    "]",        "{",       "}",  "=",           ".",
                                       "\n",   "#",   ",",    "\\",       "env:",    "-1", "99999999999", "\"\"\"",
                                       "true", "inf", "\xff", "\xc3\xa9", "[[a]]\n", "ms"};
    World world;
    unsigned loaded_count = 0, refused_count = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string text = round % 2 == 0 ? whole : example();
        for (std::size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
            const std::size_t at = below(text.size());
            switch (below(5)) {
                case 0: text[at] = static_cast<char>(below(256)); break;
                case 1: text.erase(at, 1 + below(8)); break;
                case 2: text.insert(at, pieces[below(std::size(pieces))]); break;
                case 3: text.resize(at); break;
                default: {
                    const std::size_t from = below(text.size());
                    const std::string copy = text.substr(from, below(200));
                    text.insert(at, copy);
                }
            }
        }
        const Loaded loaded = world.load(text);
        CHECK(loaded.config.has_value() == loaded.errors.empty());
        (loaded ? loaded_count : refused_count) += 1;
        const auto rows = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
        for (const auto* list : {&loaded.errors, &loaded.warnings})
            for (const Problem& p : *list) {
                CHECK(p.line >= 1);
                CHECK(p.line <= rows);
                CHECK(p.column >= 1);
                CHECK(p.message.find('\n') == std::string::npos);
                CHECK(p.message.find("s3cret0webhook") == std::string::npos);
            }
    }
    // Both ways must have been walked, or the test shows nothing.
    CHECK(loaded_count > 100);
    CHECK(refused_count > 1000);
}
