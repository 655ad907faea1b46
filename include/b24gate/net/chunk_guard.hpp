// The strict reading of a chunked body's framing, as http_guard is of heads. Beast 1.81 takes a line feed or a NUL
// inside a quoted extension, waits for the end of a quote beyond its line, and accepts folded trailers: what a peer
// could read otherwise is refused here, before Beast sees it. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace b24gate::net {

/// One body. It is fed with the bytes as they arrive, each of them once.
class ChunkGuard {
public:
    enum class Verdict { more, done, bad };

    /// Reads up to the end of the body at most; what comes behind it belongs to the next message.
    [[nodiscard]] Verdict check(std::string_view raw) noexcept;

private:
    enum class State : std::uint8_t {
        size,
        blank,       ///< behind a size or an extension: only blanks and then a ';' (or, behind a name, a '=')
        name_start,  ///< of an extension
        name,
        value_start,
        value,
        quoted,
        escaped,
        quote_end,
        line_end,  ///< LF behind the CR of a chunk's line
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_end,  ///< LF behind a trailer
        last_end,     ///< LF of the empty line
        done,
        bad,
    };

    [[nodiscard]] State next(unsigned char c) noexcept;
    [[nodiscard]] State begin_size(unsigned char c) noexcept;
    [[nodiscard]] State behind_extension(unsigned char c) noexcept;

    std::uint64_t left_ = 0;  ///< of the chunk's size, then of its data
    unsigned digits_ = 0;
    bool named_ = false;  ///< the last thing read is an extension's name, which a value may follow
    State state_ = State::size;
};

}  // namespace b24gate::net
