#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/gateway/install_rules.hpp>

// What comes with a request to /oauth/, and the portal's answer about a token: any bytes, and no promise is broken.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace b24gate;
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    const std::string_view value = gateway::cookie(text, "b24gate_install");
    if (!value.empty() && text.find("b24gate_install=" + std::string(value)) == text.npos) __builtin_trap();

    const std::string both = "en," + std::string(text);
    if (gateway::prefers_russian(text) && text.find_first_of("rR") == text.npos) __builtin_trap();
    if (gateway::prefers_russian(both)) __builtin_trap();  // nothing weighs more than 1

    if (const auto profile = gateway::read_profile(text); profile && profile->user_id <= 0) __builtin_trap();

    gateway::PortalFacts portal;
    portal.configured = portal.current = *upstream::parse_target("https://acme.bitrix24.com");
    if (gateway::is_at(portal.configured, text)) {
        const auto place = upstream::parse_target(text);
        if (!place || place->host != "acme.bitrix24.com") __builtin_trap();
        if (!gateway::identify(portal, "m1", text).empty()) __builtin_trap();
    }
    return 0;
}
