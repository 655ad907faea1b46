// What a browser says of itself. Pure; any thread.
#pragma once

#include <string_view>

#include <b24gate/server/message.hpp>

namespace b24gate::admin {

/// The value of that cookie; empty: there is none.
[[nodiscard]] std::string_view cookie(std::string_view header, std::string_view name) noexcept;
/// As the browser sees it. A page elsewhere cannot make it send X-Forwarded-Proto, and who sends that by himself fools
/// himself.
[[nodiscard]] bool over_tls(const server::Request& request);
/// Whether it sends this from a page of this port itself. `must_say`: one that says nothing of where it comes from does
/// not.
[[nodiscard]] bool same_origin(const server::Request& request, bool must_say);

}  // namespace b24gate::admin
