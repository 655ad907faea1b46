#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include <b24gate/app/keygen.hpp>
#include <b24gate/core/sha256.hpp>

using namespace b24gate;
using namespace b24gate::app;

namespace {

struct Run {
    int code;
    std::string out, err;
};

Run keygen(std::string_view name, bool store) {
    std::ostringstream out, err;
    const int code = keygen_command(out, name, store, err);
    return {code, out.str(), err.str()};
}

config::LoadOptions world(const std::string& text) {
    config::LoadOptions options;
    options.getenv = [](const std::string& name) -> std::optional<std::string> {
        if (name == "HOOK") return "hook";
        return std::nullopt;
    };
    options.read_file = [text](const std::string& path) -> boost::system::result<config::FileContent> {
        if (path != "gate.toml")
            return boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory);
        return config::FileContent{text, false};
    };
    return options;
}

Run check(const std::string& path, const std::string& text) {
    std::ostringstream out, err;
    const int code = check_command(out, err, path, world(text));
    return {code, out.str(), err.str()};
}

const std::string portal =
    "[portals.PORTAL]\nurl = \"https://p.bitrix24.com\"\ncredentials.main = { user = 1, secret = \"env:HOOK\" }\n";

}  // namespace

TEST_CASE("client keys") {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const core::Secret key = make_client_key();
        const std::string& text = key.reveal();
        CHECK(text.size() == 5 + 43);
        CHECK(text.starts_with("b24g_"));
        CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
              std::string::npos);
        seen.insert(text);
    }
    CHECK(seen.size() == 200);
    const core::Secret store = make_store_key();
    CHECK(store.reveal().size() == 44);
    CHECK(store.reveal().ends_with('='));
    CHECK_FALSE(store.reveal().ends_with("=="));
}

TEST_CASE("keygen prints a key once and lines that fit it") {
    for (const char* name : {"warehouse", "ware.house", ""}) {
        CAPTURE(name);
        const Run run = keygen(name, false);
        CHECK(run.code == 0);
        CHECK(run.err.empty());
        const std::size_t at = run.out.find("b24g_");
        REQUIRE(at != std::string::npos);
        CHECK(run.out.find("b24g_", at + 1) == std::string::npos);
        const std::string key = run.out.substr(at, 48);
        CHECK(run.out.find("key_sha256 = \"" + core::to_hex(core::sha256(key)) + "\"") != std::string::npos);

        // The lines go into a file as they are.
        std::string lines = run.out.substr(run.out.find("[clients."));
        std::string fitting = portal;
        for (std::size_t i; (i = fitting.find("PORTAL")) != std::string::npos;) fitting.replace(i, 6, "p");
        for (std::size_t i; (i = lines.find("PORTAL")) != std::string::npos;) lines.replace(i, 6, "p");
        const config::Loaded loaded = config::load_text(fitting + lines, "gate.toml", world(""));
        REQUIRE(loaded);
        CHECK(loaded.config->clients.begin()->first == (*name ? name : "NAME"));
    }
}

TEST_CASE("keygen for the store, and names that no client can have") {
    const Run store = keygen("", true);
    CHECK(store.code == 0);
    CHECK(store.out.size() == 45);
    for (const std::string& name : {std::string("a b"), std::string("a\"]"), std::string("\n"), std::string(65, 'a')}) {
        const Run run = keygen(name, false);
        CHECK(run.code == 2);
        CHECK(run.out.empty());
        CHECK(run.err == "b24gate keygen: the name may hold letters, digits, '_', '-' and '.', at most 64 of them\n");
    }
}

TEST_CASE("check") {
    std::string good = portal;
    good.replace(good.find("PORTAL"), 6, "p");
    const Run ok = check("gate.toml", good + "[clients.a]\nkey_sha256 = \"" + std::string(64, 'b') +
                                          "\"\nportals = [\"p\"]\n[clients.b]\nkey_sha256 = \"" + std::string(64, 'c') +
                                          "\"\nportals = [\"p\"]\n");
    CHECK(ok.code == 0);
    CHECK(ok.out == "gate.toml: ok, 1 portal, 2 clients\n");
    CHECK(ok.err.empty());

    const Run warned = check("gate.toml", good);
    CHECK(warned.code == 0);
    CHECK(warned.out == "gate.toml: ok, 1 portal, 0 clients\n");
    CHECK(warned.err ==
          "gate.toml:1:1: warning: no client is configured, so every call will be refused; `b24gate keygen NAME` makes "
          "one\n");

    const Run bad = check("gate.toml", good + "[server]\nlisen = 1\nthreads = -1\n");
    CHECK(bad.code == 2);
    CHECK(bad.out.empty());
    CHECK(bad.err.find("gate.toml:5:1: unknown key \"lisen\"; did you mean \"listen\"?\n"
                       "gate.toml:6:11: threads is -1; write a number from 0 to 1024\n") != std::string::npos);

    const Run missing = check("none.toml", "");
    CHECK(missing.code == 2);
    CHECK(missing.err == "none.toml: there is no such file; name the configuration with --config FILE\n");
}
