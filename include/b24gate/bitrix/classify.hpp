// A wire answer -> Outcome. Order of decision: transport, redirect, body shape, code, status (reference 3.7). Pure; any
// thread; never throws on any bytes.
#pragma once

#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

/// How far the exchange came (architecture: the three ends of an exchange).
enum class Transport {
    replied,        ///< a complete answer
    not_sent,       ///< not one byte of the request can have reached the portal's application
    sent_no_reply,  ///< the request may have arrived whole; no (complete) answer came
};

/// Why there is no complete answer.
enum class TransportError { none, resolve, connect, tls, reset, timeout, truncated, bad_message, too_large };

struct WireAnswer {
    Transport transport = Transport::replied;
    TransportError transport_error = TransportError::none;
    unsigned status = 0;
    std::string_view content_type;
    std::string_view location;  ///< of a redirect
    std::string_view retry_after;
    std::string_view body;      ///< decoded: without transfer and content coding; may be a prefix when it streams
    bool body_complete = true;  ///< false: `body` is the beginning of a longer one that is being streamed
};

struct CallFacts {
    Api api = Api::v2;
    std::string_view method;
    bool writes = true;       ///< not a read: ERROR_CORE then means "unknown"
    bool raw_answer = false;  ///< downloads, uploads and methods that stream a file: no JSON envelope is expected
};

/// The verdict. A 2xx with a JSON envelope without `error` is ok, and `timing` is filled from its `time`.
[[nodiscard]] Outcome classify(const WireAnswer& answer, const CallFacts& call);

/// The verdict on one entry of a batch's result_error (raw JSON of the entry).
[[nodiscard]] Outcome classify_batch_error(std::string_view entry, bool writes);

/// Text that may be shown: without markup, control characters, stack traces and over-long tails. Secrets are masked
/// by the caller, who knows them.
[[nodiscard]] std::string plain_text(std::string_view text, std::size_t max_length = 500);

}  // namespace b24gate::bitrix
