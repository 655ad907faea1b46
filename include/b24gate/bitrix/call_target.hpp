// The target of a request -> which portal, API, form, user, key and method it names. Pure; any thread; never throws.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/call.hpp>

namespace b24gate::bitrix {

struct Target {
    std::string portal_prefix;
    Api api = Api::v2;
    UrlForm form = UrlForm::application;
    CallKind kind = CallKind::method;
    Suffix suffix = Suffix::none;
    std::string user;  ///< percent-decoded: encode it before it goes into a path
    core::Secret key;  ///< of the webhook form; percent-decoded
    std::string method;
    std::string_view query;  ///< without '?'; a view of the target
};

[[nodiscard]] boost::system::result<Target, Refusal> parse_target(std::string_view target);

/// What makes a target's path one that two readers could take for two paths, in words; empty: nothing. A path with such
/// a fault is none that anybody serves.
[[nodiscard]] std::string_view path_fault(std::string_view target);

}  // namespace b24gate::bitrix
