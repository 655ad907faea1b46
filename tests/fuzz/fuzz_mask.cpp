// Whatever the bytes: a known secret never comes out of the masker, a client key never does, and the output is bounded.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/observe/mask.hpp>

using b24gate::observe::Masker;
using b24gate::observe::MaskRules;
using b24gate::observe::ParamsEncoding;

namespace {

constexpr std::string_view secret = "s3cr/t+k\"ey";
constexpr std::size_t max_output = 256;

const Masker& masker() {
    static const Masker made = [] {
        MaskRules rules;
        rules.secrets.emplace_back(std::string(secret));
        rules.fields = {"PHONE", "NAME"};
        rules.max_output = max_output;
        return Masker(std::move(rules));
    }();
    return made;
}

void check(const std::string& out) {
    if (out.size() > max_output + 32) __builtin_trap();
    if (out.find(secret) != out.npos) __builtin_trap();
    for (std::size_t at = 0; (at = out.find("b24g_", at)) != out.npos; at += 5) {
        const char next = at + 5 < out.size() ? out[at + 5] : ' ';
        if ((next >= '0' && next <= '9') || (next >= 'a' && next <= 'z')) __builtin_trap();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(masker().mask_text(text));
    for (const ParamsEncoding encoding : {ParamsEncoding::automatic, ParamsEncoding::form, ParamsEncoding::json})
        check(masker().mask_params(encoding, text));
    // What it says is there must also go.
    if (masker().contains_secret(text) && text.size() <= max_output && text.find("b24g") == text.npos &&
        masker().mask_text(text) == text)
        __builtin_trap();
    return 0;
}
