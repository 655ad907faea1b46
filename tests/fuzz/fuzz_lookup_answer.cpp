// Any bytes as the answer to a lookup: a record is found only where the answer shows exactly one, and what the add is
// said to have answered is JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <b24gate/core/json_scan.hpp>
#include <b24gate/operations/proof.hpp>

#include "require.hpp"

using namespace b24gate::operations;
namespace json = b24gate::core::json;

/// The first byte chooses what was added.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
    Origin origin;
    if (data[0] % 3 == 0) {
        origin.list_method = "crm.lead.list";
        origin.originator = "shop";
        origin.origin = "42";
    } else {
        origin.list_method = "crm.item.list";
        origin.entity_type = data[0] % 3 == 1 ? 2 : 31;
        (data[0] % 3 == 1 ? origin.origin : origin.xml_id) = "x-1";
        if (data[0] % 3 == 1) origin.originator = "shop";
    }
    const Judgement judgement = judge_lookup(origin, answer, 1'772'355'000'000, 1'772'355'600'000);
    require(judgement.result.empty() == (judgement.found != Found::one));
    if (judgement.found == Found::one) {
        require(!json::validate(judgement.result));
        require(answer.find(origin.xml_id.empty() ? "rigin" : "xmlId") != std::string_view::npos ||
                answer.find('\\') != std::string_view::npos || answer.find("ORIGIN") != std::string_view::npos);
    }
    if (judgement.found != Found::unreadable) require(!json::validate(answer));
    (void)parse_iso_time(answer);
    return 0;
}
