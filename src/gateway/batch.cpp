#include <b24gate/gateway/batch.hpp>

#include <algorithm>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/timing.hpp>
#include <b24gate/core/json_scan.hpp>
#include <b24gate/core/text.hpp>

namespace b24gate::gateway {
namespace {

namespace json = core::json;

/// An entry's key: PHP writes a map with the keys 0..n-1 as a list.
std::string key_of(const json::Reader& reader) {
    return reader.is_object() ? reader.key() : std::to_string(reader.index());
}

std::string_view method_by_key(const bitrix::Call& call, std::string_view key) {
    // A key that stands twice: the portal answers for the last.
    for (auto command = call.commands.rbegin(); command != call.commands.rend(); ++command)
        if (command->key == key) return command->method;
    return {};
}

}  // namespace

std::vector<std::string> inner_methods(const bitrix::Call& call) {
    std::vector<std::string> methods;
    for (const auto& command : call.commands) methods.push_back(core::to_lower(command.method));
    std::sort(methods.begin(), methods.end());
    methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
    return methods;
}

bool repeat_is_safe(const bitrix::Call& call, const bitrix::Methods& methods) {
    if (!call.is_batch) return methods.repeat_is_safe(call.method, call.query, call.body());
    return std::all_of(call.commands.begin(), call.commands.end(), [&](const bitrix::BatchCommand& command) {
        return methods.effect(command.method) == bitrix::Effect::read;
    });
}

bool writes(const bitrix::Call& call, const bitrix::Methods& methods) {
    if (!call.is_batch) return methods.effect(call.method) != bitrix::Effect::read;
    return !repeat_is_safe(call, methods);
}

std::vector<admission::Feedback::Inner> inner_feedback(const bitrix::Call& call, std::string_view answer) {
    std::vector<admission::Feedback::Inner> inner;
    const auto result = json::find(answer, "result");
    if (!result) return inner;
    const auto add = [&](std::string_view map, auto&& fill) {
        json::Reader reader(map);
        while (reader.next()) {
            const std::string_view method = method_by_key(call, key_of(reader));
            if (method.empty()) continue;
            admission::Feedback::Inner entry;
            entry.method = core::to_lower(method);
            if (fill(reader.value(), entry)) inner.push_back(std::move(entry));
        }
    };
    if (const auto times = json::find(*result, "result_time"))
        add(*times, [](std::string_view value, admission::Feedback::Inner& entry) {
            entry.timing = bitrix::timing_of(value);
            return true;
        });
    if (const auto errors = json::find(*result, "result_error"))
        add(*errors, [](std::string_view value, admission::Feedback::Inner& entry) {
            const auto error_class = bitrix::classify_batch_error(value, true).error_class;
            entry.operating_limit = error_class == bitrix::ErrorClass::operating_limit;
            entry.rate_limit = error_class == bitrix::ErrorClass::rate_limit;
            return entry.operating_limit || entry.rate_limit;
        });
    return inner;
}

std::string_view CommandMethods::method(std::string_view key) const { return method_by_key(call_, key); }

bool CommandMethods::writes(std::string_view key) const {
    return methods_.effect(method_by_key(call_, key)) != bitrix::Effect::read;
}

bool CommandMethods::repeat_is_safe(std::string_view key) const {
    return methods_.effect(method_by_key(call_, key)) != bitrix::Effect::unsafe;
}

}  // namespace b24gate::gateway
