// The strict reading of a raw HTTP/1.1 head; Beast's parser is used for chunked bodies alone. Beast 1.81 takes a
// message with an unknown Transfer-Encoding for one without a body, so that the body becomes the next request; it
// accepts two Hosts, folded lines, HTTP/1.0 with chunks and more. What is ambiguous is refused here, never repaired.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <b24gate/net/field.hpp>

namespace b24gate::net {

/// Why a message is refused. `status` is the answer to a request; an answer from a portal is simply malformed.
struct Violation {
    unsigned status = 400;
    std::string_view reason;  ///< a short name for the counter and the client, e.g. "bare_lf"
};

/// What the head says about the message; the views point into the head.
struct Head {
    std::string_view method;  ///< requests
    std::string_view target;  ///< requests: as received
    std::string_view host;    ///< requests: of the Host field
    unsigned status = 0;      ///< answers
    unsigned minor_version = 1;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool keep_alive = true;
    bool expect_continue = false;
};

struct HeadEnd {
    std::size_t size = 0;  ///< with its empty line; 0: not there yet
    std::optional<Violation> violation;
};

/// Looks for the end of a head in what has arrived, from `from` on (where the last look ended). A line that does not
/// end with CRLF is noticed here, before the peer can make us wait for an end that never comes.
[[nodiscard]] HeadEnd find_head_end(std::string_view received, std::size_t from) noexcept;

inline constexpr std::size_t max_fields = 100;

/// `head` ends with its empty line. `fields`, when given, gets every field, as views into `head`.
[[nodiscard]] std::optional<Violation> check_request_head(std::string_view head, Head& out,
                                                          std::vector<Field>* fields = nullptr);
[[nodiscard]] std::optional<Violation> check_answer_head(std::string_view head, Head& out,
                                                         std::vector<Field>* fields = nullptr);

/// A reg-name, IPv4 or bracketed IPv6 address with an optional port, nothing else.
[[nodiscard]] bool is_host(std::string_view host) noexcept;

}  // namespace b24gate::net
