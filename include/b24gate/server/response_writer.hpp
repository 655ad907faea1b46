// Response -> bytes of HTTP/1.1. Pure.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include <b24gate/server/message.hpp>

namespace b24gate::server {

/// How the body is delimited.
enum class Framing { length, chunked, until_close };

[[nodiscard]] Framing framing_of(const Response& response, unsigned minor_version);

/// What becomes of the connection; HTTP/1.0 wants to be told that it stays.
enum class Persistence { close, keep_alive, keep_alive_http10 };

/// Appends the head. `now` is for the Date field.
void append_head(std::string& out, const Response& response, Framing framing, Persistence persistence, std::time_t now);

/// Appends one chunk; `data` must not be empty.
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// The standard reason phrase; "Unknown" for codes that have none.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace b24gate::server
