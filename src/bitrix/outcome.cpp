#include <b24gate/bitrix/outcome.hpp>

#include <algorithm>
#include <array>

namespace b24gate::bitrix {
namespace {

/// In the order of ErrorClass. A refusal by the gateway itself is told apart by its code.
struct ClassRow {
    std::string_view name;
    Fault fault;
};
constexpr std::array<ClassRow, error_class_count> classes{{
    {"ok", Fault::none},
    {"rate_limit", Fault::limit},
    {"overload", Fault::system},
    {"operating_limit", Fault::limit},
    {"auth_expired", Fault::system},
    {"auth_invalid", Fault::system},
    {"permission", Fault::refused},
    {"plan", Fault::refused},
    {"validation", Fault::refused},
    {"not_found", Fault::refused},
    {"method_unknown", Fault::refused},
    {"business", Fault::refused},
    {"server", Fault::system},
    {"network", Fault::system},
    {"timeout", Fault::system},
    {"portal_gone", Fault::system},
    {"gateway", Fault::refused},
}};

constexpr std::array<std::string_view, 4> limit_codes{"GATEWAY_QUEUE_FULL", "GATEWAY_DEADLINE", "GATEWAY_PAUSED",
                                                      "GATEWAY_DRAINING"};
constexpr std::array<std::string_view, 6> system_codes{
    "GATEWAY_STORE",           "GATEWAY_BAD_ANSWER",      "GATEWAY_UPSTREAM_UNREACHABLE",
    "GATEWAY_REAUTH_REQUIRED", "GATEWAY_OUTCOME_UNKNOWN", "GATEWAY_UPSTREAM_TIMEOUT"};

}  // namespace

std::string_view to_string(ErrorClass c) noexcept { return classes[static_cast<std::size_t>(c)].name; }

std::string_view to_string(Executed executed) noexcept {
    switch (executed) {
        case Executed::no: return "no";
        case Executed::yes: return "yes";
        case Executed::unknown: break;
    }
    return "unknown";
}

std::string_view to_string(Origin origin) noexcept {
    switch (origin) {
        case Origin::portal: return "portal";
        case Origin::oauth: return "oauth";
        case Origin::network: return "network";
        case Origin::gateway: break;
    }
    return "gateway";
}

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
        case Fault::none: return "none";
        case Fault::system: return "system";
        case Fault::refused: return "refused";
        case Fault::limit: break;
    }
    return "limit";
}

Fault fault_of(ErrorClass c, std::string_view code) noexcept {
    if (c == ErrorClass::gateway) {
        if (std::ranges::find(limit_codes, code) != limit_codes.end()) return Fault::limit;
        if (std::ranges::find(system_codes, code) != system_codes.end()) return Fault::system;
    }
    return classes[static_cast<std::size_t>(c)].fault;
}

}  // namespace b24gate::bitrix
