#include <b24gate/access/policy.hpp>

#include <algorithm>
#include <string>

#include <b24gate/core/text.hpp>

namespace b24gate::access {
namespace {

constexpr std::string_view suffixes[] = {".json", ".xml"};

bool matches(const std::vector<std::string>& patterns, std::string_view method) noexcept {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return core::glob_match(pattern, method); });
}

bool strip_suffix(std::string_view& method) noexcept {
    for (const std::string_view suffix : suffixes)
        if (method.size() > suffix.size() && method.ends_with(suffix)) {
            method.remove_suffix(suffix.size());
            return true;
        }
    return false;
}

/// `method` without its suffixes is left in `method`.
bool denied(const config::Client& client, std::string_view& method) noexcept {
    do
        if (matches(client.deny, method)) return true;
    while (strip_suffix(method));
    return false;
}

bitrix::Refusal forbidden(std::string message) { return {bitrix::GatewayCode::forbidden, std::move(message)}; }

/// The client wrote these; an answer repeats only so much of them.
std::string cut(std::string_view text) {
    constexpr std::size_t most = 128;
    return std::string(text.substr(0, most)) + (text.size() > most ? "..." : "");
}

}  // namespace

bool authorize(const config::Client& client, std::string_view method) {
    if (!bitrix::is_method_name(method)) return false;
    const std::string lower = core::to_lower(method);
    std::string_view name = lower;
    return !denied(client, name) && matches(client.allow, name);
}

const bitrix::BatchCommand* authorize_batch(const config::Client& client,
                                            const std::vector<bitrix::BatchCommand>& commands) {
    for (const bitrix::BatchCommand& command : commands)
        if (!authorize(client, command.method)) return &command;
    return nullptr;
}

std::optional<bitrix::Refusal> authorize_call(const config::Client& client, const bitrix::Call& call) {
    if (call.kind != bitrix::CallKind::method) return std::nullopt;
    if (!call.is_batch) {
        if (authorize(client, call.method)) return std::nullopt;
        return forbidden("this client may not call " + cut(call.method) + "; its allow and deny patterns decide that");
    }
    const std::string lower = core::to_lower(call.method);
    std::string_view name = lower;
    if (!bitrix::is_method_name(lower) || denied(client, name))
        return forbidden("this client may not call batch; send the commands one by one");
    const bitrix::BatchCommand* refused = authorize_batch(client, call.commands);
    if (!refused) return std::nullopt;
    const std::string which = "command \"" + cut(refused->key) + "\"";
    if (!bitrix::is_method_name(refused->method))
        return forbidden("the batch is refused as a whole: " + which +
                         " names no method; write it as METHOD?PARAMETERS");
    return forbidden("the batch is refused as a whole: " + which + " calls " + cut(refused->method) +
                     ", which this client may not");
}

}  // namespace b24gate::access
