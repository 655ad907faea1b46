#include <b24gate/core/seal.hpp>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <memory>
#include <utility>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <b24gate/core/hmac.hpp>
#include <b24gate/core/sha256.hpp>

namespace b24gate::core {
namespace {

constexpr char version = 1;
constexpr std::size_t key_size = 32, nonce_size = 12, tag_size = 16;
constexpr std::size_t overhead = 1 + nonce_size + tag_size;
constexpr std::size_t largest = INT_MAX / 2;  // OpenSSL counts in int

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const EVP_CIPHER* algorithm() noexcept {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

unsigned char* bytes_of(char* text) noexcept { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

int base64_digit(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/// Empty: not 32 bytes in base64.
Secret decoded_key(std::string_view text) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    if (text.size() != (key_size * 4 + 2) / 3) return {};
    std::string out;
    out.reserve(key_size);  // no growth: it would leave copies behind
    unsigned group = 0;
    int bits = 0;
    bool valid = true;
    for (const char c : text) {
        const int digit = base64_digit(c);
        valid = valid && digit >= 0;
        group = group << 6 | static_cast<unsigned>(digit & 63);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out.push_back(static_cast<char>(group >> bits & 0xFF));
    }
    Secret key(std::move(out));
    return valid ? key : Secret();
}

/// The label keeps this digest from being one that anybody computes of the key for another purpose.
std::string id_of(const Secret& key) {
    std::string text;
    text.reserve(64);
    text += "b24gate store key id\n";
    text += key.reveal();
    const Secret labelled(std::move(text));
    return to_hex(sha256(labelled.reveal())).substr(0, 8);
}

/// Version and key id are vouched for too: neither can be exchanged for another one.
template <class Update>
bool add_associated(Update update, EVP_CIPHER_CTX* context, std::string_view key_id, std::string_view associated) {
    const std::array<unsigned char, 1> head{static_cast<unsigned char>(version)};
    int length = 0;
    return update(context, nullptr, &length, head.data(), static_cast<int>(head.size())) == 1 &&
           update(context, nullptr, &length, bytes_of(key_id), static_cast<int>(key_id.size())) == 1 &&
           (associated.empty() ||
            update(context, nullptr, &length, bytes_of(associated), static_cast<int>(associated.size())) == 1);
}

std::optional<Secret> opened(const Secret& key, std::string_view key_id, std::string_view bytes,
                             std::string_view associated) {
    const std::string_view nonce = bytes.substr(1, nonce_size);
    const std::string_view text = bytes.substr(1 + nonce_size, bytes.size() - overhead);
    std::array<unsigned char, tag_size> tag{};
    std::copy_n(bytes_of(bytes.substr(bytes.size() - tag_size)), tag_size, tag.begin());

    const Context context(EVP_CIPHER_CTX_new());
    Secret plain;
    std::string out(text.size(), '\0');
    int length = 0;
    bool good =
        context && algorithm() &&
        EVP_DecryptInit_ex2(context.get(), algorithm(), bytes_of(key.reveal()), bytes_of(nonce), nullptr) == 1 &&
        add_associated(EVP_DecryptUpdate, context.get(), key_id, associated) &&
        (text.empty() || EVP_DecryptUpdate(context.get(), bytes_of(out.data()), &length, bytes_of(text),
                                           static_cast<int>(text.size())) == 1);
    plain = Secret(std::move(out));  // from here on it is wiped, also when the tag turns out to be wrong
    std::array<unsigned char, tag_size> rest{};
    good = good && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
           EVP_DecryptFinal_ex(context.get(), rest.data(), &length) == 1;
    if (!good) return std::nullopt;
    return plain;
}

}  // namespace

KeyRing::KeyRing(const Secret& current, const std::vector<Secret>& older) {
    const auto add = [this](const Secret& text) {
        Secret key = decoded_key(text.reveal());
        if (key.empty()) return;
        std::string id = id_of(key);
        const bool there = std::any_of(keys_.begin(), keys_.end(), [&](const Key& known) {
            return known.id == id && equal_constant_time(known.bytes.reveal(), key.reveal());
        });
        if (!there) keys_.push_back({std::move(id), std::move(key)});
    };
    add(current);
    if (keys_.empty()) return;  // an older key must not come to seal
    for (const Secret& key : older) add(key);
}

std::string_view KeyRing::current_id() const noexcept {
    return keys_.empty() ? std::string_view() : std::string_view(keys_.front().id);
}

bool KeyRing::knows(std::string_view key_id) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [key_id](const Key& key) { return key.id == key_id; });
}

std::optional<Sealed> KeyRing::seal(std::string_view plain, std::string_view associated) const {
    if (keys_.empty() || plain.size() > largest || associated.size() > largest) return std::nullopt;
    const Key& key = keys_.front();
    Sealed sealed;
    sealed.key_id = key.id;
    std::string& bytes = sealed.bytes;
    bytes.resize(overhead + plain.size());
    bytes[0] = version;
    unsigned char* const nonce = bytes_of(bytes.data()) + 1;
    unsigned char* const text = nonce + nonce_size;
    unsigned char* const tag = text + plain.size();
    if (RAND_bytes(nonce, nonce_size) != 1) return std::nullopt;

    const Context context(EVP_CIPHER_CTX_new());
    std::array<unsigned char, tag_size> rest{};
    int length = 0;
    const bool good =
        context && algorithm() &&
        EVP_EncryptInit_ex2(context.get(), algorithm(), bytes_of(key.bytes.reveal()), nonce, nullptr) == 1 &&
        add_associated(EVP_EncryptUpdate, context.get(), key.id, associated) &&
        (plain.empty() ||
         EVP_EncryptUpdate(context.get(), text, &length, bytes_of(plain), static_cast<int>(plain.size())) == 1) &&
        EVP_EncryptFinal_ex(context.get(), rest.data(), &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, tag) == 1;
    if (!good) return std::nullopt;
    return sealed;
}

std::optional<Secret> KeyRing::open(std::string_view key_id, std::string_view bytes,
                                    std::string_view associated) const {
    if (bytes.size() < overhead || bytes.size() > largest || associated.size() > largest || bytes[0] != version)
        return std::nullopt;
    // Two keys may have the same short name: the tag knows which of them it was.
    for (const Key& key : keys_)
        if (key.id == key_id)
            if (auto plain = opened(key.bytes, key_id, bytes, associated)) return plain;
    return std::nullopt;
}

Secret KeyRing::derived(std::string_view label) const {
    if (keys_.empty()) return {};
    Sha256 mac = hmac_sha256(keys_.back().bytes.reveal(), label);
    char* const bytes = reinterpret_cast<char*>(mac.data());
    Secret out(std::string(bytes, mac.size()));
    wipe(bytes, mac.size());
    return out;
}

}  // namespace b24gate::core
