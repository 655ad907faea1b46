// CallReport -> the response to the client: the portal's bytes with links turned to the gateway, or one normalized
// error.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/links.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/server/message.hpp>

namespace b24gate::gateway {

/// What an answer says about the gateway's part in it, also on errors of its own.
struct AnswerFacts {
    std::string_view request_id;
    std::string_view portal;           ///< empty: not known
    std::optional<unsigned> attempts;  ///< nullopt: the call did not come so far
    core::Duration waited{0};
    std::optional<admission::Quota> quota;
};
void add_gateway_fields(server::Response& response, const AnswerFacts& facts);

/// A failure in the one shape (product contract section 3).
[[nodiscard]] server::Response error_response(const bitrix::Outcome& outcome, const bitrix::EnvelopeFacts& facts,
                                              std::string_view portal_body = {});

/// Where the client reaches this gateway, with the portal prefix where it is needed to find the same portal again.
[[nodiscard]] std::string gateway_base(const CallOrder& order);

/// The answer to a call that was run. `streamed` is told the bytes of a body that streams when it has ended.
[[nodiscard]] server::Response call_response(const CallOrder& order, CallReport& report,
                                             std::function<void(std::uint64_t bytes, bool complete)> streamed);

}  // namespace b24gate::gateway
