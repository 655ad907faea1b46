// What the log says of a call and of an attempt, and how it is written. Views are borrowed for the time of one call of
// the log. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/observe/mask.hpp>

namespace b24gate::observe {

enum class Level { trace, debug, info, warn, error, off };

using WallTime = std::chrono::system_clock::time_point;

/// One call, written when its answer has been given.
struct CallRecord {
    WallTime time;  ///< of the line
    std::string_view request_id;
    std::string_view client;  ///< empty: not known
    std::string_view portal;  ///< empty: not known
    std::string_view method;  ///< of the portal's; empty on paths that are no call
    bitrix::Api api = bitrix::Api::v2;
    unsigned attempts = 0;  ///< 0: nothing was sent to the portal
    unsigned status = 0;    ///< what the client got; 0: it had hung up
    bitrix::ErrorClass error_class = bitrix::ErrorClass::ok;
    bitrix::Executed executed = bitrix::Executed::yes;
    std::string_view error;                               ///< code; empty on success
    std::string_view message;                             ///< plain text; empty on success
    std::chrono::microseconds wait{0};                    ///< for budget
    std::chrono::microseconds duration{0};                ///< from the whole request to the whole answer
    std::chrono::microseconds upstream{0};                ///< of that, spent in exchanges with the portal
    std::optional<std::chrono::microseconds> would_wait;  ///< observe mode: what enforcing would have made it wait
    bool would_refuse = false;                            ///< observe mode: enforcing would have refused it
    bool shared = false;                                  ///< it got the answer of the same read under way
    bool cached = false;                                  ///< it got an answer that was kept
    unsigned batch_size = 0;                              ///< commands in the client's batch; 0: no batch
    std::uint64_t bytes_in = 0, bytes_out = 0;            ///< of the bodies
    std::string_view peer;                                ///< address
    std::string_view traceparent;                         ///< empty: none
    std::string_view path;  ///< a template such as /rest/{user}/{key}/{method}; never the path
    // Written only if log.params is on, and only masked.
    std::string_view query;
    std::string_view params;
    ParamsEncoding params_encoding = ParamsEncoding::automatic;
};

/// One failed attempt.
struct AttemptRecord {
    enum class Next { stop, requeue, refresh, retry };

    WallTime time;
    std::string_view request_id, client, portal, method;
    unsigned attempt = 1;  ///< 1 for the first
    unsigned status = 0;   ///< the portal's; 0: there was no answer
    bitrix::ErrorClass error_class = bitrix::ErrorClass::server;
    bitrix::Executed executed = bitrix::Executed::unknown;
    std::string_view error, message;
    std::chrono::microseconds duration{0};
    Next next = Next::stop;
    std::chrono::milliseconds retry_in{0};  ///< with Next::retry
};

/// none and refused are everyday; a limit or a fault of the system is worth a look.
[[nodiscard]] Level level_of(bitrix::Fault) noexcept;
[[nodiscard]] std::string_view to_string(Level) noexcept;

/// Appends one line, without a line break. Fields that a client can choose are masked where they hold a secret.
void append_line(std::string& out, const CallRecord& record, const Masker& masker, bool with_params);
void append_line(std::string& out, const AttemptRecord& record, const Masker& masker);

/// RFC 3339 in UTC with milliseconds: 2026-01-31T23:59:59.999Z. Years 0 to 9999; others are clamped.
void append_time(std::string& out, WallTime time);

}  // namespace b24gate::observe
