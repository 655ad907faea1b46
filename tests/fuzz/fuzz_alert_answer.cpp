// What a receiver of alerts says: the parts that a Telegram server, or whatever answers in its place, may have made.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <b24gate/alerts/delivery.hpp>
#include <b24gate/alerts/facts.hpp>
#include <b24gate/core/text.hpp>

using namespace b24gate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const unsigned status : {0u, 200u, 400u, 429u, 500u}) {
        for (const auto& out :
             {alerts::judge_telegram(status, bytes, bytes), alerts::judge_webhook(status, bytes, bytes, bytes)}) {
            if (out.error.size() > 400 || out.answer.size() > 400) std::abort();
            for (const char c : out.error + out.answer)
                if (static_cast<unsigned char>(c) < 0x20) std::abort();
            // They go into the next request as they are.
            if (!out.reference.empty() && !core::is_digits(out.reference)) std::abort();
            if (!out.moved_to.empty() &&
                !core::is_digits(std::string_view(out.moved_to).substr(out.moved_to[0] == '-')))
                std::abort();
        }
    }
    if (const auto facts = alerts::parse_facts(bytes))
        if (!alerts::parse_facts(alerts::to_json(*facts))) std::abort();
    return 0;
}
