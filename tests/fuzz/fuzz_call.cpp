// A request of any bytes: taken or refused, never a crash; what is taken has no credential left in it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/bitrix/call.hpp>

#include "require.hpp"

using namespace b24gate::bitrix;

/// The first byte chooses verb and content type; up to the first line feed stands the target, behind it the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static constexpr std::string_view verbs[] = {"GET", "POST", "HEAD", "PUT"};
    static constexpr std::string_view types[] = {"", "application/json", "application/x-www-form-urlencoded",
                                                 "multipart/form-data; boundary=B"};
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t line = text.find('\n');
    const bool passthrough = (data[0] & 0x10) != 0;
    const RawCall raw{.verb = verbs[data[0] & 3],
                      .target = text.substr(0, line),
                      .content_type = types[(data[0] >> 2) & 3],
                      .authorization = (data[0] & 0x20) != 0 ? "Bearer H" : "",
                      .body = line == std::string_view::npos ? std::string_view() : text.substr(line + 1),
                      .passthrough = passthrough};
    const auto call = parse_call(raw);
    if (!call) {
        require(!call.error().message.empty());
        require(call.error().code == GatewayCode::bad_request || call.error().code == GatewayCode::not_found);
        return 0;
    }
    require(call->kind != CallKind::method || is_method_name(call->method));
    require(call->key.empty() == (call->key_place == KeyPlace::none));
    require((call->form == UrlForm::webhook) == (call->key_place == KeyPlace::path));
    require(call->body().size() <= raw.body.size());
    require(call->is_batch || call->commands.empty());
    if (passthrough) {
        require(!call->rewritten_body);
        require(raw.target.ends_with(call->query));
        return 0;
    }
    const std::string target = (call->kind == CallKind::method ? "/rest/user.get?" : "/rest/download?") + call->query;
    const auto again =
        parse_call({.verb = "POST", .target = target, .content_type = raw.content_type, .body = call->body()});
    require(again.has_value());
    require(again->key_place == KeyPlace::none);
    require(again->query == call->query);
    require(!again->rewritten_body);
    return 0;
}
