// The `gateway` object of a failure, and how it gets into a JSON object that is otherwise kept byte for byte. Pure; any
// thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/core/json_scan.hpp>

namespace b24gate::bitrix {

/// How long to wait before the same request is worth another try; nullopt when it is not.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_delay(const Outcome& outcome, bool retryable,
                                                                   const EnvelopeFacts& facts);

/// {"class": …}: the members and their order are the contract's.
[[nodiscard]] std::string gateway_object(const Outcome& outcome, bool retryable, const EnvelopeFacts& facts);

/// Copies a JSON object member by member. `edit(reader)` says what becomes of a member's value: nullopt keeps it as it
/// stands, an empty string drops the member, anything else is its new value. `added` (members with their names, may be
/// empty) goes behind the last one. The text must be a well-formed object.
template <class Edit>
[[nodiscard]] std::string edit_object(std::string_view object, std::string_view added, Edit edit) {
    std::string out;
    out.reserve(object.size() + added.size() + 2);
    core::json::Reader member(object);
    const std::size_t open = object.find('{') + 1;
    out.append(object, 0, open);
    std::size_t last_end = open;
    bool any = false;
    while (member.next()) {
        const std::optional<std::string> value = edit(member);
        if (!value || !value->empty()) {
            if (any || last_end == open) {
                out.append(object, last_end, member.begin() - last_end);
            }
            any = true;
            if (value) {
                out.append(member.raw_key()).append(":").append(*value);
            } else {
                out.append(object, member.begin(), member.end() - member.begin());
            }
        }
        last_end = member.end();
    }
    if (!added.empty()) {
        if (any) out += ',';
        out += added;
    }
    out.append(object, last_end);
    return out;
}

}  // namespace b24gate::bitrix
