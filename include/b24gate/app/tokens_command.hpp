// `b24gate tokens ...`: the token store from the shell. Speaks to the store itself, so it works while gateways run
// (they notice within two seconds) and while none does.
#pragma once

#include <istream>
#include <ostream>
#include <string>

namespace b24gate::app {

struct TokensOptions {
    enum class Action { list, import, refresh, remove, rekey };
    Action action = Action::list;
    std::string config;
    std::string portal;      ///< refresh, remove
    std::string credential;  ///< empty: the portal's only one
    bool json = false;       ///< list
};

/// The exit code: 0; 1 when the store or the authorization server did not play along; 2 when what was asked makes no
/// sense. Each reason is a line on `err`.
int tokens_command(const TokensOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace b24gate::app
