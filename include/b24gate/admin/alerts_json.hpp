// Alerts as the admin port shows them. Pure; any thread.
#pragma once

#include <boost/json/object.hpp>

#include <vector>

#include <b24gate/alerts/engine.hpp>
#include <b24gate/config/alerts.hpp>
#include <b24gate/storage/alert_store.hpp>

namespace b24gate::admin {

/// `own`: what this gateway alone knows of. `board`: null where the store does not answer.
[[nodiscard]] boost::json::object alerts_json(const config::Alerts& settings, const storage::AlertBoard* board,
                                              const std::vector<alerts::Alert>& own, storage::UnixMs now);

}  // namespace b24gate::admin
