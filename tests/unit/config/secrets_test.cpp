// Secrets: only by name, and never in a message.
#include <doctest/doctest.h>

#include "support.hpp"

using namespace b24gate::config;
using namespace b24gate::config::test;

namespace {

/// The secret of a webhook, at 6:10.
Loaded webhook(const World& world, const std::string& value) {
    std::string text = acme;
    text.replace(text.find("\"env:ACME_WEBHOOK\""), 18, value);
    return world.load(text);
}

}  // namespace

TEST_CASE("where a secret comes from") {
    World world;
    world.env["SPACED"] = " s3cret";
    world.env["EMPTY"] = "";
    world.env["LINES"] = "s3cret\nmore";
    world.env["_x1"] = "s3cret";
    world.files["etc/plain"] = {"s3cret", false};
    world.files["etc/newline"] = {"s3cret\n", false};
    world.files["etc/windows"] = {"s3cret\r\n", false};
    world.files["secrets/up"] = {"s3cret\n", false};
    world.files["/run/abs"] = {"s3cret\n", false};
    world.files["etc/open"] = {"s3cret\n", true};
    world.files["etc/empty"] = {"\n", false};
    world.files["etc/two"] = {"s3cret\nmore\n", false};
    for (const char* good : {"\"env:_x1\"", "\"file:plain\"", "\"file:newline\"", "\"file:windows\"",
                             "\"file:../secrets/up\"", "\"file:/run/abs\"", "\"file:open\"", "'file:./plain'"}) {
        CAPTURE(good);
        const Loaded loaded = webhook(world, good);
        CHECK(lines(loaded.errors) == "");
        REQUIRE(loaded);
        CHECK(loaded.config->portals.at("acme").credentials.at("main").secret.reveal() == "s3cret");
    }
    CHECK(lines(webhook(world, "\"file:open\"").warnings)
              .ends_with("6:10: secret: every user can read the secret file \"etc/open\"; take the right away (chmod "
                         "600)"));

    const std::string literal =
        "secret is a secret, which never stands in this file; write \"env:NAME\" (an environment variable) or "
        "\"file:PATH\"";
    const std::string unclean =
        " holds spaces around the secret, several lines or control characters; put the secret alone there";
    struct {
        const char* value;
        std::string message;
    } const bad[] = {
        {"\"PlantedSecret\"", literal},
        {"\"\"", literal},
        {"12345678", literal},
        {"[\"PlantedSecret\"]", literal},
        {"\"ENV:X\"", literal},
        {"\"env:NOT_SET\"", "secret: the environment variable NOT_SET is not set; set it where the gateway is started"},
        {"\"env:EMPTY\"", "secret: the environment variable EMPTY is empty; put the secret there"},
        {"\"env:SPACED\"", "secret: the environment variable SPACED" + unclean},
        {"\"env:LINES\"", "secret: the environment variable LINES" + unclean},
        {"\"env:\"", "secret: behind env: stands the name of an environment variable (letters, digits, _)"},
        {"\"env:1X\"", "secret: behind env: stands the name of an environment variable (letters, digits, _)"},
        {"\"env:A B\"", "secret: behind env: stands the name of an environment variable (letters, digits, _)"},
        {"\"file:none\"", "secret: the secret file \"etc/none\" cannot be read: No such file or directory"},
        {"\"file:empty\"", "secret: the secret file \"etc/empty\" is empty; put the secret there"},
        {"\"file:two\"", "secret: the secret file \"etc/two\"" + unclean},
        {"\"file:\"", "secret: behind file: stands the path of a file with the secret in it"},
    };
    for (const auto& c : bad) {
        CAPTURE(c.value);
        const Loaded loaded = webhook(world, c.value);
        CHECK(lines(loaded.errors) == "6:10: " + c.message);
        CHECK(lines(loaded.errors).find("PlantedSecret") == std::string::npos);
        CHECK(lines(loaded.errors).find("s3cret") == std::string::npos);
        CHECK_FALSE(loaded);
    }
}

TEST_CASE("a secret in any wrong place is not repeated") {
    const std::string planted = "Pl4ntedS3cret";
    for (const std::string& text : {
             "[admin]\nkey = \"" + planted + "\"\n",
             "[admin]\nkey = " + planted + "\n",
             "[admin]\nkey = 0x" + planted + "\n",
             "[admin]\nkey = '" + planted + "\n",
             "[store]\nencryption_key = \"" + planted + "\"\n",
             "[store]\nurl = \"postgresql://u:" + planted + "@db/x\"\n",
             "[store]\nurl = \"" + planted + "\"\n",
             "[portals.a]\nurl = \"https://x.bitrix24.com/rest/1/" + planted + "/\"\n",
             "[portals.a]\nurl = \"" + planted + "\"\n",
             "[portals.a]\nurl = \"https://u:" + planted + "@x\"\n",
             "[portals.a]\nurl = \"https://x\"\n[portals.a.credentials.main]\nclient_secret = \"" + planted + "\"\n",
             "[portals.a]\nurl = \"https://x\"\n[portals.a.credentials.main]\nuser = \"1/" + planted + "\"\n",
             "[clients.a]\nkey = \"" + planted + "\"\nkey_sha256 = \"" + planted + "\"\n",
         }) {
        CAPTURE(text);
        const Loaded loaded = World().load(text);
        CHECK(loaded.errors.size() >= 1);
        CHECK(lines(loaded.errors).find(planted) == std::string::npos);
        CHECK(lines(loaded.warnings).find(planted) == std::string::npos);
    }
    // Digits alone are a number to TOML, which says itself what it could not read.
    CHECK(lines(World().load("[admin]\nkey = 123456789012345678901234567890\n").errors) ==
          "2:37: a number that is too large; text stands in double quotes");
}

TEST_CASE("keys that are easy to guess, and keys of the wrong size") {
    World world;
    world.env["SHORT"] = "hunter2";
    world.env["SLASH"] = "b24g_0123456789/abcdef";
    world.env["URLSAFE"] = "Lo0LCcPp3R8D1Uj4JXrBuv1Ahu9xRsWC9J4hYHK2T-_";
    CHECK(lines(world.load("[admin]\nkey = \"env:SHORT\"\n").warnings).find("2:7: key is shorter than 16 characters") !=
          std::string::npos);
    CHECK(lines(world.load("[clients.a]\nkey = \"env:SLASH\"\nportals = [\"acme\"]\n" + acme).errors) ==
          "2:7: key holds characters that do not survive in a URL; `b24gate keygen` makes one that does");
    CHECK(lines(world.load("[store]\nencryption_key = \"env:SHORT\"\n").errors) ==
          "2:18: an encryption key is not 32 bytes in base64; `b24gate keygen --store` makes one");
    CHECK(world.load("[store]\nencryption_key = \"env:URLSAFE\"\n"));
}

TEST_CASE("the store's address may be a secret") {
    World world;
    world.env["DB"] = "postgresql://gate:s3cret@db/gate";
    world.env["BAD"] = "mysql://gate:s3cret@db/gate";
    const Loaded loaded = world.load("[store]\nurl = \"env:DB\"\n");
    REQUIRE(loaded);
    CHECK(loaded.config->store.url == "postgresql://gate:s3cret@db/gate");
    const Loaded bad = world.load("[store]\nurl = \"env:BAD\"\n");
    CHECK(lines(bad.errors) == "2:7: url names no store; write \"sqlite:FILE\" or \"postgresql://...\"");
}
