// Any bytes as a request's or an answer's head: the guard is total, and what it accepts is framed in one way only.
#include <b24gate/net/http_guard.hpp>

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace b24gate::net;
    const std::string_view received(reinterpret_cast<const char*>(data), size);
    const HeadEnd end = find_head_end(received, 0);
    if (end.size > size) __builtin_trap();
    for (std::size_t cut = 0; cut < size && cut < 64; ++cut) {
        const HeadEnd early = find_head_end(received.substr(0, cut), 0);
        if (early.size != 0 && early.size != end.size) __builtin_trap();
    }
    const std::string_view head_text = end.size != 0 ? received.substr(0, end.size) : received;
    Head head;
    if (!check_request_head(head_text, head)) {
        if (head.chunked && head.content_length) __builtin_trap();
        if (head.chunked && head.minor_version == 0) __builtin_trap();
        if (head.target.find_first_of(std::string_view("\r\n\0 ", 4)) != std::string_view::npos) __builtin_trap();
        if (head.minor_version == 1 && !is_host(head.host)) __builtin_trap();
    }
    if (!check_answer_head(head_text, head)) {
        if (head.chunked && head.content_length) __builtin_trap();
        if (head.status < 100 || head.status > 999) __builtin_trap();
    }
    return 0;
}
