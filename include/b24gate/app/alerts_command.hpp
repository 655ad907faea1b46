// `b24gate alerts ...`: channels of alerts from the shell.
#pragma once

#include <ostream>
#include <string>

#include <b24gate/app/operations_command.hpp>

namespace b24gate::app {

struct AlertsOptions {
    AdminPlace place;
    std::string channel;
};

/// Sends a test through a channel of the gateway that runs, and says what its receiver has answered. The exit code: 0;
/// 1 when it was not sent, or no gateway answers; 2 when what was asked makes no sense.
int alerts_test_command(const AlertsOptions& options, std::ostream& out, std::ostream& err);

}  // namespace b24gate::app
