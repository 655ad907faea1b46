#include <b24gate/app/status_command.hpp>

#include <boost/json/serialize.hpp>

#include <chrono>

#include "admin_place.hpp"
#include "operations_text.hpp"
#include "status_text.hpp"

namespace b24gate::app {
namespace {

namespace json = boost::json;

constexpr auto watch_interval = std::chrono::seconds(2);
/// The screen is cleared and written anew from its top.
constexpr std::string_view fresh_screen = "\033[H\033[2J";

/// The body of an answer; nullopt, with the reason said: there is none.
std::optional<json::object> ask(AdminDoor& door, std::string_view path, std::ostream& err) {
    auto answer = door.ask(path);
    if (!answer) {
        err << "b24gate status: " << answer.error() << std::endl;
        return std::nullopt;
    }
    if (answer->status == 200) return std::move(answer->body);
    err << "b24gate status: " << member(answer->body, "error_description") << std::endl;
    return std::nullopt;
}

}  // namespace

int status_command(const StatusOptions& options, std::ostream& out, std::ostream& err) {
    const OpenPlace place = open_place(options.place, "b24gate status", err);
    if (place.code != 0) return place.code;
    if (!place.door) {
        err << "b24gate status: no gateway answers at " << place.url << std::endl;
        return 1;
    }
    for (;;) {
        auto overview = ask(*place.door, "/api/v1/overview", err);
        if (!overview) return 1;
        const auto portals = ask(*place.door, "/api/v1/portals", err);
        if (!portals) return 1;
        if (options.json) {
            (*overview)["portals"] = portals->at("portals");
            out << json::serialize(*overview) << std::endl;
        } else {
            out << (options.watch ? fresh_screen : std::string_view()) << status_text(*overview, *portals)
                << std::flush;
        }
        if (!options.watch || !out) return 0;
        place.door->pause(watch_interval);
    }
}

}  // namespace b24gate::app
