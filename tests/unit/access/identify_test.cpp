// Key, Host, prefix and address -> client and portal, or a refusal that tells nothing about other portals.
#include <doctest/doctest.h>

#include <memory>

#include <b24gate/access/identify.hpp>
#include <b24gate/core/sha256.hpp>

using namespace b24gate;
using namespace b24gate::access;

namespace {

void add_client(config::Config& c, const std::string& name, const std::string& key, std::vector<std::string> portals) {
    config::Client& client = c.clients[name];
    client.name = name;
    if (key.empty())
        client.passthrough = true;
    else
        client.key_sha256 = core::to_hex(core::sha256(key));
    client.portals = std::move(portals);
    if (!client.passthrough)
        for (const std::string& portal : client.portals) client.credentials[portal] = "main";
}

config::Config config_with_clients() {
    config::Config c;
    for (const char* name : {"acme", "beta", "secret-portal", "open"}) {
        config::Portal& portal = c.portals[name];
        portal.name = name;
        portal.url = "https://" + portal.name + ".bitrix24.com";
        portal.hosts = {portal.name + ".b24.internal"};
        portal.credentials["main"].user = portal.name;
    }
    add_client(c, "one", "key-one", {"acme"});
    add_client(c, "two", "key-two", {"acme", "beta"});
    add_client(c, "two_default", "key-two-default", {"acme", "beta"});
    c.clients["two_default"].default_portal = "beta";
    add_client(c, "office", "key-office", {"acme"});
    c.clients["office"].addresses = {"10.0.0.0/8"};
    return c;
}

std::string outcome(const FrontDoor& door, const Claim& claim) {
    const auto identity = door.identify(claim);
    if (!identity) {
        // No refusal may name a portal, least of all one that the caller is not granted.
        CHECK(identity.error().message.find("beta") == std::string::npos);
        CHECK(identity.error().message.find("secret") == std::string::npos);
        return std::to_string(bitrix::status_of(identity.error().code));
    }
    CHECK((identity->credential == nullptr) == identity->client->passthrough);
    if (identity->credential) CHECK(identity->credential->user == identity->portal->name);
    return identity->client->name + "@" + identity->portal->name;
}

}  // namespace

TEST_CASE("which client and which portal") {
    const FrontDoor door(std::make_shared<const config::Config>(config_with_clients()));
    struct {
        const char *key, *prefix, *host, *peer, *expected;
    } const cases[] = {
        // the client's only or default portal
        {"key-one", "", "gate.internal", "127.0.0.1", "one@acme"},
        {"key-one", "", "", "127.0.0.1", "one@acme"},
        {"key-two-default", "", "gate.internal", "127.0.0.1", "two_default@beta"},
        {"key-two", "", "gate.internal", "127.0.0.1", "400"},
        // Host
        {"key-two", "", "beta.b24.internal", "127.0.0.1", "two@beta"},
        {"key-two", "", "BETA.B24.Internal:8443", "127.0.0.1", "two@beta"},
        {"key-two", "", "beta.b24.internal.", "127.0.0.1", "two@beta"},
        {"key-two", "", "beta.b24.internal.:80", "127.0.0.1", "two@beta"},
        {"key-two-default", "", "acme.b24.internal", "127.0.0.1", "two_default@acme"},
        {"key-one", "", "beta.b24.internal", "127.0.0.1", "403"},
        // the prefix goes first
        {"key-two", "acme", "beta.b24.internal", "127.0.0.1", "two@acme"},
        {"key-two-default", "acme", "gate.internal", "127.0.0.1", "two_default@acme"},
        {"key-one", "beta", "acme.b24.internal", "127.0.0.1", "403"},
        {"key-one", "secret-portal", "", "127.0.0.1", "403"},
        {"key-one", "nowhere", "", "127.0.0.1", "403"},
        {"key-one", "ACME", "", "127.0.0.1", "403"},
        // wrong keys: the same whatever is named
        {"key-none", "", "", "127.0.0.1", "401"},
        {"key-none", "acme", "", "127.0.0.1", "401"},
        {"key-none", "nowhere", "", "127.0.0.1", "401"},
        {"KEY-ONE", "", "", "127.0.0.1", "401"},
        {"", "acme", "", "127.0.0.1", "401"},
        // addresses
        {"key-office", "", "", "10.1.2.3", "office@acme"},
        {"key-office", "", "", "::ffff:10.1.2.3", "office@acme"},
        {"key-office", "", "", "192.168.0.1", "403"},
        {"key-office", "", "", "", "403"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.key);
        CAPTURE(c.prefix);
        CAPTURE(c.host);
        CHECK(outcome(door, {c.key, c.prefix, c.host, c.peer}) == c.expected);
    }
    // What is not there and what is not granted cannot be told apart.
    const auto missing = door.identify({"key-one", "nowhere", "", "127.0.0.1"});
    const auto withheld = door.identify({"key-one", "secret-portal", "", "127.0.0.1"});
    CHECK(missing.error().message == withheld.error().message);
    const auto unknown = door.identify({"key-none", "", "", "127.0.0.1"});
    for (const char* prefix : {"acme", "nowhere", "secret-portal"})
        CHECK(door.identify({"key-none", prefix, "", "127.0.0.1"}).error().message == unknown.error().message);
}

