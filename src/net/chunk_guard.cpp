#include <b24gate/net/chunk_guard.hpp>

#include <algorithm>

#include <b24gate/core/text.hpp>
#include <b24gate/net/token.hpp>

namespace b24gate::net {
namespace {

/// Far from overflow, and room for the zeros that some put in front.
constexpr unsigned most_digits = 15;

constexpr bool is_blank(unsigned char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_text(unsigned char c) noexcept { return (c >= 0x20 && c != 0x7F) || c == '\t'; }

}  // namespace

ChunkGuard::Verdict ChunkGuard::check(std::string_view raw) noexcept {
    while (!raw.empty() && state_ != State::done && state_ != State::bad) {
        if (state_ == State::data) {
            const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size()));
            raw.remove_prefix(length);
            left_ -= length;
            if (left_ == 0) state_ = State::data_cr;
            continue;
        }
        state_ = next(static_cast<unsigned char>(raw.front()));
        raw.remove_prefix(1);
    }
    if (state_ == State::bad) return Verdict::bad;
    return state_ == State::done ? Verdict::done : Verdict::more;
}

ChunkGuard::State ChunkGuard::next(unsigned char c) noexcept {
    const auto wanted = [c](char what, State then) {
        return c == static_cast<unsigned char>(what) ? then : State::bad;
    };
    switch (state_) {
        case State::size: return begin_size(c);
        case State::blank:
            if (is_blank(c)) return State::blank;
            if (c == '=' && named_) return State::value_start;
            return wanted(';', State::name_start);
        case State::name_start:
            if (is_blank(c)) return State::name_start;
            named_ = true;
            return is_token_char(c) ? State::name : State::bad;
        case State::name: return is_token_char(c) ? State::name : behind_extension(c);
        case State::value_start:
            named_ = false;
            if (is_blank(c)) return State::value_start;
            if (c == '"') return State::quoted;
            return is_token_char(c) ? State::value : State::bad;
        case State::value: return is_token_char(c) ? State::value : behind_extension(c);
        case State::quoted:
            if (c == '"') return State::quote_end;
            if (c == '\\') return State::escaped;
            return is_text(c) ? State::quoted : State::bad;
        case State::escaped: return is_text(c) ? State::quoted : State::bad;
        case State::quote_end: return behind_extension(c);
        case State::line_end: return wanted('\n', left_ == 0 ? State::trailer_start : State::data);
        case State::data: break;
        case State::data_cr: return wanted('\r', State::data_lf);
        case State::data_lf: digits_ = 0; return wanted('\n', State::size);
        case State::trailer_start:
            if (c == '\r') return State::last_end;
            return is_token_char(c) ? State::trailer_name : State::bad;
        case State::trailer_name: return is_token_char(c) ? State::trailer_name : wanted(':', State::trailer_value);
        case State::trailer_value:
            if (c == '\r') return State::trailer_end;
            return is_text(c) ? State::trailer_value : State::bad;
        case State::trailer_end: return wanted('\n', State::trailer_start);
        case State::last_end: return wanted('\n', State::done);
        case State::done:
        case State::bad: break;
    }
    return State::bad;
}

ChunkGuard::State ChunkGuard::begin_size(unsigned char c) noexcept {
    const int digit = core::hex_digit(static_cast<char>(c));
    if (digit >= 0) {
        if (++digits_ > most_digits) return State::bad;
        left_ = left_ * 16 + static_cast<unsigned>(digit);
        return State::size;
    }
    if (digits_ == 0) return State::bad;
    named_ = false;
    return behind_extension(c);
}

/// The end of a size, of an extension's name or of its value.
ChunkGuard::State ChunkGuard::behind_extension(unsigned char c) noexcept {
    if (c == '\r') return State::line_end;
    if (c == ';') return State::name_start;
    if (c == '=' && named_) return State::value_start;
    return is_blank(c) ? State::blank : State::bad;
}

}  // namespace b24gate::net
