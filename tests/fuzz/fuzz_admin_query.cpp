// Any target and any body that comes to the admin port: a query that stands for itself, or what is wrong with it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <b24gate/admin/browser.hpp>
#include <b24gate/admin/operation_plan.hpp>

#include "require.hpp"

namespace {

using namespace b24gate;
using namespace b24gate::admin;

void check(const Query& query) {
    for (const bool pages : {false, true}) {
        const auto parsed = operation_query(query, pages);
        if (!parsed) {
            require(!parsed.error().empty());
            continue;
        }
        require(parsed->limit >= 1 && parsed->limit <= most_operations_a_page && parsed->before >= 0);
        const auto again = operation_query(*Query::parse("/?" + to_query_string(*parsed)), false);
        require(again.has_value());
        require(to_query_string(*again) == to_query_string(*parsed));
        static_cast<void>(plan_query(BulkAction::retry, *parsed));
        static_cast<void>(store_filter(*parsed, std::nullopt));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto query = Query::parse(text)) check(*query);
    if (const auto body = body_object(text))
        if (const auto query = Query::from(*body)) check(*query);
    if (const auto cursor = decode_cursor(text); cursor && *cursor != 0)
        require(decode_cursor(encode_cursor(*cursor)) == cursor);
    if (const auto time = parse_time(text)) require(*time >= -86'400'000);
    if (const auto plain = percent_decoded(text, true))
        require(percent_decoded(percent_encoded(*plain), true) == plain);
    static_cast<void>(cookie(text, "b24gate"));
    std::vector<std::string> parts;
    static_cast<void>(match("/api/v1/portals/{name}/credentials/{credential}/refresh", path_of(text), parts));
    return 0;
}
