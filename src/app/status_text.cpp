#include "status_text.hpp"

#include <boost/json/array.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "operations_text.hpp"

namespace b24gate::app {
namespace {

namespace json = boost::json;

constexpr std::size_t width = 80;

const json::object* object_of(const json::object& of, std::string_view name) {
    const json::value* const found = of.if_contains(name);
    return found == nullptr ? nullptr : found->if_object();
}

const json::array* array_of(const json::object& of, std::string_view name) {
    const json::value* const found = of.if_contains(name);
    return found == nullptr ? nullptr : found->if_array();
}

double number_of(const json::object& of, std::string_view name) {
    const json::value* const found = of.if_contains(name);
    return found != nullptr && found->is_number() ? found->to_number<double>() : 0;
}

bool flag_of(const json::object& of, std::string_view name) {
    const json::value* const found = of.if_contains(name);
    return found != nullptr && found->is_bool() && found->get_bool();
}

std::string fit(std::string text, std::size_t room) {
    if (text.size() > room) text = text.substr(0, room - 2) + "..";
    return text;
}

/// 45 s, 12 min, 3 h, 5 d.
std::string span(double seconds) {
    if (seconds < 0) return "over";
    if (seconds < 90) return fmt::format("{:.0f} s", seconds);
    if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
    if (seconds < 129'600) return fmt::format("{:.0f} h", seconds / 3600);
    return fmt::format("{:.0f} d", seconds / 86'400);
}

std::string health(const json::object& gateway) {
    if (flag_of(gateway, "draining")) return "draining";
    if (!flag_of(gateway, "store")) return "store unusable";
    return flag_of(gateway, "ready") ? "ready" : "not ready";
}

/// One line a portal, the worst word first.
std::string trouble(const json::object& portal) {
    if (const json::value* const paused = portal.if_contains("paused"); paused != nullptr && paused->is_object())
        return "paused";
    if (const json::array* const credentials = array_of(portal, "credentials"))
        for (const json::value& credential : *credentials)
            if (member(credential.as_object(), "state") == "needs_reauth") return "authorize";
    if (const json::array* const breakers = array_of(portal, "breakers"); breakers != nullptr && !breakers->empty())
        return "breaker " + member(breakers->front().as_object(), "state");
    return "ok";
}

/// The credential whose tokens end first: of what is refreshed, when the refresh token does.
std::string expiry(const json::object& portal) {
    const json::array* const credentials = array_of(portal, "credentials");
    double least = INFINITY;
    if (credentials != nullptr)
        for (const json::value& each : *credentials) {
            const json::object& credential = each.as_object();
            if (credential.if_contains("refresh_token_days_left") != nullptr)
                least = std::min(least, number_of(credential, "refresh_token_days_left") * 86'400);
        }
    return std::isinf(least) ? "-" : span(least);
}

std::string portal_line(const json::object& portal, const json::object* lately) {
    const json::object* const budget = object_of(portal, "budget");
    const json::object* const queue = object_of(portal, "queue");
    const json::object* const flight = object_of(portal, "in_flight");
    const std::string spent = budget == nullptr || flag_of(*budget, "unlimited")
                                  ? "no limit"
                                  : fmt::format("{:.0f}/{:.0f} {:g}/s", number_of(*budget, "level"),
                                                number_of(*budget, "capacity"), number_of(*budget, "rate"));
    return fmt::format("{:<18} {:<17} {:<15} {:>6} {:>5} {:>7} {:>6}\n", fit(member(portal, "name"), 18),
                       fit(trouble(portal), 17), fit(spent, 15), queue == nullptr ? 0 : number_of(*queue, "length"),
                       flight == nullptr ? 0 : number_of(*flight, "now"),
                       lately == nullptr
                           ? std::string("-")
                           : fmt::format("{:.0f}/{:.0f}", number_of(*lately, "system"), number_of(*lately, "calls")),
                       expiry(portal));
}

}  // namespace

std::string status_text(const json::object& overview, const json::object& portals) {
    std::string out;
    if (const json::object* const gateway = object_of(overview, "gateway"))
        out += fit(fmt::format("b24gate {}  {}  egress {}  since {}", member(*gateway, "version"), health(*gateway),
                               member(*gateway, "egress"), member(*gateway, "started")),
                   width) +
               "\n";
    if (const json::object* const lately = object_of(overview, "lately"))
        out += fmt::format("5 min: {:.0f} calls, errors {:.0f} system {:.0f} refused {:.0f} limit; {:.0f} wait\n",
                           number_of(*lately, "calls"), number_of(*lately, "system"), number_of(*lately, "refused"),
                           number_of(*lately, "limit"), number_of(overview, "queue"));
    if (const json::object* const operations = object_of(overview, "operations")) {
        std::string line = "operations:";
        for (const auto& state : *operations)
            if (state.value().is_number() && state.value().to_number<double>() != 0)
                line += fmt::format(" {} {:.0f},", std::string_view(state.key()), state.value().to_number<double>());
        if (line.ends_with(',')) line.pop_back();
        out += fit(line == "operations:" ? line + " none" : line, width) + "\n";
    }
    out += fmt::format("\n{:<18} {:<17} {:<15} {:>6} {:>5} {:>7} {:>6}\n", "PORTAL", "STATE", "BUDGET", "QUEUE", "SENT",
                       "ERR/5M", "TOKENS");
    const json::array* const rows = array_of(portals, "portals");
    const json::array* const recent = array_of(overview, "portals");
    if (rows == nullptr || rows->empty()) return out + "no portals are configured\n";
    for (const json::value& each : *rows) {
        const json::object& portal = each.as_object();
        const json::object* lately = nullptr;
        if (recent != nullptr)
            for (const json::value& other : *recent)
                if (member(other.as_object(), "name") == member(portal, "name"))
                    lately = object_of(other.as_object(), "lately");
        out += portal_line(portal, lately);
    }
    return out;
}

}  // namespace b24gate::app
