// Any answer gets a verdict, and every verdict but ok a well-formed error answer that keeps the contract.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/bitrix/oauth_errors.hpp>
#include <b24gate/core/json_scan.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::bitrix;

void check_answer(const Outcome& outcome, const EnvelopeFacts& facts, std::string_view body) {
    const ErrorAnswer answer = error_answer(outcome, facts, body);
    require(!core::json::validate(answer.body));
    require(answer.status >= 400 && answer.status <= 599);
    require(answer.retryable == answer.retry_after.has_value());
    require(core::json::find(answer.body, "gateway").has_value());
    for (const char c : answer.code) require(c >= 0x21 && c <= 0x7E);
    if (outcome.executed == Executed::unknown && !facts.repeat_is_safe) {
        require(answer.status == 409);
        require(!answer.retryable);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const std::uint8_t flags = data[0];
    WireAnswer answer;
    answer.status = data[1] * 3U + (data[2] & 3U);  // 0 to 768
    answer.body_complete = (flags & 1) == 0;
    static constexpr std::string_view types[] = {"application/json; charset=utf-8", "text/html", "text/xml",
                                                 "application/pdf"};
    answer.content_type = types[(flags >> 1) & 3];
    answer.body = {reinterpret_cast<const char*>(data) + 3, size - 3};
    answer.retry_after = answer.body.substr(0, 3);
    if ((flags & 8) != 0) answer.location = answer.body;

    CallFacts call;
    call.api = (flags & 16) != 0 ? Api::v3 : Api::v2;
    call.method = (flags & 32) != 0 ? "batch" : "crm.deal.add";
    call.writes = (flags & 64) != 0;
    call.raw_answer = (flags & 128) != 0;
    const Outcome outcome = classify(answer, call);
    require(outcome.upstream_status == answer.status);
    require(plain_text(outcome.description) == outcome.description);
    if (outcome.ok()) {
        require((answer.status >= 200 && answer.status < 300) || (answer.status == 304 && call.raw_answer));
    } else {
        for (const bool safe : {true, false}) {
            EnvelopeFacts facts;
            facts.api = call.api;
            facts.method = call.method;
            facts.repeat_is_safe = safe;
            check_answer(outcome, facts, answer.body);
        }
    }

    const Outcome oauth = classify_oauth(answer.status, answer.content_type, answer.body);
    if (!oauth.ok()) check_answer(oauth, {}, answer.body);
    require(!classify_batch_error(answer.body, call.writes).ok());
    const std::string plain = plain_text(answer.body, flags);
    require(plain.size() <= flags);
    const std::string again = plain_text(answer.body);
    require(plain_text(again) == again);
    return 0;
}
