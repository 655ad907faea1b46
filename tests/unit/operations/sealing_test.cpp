#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include <b24gate/operations/sealing.hpp>

using namespace b24gate;
using operations::OperationVault;

namespace {

// 32 bytes each: 00 01 .. 1f; all ff; all 41.
constexpr std::string_view counting = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view all_ones = "//////////////////////////////////////////8=";
constexpr std::string_view letters = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// The newest first.
OperationVault vault(const std::vector<std::string_view>& keys) {
    std::vector<core::Secret> older;
    for (std::size_t i = 1; i < keys.size(); ++i) older.emplace_back(std::string(keys[i]));
    return OperationVault(core::KeyRing(core::Secret(std::string(keys.at(0))), older));
}

std::string text(const OperationVault::Opened& opened) { return opened ? opened->reveal() : "(closed)"; }

}  // namespace

TEST_CASE("a sealed piece opens where it belongs and nowhere else") {
    const OperationVault v = vault({counting});
    REQUIRE(v.usable());
    const auto body = v.seal_body("op1", "a body"), url = v.seal_callback("op1", "https://a/"),
               answer = v.seal_answer("op1", "an answer"), excerpt = v.seal_excerpt("op1", 2, "a part"),
               kept = v.seal_key_answer("crm", "hash", "an answer");
    REQUIRE((body && url && answer && excerpt && kept));
    CHECK(text(v.open_body("op1", *body)) == "a body");
    CHECK(text(v.open_callback("op1", *url)) == "https://a/");
    CHECK(text(v.open_answer("op1", *answer)) == "an answer");
    CHECK(text(v.open_excerpt("op1", 2, *excerpt)) == "a part");
    CHECK(text(v.open_key_answer("crm", "hash", *kept)) == "an answer");

    CHECK(text(v.open_body("op2", *body)) == "(closed)");
    CHECK(text(v.open_answer("op1", *body)) == "(closed)");
    CHECK(text(v.open_callback("op1", *body)) == "(closed)");
    CHECK(text(v.open_callback("op2", *url)) == "(closed)");
    CHECK(text(v.open_excerpt("op1", 1, *excerpt)) == "(closed)");
    CHECK(text(v.open_excerpt("op12", 2, *excerpt)) == "(closed)");
    CHECK(text(v.open_key_answer("crm2", "hash", *kept)) == "(closed)");
    CHECK(text(v.open_key_answer("crm", "hash2", *kept)) == "(closed)");
    CHECK(text(v.open_answer("crm", *kept)) == "(closed)");
    CHECK(body->bytes.find("a body") == std::string::npos);

    auto bent = *body;
    bent.bytes.back() = static_cast<char>(bent.bytes.back() ^ 1);
    CHECK(text(v.open_body("op1", bent)) == "(closed)");
    CHECK(text(v.open_body("op1", {})) == "(closed)");
}

TEST_CASE("what an older key has sealed opens as long as that key is there") {
    const auto old = vault({counting}).seal_body("op1", "a body");
    REQUIRE(old.has_value());
    CHECK(text(vault({letters, counting}).open_body("op1", *old)) == "a body");
    CHECK(text(vault({letters}).open_body("op1", *old)) == "(closed)");
    CHECK(vault({letters, counting}).seal_body("op1", "a body")->key_id != old->key_id);
}

// Computed by another implementation of HMAC: what stands in stores must be found by every later version.
TEST_CASE("the hashes are always the same") {
    const OperationVault v = vault({counting});
    CHECK(v.order_hash("crm", "acme", "contact:7") == "1910713222d86135d2b1b0b688dbdafa");
    CHECK(v.key_hash("crm", "k1") == "cf0b6597ebdb4339a07565e952deb2d0");
    CHECK(v.request_hash({"acme", "crm.lead.add", "{}"}) == "8c1331942b95531b3b313859ff5ad73b");
}

TEST_CASE("a newer key leaves the hashes alone until the oldest one goes") {
    const auto all = [](const OperationVault& v) {
        return v.order_hash("crm", "acme", "7") + v.key_hash("crm", "7") + v.request_hash({"7"});
    };
    const std::string before = all(vault({counting}));
    CHECK(all(vault({letters, counting})) == before);
    CHECK(all(vault({all_ones, letters, counting})) == before);
    CHECK(all(vault({all_ones, letters})) == all(vault({letters})));
    CHECK(all(vault({letters})) != before);
}

TEST_CASE("other words make other hashes, wherever the words are cut") {
    const OperationVault v = vault({counting});
    const std::set<std::string> different{v.order_hash("crm", "acme", "7"),
                                          v.order_hash("crma", "cme", "7"),
                                          v.order_hash("crm", "acme7", ""),
                                          v.order_hash("crm2", "acme", "7"),
                                          v.order_hash("crm", "other", "7"),
                                          v.key_hash("crm", "7"),
                                          v.key_hash("crm7", ""),
                                          v.key_hash("", "crm7"),
                                          v.request_hash({"crm", "7"}),
                                          v.request_hash({"crm7"}),
                                          v.request_hash({"crm7", ""}),
                                          v.request_hash({}),
                                          v.request_hash({"7", "crm"}),
                                          v.request_hash({std::string_view("crm\0007", 5)})};
    CHECK(different.size() == 14);
    for (const std::string& hash : different) {
        CHECK(hash.size() == 32);
        CHECK(hash.find_first_not_of("0123456789abcdef") == std::string::npos);
    }
}

TEST_CASE("without a key there is no vault") {
    for (const OperationVault& v : {OperationVault(), OperationVault(core::KeyRing(core::Secret("short"), {}))}) {
        CHECK_FALSE(v.usable());
        CHECK_FALSE(v.seal_body("op1", "a body").has_value());
        CHECK_FALSE(v.open_body("op1", storage::SealedBytes{"65223509", std::string(40, 'x')}).has_value());
        CHECK(v.key_hash("crm", "7").empty());
    }
}
