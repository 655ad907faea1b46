// What is kept of a call that must not be lost: the call as it will be sent, without the client's key. It is read back
// by the same parser that reads requests. Pure; any thread.
#pragma once

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/net/field.hpp>

namespace b24gate::gateway {

/// Owns what a Call only views.
struct KeptRequest {
    std::string verb;
    std::string target;              ///< in the application form, without a key
    std::vector<net::Field> fields;  ///< views into `text`
    std::string text;                ///< of the fields
    std::string body;

    KeptRequest() = default;
    KeptRequest(const KeptRequest&) = delete;  // the views would point into the other one
    KeptRequest& operator=(const KeptRequest&) = delete;
    KeptRequest(KeptRequest&&) = delete;
    KeptRequest& operator=(KeptRequest&&) = delete;
};

/// Whether a call of that kind can be kept at all; the error is for the caller.
[[nodiscard]] std::optional<bitrix::Refusal> why_not_kept(const bitrix::Call& call, bool passthrough);

/// `fields`: of the request; only those that mean something to a portal are kept.
[[nodiscard]] std::string keep_request(const bitrix::Call& call, const std::vector<net::Field>& fields);

/// False: these bytes were not written by keep_request.
[[nodiscard]] bool read_request(std::string_view bytes, KeptRequest& out);

/// The call in it; it views `kept`. An error only if the store has been tampered with.
[[nodiscard]] boost::system::result<bitrix::Call, bitrix::Refusal> call_of(const KeptRequest& kept);

}  // namespace b24gate::gateway
