// What GET /api/v1/clients says.
#pragma once

#include <boost/json/object.hpp>

#include <vector>

#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/observe/mask.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::admin {

/// `counts`: null where the store does not answer. `only`: only what is about this portal; null: all of them.
[[nodiscard]] boost::json::object clients_json(const gateway::Snapshot& snapshot,
                                               const std::vector<storage::OperationCount>* counts,
                                               const observe::Masker& masker, const std::string* only);

}  // namespace b24gate::admin
