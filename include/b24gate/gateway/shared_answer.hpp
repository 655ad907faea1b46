// A portal's answer that more than one caller gets: as the portal gave it, with its links; each caller's response is
// made from it anew. Immutable, any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <b24gate/gateway/call_run.hpp>

namespace b24gate::gateway {

struct SharedAnswer {
    bitrix::Outcome outcome;
    unsigned status = 0;
    std::vector<char> head;
    std::vector<net::Field> fields;  ///< views into `head`
    std::string body, plain_body;
    bool unpacked = false;
    unsigned attempts = 0;
    core::Duration waited{0};
    std::shared_ptr<const tokens::Token> token;
    upstream::Target target;

    /// A copy of what is needed: the report goes on as it was.
    [[nodiscard]] static std::shared_ptr<const SharedAnswer> of(const CallReport& report);

    /// As if this call had been made; the fields are views into this answer.
    void put_into(CallReport& report) const;

    [[nodiscard]] std::size_t bytes() const noexcept;
};

/// It is whole, and the portal's own verdict on the call: the next caller would be told the same.
[[nodiscard]] bool can_be_shared(const CallReport& report) noexcept;

/// A success that is worth keeping. Not one that quotes an access token: its links end with the token.
[[nodiscard]] bool can_be_kept(const CallReport& report);

}  // namespace b24gate::gateway
