#include <doctest/doctest.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/seal.hpp>
#include <b24gate/core/text.hpp>

namespace {

using namespace b24gate::core;

// 32 bytes each: 00 01 .. 1f; all ff, in both alphabets; all 41.
constexpr std::string_view counting = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view all_ones = "//////////////////////////////////////////8=";
constexpr std::string_view all_ones_url = "__________________________________________8";
constexpr std::string_view letters = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

KeyRing ring(std::string_view current, const std::vector<std::string_view>& older = {}) {
    std::vector<Secret> keys;
    for (const std::string_view key : older) keys.emplace_back(std::string(key));
    return {Secret(std::string(current)), keys};
}

std::string opened(const KeyRing& keys, const Sealed& sealed, std::string_view associated) {
    const auto plain = keys.open(sealed.key_id, sealed.bytes, associated);
    return plain ? plain->reveal() : "(closed)";
}

TEST_CASE("what was sealed opens, for what it belongs to") {
    const KeyRing keys = ring(counting);
    REQUIRE_FALSE(keys.empty());
    for (const std::string& text : {std::string(), std::string("x"), std::string("a pair of tokens"),
                                    std::string(100'000, 'y'), std::string("\0\1\xFF", 3)}) {
        for (const std::string_view associated : {"", "acme,main"}) {
            const auto sealed = keys.seal(text, associated);
            REQUIRE(sealed.has_value());
            CHECK(sealed->key_id == keys.current_id());
            CHECK(sealed->bytes.size() == text.size() + 29);
            CHECK(sealed->bytes[0] == 1);
            CHECK(opened(keys, *sealed, associated) == text);
            CHECK(opened(keys, *sealed, "acme,other") == "(closed)");
            if (text.size() > 1) CHECK(sealed->bytes.find(text) == std::string::npos);
        }
    }
}

TEST_CASE("the name of a key tells keys apart and is always the same one") {
    CHECK(ring(counting).current_id() == "65223509");
    CHECK(ring(all_ones).current_id() == ring(all_ones_url).current_id());
    CHECK(ring(counting).current_id() != ring(all_ones).current_id());
    CHECK(ring(counting).knows(ring(counting).current_id()));
    CHECK_FALSE(ring(counting).knows(ring(all_ones).current_id()));
    CHECK_FALSE(ring(counting).knows(""));
}

// Made by another implementation of AES-256-GCM: what stands in stores must open with every later version.
TEST_CASE("the format is the one that is written in stores") {
    constexpr std::string_view hex =
        "016465666768696a6b6c6d6e6f293bae07109b76f158422b87b100048ee76e5f4419f6ef72a9bebc716a59ea3f";
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1]));
    CHECK(opened(ring(counting), {"65223509", bytes}, "4:acme,4:main,") == "a pair of tokens");
    CHECK(opened(ring(letters, {counting}), {"65223509", bytes}, "4:acme,4:main,") == "a pair of tokens");
    CHECK(opened(ring(counting), {"65223509", bytes}, "4:acme,4:other") == "(closed)");
}

