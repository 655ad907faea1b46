// The annotated batch stays well-formed and keeps all but the entries; a portal's error keeps its other members.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/envelope.hpp>
#include <b24gate/core/json_scan.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::bitrix;

class Commands : public BatchMethods {
public:
    std::string_view method(std::string_view key) const override { return key; }
    bool writes(std::string_view key) const override { return key.size() % 2 == 0; }
    bool repeat_is_safe(std::string_view key) const override { return key.size() % 3 == 0; }
};

void check_batch(std::string_view body) {
    EnvelopeFacts facts;
    facts.portal = "acme";
    facts.request_id = "r-1";
    const auto out = annotate_batch(body, facts, Commands());
    if (!out || core::json::validate(body)) return;  // what came malformed may go malformed
    require(!core::json::validate(*out));
    require(out->size() > body.size() || body.find("gateway") != body.npos || body.find('\\') != body.npos);
    const auto before = core::json::find_last(body, "result"), after = core::json::find_last(*out, "result");
    require(before && after);
    const std::size_t head = static_cast<std::size_t>(before->data() - body.data());
    require(std::string_view(*out).substr(0, head) == body.substr(0, head));
    const std::string_view tail = body.substr(head + before->size());
    require(std::string_view(*out).ends_with(tail));
}

/// Every member of the portal's object but the three that the envelope is about is there, as it was.
void check_members(std::string_view body, std::string_view answer) {
    core::json::Reader theirs(body), ours(answer);
    while (theirs.next()) {
        if (theirs.key_is("gateway")) continue;
        require(ours.next());
        require(theirs.raw_key() == ours.raw_key());
        if (!theirs.key_is("error") && !theirs.key_is("error_description")) require(theirs.value() == ours.value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    check_batch(body);
    WireAnswer wire;
    wire.status = 400;
    wire.body = body;
    const Outcome outcome = classify(wire, {});
    EnvelopeFacts facts;
    facts.repeat_is_safe = true;
    const ErrorAnswer answer = error_answer(outcome, facts, body);
    require(!core::json::validate(answer.body));
    const auto error = core::json::find_last(body, "error");
    const bool is_v2 = error && core::json::type_of(*error) != core::json::Type::object &&
                       core::json::type_of(*error) != core::json::Type::array;
    if (outcome.json_error && is_v2 && !body.starts_with("\xEF\xBB\xBF")) check_members(body, answer.body);
    // Whatever the caller claims about the body, the answer has the shape it must have.
    Outcome claimed = outcome;
    claimed.json_error = true;
    facts.api = Api::v3;
    (void)error_answer(claimed, facts, body);
    return 0;
}
