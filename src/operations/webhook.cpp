#include <b24gate/operations/webhook.hpp>

#include <b24gate/core/base64.hpp>
#include <b24gate/core/hmac.hpp>

namespace b24gate::operations {
namespace {

core::Secret key_of(const core::Secret& secret) {
    constexpr std::string_view prefix = "whsec_";
    const std::string_view text = secret.reveal();
    if (text.starts_with(prefix))
        if (auto key = core::from_base64(text.substr(prefix.size()))) return core::Secret(std::move(*key));
    return secret;
}

}  // namespace

std::string webhook_signature(std::string_view id, std::int64_t timestamp, std::string_view body,
                              const std::vector<core::Secret>& secrets) {
    std::string signed_text(id);
    signed_text += '.';
    signed_text += std::to_string(timestamp);
    signed_text += '.';
    signed_text += body;
    std::string out;
    for (const core::Secret& secret : secrets) {
        if (secret.empty()) continue;
        const core::Sha256 mac = core::hmac_sha256(key_of(secret).reveal(), signed_text);
        if (!out.empty()) out += ' ';
        out += "v1," + core::to_base64({reinterpret_cast<const char*>(mac.data()), mac.size()});
    }
    return out;
}

}  // namespace b24gate::operations