TEST_CASE("a single bit that is another one closes it") {
    const KeyRing keys = ring(counting);
    const std::string associated = "4:acme,4:main,";
    const auto sealed = keys.seal("a pair of tokens", associated);
    REQUIRE(sealed.has_value());
    REQUIRE(opened(keys, *sealed, associated) == "a pair of tokens");
    const auto flipped = [](std::string text, std::size_t bit) {
        text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
        return text;
    };
    for (std::size_t bit = 0; bit < sealed->bytes.size() * 8; ++bit) {
        CAPTURE(bit);
        CHECK_FALSE(keys.open(sealed->key_id, flipped(sealed->bytes, bit), associated).has_value());
    }
    for (std::size_t bit = 0; bit < associated.size() * 8; ++bit) {
        CAPTURE(bit);
        CHECK_FALSE(keys.open(sealed->key_id, sealed->bytes, flipped(associated, bit)).has_value());
    }
    for (std::size_t bit = 0; bit < sealed->key_id.size() * 8; ++bit)
        CHECK_FALSE(keys.open(flipped(sealed->key_id, bit), sealed->bytes, associated).has_value());
    for (std::size_t size = 0; size < sealed->bytes.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(keys.open(sealed->key_id, sealed->bytes.substr(0, size), associated).has_value());
        CHECK_FALSE(
            keys.open(sealed->key_id, sealed->bytes.substr(sealed->bytes.size() - size), associated).has_value());
    }
    CHECK_FALSE(keys.open(sealed->key_id, sealed->bytes + '\0', associated).has_value());
    // Also where there is no text that could be wrong.
    const auto empty = keys.seal("", "");
    REQUIRE(empty.has_value());
    REQUIRE(keys.open(empty->key_id, empty->bytes, "").has_value());
    for (std::size_t bit = 0; bit < empty->bytes.size() * 8; ++bit)
        CHECK_FALSE(keys.open(empty->key_id, flipped(empty->bytes, bit), "").has_value());
}

TEST_CASE("an older key opens and does not seal") {
    const KeyRing before = ring(counting);
    const auto old = before.seal("text", "a");
    REQUIRE(old.has_value());
    const KeyRing after = ring(all_ones, {letters, counting, counting, all_ones_url});
    CHECK(after.knows(old->key_id));
    CHECK(opened(after, *old, "a") == "text");
    CHECK(opened(ring(all_ones, {letters}), *old, "a") == "(closed)");
    const auto fresh = after.seal("text", "a");
    REQUIRE(fresh.has_value());
    CHECK(fresh->key_id == ring(all_ones).current_id());
    CHECK(opened(before, *fresh, "a") == "(closed)");
    // The right name on another key's bytes helps nothing.
    CHECK_FALSE(after.open(fresh->key_id, old->bytes, "a").has_value());
}

TEST_CASE("no two seals are alike") {
    const KeyRing keys = ring(counting);
    std::set<std::string> nonces;
    for (int i = 0; i < 10'000; ++i) {
        const auto sealed = keys.seal("text", "a");
        REQUIRE(sealed.has_value());
        nonces.insert(sealed->bytes.substr(1, 12));
    }
    CHECK(nonces.size() == 10'000);
}

TEST_CASE("what is no key is left out") {
    for (const std::string_view text :
         {"", "=", "AAAA", "not base64 at all, but as long as it gets !!",
          "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
          "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8===", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH"}) {
        CAPTURE(text);
        const KeyRing keys = ring(text, {counting});
        CHECK(keys.empty());
        CHECK(keys.current_id().empty());
        CHECK_FALSE(keys.seal("text", "a").has_value());
    }
    const KeyRing keys = ring(counting, {"", "nonsense", all_ones});
    CHECK(keys.current_id() == ring(counting).current_id());
    CHECK(keys.knows(ring(all_ones).current_id()));
    const KeyRing none;
    CHECK(none.empty());
    CHECK_FALSE(none.seal("", "").has_value());
    CHECK_FALSE(none.open("", "", "").has_value());
}

// Computed by another implementation of HMAC.
TEST_CASE("a key for another purpose comes of the oldest one") {
    const auto hex = [](const Secret& key) {
        std::string out;
        for (const char c : key.reveal())
            for (const int shift : {4, 0}) out += "0123456789abcdef"[static_cast<unsigned char>(c) >> shift & 15];
        return out;
    };
    constexpr std::string_view label = "b24gate hashes of operations";
    CHECK(hex(ring(counting).derived(label)) == "26d2caff77d949c0c138b37aeb2291bd5cfce200fb8d11dc3fd399cad07169a4");
    CHECK(hex(ring(letters, {all_ones, counting}).derived(label)) == hex(ring(counting).derived(label)));
    CHECK(hex(ring(letters).derived(label)) != hex(ring(counting).derived(label)));
    CHECK(hex(ring(counting).derived("another")) != hex(ring(counting).derived(label)));
    CHECK(KeyRing().derived(label).empty());
}

}  // namespace
