// A client's batch and two answers, cut at NULs: whatever they are, nothing is invented and JSON stays JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <b24gate/bitrix/batch_mend.hpp>
#include <b24gate/core/json_scan.hpp>

using namespace b24gate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t first = input.find('\0');
    const std::size_t second = first == input.npos ? input.npos : input.find('\0', first + 1);
    if (second == input.npos) return 0;
    bitrix::RawCall raw;
    raw.verb = "POST";
    raw.target = "/rest/1/KEY/batch";
    raw.body = input.substr(0, first);
    raw.content_type = raw.body.starts_with('{') ? "application/json" : "application/x-www-form-urlencoded";
    const auto call = bitrix::parse_call(raw);
    if (!call) return 0;
    const std::string_view answer = input.substr(first + 1, second - first - 1);
    auto mend = bitrix::BatchMend::look(*call, answer);
    if (!mend) return 0;
    if (mend->done() || mend->rest().commands.empty()) std::abort();
    const bool valid = !core::json::validate(answer);
    const std::string_view next = input.substr(second + 1);
    const bool valid_next = !core::json::validate(next);
    const bool merged = mend->merge(next);
    if (valid && (valid_next || !merged) && core::json::validate(mend->body())) std::abort();
    mend->lose();
    if (!mend->done()) std::abort();
    return 0;
}