TEST_CASE("passthrough clients") {
    config::Config c = config_with_clients();
    add_client(c, "pass", "", {"open"});
    add_client(c, "pass_office", "", {"open", "beta"});
    c.clients["pass_office"].addresses = {"10.0.0.0/8"};
    c.clients["pass_office"].default_portal = "beta";
    const FrontDoor door(std::make_shared<const config::Config>(c));
    struct {
        const char *key, *prefix, *host, *peer, *expected;
    } const cases[] = {
        {"portal-secret", "open", "", "127.0.0.1", "pass@open"},
        {"portal-secret", "", "open.b24.internal", "127.0.0.1", "pass@open"},
        {"portal-secret", "", "gate.internal", "127.0.0.1", "pass@open"},
        // who lists addresses goes before who takes any
        {"portal-secret", "open", "", "10.0.0.1", "pass_office@open"},
        {"portal-secret", "", "", "10.0.0.1", "pass_office@beta"},
        {"portal-secret", "beta", "", "10.0.0.1", "pass_office@beta"},
        {"portal-secret", "beta", "", "127.0.0.1", "401"},
        {"portal-secret", "acme", "", "127.0.0.1", "401"},
        {"portal-secret", "nowhere", "", "127.0.0.1", "401"},
        {"", "open", "", "127.0.0.1", "401"},
        // a known key is that client's, also where passthrough is possible
        {"key-one", "", "", "127.0.0.1", "one@acme"},
        {"key-one", "open", "", "127.0.0.1", "403"},
    };
    for (const auto& k : cases) {
        CAPTURE(k.key);
        CAPTURE(k.prefix);
        CAPTURE(k.peer);
        CHECK(outcome(door, {k.key, k.prefix, k.host, k.peer}) == k.expected);
    }

    // Two that take any address: without a portal there is no telling which.
    add_client(c, "pass_two", "", {"beta"});
    const FrontDoor two(std::make_shared<const config::Config>(c));
    CHECK(outcome(two, {"portal-secret", "", "", "127.0.0.1"}) == "401");
    CHECK(outcome(two, {"portal-secret", "beta", "", "127.0.0.1"}) == "pass_two@beta");
}

TEST_CASE("keys are found by their digest") {
    config::Config c;
    for (int i = 0; i < 500; ++i) add_client(c, "client" + std::to_string(i), "key" + std::to_string(i), {"acme"});
    c.clients["broken"].key_sha256 = "not a digest";
    c.clients["short"].key_sha256 = "ab";
    const auto config = std::make_shared<const config::Config>(c);
    const Authenticator authenticator(config);
    for (int i = 0; i < 500; ++i) {
        const config::Client* found = authenticator.by_key("key" + std::to_string(i));
        REQUIRE(found != nullptr);
        CHECK(found == &config->clients.at("client" + std::to_string(i)));
    }
    CHECK(authenticator.by_key("key500") == nullptr);
    CHECK(authenticator.by_key("") == nullptr);
    // The digest itself is no key.
    CHECK(authenticator.by_key(core::to_hex(core::sha256("key1"))) == nullptr);
    CHECK_FALSE(authenticator.address_allowed(config::Client{}, "127.0.0.1"));
}

TEST_CASE("SHA-256") {
    CHECK(core::to_hex(core::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(core::to_hex(core::sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(core::to_hex(core::sha256(std::string(1'000'000, 'a'))) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("host names") {
    struct {
        const char *header, *name;
    } const cases[] = {
        {"acme.b24.internal", "acme.b24.internal"},
        {"ACME:80", "acme"},
        {"acme.", "acme"},
        {"acme.:80", "acme"},
        {" acme ", "acme"},
        {"[::1]:80", "[::1]"},
        {"[::1]", "[::1]"},
        {"[::1", "[::1"},
        {"", ""},
        {":80", ""},
        {".", ""},
        {"a:b:c", "a"},
        {"[", "["},
        {"]:1", "]"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.header);
        CHECK(host_name(c.header) == c.name);
    }
}
