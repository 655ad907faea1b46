#include <b24gate/app/keygen.hpp>

#include <algorithm>
#include <array>

#include <openssl/rand.h>

#include <b24gate/core/sha256.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::app {
namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64(std::string_view bytes, std::string_view alphabet, bool padded) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k <= count; ++k) out.push_back(alphabet[group >> (18 - 6 * k) & 63]);
        if (padded) out.append(3 - count, '=');
    }
    return out;
}

core::Secret random_text(std::string_view prefix, std::string_view alphabet, bool padded) {
    std::array<char, 32> bytes{};
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) return {};
    core::Secret encoded(base64({bytes.data(), bytes.size()}, alphabet, padded));
    core::wipe(bytes.data(), bytes.size());
    return core::Secret(std::string(prefix) + encoded.reveal());
}

/// As config/load takes it for a client.
bool is_client_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        const char lower = core::to_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    });
}

std::string counted(std::size_t count, std::string_view what) {
    return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace

core::Secret make_client_key() { return random_text("b24g_", url_safe, false); }
core::Secret make_store_key() { return random_text("", standard, true); }

int keygen_command(std::ostream& out, std::string_view name, bool store, std::ostream& err) {
    if (name.empty()) name = "NAME";
    if (!is_client_name(name)) {
        err << "b24gate keygen: the name may hold letters, digits, '_', '-' and '.', at most 64 of them\n";
        return 2;
    }
    const core::Secret key = store ? make_store_key() : make_client_key();
    if (key.empty()) {
        err << "b24gate keygen: the system gives no random bytes, so no key was made\n";
        return 2;
    }
    if (store) {
        // The key alone, so that it can go straight into a file: b24gate keygen --store > store.key
        out << key.reveal() << '\n';
        return 0;
    }
    // A dot would part the table's name in two.
    const std::string quote = name.find('.') == std::string_view::npos ? "" : "\"";
    out << "The key, shown this once; give it to the service, the gateway needs only the lines below:\n\n"
        << key.reveal() << "\n\n"
        << "[clients." << quote << name << quote << "]\n"
        << "key_sha256 = \"" << core::to_hex(core::sha256(key.reveal())) << "\"\n"
        << "portals = [\"PORTAL\"]           # names of [portals.PORTAL]\n"
        << "# allow = [\"crm.*\"]            # every method when left out\n";
    return 0;
}

int check_command(std::ostream& out, std::ostream& err, const std::string& path, const config::LoadOptions& options) {
    const config::Loaded loaded = config::load(path, options);
    for (config::Problem warning : loaded.warnings) {
        warning.message.insert(0, "warning: ");
        err << config::to_string(warning) << '\n';
    }
    for (const config::Problem& error : loaded.errors) err << config::to_string(error) << '\n';
    if (!loaded) return 2;
    out << path << ": ok, " << counted(loaded.config->portals.size(), "portal") << ", "
        << counted(loaded.config->clients.size(), "client") << '\n';
    return 0;
}

}  // namespace b24gate::app
