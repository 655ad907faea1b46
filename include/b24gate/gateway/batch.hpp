// What a batch that a client sent tells about its commands: for policy, envelope and the operating budget. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admission/admission.hpp>
#include <b24gate/bitrix/call.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/methods.hpp>

namespace b24gate::gateway {

/// The methods of a batch, lower case, each once.
[[nodiscard]] std::vector<std::string> inner_methods(const bitrix::Call& call);

/// A batch may be repeated when every command in it may.
[[nodiscard]] bool repeat_is_safe(const bitrix::Call& call, const bitrix::Methods& methods);
[[nodiscard]] bool writes(const bitrix::Call& call, const bitrix::Methods& methods);

/// The portal's accounting of each command, from `result_time` and `result_error` of a v2 batch answer.
[[nodiscard]] std::vector<admission::Feedback::Inner> inner_feedback(const bitrix::Call& call, std::string_view answer);

/// Finds a command's method by the key under which the answer names it.
class CommandMethods final : public bitrix::BatchMethods {
public:
    CommandMethods(const bitrix::Call& call, const bitrix::Methods& methods) : call_(call), methods_(methods) {}
    [[nodiscard]] std::string_view method(std::string_view key) const override;
    [[nodiscard]] bool writes(std::string_view key) const override;
    [[nodiscard]] bool repeat_is_safe(std::string_view key) const override;

private:
    const bitrix::Call& call_;
    const bitrix::Methods& methods_;
};

}  // namespace b24gate::gateway
