// `b24gate operations ...`: the durable operations from the shell. Speaks to the admin port of the gateway that runs;
// where none does, to the store itself.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace b24gate::app {

/// Where the admin port is: as the configuration says, or, with a URL, without reading one.
struct AdminPlace {
    std::string config;
    std::string url;  ///< the key is then in B24GATE_ADMIN_KEY
};

struct OperationsOptions {
    enum class Action { list, show, retry, discard };
    Action action = Action::list;
    AdminPlace place;
    std::string id;  ///< show; retry and discard of one
    // Which ones: the names and values of the API.
    std::vector<std::string> states;
    std::string portal, client, method, error_class, text, from, until, since, next;
    unsigned limit = 50;
    bool all = false;  ///< retry, discard: all that fit
    bool yes = false;
    std::string reason;
    bool json = false;
};

/// The exit code: 0; 1 when the gateway or the store did not play along, or nothing was done for want of --yes; 2 when
/// what was asked makes no sense. Each reason is a line on `err`.
int operations_command(const OperationsOptions& options, std::ostream& out, std::ostream& err);

}  // namespace b24gate::app
