// What is read back from the store: any bytes are refused, or give a call whose body is kept as it is.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <b24gate/gateway/kept_answer.hpp>
#include <b24gate/gateway/kept_request.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace b24gate::gateway;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto answer = read_answer(200, text); answer && keep_answer(*answer).size() != size) std::abort();
    KeptRequest kept;
    if (!read_request(text, kept)) return 0;
    const auto call = call_of(kept);
    if (!call || why_not_kept(*call, false)) return 0;
    const std::string again = keep_request(*call, kept.fields);
    KeptRequest second;
    if (!read_request(again, second)) std::abort();
    if (second.body != call->body()) std::abort();
    return 0;
}
