#include <b24gate/admin/sealed_texts.hpp>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/seal.hpp>
#include <b24gate/gateway/kept_answer.hpp>

namespace b24gate::admin {

SealedTexts::SealedTexts(const config::Store& keys)
    : vault_(core::KeyRing(keys.encryption_key, keys.old_encryption_keys)) {}

std::optional<Shown> SealedTexts::answer(const std::string& id, unsigned status, const storage::SealedBytes& sealed,
                                         const observe::Masker& masker) const {
    if (sealed.bytes.empty()) return std::nullopt;
    const auto opened = vault_.open_answer(id, sealed);
    if (!opened) return std::nullopt;
    const auto kept = gateway::read_answer(status, opened->reveal());
    return shown(kept ? kept->body : opened->reveal(), masker);
}

std::optional<Shown> SealedTexts::excerpt(const std::string& id, unsigned attempt, const storage::SealedBytes& sealed,
                                          const observe::Masker& masker) const {
    if (sealed.bytes.empty()) return std::nullopt;
    const auto opened = vault_.open_excerpt(id, attempt, sealed);
    if (!opened) return std::nullopt;
    return shown(opened->reveal(), masker);
}

Shown shown(std::string_view text, const observe::Masker& masker) {
    Shown out;
    const auto type = core::json::type_of(text);
    const bool json = type == core::json::Type::object || type == core::json::Type::array;
    out.text = json ? masker.mask_params(observe::ParamsEncoding::json, text) : masker.mask_text(text);
    out.bytes = text.size();
    out.cut = out.text.size() < text.size() && text.size() > observe::MaskRules().max_output;
    return out;
}

}  // namespace b24gate::admin
