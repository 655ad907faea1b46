// annotate_batch() of envelope.hpp.
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/gateway_member.hpp>
#include <b24gate/core/json_scan.hpp>

namespace b24gate::bitrix {
namespace {

namespace json = core::json;

/// One entry with its `gateway` object.
std::string annotated(std::string_view entry, std::string_view key, EnvelopeFacts facts, const BatchMethods& methods) {
    facts.method = methods.method(key);
    facts.repeat_is_safe = methods.repeat_is_safe(key);
    const Outcome outcome = classify_batch_error(entry, methods.writes(key));
    const bool can_retry = retryable(outcome, facts.repeat_is_safe);
    const std::string added = R"("gateway":)" + gateway_object(outcome, can_retry, facts);
    return edit_object(entry, added, [](const json::Reader& member) -> std::optional<std::string> {
        if (member.key_is("gateway")) return std::string();
        return std::nullopt;
    });
}

}  // namespace

std::optional<std::string> annotate_batch(std::string_view body, const EnvelopeFacts& facts,
                                          const BatchMethods& methods) {
    const auto result = json::find_last(body, "result");
    if (!result) return std::nullopt;
    const auto errors = json::find_last(*result, "result_error");
    if (!errors) return std::nullopt;

    std::string out;
    std::size_t copied = 0;  // of body
    const std::size_t errors_at = static_cast<std::size_t>(errors->data() - body.data());
    json::Reader entry(*errors);
    while (entry.next()) {
        json::Reader whole(entry.value());
        if (!whole.is_object()) continue;
        while (whole.next()) {
        }
        if (!whole.complete()) continue;
        const std::string key = entry.is_object() ? entry.key() : std::to_string(entry.index());
        const std::size_t end = errors_at + entry.end();
        const std::size_t begin = end - entry.value().size();
        out.append(body, copied, begin - copied).append(annotated(entry.value(), key, facts, methods));
        copied = end;
    }
    if (copied == 0) return std::nullopt;
    return out.append(body, copied);
}

}  // namespace b24gate::bitrix
