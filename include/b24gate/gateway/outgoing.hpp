// A call -> the request that goes to the portal: built anew from an allow-list, with the portal's own credential where
// the client's key stood. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/net/field.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

struct OutgoingFacts {
    const bitrix::Call& call;
    const config::Credential* credential = nullptr;  ///< null: a passthrough client brought its own
    const upstream::Target& target;
    const std::vector<net::Field>& fields;       ///< of the client's request
    std::string_view idempotency_key;            ///< v3 writes
    const core::Secret* access_token = nullptr;  ///< of an oauth credential
};

/// Path and query as they are sent. Holds a secret: never logged.
[[nodiscard]] std::string outgoing_target(const OutgoingFacts& facts);

/// What goes over the wire: `head` and then `body`.
struct Outgoing {
    std::string head;  ///< request line, fields, the empty line; behind it the token, where it belongs into the body
    std::string_view body;  ///< what is left of the call's own body
};
[[nodiscard]] Outgoing outgoing_message(const OutgoingFacts& facts, std::string_view target);

/// Whether the client takes gzip (the one coding that the gateway can look into).
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding) noexcept;

}  // namespace b24gate::gateway
