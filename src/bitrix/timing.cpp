#include <b24gate/bitrix/timing.hpp>

#include <b24gate/core/json_scan.hpp>

namespace b24gate::bitrix {

namespace json = core::json;

Timing timing_of(std::string_view time) {
    Timing timing;
    json::Reader member(time);
    if (!member.is_object()) return timing;
    while (member.next()) {
        if (member.key_is("duration")) {
            timing.duration = json::to_number(member.value());
        } else if (member.key_is("operating")) {
            timing.operating = json::to_number(member.value());
        } else if (member.key_is("operating_reset_at")) {
            timing.operating_reset_at = json::to_number(member.value());
        }
    }
    return timing;
}

}  // namespace b24gate::bitrix
