// The one vocabulary of failures below the HTTP surface. What a client is told is decided in bitrix/envelope.
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace b24gate::core {

enum class Errc {
    // A timeout always says which wait it was.
    resolve_timeout = 1,
    connect_timeout,
    handshake_timeout,
    read_timeout,
    write_timeout,
    idle_timeout,
    // Connection
    resolve_failed,
    connect_failed,
    tls_failed,
    end_of_stream,  ///< the peer closed cleanly between messages
    truncated,      ///< the peer closed inside a message, or TLS ended without close_notify where that matters
    cancelled,      ///< the owner ended the wait (drain, hang-up)
    // HTTP
    bad_message,  ///< framing or syntax that is not HTTP/1.1
    header_too_large,
    body_too_large,
};

[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

template <class T>
using Result = boost::system::result<T, boost::system::error_code>;

}  // namespace b24gate::core

template <>
struct boost::system::is_error_code_enum<b24gate::core::Errc> : std::true_type {};
