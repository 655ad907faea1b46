// Any bytes as a configuration file: messages or a Config that keeps its promises, never a crash, never a secret.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/config/load.hpp>
#include <b24gate/config/reload.hpp>
#include <b24gate/config/units.hpp>
#include <b24gate/core/text.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;

constexpr std::string_view planted = "Pl4ntedS3cretOfSomeLength";

config::LoadOptions world() {
    config::LoadOptions out;
    out.getenv = [](const std::string& name) -> std::optional<std::string> {
        if (name == "UNSET") return std::nullopt;
        if (name == "EMPTY") return "";
        if (name == "LINES") return std::string(planted) + "\n" + std::string(planted);
        return std::string(planted);
    };
    out.read_file = [](const std::string& path) -> boost::system::result<config::FileContent> {
        if (path.ends_with("none")) return boost::system::errc::make_error_code(boost::system::errc::io_error);
        if (path.ends_with(".pem"))
            return config::FileContent{"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", true};
        return config::FileContent{std::string(planted) + "\n", true};
    };
    return out;
}

void check_messages(const std::vector<config::Problem>& problems, std::string_view text) {
    const bool in_text = text.find(planted) != std::string_view::npos;
    for (const config::Problem& p : problems) {
        require(p.line >= 1 && p.column >= 1 && !p.message.empty());
        require(p.line <= 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
        require(std::none_of(p.message.begin(), p.message.end(),
                             [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
        require(in_text || p.message.find(planted) == std::string::npos);
    }
}

void check_config(const config::Config& c) {
    require(c.server.max_header >= 1024 && c.server.max_header <= 65535);
    require(c.server.max_body <= c.server.max_buffered);
    require(!c.server.tls_listen || (!c.server.tls_certificate.empty() && !c.server.tls_key.empty()));
    for (const auto& [name, portal] : c.portals) {
        require(portal.name == name && !name.empty() && name.find('/') == std::string::npos);
        require(portal.url.starts_with("https://") || portal.url.starts_with("http://"));
        require(portal.plan.burst >= 1 && portal.plan.rate > 0);
        require(portal.max_in_flight >= 1 && portal.max_queue >= 1 && portal.timeout.count() > 0);
        require(portal.coalesce.max_calls >= 1 && portal.coalesce.max_calls <= 50);
        for (const auto& [key, credential] : portal.credentials)
            require(credential.type == config::Credential::Type::webhook
                        ? !credential.user.empty() && !credential.secret.empty()
                        : !credential.client_id.empty() && !credential.client_secret.empty());
    }
    for (const auto& [name, client] : c.clients) {
        require(client.name == name && !client.portals.empty() && !client.allow.empty());
        require(client.key_sha256.size() == (client.passthrough ? 0u : 64u));
        require(std::all_of(client.key_sha256.begin(), client.key_sha256.end(),
                            [](char digit) { return core::hex_digit(digit) >= 0 && core::to_lower(digit) == digit; }));
        for (const std::string& portal : client.portals) {
            require(c.portals.contains(portal));
            const auto credential = client.credentials.find(portal);
            require(client.passthrough ? credential == client.credentials.end()
                                       : credential != client.credentials.end() &&
                                             c.portals.at(portal).credentials.contains(credential->second));
        }
        for (const std::string& block : client.addresses) {
            const auto parsed = config::parse_cidr(block);
            require(parsed && parsed->contains(parsed->base));
        }
    }
    require(config::reload_diff(c, c).empty());
}

void check_units(std::string_view text) {
    if (const auto size = config::parse_size(text)) require(config::parse_size(config::format_size(*size)) == size);
    if (const auto d = config::parse_duration(text)) require(config::parse_duration(config::format_duration(*d)) == d);
    if (const auto e = config::parse_endpoint(text)) {
        const auto again = config::parse_endpoint(config::to_string(*e));
        require(again && again->port == e->port);
    }
    if (const auto block = config::parse_cidr(text)) {
        const auto masked = block->masked();
        require(masked.masked() == masked && masked.contains(block->base) && block->contains(masked.base));
        require(config::parse_cidr(config::to_string(masked)) == masked);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const config::LoadOptions options = world();
    const config::Loaded loaded = config::load_text(text, "etc/gate.toml", options);
    require(loaded.config.has_value() == loaded.errors.empty());
    check_messages(loaded.errors, text);
    check_messages(loaded.warnings, text);
    if (loaded) check_config(*loaded.config);
    check_units(text);
    return 0;
}
