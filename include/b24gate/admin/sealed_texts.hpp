// What the store keeps sealed of an operation, opened, masked and cut to what people may see. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/admin/operation_json.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/observe/mask.hpp>
#include <b24gate/operations/sealing.hpp>

namespace b24gate::admin {

class SealedTexts {
public:
    explicit SealedTexts(const config::Store& keys);

    /// nullopt: there is none, or the key that sealed it is not here.
    [[nodiscard]] std::optional<Shown> answer(const std::string& id, unsigned status,
                                              const storage::SealedBytes& sealed, const observe::Masker& masker) const;
    [[nodiscard]] std::optional<Shown> excerpt(const std::string& id, unsigned attempt,
                                               const storage::SealedBytes& sealed, const observe::Masker& masker) const;

private:
    operations::OperationVault vault_;
};

/// Masked, and as much of it as the masker gives.
[[nodiscard]] Shown shown(std::string_view text, const observe::Masker& masker);

}  // namespace b24gate::admin
