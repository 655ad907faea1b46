// How the admin port answers: JSON, its errors, and the fields that keep a browser from doing anything else with it.
#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include <b24gate/server/message.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::admin {

/// What keeps a browser from running, loading or framing anything that is not ours.
void add_browser_fields(server::Response& response);

[[nodiscard]] server::Response text_answer(unsigned status, std::string_view type, std::string body);
[[nodiscard]] server::Response json_answer(unsigned status, std::string body);
[[nodiscard]] server::Response json_answer(unsigned status, const boost::json::value& value);
/// {"error": CODE, "error_description": TEXT}
[[nodiscard]] server::Response error_answer(unsigned status, std::string_view code, std::string_view description);
[[nodiscard]] server::Response bad_request(std::string_view description);
[[nodiscard]] server::Response not_found(std::string_view description);
/// It cannot be done as things stand.
[[nodiscard]] server::Response conflict(std::string_view description);
[[nodiscard]] server::Response store_failed(const storage::Failure& failure);

}  // namespace b24gate::admin
