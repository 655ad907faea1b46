// Any bytes as a chunked body, in any pieces: the guard says the same however they come, and where it finds a whole
// body Beast, the second reader, finds the same end or none.
#include <b24gate/net/chunk_guard.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "../../src/net/beast_parser.hpp"

namespace {

using b24gate::net::ChunkGuard;
using Verdict = ChunkGuard::Verdict;

/// How much of `raw` belongs to the body, when the guard finds its end.
std::size_t end_of(std::string_view raw) {
    ChunkGuard guard;
    for (std::size_t i = 0; i < raw.size(); ++i)
        if (guard.check(raw.substr(i, 1)) == Verdict::done) return i + 1;
    return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using Parser = b24gate::net::ChunkParser<true>;
    const std::string_view raw(reinterpret_cast<const char*>(data), size);
    ChunkGuard whole, pieces;
    const Verdict verdict = whole.check(raw);
    Verdict last = Verdict::more;
    for (std::size_t at = 0; at < size;) {
        const std::size_t step = 1 + data[at] % 7;
        last = pieces.check(raw.substr(at, step));
        at += step;
    }
    if (last != verdict) __builtin_trap();
    if (whole.check("0\r\n\r\n") != verdict && verdict != Verdict::more) __builtin_trap();

    Parser parser;
    if (!parser.head("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")) __builtin_trap();
    std::string body;
    std::size_t used = 0;
    const auto progress = parser.chunks(raw, body, used);
    if (used > size || body.size() > size) __builtin_trap();
    if (progress == Parser::Progress::done && (verdict != Verdict::done || used != end_of(raw))) __builtin_trap();
    if (progress == Parser::Progress::more && verdict == Verdict::done) __builtin_trap();
    return 0;
}
