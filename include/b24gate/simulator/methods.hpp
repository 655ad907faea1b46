// The methods a simulated portal knows, by name. Pure.
#pragma once

#include <b24gate/simulator/portal.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::simulator {

using Handler = MethodResult (*)(Portal& portal, const Invocation& invocation);

struct Method {
    std::string scope;  ///< empty: needs none
    Handler handler;
};
using Registry = std::map<std::string, Method, std::less<>>;

/// The classic generation, lower-case names; and REST 3.
[[nodiscard]] const Registry& methods_v2();
[[nodiscard]] const Registry& methods_v3();

void register_system(Registry& registry);
void register_crm(Registry& registry);
void register_items(Registry& registry);
void register_tasks(Registry& registry);
void register_disk(Registry& registry);
void register_v3(Registry& registry);

[[nodiscard]] MethodResult fail(int status, std::string code, std::string text);
/// A v3 error; `code` without the prefix that all share.
[[nodiscard]] MethodResult fail_v3(int status, std::string_view code, std::string message);
/// The v3 error for fields that are missing.
[[nodiscard]] MethodResult missing_v3(const std::vector<std::string>& fields);

/// filter, order, select and start of the usual v2 list call; `rename` maps a field's name to the one rows have.
using Rename = std::string (*)(std::string_view);
[[nodiscard]] ListQuery read_list_query(const json::value& params, long long start, Rename rename);
[[nodiscard]] std::vector<std::string> read_select(const json::value& params, Rename rename);
/// The row with only the selected fields; ID always.
[[nodiscard]] json::object project(const json::object& row, const std::vector<std::string>& select);
/// Every scalar as the string a database column gives back.
[[nodiscard]] json::value stringify(const json::value& value);

}  // namespace b24gate::simulator
