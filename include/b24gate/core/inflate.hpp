// gzip and zlib bodies -> plain bytes, piece by piece and never more than the caller has room for: a small body can
// unpack to a thousand times its size. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct z_stream_s;

namespace b24gate::core {

class Inflater {
public:
    Inflater();
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    enum class State { more, done, broken };

    /// Unpacks from `in` until it is used up or `out` has `max_out` bytes; takes what it used off `in`.
    State push(std::string_view& in, std::string& out, std::size_t max_out);

private:
    std::unique_ptr<z_stream_s> stream_;
    bool ready_ = false;
    State state_ = State::more;
};

struct Inflated {
    std::string text;
    bool complete = true;  ///< false: there is more than `max_out`, or `packed` is only a beginning
};

/// A whole body, or its beginning. nullopt: it is not in that coding.
[[nodiscard]] std::optional<Inflated> inflate(std::string_view packed, std::size_t max_out);

}  // namespace b24gate::core
