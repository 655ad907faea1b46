#include "admin_place.hpp"

#include <cstdlib>

#include <b24gate/config/load.hpp>

namespace b24gate::app {

OpenPlace open_place(const AdminPlace& place, std::string_view program, std::ostream& err) {
    OpenPlace out;
    core::Secret key;
    if (!place.url.empty()) {
        out.url = place.url;
        // Beside the loader of the configuration, which is not asked here, the one look into the environment.
        if (const char* const given = std::getenv("B24GATE_ADMIN_KEY")) key = core::Secret(given);
        if (key.empty()) {
            err << program << ": with --url the admin key has to be in B24GATE_ADMIN_KEY" << std::endl;
            out.code = 2;
            return out;
        }
    } else {
        config::Loaded loaded = config::load(place.config);
        for (const config::Problem& error : loaded.errors) err << config::to_string(error) << '\n';
        if (!loaded) {
            out.code = 2;
            return out;
        }
        out.config = *std::move(loaded.config);
        out.url = admin_url(out.config->admin);
        key = out.config->admin.key;
        // What listens on any free port cannot be found by its configuration.
        if (out.url.empty() || out.config->admin.listen->port == 0) return out;
    }
    PortDoor port = open_port(out.url, std::move(key));
    if (!port.error.empty() || (!port.door && !out.config)) {
        err << program << ": " << (port.error.empty() ? "no gateway answers at " + out.url : port.error) << std::endl;
        out.code = port.error.empty() ? 1 : 2;
        return out;
    }
    out.door = std::move(port.door);
    return out;
}

}  // namespace b24gate::app
